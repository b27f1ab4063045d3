"""One scene to look at: a swipe viewer over all its layers, and a strip of lossless 1:1 crops."""

import json
import math
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anypan.report.look import Look, Spectra, looks, packed
from anypan.report.pictures import (
    ERROR_COLOURS,
    Layer,
    Layers,
    error_picture,
    layer,
    limits,
    lossless,
    lossy,
    picture,
    places,
)

LARGEST = 2048
SMALLEST = 128
CROPS = ((4_000_000, 192), (2_000_000, 160), (900_000, 128), (0, 96))
STRIP_SHARE, SPECTRA_SHARE = 0.25, 0.2  # of a look's budget, at most
QUALITIES, ERRORS_LESS, SAMPLE = (80, 70, 60), 20, 512  # of AVIF; error maps bear more; a window to judge sizes by
STRETCH_LAYER = "EXP"
MODES = (("errors", "Error maps", "e"), ("panels", "Side by side", "g"))
Images = dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class View:
    """Rendered layers of a scene: 8-bit images by name, all of the same height and width; `bound` is the error that
    error maps show brightest, as a share; `close` are the layers to crop."""

    images: Images
    pan: NDArray[np.generic]
    errors: Images = field(default_factory=dict)
    bound: float = 0.0
    spectra: Spectra | None = None
    close: tuple[str, ...] = ()
    corner: tuple[int, int] = (0, 0)
    colours: str = ""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) of the pixels that are shown."""
        return self.pan.shape[0], self.pan.shape[1]


def render(given: Layers | Look, stretched_by: str = STRETCH_LAYER) -> View:
    """All layers as 8 bits; colour layers with the limits of `stretched_by` (the first colour layer if absent).

    ValueError if the layers, errors and spectra differ in size: they are compared pixel by pixel.
    """
    look = looks(given)[0]
    made = {name: layer(one) for name, one in look.layers.items()}
    colour = [one for one in made.values() if one.kind == "shared"]
    chosen = made.get(stretched_by) or (colour[0] if colour else None)
    shared = limits(chosen.pixels) if chosen else None
    cubes = look.spectra.cubes if look.spectra else {}
    sizes = {name: one.pixels.shape[-2:] for name, one in made.items()}
    sizes |= {f"{name}, more": one.shape[-2:] for extra in (look.errors, cubes) for name, one in extra.items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"layers differ in size: {sizes}")
    bound = float(np.median([limits(error, 0, 99)[0, 1] for error in look.errors.values()])) if look.errors else 0.0
    errors = {name: error_picture(error, bound) for name, error in look.errors.items() if name in made}
    images = {name: picture(one, shared) for name, one in made.items()}
    close = tuple(name for name in images if look.close is None or name in look.close)
    return View(images, _texture(made), errors, bound, look.spectra, close, colours=look.colours)


def _texture(made: dict[str, Layer]) -> NDArray[np.generic]:
    """The image whose texture decides where to look: the PAN, or the mean of the first layer."""
    pixels = made.get("PAN", next(iter(made.values()))).pixels
    return pixels if pixels.ndim == 2 else pixels.mean(0)


def scene(name: str, view: View, pair: tuple[str, str], budget: int) -> tuple[str, str]:
    """Viewer and crops as HTML, together of at most about `budget` bytes.

    `pair` names the layers that are shown first, left and right.
    """
    full = view.shape
    view = _window(view, LARGEST)
    strip, spots, size = _affordable(view, budget)
    window, content = _fit(view, budget - len(strip))
    top, left = (inner - outer for inner, outer in zip(window.corner, view.corner, strict=True))
    spots = {what: (row - top, col - left) for what, (row, col) in spots.items()}
    return _viewer(name, content, pair, full, window), _crops(name, strip, spots, size, window.shape)


def _window(view: View, side: int) -> View:
    """The central window of at most side x side pixels; spectra stay whole, `corner` says where the window lies."""
    top, left = (max(0, (length - side) // 2) for length in view.shape)
    part = (slice(top, top + side), slice(left, left + side))
    images, errors = ({name: image[part] for name, image in of.items()} for of in (view.images, view.errors))
    corner = (view.corner[0] + top, view.corner[1] + left)
    return View(images, view.pan[part], errors, view.bound, view.spectra, view.close, corner, view.colours)


def _fit(view: View, room: int) -> tuple[View, dict[str, Any]]:
    """The window whose pictures fit into `room` bytes, and its content for the page.

    Pictures are compressed as far as `QUALITIES` goes, then the window is made smaller. Spectra take what is left.
    """
    share = int(room * (1 - SPECTRA_SHARE)) if view.spectra else room
    side, quality = _guess(view, share)
    while True:
        part = _window(view, side)
        pictures = _pictures(part, quality)
        size = sum(len(uri) for of in pictures.values() for uri in of.values())
        if size <= share or side <= SMALLEST:
            break
        side = max(SMALLEST, int(side * min(0.95, 0.97 * (max(share, 1) / size) ** 0.5)))
    spectra = packed(view.spectra, part.corner, part.shape, room - size) if view.spectra else None
    return part, {**pictures, "spectra": spectra}


def _guess(view: View, share: int) -> tuple[int, int]:
    """The side and the quality to begin with: the best at which the whole fits, judged by its central window."""
    side, sample = max(view.shape), _window(view, SAMPLE)
    more = math.prod(view.shape) / math.prod(sample.shape)
    if side <= SAMPLE:
        return side, QUALITIES[0]
    for quality in QUALITIES:
        size = more * sum(len(uri) for of in _pictures(sample, quality).values() for uri in of.values())
        if size <= share:
            return side, quality
    return max(SAMPLE, int(side * (share / size) ** 0.5)), QUALITIES[-1]


def _pictures(view: View, quality: int) -> dict[str, dict[str, str]]:
    """Layers and error maps as data URIs, by name."""
    layers = {name: lossy(image, quality) for name, image in view.images.items()}
    errors = {name: lossy(image, quality - ERRORS_LESS, chroma=False) for name, image in view.errors.items()}
    return {"layers": layers, "errors": errors}


def _viewer(name: str, content: dict[str, Any], pair: tuple[str, str], full: tuple[int, int], view: View) -> str:
    (height, width), names = view.shape, list(content["layers"])
    first, second = (one if one in names else names[rank] for one, rank in zip(pair, (0, -1), strict=True))
    said = f"{width} &times; {height} pixels"
    said += "" if (height, width) == full else f" from the centre of {full[1]} &times; {full[0]}"
    made = json.dumps(content).replace("<", "\\u003c")
    return f"""<figure class=viewer data-width={width} data-height={height}>
<div class=bar>{_choice("Left", names, first)}
<button class=swap title="Swap sides (x)" aria-label="Swap sides">⇄</button>
{_choice("Right", names, second)}</div>
<div class=stage style="aspect-ratio: {width} / {height}" tabindex=0 role=application
 aria-label="{escape(name, True)}: arrows move, plus and minus zoom">
<div class=left><img alt="" draggable=false></div><div class=right><img alt="" draggable=false></div>
<div class=edge></div><i class=mark hidden></i><b class=tag></b><b class=tag></b>
<noscript>The viewer needs scripts.</noscript></div>
<div class=panels tabindex=0 role=application hidden
 aria-label="{escape(name, True)}, all layers: arrows move, plus and minus zoom"></div>
<label class=slider><span>Swipe</span><input class=swipe type=range min=0 max=100 value=50 step=0.5></label>
<div class=bar><span class=modes role=group aria-label=Display>{_modes(bool(view.errors))}</span>
<span class=zooms role=group aria-label=Zoom>{_zooms()}</span></div>
{_scale(view)}<div class=profile hidden></div>
<figcaption>{said}. {escape(view.colours)}
 Drag to move, drag the line or the slider to compare, pinch or Ctrl and wheel to zoom.
 {_keys(view)}</figcaption><script type="application/json">{made}</script></figure>"""


def _keys(view: View) -> str:
    """The keys that do something here."""
    keys = ["arrows", "+ and &minus;", "0 fit, 1, 2, 4", "x swaps", "n and p next and previous layer (with Shift left)"]
    keys += ["g side by side", *(["e error maps"] if view.errors else [])]
    keys += ["Shift and arrows move the marked pixel"] if view.spectra else []
    return f"<details><summary>Keys</summary>{'; '.join(keys)}.</details>"


def _modes(errors: bool) -> str:
    return "".join(
        f'<button data-mode={mode} aria-pressed=false title="{said} ({key})">{said}</button>'
        for mode, said, key in MODES
        if errors or mode != "errors"
    )


def _scale(view: View) -> str:
    if not view.errors:
        return ""
    ramp = ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in ERROR_COLOURS)
    return (
        f"<div class=scale hidden><span>0</span><i style='background: linear-gradient(90deg, {ramp})'></i>"
        f"<span>{100 * view.bound:.3g} % and more</span><span>Error: root mean square over the bands, of each band's "
        "difference from the truth as a share of the band's mean.</span></div>"
    )


def _choice(label: str, names: list[str], chosen: str) -> str:
    options = "".join(f"<option{' selected' if name == chosen else ''}>{escape(name)}</option>" for name in names)
    return f"<label><span>{label}</span> <select>{options}</select></label>"


def _zooms() -> str:
    levels = (("fit", "Fit"), ("1", "1:1"), ("2", "2:1"), ("4", "4:1"))
    return "".join(f"<button data-zoom={zoom} aria-pressed=false>{said}</button>" for zoom, said in levels)


def _affordable(view: View, budget: int) -> tuple[str, dict[str, tuple[int, int]], int]:
    """The strip with the largest crops that its share of the budget allows, where they lie, and their size."""
    start = next(size for least, size in CROPS if budget >= least)
    for size in (size for _, size in CROPS if size <= start):
        size = min(size, *view.shape)
        strip, spots = _strip(view, size)
        if len(strip) <= budget * STRIP_SHARE:
            return strip, spots, size
    return "", {}, 0


def _strip(view: View, size: int) -> tuple[str, dict[str, tuple[int, int]]]:
    """Rows of lossless crops with a mark for each row's heading, and where they lie in `view`."""
    spots = places(view.pan, size) if view.close else {}
    rows = []
    for what, (row, col) in spots.items():
        cut = (slice(row, row + size), slice(col, col + size))
        figures = [
            f"<figure><img alt='{escape(f'{what}, {name}', True)}' width={size} height={size} loading=lazy "
            f"src='{lossless(view.images[name][cut])}'><figcaption>{escape(name)}</figcaption></figure>"
            for name in view.close
        ]
        rows.append(f"<div class=crops><!--{what}--><div class=strip tabindex=0>{''.join(figures)}</div></div>")
    return "".join(rows), spots


def _crops(name: str, strip: str, spots: dict[str, tuple[int, int]], size: int, shape: tuple[int, int]) -> str:
    """The strip with its headings; a crop inside the viewer's window gets a button that goes there."""
    for what, (row, col) in spots.items():
        centre = (row + size // 2, col + size // 2)
        inside = all(0 <= one < length for one, length in zip(centre, shape, strict=True))
        go = f"<button class=goto data-row={centre[0]} data-col={centre[1]}>Show above</button>" if inside else ""
        strip = strip.replace(f"<!--{what}-->", f"<h4>{what} {go}</h4>")
    return f"<section class=closer aria-label='Crops of {escape(name, True)}'>{strip}</section>" if spots else ""
