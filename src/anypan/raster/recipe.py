"""A pansharpened VRT of GDAL: a text that names PAN and MS, of which GDAL makes the pixels when they are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from rasterio.enums import ColorInterp

from anypan.raster.creation import RECIPE, check_ending
from anypan.raster.format import Format
from anypan.raster.read import Raster
from anypan.runtime.claim import drafted
from anypan.runtime.errors import UserError

COLOURS = {ColorInterp.red: "Red", ColorInterp.green: "Green", ColorInterp.blue: "Blue", ColorInterp.gray: "Gray"}


def check_recipe(path: Path, pan: Raster, ms: Raster) -> None:
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
    for number, (name, colour) in enumerate(zip(form.names, form.colours, strict=True), 1):
        band = SubElement(
            root, "VRTRasterBand", dataType=_type(form.dtype), band=str(number), subClass="VRTPansharpenedRasterBand"
        )
        if name:
            SubElement(band, "Description").text = name
        if colour in COLOURS:
            SubElement(band, "ColorInterp").text = COLOURS[colour]
        if form.nodata is not None:
            SubElement(band, "NoDataValue").text = f"{form.nodata:.17g}"
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
