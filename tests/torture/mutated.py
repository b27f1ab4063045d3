"""Files with a part of their bytes, numbers or words replaced: read as what they are by now, or refused."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

import numpy as np
import rasterio
from geometries import UTM
from verdict import Told, command, names, refused_or_wrong, said, wrong

NUMBERS = ("0", "-1", "1e400", "9" * 400, "9" * 5000, "NaN", "1.5", "true", "null", "2147483648", '"x"', "[]", "{}")
WORDS = ("[" * 2000, "{" * 2000, "\\ud800", "\u0000", "=1+1", "../../x", "a" * 10_000, "\n", '"', "'", "#", "]", "=")
VALUES = (None, True, 0, -1, 10**18, 1e308, float("nan"), float("inf"), "", "x" * 5000, [], [["a"]], {}, {"a": 1})
VALUES = (*VALUES, "=cmd|x", "<script>", "\u0000", "\u202e", "a\nb", "rr", 4.5)
TOML_VALUES = (
    "0",
    "-1",
    "1e300",
    "nan",
    "inf",
    "true",
    '""',
    '"x"',
    "[]",
    "[[]]",
    "{}",
    "[1, 2]",
    "{a = 1}",
    "1979-05-27",
)
LAYOUTS = (
    {},
    {"compress": "deflate"},
    {"compress": "lzw", "predictor": 2},
    {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "zstd"},
    {"bigtiff": "YES"},
    {"interleave": "pixel"},
    {"nodata": 7},
)


def tiff(rng: random.Random, folder: Path) -> str:
    """A PAN or MS with bytes replaced, most of them in its directory."""
    layout, wide = rng.choice(LAYOUTS), rng.choice(["uint8", "uint16", "float32"])
    draws = np.random.default_rng(rng.getrandbits(32))
    for name, shape, size in (("pan.tif", (1, 48, 48), 1), ("ms.tif", (3, 12, 12), 4)):
        profile = {"count": shape[0], "height": shape[1], "width": shape[2], "dtype": wide, "crs": UTM, **layout}
        if wide == "float32" and "predictor" in profile:
            profile["predictor"] = 3
        place = rasterio.Affine(size, 0, 500_000, 0, -size, 4_000_000)
        with rasterio.open(folder / name, "w", driver="GTiff", transform=place, **profile) as file:
            file.write(draws.integers(8, 200, shape).astype(wide))
    spoilt = folder / rng.choice(["pan.tif", "ms.tif"])
    data = bytearray(spoilt.read_bytes())
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        at = rng.randrange(min(len(data), rng.choice([8, 400, len(data)])))
        data[at : at + 4] = rng.choice(
            [bytes([rng.randrange(256)]), b"\0\0\0\0", b"\xff\xff\xff\xff", struct.pack("<I", rng.randrange(2**20))]
        )
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)) :]
    spoilt.write_bytes(bytes(data))
    before, out = names(folder), folder / "out.tif"
    method = rng.choice(["EXP", "GSA"])
    told = command(["fuse", str(folder / "pan.tif"), str(folder / "ms.tif"), str(out), "-m", method, "-q"])
    return _fused(told, folder, before, out)


def _fused(told: Told, folder: Path, before: set[str], out: Path) -> str:
    if told.code:
        return refused_or_wrong(told, folder, before)
    with rasterio.open(folder / "pan.tif") as pan, rasterio.open(out) as file:
        if file.shape != pan.shape:
            return wrong("the output is not on the PAN's grid")
        fused, valid = file.read(masked=True), file.dataset_mask() > 0
        nodata = file.nodata
    shown = fused.data.astype(float)[:, valid]
    if not np.isfinite(shown).all():
        return wrong("a valid pixel is no finite number")
    if nodata is not None and valid.all() and (shown == nodata).all():
        return wrong("all is nodata and called valid")
    return said("right")


def weights(rng: random.Random, folder: Path, base: bytes) -> str:
    """Weights whose header, configuration or bytes are other ones; ``base`` is a good file."""
    size = struct.unpack("<Q", base[:8])[0]
    header, data = json.loads(base[8 : 8 + size]), bytearray(base[8 + size :])
    for _ in range(rng.choice([0, 1, 1, 2])):
        header = _spoilt_header(rng, header)
    if rng.random() < 0.3:
        at = rng.randrange(len(data))
        data[at : at + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\0\0\x80\x7f", rng.randbytes(4)])
    text = json.dumps(header).encode() if isinstance(header, dict) else header
    file = bytearray(struct.pack("<Q", rng.choice([len(text)] * 30 + [2**40, 0, len(text) + 7])) + text + data)
    if rng.random() < 0.15:
        del file[rng.randrange(len(file)) :]
    (folder / "w.safetensors").write_bytes(bytes(file))
    _pair(folder, rng)
    before, out = names(folder), folder / "out.tif"
    files = [str(folder / name) for name in ("pan.tif", "ms.tif", "out.tif")]
    told = command(["fuse", *files, "-m", str(folder / "w.safetensors"), "-q"])
    return _fused(told, folder, before, out)


def _spoilt_header(rng: random.Random, header: dict | bytes) -> dict | bytes:
    if not isinstance(header, dict):
        return header
    meta, tensors = header.get("__metadata__", {}), [key for key in header if key != "__metadata__"]
    way = rng.choice([0, 1, 1, 2, 2, 2, 3, 4, 5, 6])
    if way == 0 and meta:
        meta.pop(rng.choice(list(meta)))
    elif way == 1 and "config" in meta:
        meta["config"] = rng.choice(["", "[1", "[]", "7", "null", "[" * 5000, '{"a": ' * 5000, '{"trunk": 1e400}'])
    elif way == 2 and meta.get("config", "").startswith("{"):
        try:
            config = json.loads(meta["config"])
        except (ValueError, RecursionError):  # spoilt already
            return header
        config[rng.choice([*config, "other"])] = rng.choice([0, -1, 1.5, 10**4, 10**9, 10**30, "4", None, [], True, 3])
        meta["config"] = json.dumps(config)
    elif way == 3:
        meta["architecture"] = rng.choice(["anypan-m", "PNN", "", "x", "anypan-t"])
    elif way == 4:
        header[rng.choice(tensors)]["shape"] = rng.choice([[0], [1], [2**31, 2**31], [-1], [], [10**4, 10**4]])
    elif way == 5:
        header[rng.choice(tensors)]["dtype"] = rng.choice(["I64", "F64", "F16", "BOOL", "x", "U8"])
    else:
        text = json.dumps(header)
        at = rng.randrange(len(text))
        return (text[:at] + rng.choice(WORDS) + text[at + 1 :]).encode(errors="replace")
    return header


def _pair(folder: Path, rng: random.Random) -> None:
    draws = np.random.default_rng(rng.getrandbits(32))
    for name, shape, size in (("pan.tif", (1, 48, 48), 1), ("ms.tif", (3, 12, 12), 4)):
        profile = {"count": shape[0], "height": shape[1], "width": shape[2], "dtype": "uint16", "crs": UTM}
        place = rasterio.Affine(size, 0, 500_000, 0, -size, 4_000_000)
        with rasterio.open(folder / name, "w", driver="GTiff", transform=place, **profile) as file:
            file.write(draws.integers(100, 2000, shape).astype("u2"))


def rows(rng: random.Random, folder: Path) -> str:
    """Rows with values, words or bytes replaced; compared, or laid out on a page."""
    made = [
        {"scene": scene, "sensor": "WV3", "protocol": protocol, "mode": "physical", "method": method, "ratio": 4}
        | {"Q2n": 0.9, "SAM": 3.0, "ERGAS": 2.0, "D_rho": 0.1, "R-ERGAS": 0.5, "HQNR": 0.9, "seconds": 1.0}
        for scene in ("a", "b", "c")
        for protocol in ("rr", "fr")
        for method in ("EXP", "GSA", "x")
    ]
    for _ in range(rng.choice([0, 1, 1, 3])):  # sound JSON, with values that no row has
        made[rng.randrange(len(made))][rng.choice([*made[0], "other"])] = rng.choice(VALUES)
    text = "".join(json.dumps(row) + "\n" for row in made)
    text = _spoilt_text(rng, text) if rng.random() < 0.5 else text.encode()
    (folder / "rows.jsonl").write_bytes(text)
    before, file = names(folder), str(folder / "rows.jsonl")
    lines = (["compare", file, "--against", "EXP", "--csv"], ["report", file, "-o", str(folder / "page"), "--tables"])
    told = command(rng.choice(lines))
    return said("right") if told.code == 0 else refused_or_wrong(told, folder, before)


def toml(rng: random.Random, folder: Path) -> str:
    """A recipe of pretraining whose source of images is missing, with values, words or bytes replaced."""
    text = (
        'out = "run"\narchitecture = "anypan-s"\n\n[model]\ntrunk = 8\nband = 8\n\n[[sources]]\nkind = "folder"\n'
        'path = "nowhere"\n\n[train]\nsteps = 2\nrate = 0.001\nfreeze = ["^x"]\n\n[simulation]\nratios = {4 = 1.0}\n'
    )
    lines = text.splitlines()
    settings = [n for n, line in enumerate(lines) if " = " in line]
    for n in rng.sample(settings, rng.choice([0, 1, 1, 3])):  # sound TOML, with values that no recipe has
        lines[n] = f"{lines[n].split(' = ')[0]} = {rng.choice(TOML_VALUES)}"
    text = "\n".join(lines)
    (folder / "run.toml").write_bytes(_spoilt_text(rng, text) if rng.random() < 0.4 else text.encode())
    before = names(folder)
    told = command(["pretrain", str(folder / "run.toml"), "-q"])
    return wrong("trained on nothing") if told.code == 0 else refused_or_wrong(told, folder, before)


def _spoilt_text(rng: random.Random, text: str) -> bytes:
    for _ in range(rng.choice([1, 1, 2, 4])):
        starts = [n for n, letter in enumerate(text) if letter.isdigit() or letter == '"'] or [0]
        at = rng.choice(starts) if rng.random() < 0.6 else rng.randrange(max(1, len(text)))
        text = text[:at] + rng.choice(rng.choice([NUMBERS, WORDS])) + text[at + rng.choice([0, 1, 1, 3]) :]
    data = bytearray(text.encode(errors="replace"))
    if rng.random() < 0.2:
        at = rng.randrange(len(data))
        data[at : at + 1] = bytes([rng.randrange(256)])
    return bytes(data)
