"""Laws of the simulated world: spectra, landscapes, what a sensor records of them, the demonstration scene."""

import csv

import numpy as np
import pytest
import torch

from anypan.optics.sampling import Physical
from anypan.optics.sensors import SENSORS, Band, find
from anypan.runtime.errors import UserError
from anypan.simulate import demo, spectra
from anypan.simulate.landscape import landscape, scene_bands
from anypan.simulate.render import recorded, render
from anypan.simulate.texture import fractal, smooth

SHAPE, GSD = (192, 224), 0.3


@pytest.fixture(scope="module")
def ground():
    return landscape(SHAPE, 7, GSD)


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=SENSORS)
def test_response_curves_integrate_to_one_within_their_limits(sensor):
    bands = (*recorded(sensor), sensor.pan)
    curves = spectra.responses(bands)
    assert np.allclose(curves.sum(1), 1)
    assert (curves >= 0).all()
    for curve, band in zip(curves, bands, strict=True):
        outside = np.abs(spectra.WAVELENGTHS - band.centre_nm) > (band.high_nm - band.low_nm) / 2 + 20
        assert curve[outside].sum() < 0.1


def test_response_is_half_at_the_limits():
    band = Band("wide", 500, 700)
    curve = spectra.responses([band])[0]
    at = np.isin(spectra.WAVELENGTHS, (band.low_nm, band.high_nm))
    assert np.allclose(curve[at] / curve.max(), 0.5, atol=1e-6)


def test_thermal_bands_are_refused():
    with pytest.raises(ValueError, match="B10"):
        spectra.responses([b for b in find("Landsat8").bands if b.name == "B10"])


def test_reflectances_are_reflectances():
    for name, curve in spectra.MATERIALS.items():
        assert curve.shape == spectra.WAVELENGTHS.shape and curve.min() > 0 and curve.max() < 1, name
    varied = spectra.vary(np.random.default_rng(0))
    assert varied.min() > 0 and varied.max() <= 0.95


@pytest.mark.parametrize("name", ["grass", "crop", "young crop", "broadleaf", "conifer"])
def test_plants_have_a_red_edge_and_a_green_peak(name):
    blue, green, red, nir, swir, wet = spectra.MATERIALS[name][[8, 15, 27, 45, 125, 154]]
    assert nir > 3 * red and green > red and green > blue and nir > swir > wet


def test_water_is_black_in_the_infrared_and_soil_brightens_towards_it():
    for name in ("clear water", "turbid water"):
        assert spectra.MATERIALS[name][60] < 0.01
    for name in ("loam", "dark soil", "red soil", "sand"):
        blue, green, red, nir = spectra.MATERIALS[name][[8, 15, 27, 40]]
        assert blue < green < red < nir


def test_materials_resemble_laboratory_spectra(shared):
    with open(shared / "spectra" / "jhu.csv", newline="") as file:
        head, *rows = csv.reader(file)
    measured = np.array([[float(v or "nan") for v in row[3:]] for row in rows])
    step = [head.index(f"{int(nm)}_nm") - 3 for nm in spectra.WAVELENGTHS]
    classes = np.array([row[2] for row in rows])
    wanted = {"Trees": ("grass", "crop", "young crop", "broadleaf", "conifer"), "soil": ("loam", "red soil", "sand")}
    for kind, names in wanted.items():
        chosen = ("Alfisol", "Entisol", "Mollisol", "Aridisol") if kind == "soil" else (kind,)
        laboratory = measured[np.isin(classes, chosen)][:, step]
        for name in names:
            likeness = [np.corrcoef(spectra.MATERIALS[name], curve)[0, 1] for curve in laboratory]
            assert np.nanmax(likeness) > 0.95, name
    for name in ("asphalt", "concrete", "gravel", "red tile", "metal", "straw", "slate"):
        likeness = [np.corrcoef(spectra.MATERIALS[name], curve)[0, 1] for curve in measured[:, step]]
        assert np.nanmax(likeness) > 0.9, name


def test_same_seed_same_place_other_seed_other_place(ground):
    again, other = landscape(SHAPE, 7, GSD), landscape(SHAPE, 8, GSD)
    for field in ("first", "second", "share", "albedo", "sun", "reflectance"):
        assert np.array_equal(getattr(ground, field), getattr(again, field)), field
    assert (ground.first != other.first).mean() > 0.2


@pytest.mark.parametrize("gsd", [0.15, 0.6, 2.0, 7.5])
@pytest.mark.parametrize("seed", range(4))
def test_any_place_at_any_scale_is_physical(seed, gsd):
    place = landscape((96, 130), seed, gsd)
    for field in (place.share, place.albedo, place.sun):
        assert np.isfinite(field).all() and field.min() >= 0 and field.dtype == np.float32
    assert len(np.unique(place.first)) > 1


def test_grey_land_is_grey_in_every_band(ground):
    grey = np.full_like(ground.reflectance, 0.25)
    level = type(ground)(ground.first, ground.second, ground.share, ground.albedo, ground.sun * 0 + 1, grey, ground.gsd)
    bands, pan = scene_bands(level, spectra.responses((*find("WV3").bands, find("WV3").pan)))
    expected = 0.25 * torch.from_numpy(ground.albedo)
    assert torch.allclose(bands, expected.expand_as(bands), atol=1e-5) and torch.allclose(pan, expected, atol=1e-5)


def test_shadows_are_dark_and_blue(ground):
    sensor = find("QB")
    curves = spectra.responses([*sensor.bands, sensor.pan])
    shaded = type(ground)(
        ground.first, ground.second, ground.share, ground.albedo, ground.sun * 0, ground.reflectance, ground.gsd
    )
    lit, dark = scene_bands(ground, curves)[0].mean((1, 2)), scene_bands(shaded, curves)[0].mean((1, 2))
    assert (dark < 0.5 * lit).all()
    assert dark[0] / lit[0] > dark[2] / lit[2]


def test_vegetation_is_brighter_in_the_infrared(ground):
    sensor = find("WV2")
    bands, _ = scene_bands(ground, spectra.responses([*sensor.bands, sensor.pan]))
    plants = [i for i, name in enumerate(spectra.MATERIALS) if name in ("grass", "crop", "broadleaf", "conifer")]
    green = torch.from_numpy(np.isin(ground.first, plants) & (ground.share < 0.2) & (ground.sun > 0.5))
    assert green.sum() > 100
    names = [band.name for band in sensor.bands]
    assert (bands[names.index("nir1")] > 2 * bands[names.index("red")])[green].float().mean() > 0.98


@pytest.mark.parametrize("name", ["WV3", "QB", "GF2", "Landsat8", "ALI"])
def test_a_sensor_records_a_consistent_pair(ground, name):
    sensor = find(name)
    shot = render(ground, sensor, 1)
    ratio, bands = sensor.ratio, recorded(sensor)
    rows, cols = (extent // (2 * ratio) * ratio for extent in SHAPE)
    assert shot.pan.shape == (rows, cols) and shot.reference.shape == (len(bands), rows, cols)
    assert shot.ms.shape == (len(bands), rows // ratio, cols // ratio)
    for image in (shot.pan, shot.ms):
        assert torch.equal(image, image.round()) and image.min() >= 0 and image.max() <= sensor.full_scale
    seen = Physical(ratio).degrade(shot.reference, [band.gnyq for band in bands])
    noise = (shot.ms - seen).std() / shot.ms.mean()
    assert noise < 0.01


def test_recording_repeats_with_its_seed(ground):
    one, same, other = (render(ground, find("QB"), seed) for seed in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert torch.equal(one.reference, other.reference) and not torch.equal(one.pan, other.pan)


def test_fields_have_unit_variance_and_every_scale():
    rng = np.random.default_rng(3)
    rough, gentle = fractal((200, 160), rng, 64), smooth((200, 160), rng, 50)
    assert rough.shape == gentle.shape == (200, 160)
    assert abs(rough.mean()) < 1e-4 and abs(rough.std() - 1) < 1e-3
    assert np.abs(np.diff(gentle, axis=0)).max() < 0.3 < np.abs(np.diff(rough, axis=0)).max()


def test_demo_scene_is_a_georeferenced_pair_with_its_reference(tmp_path):
    rasterio = pytest.importorskip("rasterio")
    paths = demo.make(tmp_path / "demo", size=64)
    assert list(paths) == ["pan", "ms", "reference"]
    with rasterio.open(paths["pan"]) as pan, rasterio.open(paths["ms"]) as ms, rasterio.open(paths["reference"]) as ref:
        assert pan.shape == ref.shape == (64, 64) and ms.shape == (16, 16)
        assert pan.bounds == ms.bounds == ref.bounds and pan.crs == ms.crs and pan.crs.is_projected
        assert ms.descriptions == ref.descriptions == demo.BANDS
        assert {pan.dtypes[0], ms.dtypes[0]} == {"uint16"}
        first = pan.read()
    with rasterio.open(demo.make(tmp_path / "demo", size=64, overwrite=True)["pan"]) as pan:
        assert np.array_equal(pan.read(), first)


def test_demo_in_an_impossible_place_is_a_user_error(tmp_path):
    (tmp_path / "pan.tif").mkdir()
    with pytest.raises(UserError, match="folder"):
        demo.make(tmp_path, size=16)
