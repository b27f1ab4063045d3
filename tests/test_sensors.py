"""Contract of every sensor file, and how sensors and bands are found."""

import json

import pytest

from anypan.optics import sensors
from anypan.optics.sensors import GENERIC, SENSORS, find, gains
from anypan.runtime.errors import UserError


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=SENSORS)
def test_sensor_file_is_complete_and_physical(sensor):
    assert sensor.source and sensor.title and sensor.bands
    assert "Gains:" in sensor.source and "Limits:" in sensor.source
    assert sensor.ratio >= 2 and 8 <= sensor.bits <= 16 and sensor.gsd_m > 0
    for band in (*sensor.bands, sensor.pan):
        assert 0 < band.gnyq < 1
        assert 380 <= band.low_nm < band.high_nm
    assert len({band.name for band in sensor.bands}) == len(sensor.bands)
    assert len(sensor.four) in (0, 4) and all(sensor.band(name) for name in sensor.four)


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=SENSORS)
def test_colours_lie_where_colours_lie(sensor):
    for name, low, high in (("blue", 400, 580), ("green", 470, 680), ("red", 570, 775), ("nir", 720, 910)):
        band = sensor.band(name)
        assert band and low <= band.low_nm < band.centre_nm < band.high_nm <= high


@pytest.mark.parametrize("sensor", [*SENSORS.values(), GENERIC], ids=[*SENSORS, "generic"])
def test_every_name_and_alias_finds_its_sensor(sensor):
    for name in (sensor.name, sensor.title, *sensor.aliases):
        if name in (sensor.name, *sensor.aliases):
            assert find(name) is find(name.lower()) is find(f" {name.upper()} ") is sensor


def test_aliases_are_unique():
    keys = [key for s in SENSORS.values() for key in {sensors._key(n) for n in (s.name, *s.aliases)}]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", ["WorldView-3", "worldview3", "wv3", "WV-3", "WV03"])
def test_worldview3_by_many_names(name):
    assert find(name).name == "WV3"


def test_unknown_sensor_lists_the_known_ones():
    with pytest.raises(UserError, match=r"'MOMS'.*GE1.*WV3.*generic"):
        find("MOMS")


def test_published_gains():
    assert gains(find("QB"), 4) == (0.34, 0.32, 0.30, 0.22)
    assert gains(find("WV3"), 8) == (0.325, 0.355, 0.360, 0.350, 0.365, 0.360, 0.335, 0.315)
    assert gains(find("GF2"), 4) == (0.30,) * 4 and find("GF2").pan.gnyq == 0.15


def test_four_of_eight_bands_and_bands_by_name():
    wv3 = find("WV3")
    assert gains(wv3, 4) == (0.355, 0.360, 0.365, 0.335)
    assert gains(wv3, ["red", "Green", "B"]) == (0.365, 0.360, 0.355)
    assert gains(wv3, ["NIR", "R"]) == (0.335, 0.365)
    assert gains(wv3, ["band 1", "band 2", "band 3", "band 4"]) == gains(wv3, 4)
    assert sensors.assumption(wv3, ["red", "green"]) is None
    assert "blue, green, red, nir1" in str(sensors.assumption(wv3, 4))


def test_unknown_bands_get_the_default_and_it_is_said():
    assert gains(GENERIC, 7) == (0.30,) * 7
    assert gains(find("QB"), 3) == (0.30,) * 3
    assert gains(find("QB"), ["red", "haze"]) == (0.30, 0.30)
    assert "all bands" in str(sensors.assumption(find("QB"), 3))
    assert "band 2" in str(sensors.assumption(find("QB"), ["red", "haze"]))


def test_every_real_scene_has_its_sensor(real_scenes):
    for path in (folder / "scene.json" for folder in real_scenes if folder.parent.name == "scenes"):
        scene = json.loads(path.read_text())
        sensor = find(scene["sensor"])
        assert sensor.ratio == scene["ratio"]
        assert all(sensor.band(name) for name in scene["band_order"]), path
        assert sensors.assumption(sensor, scene["band_order"]) is None
