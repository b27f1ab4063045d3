"""Sources read what is published as it is published; streams are seeded, bounded, resumable and strict about damage."""

import csv
import io
import tarfile
import threading
import zipfile
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image

from anypan.dataset import SOURCES, Mixture, Stream
from anypan.dataset.hyperspectral import header_wavelengths
from anypan.dataset.pixels import Broken
from anypan.dataset.source import Names, Sample, Source
from anypan.dataset.webdataset import expand
from anypan.runtime.errors import UserError
from anypan.train import read_config


def picture(level, size=(256, 256), form="PNG", mode="RGB"):
    """The bytes of an image of one grey level."""
    file = io.BytesIO()
    Image.new(mode, size[::-1], (level,) * len(mode) if len(mode) > 1 else level).save(file, form)
    return file.getvalue()


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def pack(path, members):
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def packed(members):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def samples(source, held_out=False):
    """{key: tiles} of everything that a source gives to training, or to validation."""
    every = (s for part in source.parts() if not source.skips(part, held_out) for s in source.samples(part))
    return {s.key: list(s.read()) for s in every if source.wants(s.key, held_out)}


def level(tile):
    """The grey level of a tile made of ``picture``."""
    return int(tile[0, 0, 0])


@pytest.fixture
def imagenet(tmp_path):
    for split, names in (
        ("train", ("n01440764/n01440764_10026", "n01443537/n01443537_2")),
        ("val", ("ILSVRC2012_val_00000001",)),
    ):
        for number, name in enumerate(names):
            put(tmp_path / "folders" / split / f"{name}.JPEG", picture(50 + number, form="JPEG"))
    classes = {
        c: packed({f"{c}_{n}.JPEG": picture(60 + n, form="JPEG") for n in range(2)}) for c in ("n01440764", "n01443537")
    }
    (tmp_path / "tars").mkdir()
    pack(tmp_path / "tars" / "ILSVRC2012_img_train.tar", {f"{c}.tar": content for c, content in classes.items()})
    pack(tmp_path / "tars" / "ILSVRC2012_img_val.tar", {"ILSVRC2012_val_00000001.JPEG": picture(70, form="JPEG")})
    return tmp_path


def test_imagenet_folders_and_tars_are_read_and_validation_is_held_out(imagenet):
    folders, tars = (SOURCES["imagenet"](path=str(imagenet / kind)) for kind in ("folders", "tars"))
    assert set(samples(folders)) == {"train/n01440764/n01440764_10026.JPEG", "train/n01443537/n01443537_2.JPEG"}
    assert set(samples(folders, True)) == {"val/ILSVRC2012_val_00000001.JPEG"} == set(samples(tars, True))
    read = samples(tars)
    assert {key: level(tile) for key, (tile,) in read.items()} == {
        f"train/{c}/{c}_{n}.JPEG": 60 + n for c in ("n01440764", "n01443537") for n in range(2)
    }
    one = SOURCES["imagenet"](path=str(imagenet / "tars"), keys="n01443537")
    assert len(samples(one)) == 2


@pytest.fixture
def skyscript(tmp_path):
    rows = [
        ("images2/a198234555_CH_19.jpg", "a satellite image of a forest", "forest, and a road"),
        ("images2/w47_US_20.jpg", 'a satellite image of a "green, wide" field', "field"),
        ("images3/n3_DE_21.jpg", "a satellite image of a forest path", "forest"),
    ]
    with (tmp_path / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("filepath", "title", "title_multi_objects"), *rows])
    for number, name in enumerate(("a198234555_CH_19.jpg", "w47_US_20.jpg")):
        put(tmp_path / "images2" / name, picture(80 + number, form="JPEG"))
    with zipfile.ZipFile(tmp_path / "images3.zip", "w") as archive:
        archive.writestr("images3/n3_DE_21.jpg", picture(90, form="JPEG"))
    return tmp_path


def test_skyscript_reads_folders_and_zips_and_filters_by_column(skyscript):
    source = partial(SOURCES["skyscript"], path=str(skyscript), index="index.csv")
    assert {key: level(tile) for key, (tile,) in samples(source()).items()} == {
        "images2/a198234555_CH_19.jpg": 80, "images2/w47_US_20.jpg": 81, "images3/n3_DE_21.jpg": 90,
    }  # fmt: skip
    forest = {"column": "title", "matches": "forest"}
    assert set(samples(source(where=forest))) == {"images2/a198234555_CH_19.jpg", "images3/n3_DE_21.jpg"}
    assert set(samples(source(where=(forest, {"column": "filepath", "matches": "_CH_"})))) == {
        "images2/a198234555_CH_19.jpg"
    }
    with pytest.raises(UserError, match="no column 'caption'"):
        source(where={"column": "caption", "matches": "x"}).parts()
    with pytest.raises(UserError, match="not understood"):
        source(where={"title": "forest"}).parts()


def test_any_folder_of_images_is_read_and_small_images_are_left_out(tmp_path):
    put(tmp_path / "b" / "large.png", picture(9, (512, 600)))
    put(tmp_path / "a.JPG", picture(8, form="JPEG"))
    put(tmp_path / "small.webp", picture(7, (255, 300), "WEBP"))
    put(tmp_path / "notes.txt", b"no image")
    read = samples(SOURCES["folder"](path=str(tmp_path)))
    assert {key: len(tiles) for key, tiles in read.items()} == {"a.JPG": 1, "b/large.png": 4, "small.webp": 0}


def shard(*numbers):
    return {f"./{n:03}.{kind}": content for n in numbers for kind, content in (
        ("json", b"{}"), ("rgb.png", picture(n)), ("nir.png", picture(n + 100, mode="L")))}  # fmt: skip


@pytest.mark.parametrize(
    "pattern, suffix", [("shard-{0000..0001}.tar", ""), ("shard-*.tar", ""), ("shard-{0000..0001}.tar.gz", ".gz")]
)
def test_webdataset_shards_pair_the_members_of_a_key(tmp_path, pattern, suffix):
    pack(tmp_path / f"shard-0000.tar{suffix}", shard(1, 2))
    pack(tmp_path / f"shard-0001.tar{suffix}", shard(3))
    read = samples(SOURCES["webdataset"](path=str(tmp_path / pattern)))
    assert {key: (level(t), int(t[3, 5, 5])) for key, (t,) in read.items()} == {
        "001": (1, 101), "002": (2, 102), "003": (3, 103),
    }  # fmt: skip


def test_braces_count_with_their_zeros():
    assert expand("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert len(expand("{0..1}/{0..2}.tar")) == 6


def test_shards_on_the_network_are_streamed_only_where_allowed(tmp_path):
    pack(tmp_path / "s-0.tar", shard(5, 6))
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.func.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        source = partial(SOURCES["webdataset"], path=f"http://127.0.0.1:{server.server_port}/s-{{0..0}}.tar")
        with pytest.raises(UserError, match="allow_remote"):
            source().parts()
        assert {key: level(t) for key, (t,) in samples(source(allow_remote=True)).items()} == {"005": 5, "006": 6}
        with pytest.raises(UserError, match="cannot be fetched"):
            list(source(allow_remote=True).samples(f"http://127.0.0.1:{server.server_port}/none.tar"))
        server.shutdown()


def test_a_shard_that_is_cut_off_is_named(tmp_path):
    pack(tmp_path / "s.tar", shard(1, 2, 3))
    whole = (tmp_path / "s.tar").read_bytes()
    (tmp_path / "s.tar").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match=r"s\.tar is no whole tar file"):
        samples(SOURCES["webdataset"](path=str(tmp_path / "s.tar")))


def write_raster(path, image, **profile):
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "transform": rasterio.Affine(1, 0, 0, 0, -1, 0)} | profile
    count, height, width = image.shape
    with rasterio.open(path, "w", count=count, height=height, width=width, dtype=image.dtype.name, **profile) as file:
        file.write(image)


def test_geotiffs_are_read_in_windows_without_nodata(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(100, 2000, (5, 520, 780)).astype(np.uint16)
    image[:, 10, 300] = 0
    write_raster(tmp_path / "in" / "a.tif", image, nodata=0)
    read = samples(SOURCES["geotiff"](path=str(tmp_path), white=2000.0, bands=(3, 2, 1, 5)))
    assert {key for key, tiles in read.items() if tiles} == {
        f"in/a.tif@{row},{col}" for row in (0, 256) for col in (0, 256, 512) if (row, col) != (0, 256)
    }
    (tile,) = read["in/a.tif@256,512"]
    expected = image[[2, 1, 0, 4], 256:512, 512:768] / 2000
    assert tile.dtype == np.uint16 and np.abs(tile / 65535 - expected).max() < 1e-5


def test_a_geotiff_without_near_infrared_gets_a_stand_in_and_its_brightest_becomes_white(tmp_path):
    write_raster(tmp_path / "rgb.tif", np.random.default_rng(1).gamma(2, 300, (3, 256, 256)).astype(np.float32))
    ((tile,),) = samples(SOURCES["geotiff"](path=str(tmp_path / "rgb.tif"))).values()
    assert 0.994 < (tile[:3] < 65535).mean() < 0.996
    assert tile[3].std() > 0


NM = np.arange(400.0, 1051.0, 10.0)
NPY = io.BytesIO()
np.save(NPY, np.ones((66, 64, 64)))
NPY = NPY.getvalue()


def test_cubes_come_with_all_their_channels_and_what_is_small_is_mirrored(tmp_path):
    place = np.random.default_rng(2).uniform(0.5, 1, (1, 100, 120))
    cube = (place * (1 + (NM > 700))[:, None, None] * 1000).astype(np.uint16)  # twice as bright beyond 700 nm
    cube[5] = 0
    file = io.BytesIO()
    np.savez(file, cube=cube, wavelength_nm=NM)
    pack(tmp_path / "cubes.tar", {"one.npz": file.getvalue()})
    put(tmp_path / "folder" / "one.npz", file.getvalue())
    for path in ("cubes.tar", "folder"):
        ((tile,),) = samples(SOURCES["hyperspectral"](path=str(tmp_path / path))).values()
        assert np.array_equal(tile.wavelengths, np.delete(NM, 5)) and tile.pixels.shape == (65, 256, 256)
        assert np.abs(tile.pixels[:, :100, :120] / 65535 * 0.997 - place).max() < 0.01
        assert np.array_equal(tile.pixels[:, 100:200], tile.pixels[:, 99::-1])  # continued by its mirror image


def test_an_envi_cube_and_a_geotiff_of_named_bands_agree(tmp_path):
    cube = np.random.default_rng(3).uniform(0.1, 0.9, (14, 256, 300)).astype(np.float32)
    write_raster(tmp_path / "envi" / "cube.img", cube, driver="ENVI")
    header = tmp_path / "envi" / "cube.hdr"
    text = (
        header.read_text()
        + "wavelength units = Micrometers\nwavelength = {\n "
        + ", ".join(f"{n / 1000:.3f}" for n in NM[::5])
        + "}\n"
    )
    header.write_text(text)
    write_raster(tmp_path / "tif" / "cube.tif", cube)
    with rasterio.open(tmp_path / "tif" / "cube.tif", "r+") as file:
        file.descriptions = [f"{n:.1f} nm" for n in NM[::5]]
    ((one,),) = samples(SOURCES["hyperspectral"](path=str(tmp_path / "envi"))).values()
    ((two,),) = samples(SOURCES["hyperspectral"](path=str(tmp_path / "tif"))).values()
    assert np.array_equal(one.pixels, two.pixels) and np.allclose(one.wavelengths, two.wavelengths)
    assert header_wavelengths(text) == pytest.approx(list(NM[::5]))


@pytest.mark.parametrize("nm, word", [(NM + 500, "900 to 1550 nm do not cover"), (NM[:-1], "65 wavelengths .* 66")])
def test_a_cube_that_sees_no_pan_or_lacks_a_wavelength_is_broken(tmp_path, nm, word):
    np.savez(tmp_path / "a.npz", cube=np.ones((66, 64, 64)), wavelength_nm=nm)
    with pytest.raises(Broken, match=word):
        samples(SOURCES["hyperspectral"](path=str(tmp_path)))


@pytest.mark.parametrize(
    "cube", [np.zeros((66, 64, 64)), np.full((66, 64, 64), np.nan), np.ones((0, 64, 64)), np.ones(66)]
)
def test_a_cube_that_is_dark_or_no_image_is_broken(tmp_path, cube):
    np.savez(tmp_path / "a.npz", cube=cube, wavelength_nm=NM)
    with pytest.raises(Broken):
        samples(SOURCES["hyperspectral"](path=str(tmp_path)))


@pytest.mark.parametrize("spoil", [lambda bytes_: bytes_[:3000] + b"???" + bytes_[3003:], lambda _: NPY])
def test_a_cube_that_is_damaged_is_broken(tmp_path, spoil):
    np.savez_compressed(tmp_path / "a.npz", cube=np.random.default_rng(0).random((66, 64, 64)), wavelength_nm=NM)
    (tmp_path / "a.npz").write_bytes(spoil((tmp_path / "a.npz").read_bytes()))
    with pytest.raises(Broken):
        samples(SOURCES["hyperspectral"](path=str(tmp_path)))


def test_the_spectrometers_cubes_at_hand_are_read(shared):
    source = SOURCES["hyperspectral"](path=str(shared / "pretrain" / "hyperspectral.tar"))
    assert sum(len(tiles) for tiles in samples(source).values()) == 20


def test_landscapes_hold_the_last_tenth_out():
    source = SOURCES["landscapes"](count=11, size=256, gsd=(1.0,))
    assert [key for key in source.parts() if source.wants(key, True)] == ["9", "10"]
    (sample,) = source.samples("0")
    (tile,) = sample.read()
    assert tile.shape == (4, 256, 256) and tile.std() > 5


TILES = 32  # 16 images of one tile, 8 of two


@dataclass(frozen=True, kw_only=True)
class Numbered(Source):
    """24 images whose tiles are their numbers: a stream does not look at what it carries."""

    per_part: int = 1

    def parts(self):
        return [str(first) for first in range(0, 24, self.per_part)]

    def samples(self, part):
        for number in range(int(part), int(part) + self.per_part):
            tiles = [np.full((4, 1, 1), number, np.uint8)] * (2 if number % 3 == 0 else 1)
            yield Sample(str(number), partial(iter, tiles))


@pytest.fixture(params=[1, 6])
def folder(request):
    return Numbered(per_part=request.param)


@pytest.mark.parametrize("capacity", [2, 7, 20, 64])
def test_the_order_is_seeded_and_every_epoch_gives_every_tile_once(folder, capacity):
    one, same, other = (Stream(folder, seed, capacity) for seed in ((3,), (3,), (4,)))
    first, second, third = ([level(s.take()) for _ in range(4 * TILES)] for s in (one, same, other))
    assert first == second != third
    counts = np.bincount(first, minlength=24)
    assert abs(counts - np.where(np.arange(24) % 3 == 0, 8, 4)).max() <= (0 if capacity == 64 else 2)


@pytest.mark.parametrize("capacity", [2, 7, 20, 64])
@pytest.mark.parametrize("drawn", [0, 1, 5, 31, 32, 33, 70])
def test_a_stream_goes_on_after_a_stop_as_if_there_had_been_none(folder, capacity, drawn):
    stream = Stream(folder, (1,), capacity)
    for _ in range(drawn):
        stream.take()
    state = stream.state()
    rest = [level(stream.take()) for _ in range(50)]
    again = Stream(folder, (1,), capacity)
    again.restore(state)
    assert [level(again.take()) for _ in range(50)] == rest
    assert again.state() == stream.state()


@pytest.mark.parametrize("capacity", [2, 7, 20])
def test_the_buffer_never_holds_more_than_its_size(folder, capacity):
    stream, most = Stream(folder, (1,), capacity), 0
    for _ in range(3 * TILES):
        stream.take()
        most = max(most, stream.held)
    assert most <= capacity and not stream.resident


def test_what_fits_is_read_once(folder, monkeypatch):
    stream, read = Stream(folder, (1,), 64), []
    for _ in range(TILES):
        stream.take()
    assert stream.resident and stream.held == TILES
    monkeypatch.setattr(type(folder), "samples", lambda self, part: read.append(part) or iter(()))
    for _ in range(2 * TILES):
        stream.take()
    assert not read


@pytest.mark.parametrize("world", [2, 3, 5])
@pytest.mark.parametrize("capacity", [4, 64])
def test_processes_share_the_images_out(folder, world, capacity):
    streams = [Stream(folder, (1,), capacity, share=(rank, world)) for rank in range(world)]
    seen = [{level(stream.take()) for _ in range(2 * TILES)} for stream in streams]
    assert sum(map(len, seen)) == 24 == len(set().union(*seen))


def test_processes_share_the_images_of_a_single_shard(tmp_path):
    pack(tmp_path / "s.tar", shard(1, 2, 3, 4, 5))
    source = SOURCES["webdataset"](path=str(tmp_path / "s.tar"))
    seen = [{level(s.take()) for _ in range(8)} for s in (Stream(source, share=(rank, 2)) for rank in (0, 1))]
    assert seen == [{1, 3, 5}, {2, 4}]


def test_a_broken_image_is_skipped_and_named(tmp_path):
    tile = picture(1)
    for number in range(120):
        put(tmp_path / f"{number:03}.png", tile if number != 50 else tile[: len(tile) // 2])
    stream = Stream(SOURCES["folder"](path=str(tmp_path)), capacity=200)
    stream.take()
    assert stream.resident and stream.held == 119
    assert len(stream.broken) == 1 and "050.png" in stream.broken[0]


def test_a_file_that_is_no_image_is_said_to_be_none_in_the_same_words_every_time(tmp_path):
    put(tmp_path / "a.png", b"text")
    sample = next(SOURCES["folder"](path=str(tmp_path)).samples("a.png"))
    with pytest.raises(Broken, match=r"^it is no image of a known format$"):
        list(sample.read())


@pytest.mark.parametrize("capacity", [4, 200])
def test_more_than_one_percent_of_broken_images_stops_the_run(tmp_path, capacity):
    tile = picture(1)
    for number in range(120):
        put(tmp_path / f"{number:03}.png", tile if number % 60 else b"")
    stream = Stream(SOURCES["folder"](path=str(tmp_path)), capacity=capacity)
    with pytest.raises(UserError, match=r"2 of the first 120 images .* broken.*png"):
        for _ in range(130):
            stream.take()


def test_images_without_a_single_tile_stop_the_run(tmp_path):
    put(tmp_path / "small.png", picture(1, (100, 100)))
    with pytest.raises(UserError, match="No training image"):
        Stream(SOURCES["folder"](path=str(tmp_path))).take()


def test_weights_say_how_often_a_source_is_drawn_whatever_its_size():
    many, few = Numbered(weight=1.0, keys="^[1-9]"), Numbered(weight=3.0, keys="^0$")
    tiles = Mixture([many, few]).draw(1000, torch.Generator().manual_seed(0))
    assert tiles.shape == (1000, 4, 1, 1) and 0.7 < (tiles[:, 0, 0, 0] == 0).double().mean() < 0.8


def test_flips_keep_the_channels_and_16_bits_are_not_lost(tmp_path):
    image = np.arange(4 * 256 * 256, dtype=np.uint32).reshape(4, 256, 256) % 60000
    write_raster(tmp_path / "a.tif", image.astype(np.uint16))
    source = SOURCES["geotiff"](path=str(tmp_path), white=60000.0)
    tiles = Mixture([source]).draw(16, torch.Generator().manual_seed(1))
    corners = {tuple(t[0, [0, 0, -1, -1], [0, -1, 0, -1]].tolist()) for t in tiles}
    assert 4 < len(corners) <= 8
    assert torch.allclose(tiles.flatten(2).sort(-1).values[0], tiles.flatten(2).sort(-1).values[1])
    assert len(tiles[0, 0].unique()) > 50000


def test_names_take_little_memory_and_come_back():
    names = Names(f"train/é{n}.JPEG" for n in range(1000))
    assert len(names) == 1000 and names[0] == "train/é0.JPEG" and names[998:] == ["train/é998.JPEG", "train/é999.JPEG"]
    assert list(names)[500] == "train/é500.JPEG"


@pytest.mark.parametrize(
    "lines, word",
    [
        ('kind = "imagnet"\npath = "."', "imagnet"),
        ('kind = "folder"', "lacks the key 'path'"),
        ('kind = "folder"\npath = "."\nindex = "a"', "unknown key 'index'"),
        ('kind = "folder"\npath = 5', "path = 5.*a text"),
        ('kind = "folder"\npath = "."\nheld_out = "("', "no regular expression"),
        ('kind = "geotiff"\npath = "."\nbands = [0, 1, 2]', "numbers from 1"),
        ('kind = "landscapes"\ncount = 0', "count .* is 0.*from 1 to"),
        ('kind = "landscapes"\ncount = 1\nsize = 64', "size .* from 256"),
        ('kind = "landscapes"\ncount = 1\ngsd = []', "empty gsd"),
        ('kind = "landscapes"\ncount = 1\ngsd = [0.5, -1]', "gsd"),
        ('kind = "landscapes"\ncount = 1\nseed = -1', "seed"),
        ('kind = "folder"\npath = "."\nweight = 0', "weight .* is 0.*above 0"),
        ('kind = "geotiff"\npath = "."\nwhite = -1', "white .* of 0 or more"),
        ('kind = "hyperspectral"\npath = "."\nsmallest = 0', "smallest"),
        ('kind = "hyperspectral"\npath = "."\nwavelengths_nm = [0.4, 0.5]', "wavelengths_nm .* from 300 to 3000"),
        ('kind = "skyscript"\npath = "."\nindex = "c.toml"\nwhere = 3', "where = 3"),
        ('kind = "skyscript"\npath = "."\nindex = "c.toml"\nwhere = "forest"', "where = 'forest'"),
        ('kind = "skyscript"\npath = "."\nindex = "i.jpg"', "no CSV file"),
    ],
)
def test_a_wrong_source_is_named(tmp_path, lines, word):
    (tmp_path / "c.toml").write_text(f'out = "o"\narchitecture = "anypan-s"\n[[sources]]\n{lines}\n')
    (tmp_path / "i.jpg").write_bytes(picture(9, form="JPEG"))
    with pytest.raises(UserError, match=word):
        read_config(tmp_path / "c.toml").sources[0].parts()


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_a_source_that_is_not_there_is_named(tmp_path, kind):
    if kind == "landscapes":
        return
    extra = {"index": "i.csv"} if kind == "skyscript" else {}
    with pytest.raises(UserError, match="nowhere"):
        SOURCES[kind](path=str(tmp_path / "nowhere"), **extra).parts()


@pytest.mark.parametrize("name", ["../secret.jpg", "{outside}"])
def test_a_table_of_skyscript_names_nothing_outside_of_its_folder(skyscript, tmp_path_factory, name):
    outside = tmp_path_factory.mktemp("outside") / "secret.jpg"
    put(outside, picture(60, form="JPEG"))
    (skyscript.parent / "secret.jpg").write_bytes(picture(60, form="JPEG"))
    with (skyscript / "index.csv").open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerow([name.format(outside=outside), "a forest", ""])
    source = SOURCES["skyscript"](path=str(skyscript), index="index.csv")
    *_, last = (sample for part in source.parts() for sample in source.samples(part))
    with pytest.raises(Broken, match="not below"):
        list(last.read())
