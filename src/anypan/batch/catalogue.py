"""STAC catalogues in: each item with a panchromatic asset is a scene (pystac; an extra)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

from anypan.batch.jobs import Fault, Job
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import check_plain

PAN_KEYS, MS_KEYS = ("pan", "panchromatic"), ("ms", "mul", "multispectral")
COMMON = ("coastal", "blue", "green", "green05", "yellow", "red", "rededge", "nir", "nir08")  # what a PAN guides
PICTURES = ("image/png", "image/jpeg")
DEEPEST = 32  # catalogues within catalogues
MOST = 2**28  # bytes of a catalogue's file


def of_catalogue(path: Path, allow_remote: bool) -> Iterator[Job | Fault]:
    """The items of a catalogue, a collection, an item collection, or one item. UserError if it is none of these."""
    pystac = library()
    io, here = _reader(pystac, allow_remote), str(path.absolute())
    try:
        read = io.read_json(here)
        features = list(read["features"]) if read.get("type") == "FeatureCollection" else None
        found = None if features is not None else io.stac_object_from_dict(read, href=here)
    except Exception as problem:  # pystac has no root of its errors, and fails in its own words on what is no STAC
        raise UserError(f"{path} is no STAC catalogue, collection or item ({_reason(problem)}): check it.") from problem
    if isinstance(found, pystac.Item):
        features = [read]
    if features is None:
        yield from _walked(found, io, allow_remote, {here}, 0)
    for number, feature in enumerate(features or (), 1):
        yield _of_feature(feature, f"{path.stem} item {number}", here, allow_remote)


def _of_feature(feature: Any, where: str, here: str, allow_remote: bool) -> Job | Fault:
    """One of an item collection, which says no more of it than the file; what is none is a fault."""
    try:
        item = library().Item.from_dict(feature, preserve_dict=False)
        item.set_self_href(item.get_self_href() or here)
        return _job(item, allow_remote)
    except Exception as problem:  # as of links: the other scenes are to be fused
        return Fault(where, f"{where}: {_reason(problem)}")


def _walked(node: Any, io: Any, allow_remote: bool, seen: set[str], depth: int) -> Iterator[Job | Fault]:
    """Depth first; a link that leads nowhere, or to no item, is a fault, and the rest goes on."""
    for link in (each for each in node.links if each.rel in ("item", "child")):
        href = link.get_absolute_href() or str(link.target)
        if href in seen or depth >= DEEPEST:
            continue
        seen.add(href)
        try:
            child = io.read_stac_object(href)
            if isinstance(child, library().Item):
                child = _job(child, allow_remote)
        except Exception as problem:  # whatever is wrong with what a link leads to, the other scenes are to be fused
            child = Fault(Path(href).stem, f"{href}: {_reason(problem)}")
        yield from [child] if isinstance(child, Job | Fault) else _walked(child, io, allow_remote, seen, depth + 1)


def _job(item: Any, allow_remote: bool) -> Job | Fault:
    name = f"{item.id!s:.99}"
    where = f"item {name}"
    pan = _of_kind(item, PAN_KEYS, ("pan",))
    ms = _of_kind(item, MS_KEYS, ()) or _of_kind(item, (), COMMON)
    if len(pan) != 1 or not ms:
        keys = ", ".join(item.assets) or "none"
        return Fault(name, f"{where} has not one PAN asset and MS assets with common names, but {keys}: choose both.")
    hrefs = [asset.get_absolute_href() or asset.href for asset in (*pan, *ms)]
    hrefs = [_local(href) for href in hrefs]
    away = next((href for href in hrefs if "://" in href or href.startswith("/vsi")), None)
    if away and not allow_remote:
        return Fault(name, f"{where} is at {away}: copy it here, or pass --allow-remote.")
    when = item.datetime or item.common_metadata.start_datetime
    return Job(item.id, hrefs[0], tuple(hrefs[1:]), {}, where, when.isoformat() if when else None)


def _local(href: str) -> str:
    """A path where the address is one of this machine, without the escapes of a URL."""
    return url2pathname(href.removeprefix("file://")) if href.startswith("file://") else href


def _of_kind(item: Any, keys: tuple[str, ...], names: tuple[str, ...]) -> list[Any]:
    """The assets called one of ``keys``, or else with one band called one of ``names``, in their order."""
    images = {key: asset for key, asset in item.assets.items() if asset.media_type not in PICTURES}
    called = [asset for key, asset in images.items() if key.lower() in keys]
    if called:
        return called[:1]
    found = {name: asset for asset in reversed(images.values()) for name in [_common_name(asset)] if name in names}
    return [found[name] for name in names if name in found]


def _common_name(asset: Any) -> str | None:
    """The common name of an asset's only band, as STAC 1.0 or 1.1 writes it."""
    bands = asset.extra_fields.get("bands") or asset.extra_fields.get("eo:bands") or []
    if not isinstance(bands, list) or len(bands) != 1 or not isinstance(bands[0], dict):
        return None
    return bands[0].get("eo:common_name") or bands[0].get("common_name")


def _reason(problem: Exception) -> str:
    return (str(problem).splitlines() or [type(problem).__name__])[0][:200]


def library() -> Any:
    """pystac. UserError if it is not installed."""
    try:
        import pystac
    except ImportError as error:
        raise UserError("STAC needs pystac: pip install 'anypan[stac]'.") from error
    return pystac


def _reader(pystac: Any, allow_remote: bool) -> Any:
    """What reads JSON: from files only, unless remote ones are allowed."""

    class Reader(pystac.stac_io.DefaultStacIO):
        def read_text_from_href(self, href: str) -> str:
            """The text at an address. UserError for a remote one."""
            if "://" in href and not href.startswith("file://") and not allow_remote:
                raise UserError("it is elsewhere: copy it here, or pass --allow-remote.")
            place = _local(href)
            if "://" not in place:
                check_plain(place, "name a catalogue's file", MOST)
            return super().read_text_from_href(href)

    return Reader()
