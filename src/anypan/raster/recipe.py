"""A pansharpened VRT of GDAL: a text that names PAN and MS, of which GDAL makes the pixels when they are read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from rasterio.enums import ColorInterp

from anypan.geometry.grid import pixels_apart
from anypan.raster.creation import RECIPE, check_ending
from anypan.raster.format import Format
from anypan.raster.read import Raster
from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError

COLOURS = {ColorInterp.red: "Red", ColorInterp.green: "Green", ColorInterp.blue: "Blue", ColorInterp.gray: "Gray"}
SAME = 0.05  # PAN pixels that the corners of PAN and MS may be apart


def check_recipe(path: Path, pan: Raster, ms: Raster, nodata: float | None) -> None:
    """UserError where a recipe cannot say what is to be done, or GDAL could not do it."""
    check_ending(path, RECIPE)
    if any(len(layer) > 1 for raster in (pan, ms) for layer in raster.layers):
        raise UserError(f"{path} can name no tiles: write them as one file first, or choose another --format.")
    for raster in (pan, ms):
        if not raster.as_stored:
            raise UserError(
                f"{raster.name} has to be resampled first, which {RECIPE} cannot say: choose another --format."
            )
        if not raster.grid.georeferenced or not raster.files:
            raise UserError(
                f"{raster.name} has no place on the earth that a recipe could rely on: choose --format COG."
            )
        _check_fill(raster, nodata)
    _check_extent(pan, ms)


def _check_extent(pan: Raster, ms: Raster) -> None:
    """UserError unless both cover the same ground: else GDAL gives a recipe a grid that covers both."""
    if pixels_apart(pan.grid, ms.grid) > SAME:
        raise UserError(
            f"{ms.name} and {pan.name} cover different ground, and GDAL would give their recipe another grid than the "
            "PAN's: cut both to one extent, or choose another --format."
        )


def _check_fill(raster: Raster, nodata: float | None) -> None:
    """UserError where a raster's fill is not what its recipe can say: one nodata value in all bands of PAN and MS."""
    sheets = [sheet for layer in raster.layers for sheet in layer]
    named = raster.rules.nodata
    stored = [raster.datasets[n].nodatavals[band - 1] for n, band in raster.bands]
    values = [*(stored if named is None else [named]), raster.filler]
    others = [value for value in values if value is not None and not _same(value, nodata)]
    masked = any(sheet.alpha or sheet.marks.masked or sheet.marks.apart for sheet in sheets) or raster.rules.all_bands
    if masked or others:
        raise UserError(
            f"{raster.name} marks fill otherwise than by the one nodata value that {RECIPE} can give: choose another "
            "--format."
        )


def _same(value: float, nodata: float | None) -> bool:
    return nodata is not None and (value == nodata or (value != value and nodata != nodata))


def write_recipe(
    path: Path,
    pair: tuple[Raster, Raster],
    weights: Sequence[float],
    written: Sequence[int],
    form: Format,
    overwrite: bool = True,
) -> int:
    """Write the recipe of the Brovey transform of PAN and MS with ``weights`` of all MS bands; bytes written.

    ``written``: indices of the bands that the recipe gives, in their order. Raises UserError.
    """
    pan, ms = pair
    root = Element("VRTDataset", subClass="VRTPansharpenedDataset")
    _add_tags(root, form.tags)
    for number in range(len(form.names)):
        _add_band(root, form, number)
    options = SubElement(root, "PansharpeningOptions")
    SubElement(options, "Algorithm").text = "WeightedBrovey"
    share = SubElement(SubElement(options, "AlgorithmOptions"), "Weights")
    share.text = ",".join(f"{weight:.9g}" for weight in weights)
    SubElement(options, "Resampling").text = "Cubic"
    if form.nbits:
        SubElement(options, "BitDepth").text = str(form.nbits)
    if form.nodata is not None:
        SubElement(options, "NoData").text = f"{form.nodata:.17g}"
    _add_source(SubElement(options, "PanchroBand"), path, pan, pan.bands[0])
    for index, band in enumerate(ms.bands):
        shown = {"dstBand": str(written.index(index) + 1)} if index in written else {}
        _add_source(SubElement(options, "SpectralBand", shown), path, ms, band)
    indent(root)
    try:
        with drafted(path, overwrite) as draft:
            ElementTree(root).write(draft, encoding="utf-8")
    except OSError as problem:
        raise UserError(f"{path} cannot be written ({problem.strerror}): free some space.") from problem
    return path.stat().st_size


def _add_band(root: Element, form: Format, band: int) -> None:
    """A band, from 0, with its name, colour, nodata value, unit, tags, and how pixels become physical values."""
    kind = {"dataType": _type(form.dtype), "subClass": "VRTPansharpenedRasterBand"}
    node = SubElement(root, "VRTRasterBand", kind, band=str(band + 1))
    if form.names[band]:
        SubElement(node, "Description").text = form.names[band]
    if form.colours[band] in COLOURS:
        SubElement(node, "ColorInterp").text = COLOURS[form.colours[band]]
    if form.nodata is not None:
        SubElement(node, "NoDataValue").text = f"{form.nodata:.17g}"
    if form.units[band]:
        SubElement(node, "UnitType").text = form.units[band]
    SubElement(node, "Offset").text = f"{form.offsets[band]:.17g}"
    SubElement(node, "Scale").text = f"{form.scales[band]:.17g}"
    _add_tags(node, form.band_tags[band])


def _add_tags(node: Element, tags: Mapping[str, str]) -> None:
    known = SubElement(node, "Metadata")
    for key, value in tags.items():
        SubElement(known, "MDI", key=key).text = value


def _type(dtype: str) -> str:
    """GDAL's word for a pixel type."""
    known = {"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32"}
    return known.get(dtype, dtype.capitalize())


def _add_source(node: Element, path: Path, raster: Raster, band: tuple[int, int]) -> None:
    """Files are named from the recipe's folder, so that both can move together; members of archives as GDAL does."""
    layer, number = band
    name = raster.layers[layer][0].dataset.name
    plain = os.path.isfile(name)
    shown = os.path.relpath(os.path.realpath(name), os.path.realpath(path.parent)) if plain else name
    SubElement(node, "SourceFilename", relativeToVRT=str(int(plain))).text = shown
    SubElement(node, "SourceBand").text = str(number)
