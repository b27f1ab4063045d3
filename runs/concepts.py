"""The pictures of the pages on concepts, made from the package's own scene and from the rows of the benchmark.

python runs/concepts.py           draw all
python runs/concepts.py --check   draw the plots only, change nothing; exit 1 if one is out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import anypan
from anypan.methods import FORMULAS
from anypan.report import documents, read
from anypan.report.pictures import GAMMA, limits, stretch
from anypan.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, along, frame, scatter, standalone, svg
from anypan.report.rows import latest, mean, real

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
GAINS = {"MS": 0.3, "PAN": 0.15}  # at the Nyquist frequency, as the package takes them for an unknown sensor
WORD = 0.6  # the frequency at which a curve is named
SHIFT, SIDE = 3, 400  # PAN pixels


def mtf() -> str:
    """The Gaussian curves of an MS band and a PAN, over the frequency as a share of the own Nyquist frequency."""
    spans = ((0.0, 1.0), (0.0, 1.0))
    body = frame(("frequency, as a share of the Nyquist frequency of its pixels", "contrast that passes"), spans)
    frequencies = np.linspace(0, 1, 60)
    for rank, (name, gain) in enumerate(GAINS.items()):
        points = ((along(f, spans[0], LEFT, WIDTH - RIGHT), along(gain ** (f * f), spans[1], HEIGHT - BOTTOM, TOP))
                  for f in frequencies)  # fmt: skip
        line = "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
        side, anchor = (8, "start") if rank == 0 else (-8, "end")  # right above the upper curve, left below the lower
        px = along(WORD, spans[0], LEFT, WIDTH - RIGHT) + side
        py = along(gain ** (WORD * WORD), spans[1], HEIGHT - BOTTOM, TOP) + 4 - 1.5 * side
        dashes = " stroke-dasharray='6 4'" * rank
        body += f"<path class='curve'{dashes} d='M{line}'/>"
        body += f"<text x={px:.0f} y={py:.0f} text-anchor={anchor}>{name} {gain:g}</text>"
    return svg(WIDTH, HEIGHT, "MTF of an MS band and of a PAN", body, "curves")


def wald() -> str:
    """Boxes and arrows of Wald's protocol."""
    boxes = {"PAN": (20, 20, 110), "MS": (20, 130, 110), "PAN, coarser": (220, 20, 130), "MS, coarser": (220, 130, 130),
             "fused": (430, 75, 110)}  # fmt: skip
    body = "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
    body += "<path d='M0 0L8 4L0 8Z'/></marker></defs>"
    for name, (left, top, wide) in boxes.items():
        body += f"<rect x={left} y={top} width={wide} height=50 rx=8 fill='#e3f1f1' stroke='#0b6b74'/>"
        body += f"<text x={left + wide / 2} y={top + 30} text-anchor=middle>{name}</text>"
    lines = ("M130 45H216", "M130 155H216", "M350 45L426 92", "M350 155L426 112", "M75 180V238H485V130")
    body += "".join(f"<path d='{line}' fill='none' stroke='#59636b' marker-end='url(#tip)'/>" for line in lines)
    notes = {
        "blur, thin": (173, 36),
        "blur, thin ": (173, 146),
        "fuse": (400, 60),
        "compare: the MS is the truth": (290, 231),
    }
    body += "".join(f"<text class=tick x={x} y={y} text-anchor=middle>{text}</text>" for text, (x, y) in notes.items())
    return svg(WIDTH, 260, "Wald's protocol: coarser images are fused and compared with the MS", body)


def hqnr() -> str:
    """HQNR at full resolution against ERGAS at reduced, means of each method at ratio 4."""
    rows = real(latest(read([ROOT / "results" / "benchmark.jsonl"])), 4)
    points = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        found = [mean([row for row in rows if row["method"] == method], name) for name in ("HQNR", "ERGAS")]
        if all(found):
            points[method] = tuple(one.value for one in found if one)
    own = [name for name in points if name not in FORMULAS]
    return scatter(
        points, ("HQNR at full resolution (higher is said to be better)", "ERGAS: error (lower is better)"), own
    )


def misregistration() -> Image.Image:
    """The package's scene with its MS shifted: fused as it lies, and corrected."""
    from anypan.simulate.demo import make

    paths = make(ROOT / "work" / "concepts", 512, overwrite=True)
    with anypan.open_pair(paths["pan"], paths["ms"]) as pair:
        whole = pair.scene.whole()
        pan, ms = whole.pan[0].numpy(), whole.lrms.numpy()
    moved = np.roll(pan, SHIFT, (0, 1))
    shown = [anypan.fuse(moved, ms, method="GSA", register=register)[[2, 1, 0]] for register in (False, True)]
    shared = limits(ms[[2, 1, 0]])
    page = Image.new("RGB", (2 * SIDE + 8, SIDE + 26), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for rank, (image, title) in enumerate(zip(shown, ("as it lies", "corrected"), strict=True)):
        part = stretch(image[:, 100 : 100 + SIDE // 2, 20 : 20 + SIDE // 2], shared, GAMMA)
        pen.text((rank * (SIDE + 8), 3), title, fill="#222222", font=font)
        page.paste(Image.fromarray(part).resize((SIDE, SIDE), Image.Resampling.NEAREST), (rank * (SIDE + 8), 26))
    return page


def plots() -> Iterator[tuple[Path, str]]:
    """The plots, each with where it lies."""
    for name, drawn in (("mtf", mtf()), ("wald", wald()), ("hqnr", hqnr())):
        yield IMAGES / f"concept-{name}.svg", standalone(drawn)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        misregistration().save(IMAGES / "concept-misregistration.webp", quality=88, method=6)
    sys.exit(documents.main(__doc__, plots, "runs/concepts.py"))
