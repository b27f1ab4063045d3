"""STAC items out (pystac; an extra): a fused image with its grid, its processing and its bytes, and networks (MLM)."""

from __future__ import annotations

import datetime as times
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anypan import __version__
from anypan.batch.catalogue import library
from anypan.methods.resolve import resolve
from anypan.raster import footprint
from anypan.raster.footprint import rings
from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError
from anypan.weights import FOLDER, SUFFIX, Card, available

PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
MULTIHASH = "1220"  # SHA-256, 32 bytes
TIFF = "image/tiff; application=geotiff"
COG = f"{TIFF}; profile=cloud-optimized"
COMMON = ("coastal", "blue", "green", "yellow", "red", "rededge", "nir")
ANY = -1  # length of a dimension
INPUTS = (
    ("pan", 1, "PAN, standardised by the scene's mean and standard deviation at MS scale."),
    ("lrms", ANY, "MS, any number of bands, standardised band by band."),
)
OUTPUT = "The MS on the PAN's grid, standardised as the MS."
EVERYWHERE = {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}
ALWAYS = {"start_datetime": "1900-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59Z"}  # as MLM advises


def acquired(date: str | None) -> times.datetime:
    """The time of acquisition. UserError if it is not given, or no date: an item needs one, and none is made up."""
    if date is None:
        raise UserError(
            "A STAC item needs the time of acquisition: give it as 2024-05-01T10:30:00Z, with --datetime or in the "
            "column datetime of a batch."
        )
    try:
        found = times.datetime.fromisoformat(date)
    except ValueError as error:
        raise UserError(f"{date!r} is no date or time: give it as 2024-05-01T10:30:00Z.") from error
    return found.astimezone(times.UTC) if found.tzinfo else found.replace(tzinfo=times.UTC)


def item_path(output: str | os.PathLike[str]) -> Path:
    """Where the item of an output lies: beside it, with the ending .json."""
    return Path(output).with_suffix(".json")


def write_item(output: str | os.PathLike[str], when: str | None, facts: Mapping[str, Any]) -> Path:
    """Write the STAC item of a fused image beside it; the file appears when it is complete. UserError if it cannot.

    ``facts``: what ``about`` gives.
    """
    place = item_path(output)
    text = json.dumps(item_of(Path(output), when, facts).to_dict(include_self_link=False), indent=2)
    try:
        with drafted(place) as draft:
            draft.write_text(text + "\n", encoding="utf-8")
    except OSError as problem:
        raise UserError(f"{place} cannot be written ({problem.strerror}): free some space.") from problem
    return place


def about(method: str, ratio: int, notes: Sequence[str], inputs: Sequence[str]) -> dict[str, Any]:
    """What an item says of a fusion of ``inputs``, the PAN first."""
    facts = {"method": method, "weights_sha256": resolve(method).weights_sha256, "inputs": list(inputs)}
    return facts | {"ratio": ratio, "notes": list(notes)}


def item_of(output: Path, when: str | None, facts: Mapping[str, Any]) -> Any:
    """The item of a fused image."""
    stac, seen = library(), footprint(output)
    from pystac.extensions.file import FileExtension
    from pystac.extensions.projection import ProjectionExtension

    box = box_of(seen.geometry) if seen.geometry else None
    item = stac.Item(output.stem, seen.geometry, box, acquired(when), _processing(facts))
    item.stac_extensions.append(PROCESSING)
    placed = ProjectionExtension.ext(item, add_if_missing=True)
    code = f"EPSG:{seen.epsg}" if seen.epsg else None
    placed.apply(code=code, wkt2=None if code else seen.wkt2, shape=list(seen.shape), transform=list(seen.transform))
    asset = stac.Asset(f"./{output.name}", "Fused image", media_type=COG if seen.cog else TIFF, roles=["data"])
    asset.extra_fields["bands"] = [_band(*band) for band in seen.bands]
    asset.extra_fields |= {"data_type": seen.dtype} | _nodata(seen.nodata)
    item.add_asset("data", asset)
    FileExtension.ext(asset, add_if_missing=True).apply(checksum=MULTIHASH + seen.sha256, size=seen.size)
    return item


def _nodata(value: float | None) -> dict[str, Any]:
    """The nodata value, as a word where JSON has no number for it."""
    return {} if value is None else {"nodata": value if math.isfinite(value) else str(value)}


def box_of(geometry: Mapping[str, Any]) -> list[float]:
    """West, south, east, north; west is east of east where the antimeridian cuts it (RFC 7946, section 5.2)."""
    cut = geometry["type"] == "MultiPolygon"
    outlines = rings(geometry)
    sides = [(min(x for x, _ in ring), max(x for x, _ in ring)) for ring in outlines]
    west, east = min(low for low, _ in sides), max(high for _, high in sides)
    if cut and min(low for low, _ in sides) < 0 < max(high for _, high in sides):
        west, east = min(low for low, _ in sides if low > 0), max(high for _, high in sides if high < 0)
    heights = [y for ring in outlines for _, y in ring]
    return [west, min(heights), east, max(heights)]


def _processing(facts: Mapping[str, Any]) -> dict[str, Any]:
    now = times.datetime.now(times.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    inputs, sha256 = [Path(name).name for name in facts["inputs"]], facts["weights_sha256"]
    line = f"{', '.join(inputs[1:])} sharpened with {inputs[0]} by {facts['method']}, ratio {facts['ratio']}."
    line += f" Weights: sha256 {sha256}." if sha256 else ""
    return {
        "created": now,
        "processing:datetime": now,
        "processing:software": {"anypan": __version__},
        "processing:lineage": " ".join([line, *facts["notes"]]),
    }


def _band(name: str, colour: str) -> dict[str, str]:
    common = next((one for one in (name.lower(), colour) if one in COMMON), None)
    return {"name": name} | ({"eo:common_name": common} if common else {})


def model_items() -> list[dict[str, Any]]:
    """The networks in the package as STAC items with the Machine Learning Model extension."""
    return [_model_item(card).to_dict(include_self_link=False) for card in available()]


def _model_item(card: Card) -> Any:
    stac = library()
    from pystac.extensions import mlm

    facts = {"license": card.licence, "description": card.summary}
    item = stac.Item(card.name, EVERYWHERE, [-180, -90, 180, 90], None, facts | ALWAYS)
    asset = stac.Asset(f"./{card.name}{SUFFIX}", "Weights", media_type="application/octet-stream")
    asset.roles = ["mlm:model", "mlm:weights"]
    size = (FOLDER / f"{card.name}{SUFFIX}").stat().st_size
    asset.extra_fields |= {"file:checksum": MULTIHASH + card.sha256, "file:size": size}
    asset.extra_fields["mlm:artifact_type"] = "safetensors.torch.save_file"
    item.add_asset("weights", asset)
    given = [mlm.ModelInput.create(name, [], _images(mlm.InputStructure, n), facts) for name, n, facts in INPUTS]
    task = [mlm.TaskType.SUPER_RESOLUTION]
    made = mlm.ModelOutput.create("hrms", task, _images(mlm.ResultStructure, ANY), OUTPUT)
    mlm.MLMExtension.ext(item, add_if_missing=True).apply(
        card.name,
        card.architecture,
        task,
        given,
        [made],
        framework="pytorch",
        total_parameters=card.parameters,
        memory_size=size,
        pretrained=True,
        pretrained_source="; ".join(card.sources),
    )
    return item


def _images(structure: Any, bands: int) -> Any:
    """A batch of images of any size, of so many bands or any number of them."""
    from pystac.extensions.raster import DataType

    return structure.create([ANY, bands, ANY, ANY], ["batch", "bands", "height", "width"], DataType.FLOAT32)
