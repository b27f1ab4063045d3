"""STAC items of outputs and of networks, read back by pystac and held against the files."""

import hashlib
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pairs
import pystac
import pytest
import rasterio
from affine import Affine
from click.testing import CliRunner, Result
from pystac.extensions.file import FileExtension
from pystac.extensions.mlm import MLMExtension
from pystac.extensions.projection import ProjectionExtension
from rasterio.control import GroundControlPoint
from rasterio.rpc import RPC

from anypan.batch import read_manifest
from anypan.cli import cli
from anypan.raster import footprint
from anypan.weights import FOLDER, available

WHEN = "2024-05-01T10:30:00Z"
PLACE = Affine(0.00001, 0, 15.0, 0, -0.00001, 36.0)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def fused(folder: Path, *options: object) -> Result:
    pan, ms = pairs.landscape(64, 64)
    pan_file, ms_file = pairs.write_pair(folder, pan.astype("uint16"), ms.astype("uint16"), nodata=0)
    with rasterio.open(ms_file, "r+") as file:
        file.descriptions = ("Blue", "green", "swir")
    return command("fuse", pan_file, ms_file, folder / "fused.tif", *options)


def test_an_item_says_what_the_file_says(tmp_path: Path) -> None:
    assert fused(tmp_path, "--stac", "--datetime", WHEN).exit_code == 0
    item = pystac.Item.from_file(str(tmp_path / "fused.json"))
    out = tmp_path / "fused.tif"
    placed = ProjectionExtension.ext(item)
    with rasterio.open(out) as file:
        assert placed.code == "EPSG:32633" == file.crs.to_string()
        assert placed.shape == list(file.shape) and placed.transform == list(file.transform)[:6]
    asset = item.assets["data"]
    told = FileExtension.ext(asset)
    assert told.size == out.stat().st_size
    assert told.checksum == "1220" + hashlib.sha256(out.read_bytes()).hexdigest()
    assert Path(str(asset.get_absolute_href())) == out
    common = [band.get("eo:common_name") for band in asset.extra_fields["bands"]]
    assert common == ["blue", "green", None] and asset.extra_fields["nodata"] == 0
    assert item.datetime is not None and item.datetime.isoformat() == "2024-05-01T10:30:00+00:00"


def test_an_item_says_how_the_file_was_made(tmp_path: Path) -> None:
    assert fused(tmp_path, "--stac", "--datetime", WHEN).exit_code == 0
    item = json.loads((tmp_path / "fused.json").read_text())
    names = [url.split("/")[3] for url in item["stac_extensions"]]
    assert {"processing", "projection", "file"} <= set(names)
    assert item["properties"]["processing:software"].keys() == {"anypan"}
    (card,) = (card for card in available() if card.name == "anypan-s")
    line = item["properties"]["processing:lineage"]
    assert all(word in line for word in ("pan.tif", "ms.tif", "anypan-s", "ratio 4", card.sha256))


def test_the_outline_is_the_grid_in_longitudes_and_latitudes(tmp_path: Path) -> None:
    pan, ms = pairs.landscape(64, 64)
    pan_file = pairs.write(tmp_path / "pan.tif", pan, PLACE, crs="EPSG:4326")
    ms_file = pairs.write(tmp_path / "ms.tif", ms, PLACE * Affine.scale(4), crs="EPSG:4326")
    out = tmp_path / "fused.tif"
    assert command("fuse", pan_file, ms_file, out, "-m", "exp", "--stac", "--datetime", "2024-05-01").exit_code == 0
    item = pystac.Item.from_file(str(tmp_path / "fused.json"))
    assert item.bbox == pytest.approx([15.0, 35.99936, 15.00064, 36.0], abs=1e-7)
    ring = item.geometry["coordinates"][0] if item.geometry else []
    area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring)) / 2
    assert ring[0] == ring[-1] and area == pytest.approx(0.00064**2, rel=1e-3)  # counterclockwise


def _placed_by(kind: str) -> dict[str, Any]:
    """What a file of 64 x 64 pixels at PLACE says of its place."""
    if kind == "gcps":
        corners = [(0, 0), (0, 64), (64, 64), (64, 0)]
        return {"gcps": [GroundControlPoint(r, c, *(PLACE @ (c, r))) for r, c in corners], "crs": "EPSG:4326"}
    (lon, lat), span = PLACE @ (32, 32), 64e-5  # the middle; pixel centres of polynomials are whole numbers
    one, east, south = ([float(k == at) * sign for k in range(20)] for at, sign in ((0, 1), (1, 1), (2, -1)))
    return {"rpcs": RPC(250, 100, lat, span, one, south, 31.5, 64, lon, span, one, east, 31.5, 64)}


@pytest.mark.parametrize("kind", ["gcps", "rpcs"])
def test_points_and_polynomials_give_the_outline_that_a_transform_gives(tmp_path: Path, kind: str) -> None:
    pan, _ = pairs.landscape(64, 64)
    one = pairs.write(tmp_path / "one.tif", pan, PLACE, crs="EPSG:4326")
    other = pairs.write(tmp_path / "other.tif", pan, **_placed_by(kind))
    rings = [found.geometry["coordinates"][0] for found in map(footprint, (one, other)) if found.geometry]
    np.testing.assert_allclose(*rings, rtol=0, atol=2e-7)


def test_a_file_without_a_place_has_no_outline(tmp_path: Path) -> None:
    assert footprint(pairs.write(tmp_path / "one.tif", pairs.landscape(64, 64)[0])).geometry is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--stac"], "--datetime"),
        (["--stac", "--datetime", "yesterday"], "no date"),
        (["--stac", "--datetime", WHEN], "exists already"),
    ],
)
def test_an_item_that_cannot_be_written_is_said_before_the_work(tmp_path: Path, options: list[str], words: str) -> None:
    (tmp_path / "fused.json").write_text("mine")
    result = fused(tmp_path, *options)
    assert result.exit_code == 2 and words in result.stderr
    assert not (tmp_path / "fused.tif").exists() and (tmp_path / "fused.json").read_text() == "mine"


def test_an_output_where_its_item_would_lie_is_refused_and_times_are_in_utc(tmp_path: Path) -> None:
    files = pairs.write_pair(tmp_path, *(image.astype("u2") for image in pairs.landscape(64, 64)))
    words = ("-m", "exp", "--stac", "--datetime", "2024-05-01T10:30:00+02:00")
    result = command("fuse", *files, tmp_path / "item.json", *words)
    assert result.exit_code == 2 and "name a file that ends in .tif" in " ".join(result.stderr.split())
    assert command("fuse", *files, tmp_path / "out.tif", *words).exit_code == 0
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["properties"]["datetime"] == "2024-05-01T08:30:00Z"


def test_items_of_a_batch_take_the_times_of_its_manifest(tmp_path: Path) -> None:
    fused(tmp_path, "-m", "exp")
    rows = ["name,pan,ms,datetime", f"one,pan.tif,ms.tif,{WHEN}", "two,pan.tif,ms.tif,"]
    (tmp_path / "scenes.csv").write_text("\n".join(rows))
    result = command("batch", tmp_path / "scenes.csv", "-o", tmp_path / "out", "-m", "exp", "--jobs", 1, "--stac")
    assert result.exit_code == 1 and "two: A STAC item needs the time" in result.stderr
    assert {file.name for file in (tmp_path / "out").glob("*.[jt][si][of]*")} >= {"one.tif", "one.json"}
    assert not (tmp_path / "out" / "two.tif").exists()
    item = pystac.Item.from_file(str(tmp_path / "out" / "one.json"))
    assert item.datetime is not None and item.datetime.year == 2024


def test_networks_are_described_by_the_model_extension() -> None:
    told: dict[str, Any] = json.loads(command("models", "--stac").stdout)
    items = [pystac.Item.from_dict(each) for each in told["features"]]
    assert [item.id for item in items] == [card.name for card in available()]
    for item, card in zip(items, available(), strict=True):
        model = MLMExtension.ext(item)
        assert (model.mlm_name, model.total_parameters, model.framework) == (card.name, card.parameters, "pytorch")
        assert [given.name for given in model.input] == ["pan", "lrms"]
        asset = item.assets["weights"]
        assert asset.extra_fields["file:size"] == (FOLDER / f"{card.name}.safetensors").stat().st_size
        assert asset.extra_fields["file:checksum"] == "1220" + card.sha256


def test_a_link_to_what_is_no_file_is_a_fault(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    catalog = pystac.Catalog("all", "links to a pipe")
    catalog.add_link(pystac.Link("child", f"file://{tmp_path / 'pipe'}"))
    (tmp_path / "catalog.json").write_text(json.dumps(catalog.to_dict()))
    (fault,) = read_manifest(tmp_path / "catalog.json").faults
    assert "is no plain file" in fault.reason
