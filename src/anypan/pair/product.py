"""A product as a pair: which of its files are opened and how, and what its metadata add to the output's format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike

from anypan import raster
from anypan.optics.sensors import find
from anypan.pair.opening import Opening
from anypan.products import Group, Product, find_product
from anypan.raster import Format, Raster
from anypan.runtime.errors import UserError


def opened_product(path: str | PathLike[str], opening: Opening) -> tuple[Raster, Raster, Opening, Product]:
    """PAN and MS of a product, open, what holds for them, and the product. What a user says goes before its metadata.

    Raises UserError if it is no product, incomplete, or lacks the bands.
    """
    product = find_product(path)
    group, bands = product.choose(opening.bands)
    settled = replace(
        opening,
        bands=bands,
        reference_bands=opening.reference_bands or _reference(group, bands),
        sensor=opening.sensor or product.sensor,
        nodata=product.nodata if opening.nodata is None else opening.nodata,
        pan_nodata=product.nodata if opening.pan_nodata is None else opening.pan_nodata,
    )
    pan, ms = settled.opened(group.pan, group.ms)
    if len(ms.bands) != len(group.names):
        for each in (pan, ms):
            each.close()
        raise UserError(
            f"{product.name} holds {len(ms.bands)} MS bands, and its metadata name {len(group.names)}: leave in "
            "its folder what was delivered alone, or fetch it again."
        )
    named = replace(ms, described=dict(zip(ms.bands, group.names, strict=True)))
    asked = opening.pan_nodata is not None, opening.nodata is not None
    pan, ms = (replace(each, rules=replace(each.rules, named=by)) for each, by in zip((pan, named), asked, strict=True))
    return pan, ms, settled, product


def _reference(group: Group, bands: Sequence[str | int] | None) -> list[str | int] | None:
    """The bands that are taken if nobody names any, and with them those that somebody names; None for all."""
    there = [name for name in group.default if name in group.names]
    return [*there, *(bands or ())] if there else None


def described(form: Format, names: Sequence[str], product: Product) -> Format:
    """The format with the product's band names, colours, time and gains."""
    sensor = find(product.sensor)
    bands = [sensor.band(name) for name in names]
    colours = [next((c for c in ("red", "green", "blue") if b and sensor.band(c) is b), None) for b in bands]
    plain = [colour or name.lower() for colour, name in zip(colours, names, strict=True)]
    tags = {"SENSOR": sensor.title, "ACQUISITION_TIME": product.acquired, "BITS": product.bits and str(product.bits)}
    tags |= product.tags
    gains = [product.gains.get(name) for name in names]
    return raster.described(
        form,
        names,
        plain,
        {key: value for key, value in tags.items() if value},
        RADIANCE_GAIN=[None if gain is None else f"{gain[0]:.9g}" for gain in gains],
        RADIANCE_BIAS=[None if gain is None else f"{gain[1]:.9g}" for gain in gains],
    )
