"""Odd places given to every command in every slot: a folder, a pipe, a device, a URL, a name that is no text ..."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import product
from pathlib import Path

from verdict import command, names, refused_or_wrong, said, wrong


def _fifo(folder: Path) -> str:
    os.mkfifo(folder / "fifo")
    return str(folder / "fifo")


def _made(name: str | bytes, data: bytes) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        place = os.fsencode(folder) + b"/" + os.fsencode(name)
        Path(os.fsdecode(place)).write_bytes(data)
        return os.fsdecode(place)

    return make


def _loop(folder: Path) -> str:
    (folder / "loop").symlink_to(folder / "loop")
    return str(folder / "loop")


def _huge(folder: Path) -> str:
    with (folder / "huge").open("wb") as file:
        file.truncate(2**33)  # takes no room
    return str(folder / "huge")


def _folder(folder: Path) -> str:
    (folder / "inner").mkdir()
    return str(folder / "inner")


ODD: dict[str, Callable[[Path], str]] = {
    "absent": lambda folder: str(folder / "absent"),
    "no folder": lambda folder: str(folder / "no" / "such"),
    "folder": _folder,
    "below a file": lambda folder: str(folder / "pan.tif" / "x"),
    "pipe": _fifo,
    "null": lambda _: "/dev/null",
    "zero": lambda _: "/dev/zero",
    "full": lambda _: "/dev/full",
    "empty": _made("empty", b""),
    "text": _made("text", b"hello\n"),
    "nul bytes": _made("nuls", b"\0" * 5000),
    "no text": _made("latin", b"\xe9\xff\xfe" * 100),
    "no name": _made(b"\xff\xfe.tif", b"x"),
    "line in name": _made("a\nb", b"x"),
    "loop of links": _loop,
    "huge": _huge,
    "long name": lambda folder: str(folder / ("a" * 300)),
    "nothing": lambda _: "",
    "dash": lambda _: "-",
    "url": lambda _: "https://example.org/a.tif",
    "vsi": lambda _: "/vsicurl/https://example.org/a.tif",
    "zipped": lambda _: "/vsizip//etc/x.zip/a.tif",
    "vrt in a name": lambda _: '<VRTDataset rasterXSize="9" rasterYSize="9"></VRTDataset>',
    "driver in a name": lambda _: "GTIFF_DIR:1:a.tif",
}
"""Places that are no sound input of any command, and no sound output of most."""

PAIR = ("{pan}", "{ms}")
SLOTS: dict[str, tuple[str, ...]] = {
    "fuse: pan": ("fuse", "{odd}", "{ms}", "{out}", "-m", "EXP", "-q"),
    "fuse: ms": ("fuse", "{pan}", "{odd}", "{out}", "-m", "EXP", "-q"),
    "fuse: second ms": ("fuse", "{pan}", "{ms}", "{odd}", "{out}", "-m", "EXP", "-q"),
    "fuse: out": ("fuse", *PAIR, "{odd}", "-m", "EXP", "-q"),
    "fuse: out, overwrite": ("fuse", *PAIR, "{odd}", "-m", "EXP", "-q", "--overwrite"),
    "fuse: method": ("fuse", *PAIR, "{out}", "-m", "{odd}", "-q"),
    "fuse: weights": ("fuse", *PAIR, "{out}", "-m", "{odd}.safetensors", "-q"),
    "fuse: report": ("fuse", *PAIR, "{out}", "-m", "EXP", "-q", "--report", "{odd}"),
    "fuse: widths": ("fuse", *PAIR, "{out}", "-m", "EXP", "-q", "--uncertainty", "{odd}"),
    "fuse: bands": ("fuse", *PAIR, "{out}", "-m", "EXP", "-q", "--bands", "{odd}"),
    "fuse: sensor": ("fuse", *PAIR, "{out}", "-m", "EXP", "-q", "--sensor", "{odd}"),
    "fuse: creation": ("fuse", *PAIR, "{out}", "-m", "EXP", "-q", "-co", "BLOCKSIZE={odd}"),
    "assess: pan": ("assess", "{odd}", "{ms}", "{pan}"),
    "assess: fused": ("assess", *PAIR, "{odd}"),
    "assess: reference": ("assess", *PAIR, "{pan}", "--reference", "{odd}"),
    "adapt: pan": ("adapt", "{odd}", "{ms}", "-o", "{out}.safetensors", "-q"),
    "adapt: out": ("adapt", *PAIR, "-o", "{odd}", "-q"),
    "adapt: weights": ("adapt", *PAIR, "-o", "{out}.safetensors", "--weights", "{odd}", "-q"),
    "compare: rows": ("compare", "{odd}", "--against", "EXP"),
    "report: rows": ("report", "{odd}", "-o", "{out}"),
    "benchmark: scenes": ("benchmark", "{odd}", "-m", "EXP", "-o", "{out}", "-q"),
    "benchmark: layout": ("benchmark", "psbench:{odd}", "-m", "EXP", "-o", "{out}", "-q"),
    "benchmark: out": ("benchmark", "{scene}", "-m", "EXP", "-o", "{odd}", "-q"),
    "pretrain: recipe": ("pretrain", "{odd}", "-q"),
    "generalise: protocol": ("generalise", "{odd}", "-o", "{out}"),
    "simulate: image": ("simulate", "{odd}", "--sensor", "WV3", "-o", "{out}", "-q"),
    "simulate: recipe": ("simulate", "--preview", "{out}", "--config", "{odd}", "-q"),
    "batch: manifest": ("batch", "{odd}", "-o", "{out}", "-q"),
    "export: name": ("export", "{odd}", "{out}"),
}

CASES = list(product(SLOTS, ODD))
FINE = {("fuse: out", "absent"), ("fuse: out, overwrite", "absent"), ("fuse: report", "absent")}
FINE |= {("fuse: widths", "absent"), ("benchmark: out", "absent"), ("benchmark: out", "empty")}
FINE |= {("fuse: out, overwrite", name) for name in ("empty", "text", "nul bytes", "no text", "line in name", "huge")}
FINE |= {("fuse: sensor", "nothing"), ("benchmark: out", "nothing"), ("fuse: report", "no name")}


def odd(slot: str, name: str, folder: Path) -> str:
    """The command of a slot with that odd thing in it."""
    place = ODD[name](folder)
    files = {key: str(folder / f"{key}.tif") for key in ("pan", "ms")}
    files |= {"out": str(folder / "out"), "odd": place, "scene": str(folder / "scene")}
    before = {each: _content(folder / each) for each in names(folder)}
    told = command([word.replace("{odd}", place) if "{odd}" in word else word.format(**files) for word in SLOTS[slot]])
    changed = [each for each, content in before.items() if _content(folder / each) != content]
    if told.code == 0:
        return said("right") if not changed or (slot, name) in FINE else wrong(f"went well, and changed {changed}")
    if changed:
        return wrong(f"refused, but changed {changed}")
    return refused_or_wrong(told, folder, set(before))


def _content(path: Path) -> object:
    if path.is_symlink() or not path.is_file():
        return path.is_symlink()
    return path.stat().st_size if path.stat().st_size > 2**20 else path.read_bytes()
