"""Products as they are shipped go through the real command; what is wrong with one is one sentence."""

import gzip
import os
import re
import shutil
import tarfile
from contextlib import closing
from functools import cache

import numpy as np
import products as made
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.enums import ColorInterp

import anypan
from anypan import raster
from anypan.batch.jobs import Job
from anypan.cli import cli
from anypan.products import FAMILIES, find_product
from anypan.runtime.errors import UserError

FORMULA = ("-m", "GSA", "-q")


def run(*arguments):
    result = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)
    return result


def fused(product, out, *options):
    result = run("fuse", product, out, *FORMULA, *options)
    assert result.exit_code == 0, result.output
    return rasterio.open(out)


def refused(*arguments):
    """The sentence with which the command ends."""
    done = run(*arguments)
    assert done.exit_code == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.output
    return done.stderr.strip()


def test_every_family_has_a_product_made_here():
    assert set(made.MAKERS) == set(FAMILIES)


@pytest.mark.parametrize("family", made.MAKERS)
def test_a_folder_is_fused_with_one_command(family, tmp_path):
    folder = made.MAKERS[family](tmp_path)
    product = find_product(folder)
    assert product.family == family and product.sensor != "generic" and product.acquired
    with fused(folder, tmp_path / "out.tif") as out:
        assert out.shape[0] >= made.SIDE and out.nodata == product.nodata
        assert out.descriptions == (product.groups[0].default or product.groups[0].names)
        assert out.tags()["ACQUISITION_TIME"] == product.acquired


@pytest.mark.parametrize("family", [name for name in made.MAKERS if name != "Sentinel-2"])
def test_colours_are_found_by_name_and_marked(family, tmp_path):
    folder = made.MAKERS[family](tmp_path)
    with fused(folder, tmp_path / "rgb.tif", "--bands", "red,green,blue") as out:
        assert out.colorinterp == (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        colours = out.read()
    with fused(folder, tmp_path / "blue.tif", "--bands", "blue,red,green") as out:
        np.testing.assert_allclose(out.read((2, 3, 1)).astype(int), colours.astype(int), atol=1)  # of rounding


@pytest.mark.parametrize("family", made.MAKERS)
def test_an_archive_gives_the_bytes_of_its_folder(family, tmp_path):
    folder = made.MAKERS[family](tmp_path)
    with fused(folder, tmp_path / "folder.tif") as one, fused(made.zipped(folder), tmp_path / "zip.tif") as two:
        np.testing.assert_array_equal(one.read(), two.read())
        assert one.descriptions == two.descriptions and one.tags() == two.tags()


def _tar(folder, path, prefix=""):
    """As ``tar -cf``, with the folder, or with names that begin with a point and a slash."""
    with tarfile.open(path, "w:gz" if path.name.lower().endswith("gz") else "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(folder, f"{prefix}{folder.name}")
    return path


def _renamed(folder, change):
    """Files with other names, inner ones first."""
    for file in sorted(folder.rglob("*"), reverse=True):
        if file.is_file():
            file.rename(file.with_name(change(file.name)))
    return folder


def _nested(folder):
    (outer := folder.parent / "an order" / "delivery (1)").mkdir(parents=True)
    return folder.rename(outer / folder.name).parents[1]


def _suffix(swap):
    return lambda name: f"{name.rpartition('.')[0]}.{swap(name.rpartition('.')[2])}"


VARIANTS = {
    "spaces": lambda folder: folder.rename(folder.with_name("my new folder")),
    "nested": _nested,
    "upper": lambda folder: _renamed(folder, _suffix(str.upper)),
    "lower": lambda folder: _renamed(folder, _suffix(str.lower)),
    "zip": made.zipped,
    "ZIP": lambda folder: (path := made.zipped(folder)).rename(path.with_suffix(".ZIP")),
    "tar": lambda folder: _tar(folder, folder.parent / "order.tar"),
    "tar.gz": lambda folder: _tar(folder, folder.parent / "an order.tar.gz"),
    "tgz": lambda folder: _tar(folder, folder.parent / "order.tgz", "./"),
    "TAR.GZ": lambda folder: _tar(folder, folder.parent / "ORDER.TAR.GZ"),
    "tar, flat": made.tarred,
    "resource forks": lambda folder: made.put(made.zipped(folder), "__MACOSX/._DIM_A.XML", "\0\5\26\7"),
    "link": lambda folder: (folder.parent / "link", (folder.parent / "link").symlink_to(folder))[0],
}


def _seen(product):
    """Grid, bands and a corner of every image of a product."""
    found = []
    for files in [files for group in product.groups for files in (group.pan, group.ms)]:
        with closing(raster.open_raster(files)) as image:
            found.append((image.grid, image.bands, image.read(0, 0, 8, 8)[0]))
    return found


@pytest.fixture(scope="module")
def plain_of(tmp_path_factory):
    """The product of a family as a folder, and its images."""

    @cache
    def look(family):
        plain = find_product(made.MAKERS[family](tmp_path_factory.mktemp("plain")))
        return plain, _seen(plain)

    return look


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("family", made.MAKERS)
def test_however_it_was_packed_the_product_is_the_same(family, variant, plain_of, tmp_path):
    plain, seen = plain_of(family)
    other = find_product(VARIANTS[variant](made.MAKERS[family](tmp_path)))
    assert [group.names for group in other.groups] == [group.names for group in plain.groups]
    assert (other.sensor, other.acquired, other.nodata, other.gains) == (
        plain.sensor,
        plain.acquired,
        plain.nodata,
        plain.gains,
    )
    for ours, theirs in zip(seen, _seen(other), strict=True):
        assert ours[:2] == theirs[:2]
        np.testing.assert_array_equal(ours[2], theirs[2])


def _short_wave(folder):
    """Another part in the order, as of WorldView-3."""
    (ms,) = folder.glob("*_MUL")
    part = shutil.copytree(ms, ms.with_name(ms.name.replace("MUL", "SWI")))
    (table,) = part.glob("*.IMD")
    said = table.read_text().replace('"Multi"', '"All-S"')
    table.with_name(table.name.replace("-M2AS", "-A2AS")).write_text(re.sub(r"BAND_\w+", "BAND_S1", said))
    table.unlink()
    return folder


def _clipped(folder):
    """One file a part and no list of tiles, with a clip of it beside."""
    for part in folder.iterdir():
        (table,), tiles = part.glob("*.IMD"), sorted(part.glob("*.TIF"))
        with rasterio.open(tiles[0]) as one, rasterio.open(tiles[1]) as two:
            image, profile = np.concatenate([one.read(), two.read()], 2), one.profile
        profile |= {"width": image.shape[2]}
        for name in (table.with_suffix(".TIF"), table.with_name(f"{table.stem}_clip.TIF")):
            with rasterio.open(name, "w", **profile) as file:
                file.write(image)
        for file in (*tiles, *part.glob("*.TIL")):
            file.unlink()
    return folder


def _fused_already(folder):
    """Pansharpened bands beside the bands."""
    for band in "BGRN":
        (pan,) = folder.glob("*_P.tif")
        shutil.copy(pan, pan.with_name(pan.name.replace("_P.tif", f"_P{band}.tif")))
    return folder


BESIDE = (("Maxar", _short_wave), ("Maxar", _clipped), ("KOMPSAT-3", _fused_already))


@pytest.mark.parametrize(("family", "add"), BESIDE)
def test_what_lies_beside_a_product_is_none_of_it(family, add, plain_of, tmp_path):
    plain, seen = plain_of(family)
    other = find_product(add(made.MAKERS[family](tmp_path)))
    assert [group.names for group in other.groups] == [group.names for group in plain.groups]
    for ours, theirs in zip(seen, _seen(other), strict=True):
        assert ours[0] == theirs[0]
        np.testing.assert_array_equal(ours[2], theirs[2])


def test_tiles_are_the_image_and_bands_keep_their_order(tmp_path):
    """The DIMAP's MS is stored red first; its blue is the third band of the file, all columns of both tiles."""
    folder = made.dimap(tmp_path)
    pan, ms = made._images(4, 4)
    with anypan.open_pair(folder, [], bands=["blue"], register=False) as pair:
        assert pair.grid.shape == pan.shape and pair.scene.sensor == "Pleiades"
        np.testing.assert_array_equal(pair.scene.whole().lrms[0].numpy(), ms[2])
        np.testing.assert_array_equal(pair.scene.whole().pan[0].numpy(), pan)


def test_landsat_as_the_usgs_ships_it(tmp_path):
    archive = made.tarred(made.landsat(tmp_path))
    with fused(archive, tmp_path / "out.tif", "--bands", "B4,B3,B2") as out:
        assert out.descriptions == ("B4", "B3", "B2")
        assert out.tags(1)["RADIANCE_GAIN"] == "0.0123" and out.tags(1)["RADIANCE_BIAS"] == "-6.3"
        assert out.tags()["SENSOR"] == "Landsat-9 OLI-2/TIRS-2" and out.tags()["BITS"] == "16"


def test_landsat_7_leaves_the_thermal_band_out_unless_it_is_named(tmp_path):
    folder = made.landsat(tmp_path, "LANDSAT_7")
    with fused(folder, tmp_path / "out.tif") as out:
        assert out.descriptions == ("B1", "B2", "B3", "B4", "B5", "B7")
    with fused(folder, tmp_path / "hot.tif", "--bands", "B6_VCID_1") as out:
        assert out.descriptions == ("B6_VCID_1",)


def test_what_python_opens_is_what_the_command_opens(tmp_path):
    folder = made.maxar(tmp_path)
    report = anypan.fuse(folder, [], tmp_path / "api.tif", "GSA")
    assert report.bands == ("coastal", "blue", "green", "yellow", "red", "rededge", "nir1", "nir2")
    with fused(folder, tmp_path / "cli.tif") as one, rasterio.open(tmp_path / "api.tif") as two:
        np.testing.assert_array_equal(one.read(), two.read())


def test_local_members_of_archives_need_no_permission(tmp_path):
    folder = made.landsat(tmp_path)
    archive, stem = made.zipped(folder), folder.name
    names = [f"/vsizip/{archive}/{stem}/{stem}_B{band}.TIF" for band in ("8", "4", "3")]
    assert run("fuse", *names, tmp_path / "out.tif", *FORMULA).exit_code == 0
    braced = [name.replace(str(archive), f"{{{archive}}}") for name in names]
    assert run("fuse", *braced, tmp_path / "braced.tif", *FORMULA).exit_code == 0
    packed = tmp_path / "pan.tif.gz"
    packed.write_bytes(gzip.compress(b"II*"))
    for name in (packed, f"/vsigzip/{packed}"):
        assert refused("fuse", name, names[1], tmp_path / "x.tif").count("unpack it") == 1
    assert "--allow-remote" in refused(
        "fuse", "/vsizip//vsicurl/http://127.0.0.1/a.zip/b.tif", names[1], tmp_path / "x.tif"
    )
    assert "does not exist" in refused("fuse", "/vsizip/absent.zip/b.tif", names[1], tmp_path / "x.tif")


def test_the_guide_of_sentinel_2_is_the_band_that_the_wanted_ones_follow(tmp_path):
    folder = made.sentinel2(tmp_path)
    with fused(folder, tmp_path / "edge.tif") as out:
        assert out.descriptions == ("B05", "B06", "B07", "B8A") and out.res == (10, 10)
    for bands, guide in (("B5,B8A", "B08"), ("swir1,B12", "B04"), ("B1", "B02")):
        group, _ = find_product(folder).choose(bands.split(","))
        assert f"_{guide}_10m" in group.pan[0]
    with fused(folder, tmp_path / "swir.tif", "--bands", "B12,swir1") as out:
        assert out.descriptions == ("B12", "B11")
    assert "fused together" in refused("fuse", folder, tmp_path / "x.tif", "--bands", "B05,B11")


def test_pleiades_neo_keeps_its_bands_in_two_sets_of_files(tmp_path):
    """The index list of each set says which band is which; red, green, blue first, then infrared, edge, coastal."""
    folder = made.dimap(tmp_path, ("PNEO", "3"))
    metadata = next(folder.rglob("DIM_*_MS_*.XML"))
    part, (_, ms) = metadata.parent, made._images(4, 4)
    text = metadata.read_text()
    inner = text.split("<Data_Files>")[1].split("</Data_Files>")[0]
    sets = ""
    for name, keys, order in (("RGB", "RGB", (2, 1, 0)), ("NED", ("NIR", "RE", "DB"), (3, 1, 0))):
        for file in sorted(part.glob("*_ORT_R1C?.TIF")):
            with rasterio.open(file) as dataset:
                made.write(part / file.name.replace("_ORT_", f"_{name}_"), dataset.read([n + 1 for n in order]),
                           dataset.transform, crs=made.UTM)  # fmt: skip
        listed = "".join(
            f"<Raster_Index><BAND_ID>{key}</BAND_ID><BAND_INDEX>{n}</BAND_INDEX></Raster_Index>"
            for n, key in enumerate(keys, 1)
        )
        tiles = inner.replace("_ORT_", f"_{name}_")
        sets += f"<Data_Files><Raster_Index_List>{listed}</Raster_Index_List>{tiles}</Data_Files>"
    metadata.write_text(text.replace(f"<Data_Files>{inner}</Data_Files>", sets))
    with fused(folder, tmp_path / "out.tif") as out:
        assert out.descriptions == ("red", "green", "blue", "nir", "rededge", "coastal")
        assert out.tags()["SENSOR"] == "Pleiades Neo"
    with anypan.open_pair(folder, [], bands=["nir"], register=False) as pair:
        np.testing.assert_array_equal(pair.scene.whole().lrms[0].numpy(), ms[3])


def test_a_folder_of_products_and_rows_that_name_them_go_through_batch(tmp_path):
    (shipped := tmp_path / "shipped").mkdir()
    archive = made.tarred(made.landsat(tmp_path)).rename(shipped / "LC09.tar")
    bundle, order = made.dimap(shipped), made.maxar(shipped)
    next(order.rglob("*_R1C2.TIF")).unlink()
    done = run("batch", shipped, "-o", tmp_path / "out", "-m", "GSA", "--jobs", 1)
    assert done.exit_code != 0 and "_R1C2.TIF" in done.output
    assert sorted(p.name for p in (tmp_path / "out").glob("*.tif")) == ["BUNDLE.tif", "LC09.tif"]
    (tmp_path / "rows.csv").write_text(f'name,pan,ms,bands\nrgb,{archive},,"red,green,blue"\nall,{bundle},,\n')
    assert run("batch", tmp_path / "rows.csv", "-o", tmp_path / "two", "-m", "GSA", "--jobs", 1).exit_code == 0
    with rasterio.open(tmp_path / "two" / "rgb.tif") as out:
        assert out.descriptions == ("B4", "B3", "B2")


@pytest.mark.parametrize("family", made.MAKERS)
def test_a_scene_of_a_batch_is_known_by_the_files_that_it_is_read_from(family, tmp_path):
    folder = made.MAKERS[family](tmp_path)
    job = Job("scene", str(folder), ())
    before = job.key("EXP", {})
    (folder / "browse.jpg").write_bytes(b"picture")
    assert job.key("EXP", {}) == before
    image = find_product(folder).groups[0].ms[-1]
    about = os.stat(image)
    os.utime(image, ns=(about.st_atime_ns, about.st_mtime_ns + 1))  # the folder's own time stays as it was
    assert job.key("EXP", {}) != before


# What is wrong with a product


def test_a_folder_that_holds_no_product_says_what_was_looked_for(tmp_path):
    (tmp_path / "empty").mkdir()
    said = refused("fuse", tmp_path / "empty", tmp_path / "out.tif")
    assert all(family.sought in said for family in FAMILIES.values()) and "the files of PAN and MS" in said
    (tmp_path / "image.tif").write_bytes(b"II*\0")
    assert "neither a folder nor an archive" in refused("fuse", tmp_path / "image.tif", tmp_path / "out.tif")
    assert "does not exist" in refused("fuse", tmp_path / "absent", tmp_path / "out.tif")


@pytest.mark.parametrize("family", ["DIMAP", "Maxar"])
def test_a_missing_tile_is_named_and_nothing_is_written(family, tmp_path):
    folder = made.MAKERS[family](tmp_path)
    lost = next(folder.rglob("*_R1C2.TIF"))
    lost.unlink()
    assert lost.name in refused("fuse", folder, tmp_path / "out.tif")
    assert not (tmp_path / "out.tif").exists()


def test_a_missing_band_is_an_error_only_where_it_is_wanted(tmp_path):
    folder = made.landsat(tmp_path)
    next(folder.glob("*_B6.TIF")).unlink()
    assert "_B6.TIF" in refused("fuse", folder, tmp_path / "out.tif")
    assert "--bands" in refused("fuse", folder, tmp_path / "out.tif", "--bands", "B4,swir1")
    with fused(folder, tmp_path / "out.tif", "--bands", "B4,B3") as out:
        assert out.descriptions == ("B4", "B3")


@pytest.mark.parametrize(
    "away", ["../secret.TIF", "/etc/secret.TIF", "http://127.0.0.1/secret.TIF", "/vsicurl/x.TIF", "..\\secret.TIF"]
)
def test_metadata_that_name_a_file_outside_are_refused(away, tmp_path):
    folder = made.landsat(tmp_path)
    (tmp_path / "secret.TIF").write_bytes(next(folder.glob("*_B2.TIF")).read_bytes())
    metadata = next(folder.glob("*_MTL.txt"))
    metadata.write_text(metadata.read_text().replace(f"{folder.name}_B2.TIF", away))
    assert "outside of the product" in refused("fuse", folder, tmp_path / "out.tif")


def test_links_that_lead_out_of_the_folder_are_no_part_of_it(tmp_path):
    folder = made.landsat(tmp_path)
    band = next(folder.glob("*_B2.TIF"))
    band.rename(tmp_path / "outside.TIF")
    band.symlink_to(tmp_path / "outside.TIF")
    assert "B2.TIF of band B2 is not there" in refused("fuse", folder, tmp_path / "out.tif")


BOMB = '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("prologue", [BOMB, OUTSIDE, "<!DOCTYPE a>"])
def test_entities_in_metadata_are_refused(prologue, tmp_path):
    folder = made.dimap(tmp_path)
    for metadata in folder.rglob("DIM_*.XML"):
        metadata.write_text(metadata.read_text().replace("<Dimap_Document>", f"{prologue}<Dimap_Document>", 1))
    assert "entities or a document type" in refused("fuse", folder, tmp_path / "out.tif")
    for metadata in folder.rglob("DIM_*.XML"):
        metadata.write_text("<Dimap_Document>")
    assert "no sound XML" in refused("fuse", folder, tmp_path / "out.tif")


def test_archives_that_are_broken_or_lead_out(tmp_path):
    archive = made.zipped(made.landsat(tmp_path))
    before = find_product(archive)
    made.put(archive, "../evil_MTL.txt", "GROUP = A")
    made.put(archive, "/etc/L09_evil_MTL.txt", "GROUP = A")
    assert find_product(archive) == before
    archive.write_bytes(archive.read_bytes()[:1000])
    with pytest.raises(UserError, match="fetch it again"):
        find_product(archive)


def test_a_name_that_gdal_cannot_follow_into_an_archive_has_a_remedy(tmp_path):
    folder = made.MAKERS["Sentinel-2"](tmp_path)
    with tarfile.open(tmp_path / "order.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(folder, folder.name)
    assert "pack the files as a .zip" in refused("fuse", tmp_path / "order.tar", tmp_path / "out.tif", *FORMULA)


def test_two_scenes_in_a_folder_are_not_chosen_from(tmp_path):
    made.landsat(tmp_path)
    made.landsat(tmp_path, "LANDSAT_8")
    with pytest.raises(UserError, match="2 of MTL files"):
        find_product(tmp_path)


HOSTILE = {
    "a group named as a value": "A = 1\nGROUP = A\nB = 2\nEND_GROUP = A\n",
    "a value named as a group": "GROUP = A\nB = 2\nEND_GROUP = A\nA = 1\n",
    "no number": "GROUP = X\nQUANTIZE_CAL_MAX_BAND_8 = abc\nbitsPerPixel = abc;\nEND_GROUP = X\n",
    "an endless number": "GROUP = X\nQUANTIZE_CAL_MAX_BAND_8 = 1e400\nbitsPerPixel = 1e400;\nEND_GROUP = X\n",
    "many digits": f"GROUP = X\nQUANTIZE_CAL_MAX_BAND_8 = {'9' * 5000}\nbitsPerPixel = {'9' * 5000};\nEND_GROUP = X\n",
    "groups without end": "".join(f"GROUP = G{n}\n" for n in range(5000)),
}


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("family, pattern", [("Landsat", "*_MTL.txt"), ("Maxar", "*.IMD"), ("Maxar", "*.TIL")])
def test_metadata_of_any_content_are_read_or_refused(family, pattern, what, tmp_path):
    folder = made.MAKERS[family](tmp_path)
    for metadata in folder.rglob(pattern):
        metadata.write_text(HOSTILE[what] + metadata.read_text())
    done = run("fuse", folder, tmp_path / "out.tif", *FORMULA)
    assert done.exit_code in (0, 2) and done.stderr.count("\n") <= 1, done.output


@pytest.mark.parametrize("bits", ["1e400", "nan", "-3", "abc", "9" * 5000])
def test_bits_that_are_none_are_left_out(bits, tmp_path):
    folder = made.MAKERS["DIMAP"](tmp_path)
    for metadata in folder.rglob("DIM_*.XML"):
        text = metadata.read_text()
        metadata.write_text(text.replace("<PRODUCT_RANGE>12<", f"<PRODUCT_RANGE>{bits}<"))
    assert find_product(folder).bits is None


def test_level_2_has_no_pan_though_it_names_that_of_level_1(tmp_path):
    folder = made.landsat(tmp_path)
    next(folder.glob("*_B8.TIF")).unlink()
    metadata = next(folder.glob("*_MTL.txt"))
    metadata.write_text('GROUP = PRODUCT\n  PROCESSING_LEVEL = "L2SP"\nEND_GROUP = PRODUCT\n' + metadata.read_text())
    with pytest.raises(UserError, match=r"L2SP.*Level-1"):
        find_product(folder)


def test_level_2_has_no_pan(tmp_path):
    folder = made.landsat(tmp_path)
    metadata = next(folder.glob("*_MTL.txt"))
    metadata.write_text("".join(line for line in metadata.read_text().splitlines(True) if "BAND_8" not in line))
    with pytest.raises(UserError, match="Level-1"):
        find_product(folder)
