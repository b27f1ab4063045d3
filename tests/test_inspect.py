"""anypan inspect on pairs of known truth: gain, shift, noise; and the sensor file that it writes."""

import json

import numpy as np
import pairs
import products as made
import pytest
import torch
from click.testing import CliRunner

from anypan.cli import cli
from anypan.judging.inspect import inspect_pair
from anypan.optics.sampling import Physical
from anypan.optics.sensors import find
from anypan.pair.quality import measure_quality
from anypan.pair.scene import from_arrays
from anypan.runtime.errors import UserError
from anypan.simulate.landscape import landscape
from anypan.simulate.render import OVERSAMPLING, render

GAINS, NOISE, SIDE = (0.2, 0.3, 0.42), (3.0, 5.0, 8.0), 768
SHIFT = (1.3, -0.8)  # PAN pixels


def ground(seed: int = 5) -> torch.Tensor:
    """Three bands with one texture and flat fields between: (3, SIDE, SIDE)."""
    textured, _ = pairs.landscape(SIDE, SIDE, 3, 4, seed=seed)
    rng = np.random.default_rng(seed)
    fields = np.kron(rng.random((12, 12)) > 0.5, np.ones((SIDE // 12, SIDE // 12)))
    detail = np.where(fields, textured - textured.mean(), 0)
    parts = np.kron(rng.normal(0, 40, (12, 12)), np.ones((SIDE // 12, SIDE // 12)))
    levels, shares = (500, 700, 900), (0.8, 1.0, 1.3)
    return torch.stack(
        [torch.from_numpy(level + share * (detail + parts)) for level, share in zip(levels, shares, strict=True)]
    ).float()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    truth, rng = ground(), torch.Generator().manual_seed(1)
    ms = Physical(4, SHIFT).degrade(truth, list(GAINS))
    ms += torch.randn(ms.shape, generator=rng) * torch.tensor(NOISE)[:, None, None]
    pan = truth.mean(0)
    pan = pan + 2.0 * torch.randn(pan.shape, generator=rng)
    images = (image.numpy().round().astype(np.uint16) for image in (pan, ms))
    return pairs.write_pair(tmp_path_factory.mktemp("pair"), *images)


@pytest.fixture(scope="module")
def found(pair):
    return inspect_pair(*pair)


def test_gain_is_found_to_three_hundredths(found):
    np.testing.assert_allclose(found.quality.gains, GAINS, atol=0.03)


@pytest.mark.parametrize(("sensor", "pixel"), [("WV2", 0.5), ("Landsat8", 2.0)])
def test_the_gain_of_a_rendered_landscape_is_that_of_its_optics(sensor, pixel):
    """Ratio 4 and 2. The renderer blurs PAN and bands at the PAN's pixel with their own gains (Gaussian MTF), and then
    the bands to the MS's: against the PAN as delivered, a band has its gain times the quotient of the two blurs at the
    MS's Nyquist frequency, which is 1 / ratio of the PAN's."""
    known, size = find(sensor), 512
    bands = [known.band(name) for name in ("blue", "green", "red")]
    ground = landscape((OVERSAMPLING * size, OVERSAMPLING * size), 3, pixel / OVERSAMPLING)
    shot = render(ground, known, 3, bands)
    scene = from_arrays(shot.pan[None], shot.ms, [band.gnyq for band in bands], known.pan.gnyq)
    optics = [band.gnyq * (band.gnyq / known.pan.gnyq) ** (1 / known.ratio**2) for band in bands]
    np.testing.assert_allclose(measure_quality(scene).gains, optics, atol=0.03)


def test_shift_is_found_to_a_tenth_of_a_pixel(found):
    np.testing.assert_allclose(found.shift, SHIFT, atol=0.1)
    assert found.confidence > 0.5


def test_noise_is_found_to_a_fifth(found):
    np.testing.assert_allclose(found.quality.noise, NOISE, rtol=0.2)
    np.testing.assert_allclose(found.quality.pan_noise, 2.0, rtol=0.2)
    means = ground().mean((1, 2)).numpy()
    np.testing.assert_allclose(found.quality.snr, means / np.array(NOISE), rtol=0.2)


def test_a_band_of_its_own_is_warned_of(tmp_path):
    """A band that the PAN does not see: nothing of its detail is explained, and that is said."""
    truth, rng = ground(), torch.Generator().manual_seed(1)
    truth[2] = 900 + (ground(9)[2] - 900)
    ms = Physical(4).degrade(truth, list(GAINS))
    ms += torch.randn(ms.shape, generator=rng)
    images = (image.numpy().round().astype(np.uint16) for image in (truth[:2].mean(0), ms))
    found = inspect_pair(*pairs.write_pair(tmp_path, *images))
    assert found.quality.explained[0] > 0.9 and found.quality.explained[2] < 0.3
    assert any("band 3" in said and "explains" in said for said in found.warnings)


@pytest.mark.parametrize(("gain", "said"), [(0.12, "sharpened"), (0.3, ""), (0.6, "resampled")])
def test_gains_far_from_those_that_are_used_are_one_sentence_with_all_bands(tmp_path, gain, said):
    truth = ground()
    images = (image.numpy().astype(np.float32) for image in (truth.mean(0), Physical(4).degrade(truth, [gain] * 3)))
    warned = [each for each in inspect_pair(*pairs.write_pair(tmp_path, *images)).warnings if "Against the PAN" in each]
    assert len(warned) == bool(said) and all(said in each and "band 1, band 2, band 3" in each for each in warned)


def run(*arguments):
    return CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)


def test_the_saved_sensor_is_what_every_command_takes(pair, tmp_path):
    saved = tmp_path / "mine.toml"
    done = run("inspect", *pair, "--json", "--save", saved, "--report", tmp_path / "look.html")
    assert done.exit_code == 0, done.output
    table = json.loads(done.stdout)
    assert table["ratio"] == 4 and len(table["bands"]) == 3 and table["pan"]["snr"] > 100
    np.testing.assert_allclose(find(str(saved)).gnyq, [band["gain"] for band in table["bands"]], atol=5e-4)
    assert find(str(saved)).gsd_m == pairs.NORTH_UP.a  # in metres, as the map has it
    again = json.loads(run("inspect", *pair, "--json", "--sensor", saved).stdout)
    np.testing.assert_allclose([band["sensor_gain"] for band in again["bands"]], find(str(saved)).gnyq)
    assert run("fuse", *pair, tmp_path / "out.tif", "-m", "GSA", "-q", "--sensor", saved).exit_code == 0
    html = (tmp_path / "look.html").read_text()
    assert "Warnings" in html and "<svg" in html and "band 3" in html
    assert "exists already" in run("inspect", *pair, "--save", saved).stderr


def test_a_table_for_eyes(pair):
    done = run("inspect", *pair)
    assert done.exit_code == 0 and "explained" in done.stdout and "SNR" in done.stdout and "band 2" in done.stdout


@pytest.mark.parametrize("family", ["Landsat", "DIMAP", "Maxar"])
def test_products_are_inspected_as_they_are_shipped(family, tmp_path):
    folder = made.MAKERS[family](tmp_path)
    table = json.loads(run("inspect", made.zipped(folder), "--json").stdout)
    assert table["sensor"] != "generic" and len(table["bands"]) >= 4


@pytest.mark.parametrize("text", ["", "name = 1", "[", 'name = "a"\nbands = 3', 'name = "a"\n' * 2])
def test_what_is_no_sensor_file_is_one_sentence(text, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(UserError, match="is no sensor file"):
        find(str(path))
    with pytest.raises(UserError, match=r"absent.toml.*anypan inspect --save"):
        find(str(tmp_path / "absent.toml"))
