"""The pages of the documentation: their code blocks, and small files under the names that the blocks use."""

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import products
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin
from runs_of_training import configure, toml

from anypan.cli import cli
from anypan.simulate.demo import make

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^>]+) -->\n)?^```(?P<kind>bash|sh|python)\n(?P<code>.*?)^```$", re.M | re.S
)
OPENING = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SHORTER = {"adapt": ("--steps", "1"), "batch": ("--jobs", "1")}  # what a command is given besides
SMALLER = {"demo": {"size": 128}, "simulate": {"count": 2}}  # defaults in place of its own
SMALLER["benchmark"] = {"names": ("EXP", "MTF-GLP-FS", "anypan-s")}
ELSEWHERE = ("anypan export anypan-s anypan-s.onnx --onnx",)  # run as an example of the command's help
SIDE = 160  # PAN pixels
BANDS = ("blue", "green", "red", "nir1")


@dataclass(frozen=True)
class Block:
    """`kind` bash, sh or python; `why`: the reason for which it is not run, or None."""

    kind: str
    code: str
    why: str | None


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, in order."""
    found = BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["kind"], one["code"], one["why"]) for one in found]


def write(path: Path, image: np.ndarray, pixel: float, driver: str = "GTiff", **more: object) -> None:
    """(bands, H, W) as a file with square pixels of so many metres."""
    place = (
        {} if driver == "PNG" or not pixel else {"transform": from_origin(0, 9000, pixel, pixel), "crs": "EPSG:32632"}
    )
    count, height, width = image.shape
    options = {
        "count": count,
        "height": height,
        "width": width,
        "dtype": image.dtype,
        "driver": driver,
        **place,
        **more,
    }
    with rasterio.open(path, "w", **options) as file:
        file.write(image)
        if count == len(BANDS):
            file.descriptions = BANDS


def recipes(folder: Path) -> None:
    """A small training run and a small protocol of two sensors, as pages and examples name them."""
    configure(folder, {"kind": "landscapes", "count": 2, "size": 256, "held_out": "0$"})
    for sensor in ("GF2", "QB"):
        make(folder / "sensors" / sensor, 160)
        (folder / "sensors" / sensor / "scene.json").write_text(json.dumps({"sensor": sensor}))
    protocol = {"scenes": ["sensors"], "classical": ["EXP"], "side": 96, "steps": 1, "kinds": ["zero-shot", "one-shot"]}
    protocol |= {"optimisation": {"patches": 1, "warmup": 1}, "random": {"PanNet": {"features": 4, "blocks": 1}}}
    (folder / "protocol.toml").write_text("".join(f"{key} = {toml(value)}\n" for key, value in protocol.items()))


def inputs(folder: Path) -> None:
    """Small files under every name that a page uses as input."""
    recipes(folder)
    made = {name: rasterio.open(path).read().astype(np.float32) for name, path in make(folder, SIDE).items()}
    pan, ms, truth = made["pan"], made["ms"], made["reference"]
    half = truth.reshape(4, SIDE // 2, 2, SIDE // 2, 2).mean((2, 4))
    whole = {"LC09_B8": pan, "S2_B08": truth[3:], "S2_B04": truth[2:3], "B8": pan, "guide": pan, "sharp_rgb": truth[:3]}
    coarse = {f"LC09_B{n}": half[n - 2 : n - 1] for n in (2, 3, 4, 5)} | {
        f"B{n}": half[n - 2 : n - 1] for n in (2, 3, 4)
    }
    coarse |= {f"S2_B{name}": half[n : n + 1] for n, name in enumerate(("05", "06", "07", "8A"))}
    coarse |= {"S2_B11": half[2:3], "S2_B12": half[1:2]}
    for name, image in whole.items():
        write(folder / f"{name}{'.TIF' if '_B' in name or name == 'B8' else '.tif'}", image.astype(np.uint16), 10)
    for name, image in coarse.items():
        write(folder / f"{name}.TIF", image.astype(np.uint16), 20)
    for path in folder.glob("S2_*.TIF"):
        path.rename(path.with_suffix(".tif"))
    write(folder / "planet.tif", ms.astype(np.uint16), 40)
    write(folder / "thermal.tif", 280 + ms[2:3] / 40, 40)
    write(folder / "plain_pan.tif", pan, 0)
    write(folder / "plain_ms.tif", ms, 0)
    write(folder / "pan.png", np.clip(pan / 4, 0, 255).astype(np.uint8), 0, "PNG")
    Image.fromarray(np.moveaxis(np.clip(ms[:3] / 4, 0, 255).astype(np.uint8), 0, -1)).save(folder / "colours.png")
    Image.fromarray(np.moveaxis(np.clip(truth[:3] / 4, 0, 255).astype(np.uint8), 0, -1)).save(folder / "photo.png")
    shipped = folder / "shipped"
    shipped.mkdir()
    products.tarred(products.landsat(shipped)).rename(folder / "LC09_product.tar")
    products.dimap(shipped).rename(folder / "PHR_bundle")
    products.zipped(products.maxar(shipped)).rename(folder / "WV02_order.zip")
    for name in ("one", "two"):
        place = folder / "scenes" / name
        place.mkdir(parents=True)
        write(place / "pan.tif", pan[:, :128, :128].astype(np.uint16), 0.5)
        write(place / "ms.tif", ms[:, :32, :32].astype(np.uint16), 2)


def names(folder: Path) -> dict[str, object]:
    """What Python blocks may take for granted: arrays called pan and ms."""
    arrays = {name: rasterio.open(folder / f"{name}.tif").read() for name in ("pan", "ms")}
    return {"pan": arrays["pan"][0], "ms": arrays["ms"]}


def run(block: Block, space: dict[str, object]) -> None:
    """Run a block where we are; Python in ``space``. Commands of anypan run in this process: no start-up."""
    if block.kind == "python":
        exec(compile(block.code, "a page's block", "exec"), space)
        return
    for line in block.code.replace("\\\n", " ").splitlines():
        if line.strip() in ELSEWHERE:
            continue
        words = shlex.split(line, comments=True)
        if words[:1] == ["anypan"]:
            call(words[1:])
        elif words:
            done = subprocess.run(["bash", "-ec", line], capture_output=True, text=True, env=environment(), check=False)
            assert done.returncode == 0, f"{line}: {done.stderr[-800:]}"


def call(words: list[str]) -> None:
    """One command of anypan, as short as SHORTER and SMALLER make it; it fails the test unless it succeeds."""
    words = [*words, *SHORTER.get(words[0], ())]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as end:
        cli.main(words, prog_name="anypan", default_map=SMALLER)
    assert end.value.code in (0, None), f"anypan {shlex.join(words)}: {said.getvalue()[-800:]}"


def environment() -> dict[str, str]:
    """The environment with this interpreter's programs first."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
