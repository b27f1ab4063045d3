"""What `anypan simulate` writes: pairs that a known sensor would deliver, with their truth, and pages to look at."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from affine import Affine
from click.testing import CliRunner
from PIL import Image

from anypan.cli import cli
from anypan.cli import simulate as verb
from anypan.optics.sampling import Physical
from anypan.optics.sensors import find
from anypan.runtime.errors import UserError
from anypan.simulate import sheet
from anypan.simulate.curves import CAMERA
from anypan.simulate.pair import blind, observe, read_picture
from anypan.simulate.render import recorded
from anypan.simulate.sample import Simulation, simulate_batch

SIZE = 256


def anypan(*arguments):
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="anypan")


def ground(bands, size=SIZE):
    """(bands, size, size) bytes of blocks with texture."""
    rng = np.random.default_rng(bands)
    coarse = rng.uniform(40, 200, (bands, size // 8, size // 8)).repeat(8, 1).repeat(8, 2)
    return np.clip(coarse + rng.normal(0, 12, (1, size, size)), 0, 255).astype("u1")


def tiff(path, pixels, names=(), **profile):
    shape = {"count": len(pixels), "height": pixels.shape[1], "width": pixels.shape[2], "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver="GTiff", photometric="minisblack", **(shape | profile)) as file:
        file.write(pixels)
        for number, name in enumerate(names, 1):
            file.set_band_description(number, name)
    return path


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(ground(3).transpose(1, 2, 0)).save(path)
    return path


def read(folder, name):
    with rasterio.open(folder / f"{name}.tif") as file:
        return file.read().astype(float), file.descriptions, file.transform, file.crs


# --- pairs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["WV3", "QB", "Landsat8"])
def test_a_pair_has_the_sensors_bands_ratio_and_mtf_and_can_be_fused(photo, tmp_path, name):
    sensor, folder = find(name), tmp_path / "pair"
    result = anypan("simulate", photo, "--sensor", name, "-o", folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(folder / f"{part}.tif") for part in ("pan", "ms", "reference")]
    (pan, _, fine, crs), (ms, names, coarse, other), (truth, _, _, _) = (
        read(folder, part) for part in ("pan", "ms", "reference")
    )
    bands = recorded(sensor)
    assert list(names) == [band.name for band in bands] and crs == other
    assert pan.shape[1:] == truth.shape[1:] == tuple(sensor.ratio * n for n in ms.shape[1:])
    assert coarse == fine * Affine.scale(sensor.ratio) and fine.a == pytest.approx(sensor.gsd_m)
    degraded = Physical(sensor.ratio).degrade(torch.from_numpy(truth).float(), [band.gnyq for band in bands]).numpy()
    assert np.abs(degraded - ms).mean() < 0.003 * sensor.full_scale < ms.std()
    assert pan.max() <= sensor.full_scale
    fused = folder / "fused.tif"
    done = anypan("fuse", folder / "pan.tif", folder / "ms.tif", fused, "--sensor", name, "--method", "GSA", "-q")
    assert done.exit_code == 0, done.output
    assert (
        np.abs(read(folder, "fused")[0] - truth).mean()
        < np.abs(np.kron(ms, np.ones((sensor.ratio,) * 2)) - truth).mean()
    )


def test_a_seed_is_a_pair_and_another_seed_is_other_noise_on_the_same_truth(photo):
    sensor = find("WV3")
    picture = read_picture(photo, sensor)
    one, same, other = (observe(picture, sensor, seed) for seed in (1, 1, 2))
    assert torch.equal(one.pan, same.pan) and torch.equal(one.ms, same.ms)
    assert torch.equal(one.reference, other.reference) and not torch.equal(one.pan, other.pan)
    assert float((one.pan - other.pan).abs().max()) < 0.02 * sensor.full_scale


def test_a_pair_lies_where_its_image_lies(tmp_path):
    place = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)
    image = tiff(tmp_path / "image.tif", ground(4), transform=place, crs="EPSG:32633")
    assert anypan("simulate", image, "--sensor", "GE1", "-o", tmp_path / "pair", "-q").exit_code == 0
    for name, pixels in {"pan": 2, "ms": 8, "reference": 2}.items():
        _, _, transform, crs = read(tmp_path / "pair", name)
        assert transform == place * Affine.scale(pixels) and crs.to_epsg() == 32633


def test_wavelengths_are_those_given_or_named_or_a_cameras_or_a_guess_that_is_told(tmp_path):
    sensor = find("WV3")
    named = tiff(tmp_path / "named.tif", ground(3), ("nir", "Red", "550 nm"))
    assert read_picture(named, sensor).wavelengths == CAMERA[:3]  # not all are told
    named = tiff(tmp_path / "all.tif", ground(5), ("B 450", "520.5nm", "600", "700", "851"))
    assert read_picture(named, sensor).wavelengths == (450, 520.5, 600, 700, 851)
    plain = tiff(tmp_path / "plain.tif", ground(5))
    assert read_picture(plain, sensor, slice(400, 800)).wavelengths == (400, 500, 600, 700, 800)
    with pytest.raises(UserError, match="5 bands, but 2 wavelengths"):
        read_picture(plain, sensor, [400, 800])
    guessed = read_picture(plain, sensor)
    centres = [band.centre_nm for band in sensor.bands]
    assert guessed.guess and (guessed.wavelengths[0], guessed.wavelengths[-1]) == (min(centres), max(centres))
    eight = read_picture(tiff(tmp_path / "eight.tif", ground(8)), sensor)
    assert list(eight.wavelengths) == centres
    told = anypan("simulate", plain, "--sensor", "WV3", "-o", tmp_path / "pair")
    assert told.exit_code == 0 and "--wavelengths" in told.stderr


def test_bands_that_the_image_tells_nothing_of_are_named(photo):
    sensor = find("Landsat8")
    assert blind(read_picture(photo, sensor), sensor) == ["B5", "B6", "B7", "B9"]  # near infrared and beyond
    assert blind(read_picture(photo, sensor, (2200, 1000, 450)), sensor) == []


def refused(path):
    """Arguments of calls that are refused, and a word of the answer."""
    pair = ("-o", path / "pair")
    wv3 = ("--sensor", "WV3", *pair)
    (path / "words.png").write_text("no picture")
    (path / "file").write_text("")
    (path / "bad.toml").write_text("[effect.stripes]\nshare = 3\n")
    images = {"tiny": ground(3, 64), "grey": ground(1), "two": ground(2), "flat": np.full((3, SIZE, SIZE), 7, "u1")}
    for name, pixels in images.items():
        tiff(path / f"{name}.tif", pixels)
    photo, there = path / "photo.png", path / "there"
    there.mkdir()
    (there / "ms.tif").write_text("")
    (there / "page-01.png").write_text("")
    return [
        ((path / "none.png", *wv3), "none.png"),
        ((path / "words.png", *wv3), "words.png"),
        ((photo, "--sensor", "Sputnik", *pair), "Sputnik"),
        ((photo, "--sensor", "WV3", "-o", there), "--overwrite"),
        ((photo, "--sensor", "WV3", "-o", path / "file"), "folder"),
        ((path / "tiny.tif", *wv3), "128 a side"),
        ((path / "grey.tif", *wv3), "1 band"),
        ((path / "two.tif", *wv3), "3 bands"),
        ((path / "flat.tif", *wv3), "constant"),
        ((photo, *wv3, "--wavelengths", "1,2,3,4"), "wavelengths"),
        ((photo, *wv3, "--wavelengths", "0.45,0.55,0.65"), "nm"),
        ((photo, *wv3, "--wavelengths", "red"), "red"),
        ((photo, "--sensor", "WV3"), "--out"),
        ((photo, *wv3, "--config", "a.toml"), "--preview"),
        ((), "IMAGE"),
        ((photo, "--preview", path / "new"), "either"),
        (("--preview", there), "--overwrite"),
        (("--preview", path / "file"), "folder"),
        (("--preview", path / "new", "--sensor", "WV3"), "IMAGE"),
        (("--preview", path / "new", "--config", path / "none.toml"), "none.toml"),
        (("--preview", path / "new", "--config", path / "bad.toml"), "stripes"),
    ]


def test_bad_input_is_one_sentence_and_leaves_nothing(photo, tmp_path):
    for arguments, word in refused(tmp_path):
        result = anypan("simulate", *arguments)
        lines = result.stderr.strip().splitlines()
        assert result.exit_code == 2 and result.stdout == "", (arguments, result.output)
        assert len(lines) == 1 and lines[0].startswith("error: ") and lines[0].endswith("."), lines
        assert word in lines[0], lines
        assert not (tmp_path / "pair").exists() and not (tmp_path / "new").exists(), arguments


# --- pages --------------------------------------------------------------------------------------------------------


def test_a_preview_needs_nothing_and_its_seed_decides_it(tmp_path, monkeypatch):
    monkeypatch.setattr(verb, "_LANDSCAPES", 2)
    monkeypatch.setattr(verb, "_SIZE", 256)
    paths = []
    for seed in (1, 1, 2):
        folder = tmp_path / str(len(paths))
        result = anypan("simulate", "--preview", folder, "--count", 2, "--seed", seed, "-q")
        assert result.exit_code == 0, result.output
        paths.append(Path(result.stdout.strip()))
    one, same, other = (path.read_bytes() for path in paths)
    assert one == same != other


def test_a_preview_of_a_recipe_shows_its_own_images_and_replaces_all_pages_when_told(photo, tmp_path):
    toml = tmp_path / "run.toml"
    toml.write_text('out = "out"\narchitecture = "anypan-s"\n[[sources]]\nkind = "folder"\npath = "."\n')
    pages = tmp_path / "pages"
    call = ("simulate", "--preview", pages, "--config", toml, "--overwrite", "-q", "--count")
    assert anypan(*call, 13).stdout.split() == [str(pages / f"page-0{n}.png") for n in (1, 2)]
    assert anypan(*call, 1).exit_code == 0
    assert [path.name for path in pages.iterdir()] == ["page-01.png"]


def batch():
    images = torch.rand(1, 1, 4, 128, 128, generator=torch.Generator().manual_seed(0))
    quiet = Simulation(ratios={4: 1.0}, bands={4: 1.0}, reductions={2: 1.0}, off=("decimation",))
    return simulate_batch(images, torch.Generator().manual_seed(3), quiet)


def test_pictures_show_the_ms_in_its_own_pixels_and_keep_the_order_of_values():
    one = batch()
    pan, ms, reference = sheet.pictures(one)
    assert pan.shape == ms.shape == reference.shape == (64, 64, 3)
    assert (ms == ms[::4, ::4].repeat(4, 0).repeat(4, 1)).all()
    order = one.reference[0, 1].flatten().argsort()
    assert (np.diff(reference[..., 1].reshape(-1)[order.numpy()].astype(int)) >= 0).all()
    assert pan.min() == 0 and pan.max() == 255


def test_a_cell_holds_the_pictures_and_below_them_what_was_done():
    cell = np.asarray(sheet.cell(batch()))
    pan, _, reference = sheet.pictures(batch())
    assert (cell[:64, :64] == pan).all() and (cell[:64, -sheet.TILE :][:, :64] == reference).all()
    assert 0 < (cell[sheet.TILE :] == 0).mean() < 0.2  # letters


def test_a_sheet_is_not_written_over_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="folder"):
        sheet.write_sheet([batch()], tmp_path / "file", 1)
