"""One scene to look at: a swipe viewer over any two layers, and a strip of lossless 1:1 crops."""

import json
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from anypan.report.pictures import Layer, Layers, layer, limits, lossless, lossy, picture, places

LARGEST = 2048
SMALLEST = 128
CROPS = ((4_000_000, 192), (2_000_000, 160), (900_000, 128), (0, 96))
STRETCH_LAYER = "EXP"


@dataclass(frozen=True)
class View:
    """Rendered layers of a scene: 8-bit images by name, all of the same height and width."""

    images: dict[str, NDArray[np.uint8]]
    pan: NDArray[np.generic]

    @property
    def shape(self) -> tuple[int, int]:
        return self.pan.shape[0], self.pan.shape[1]


def render(layers: Layers, stretched_by: str = STRETCH_LAYER) -> View:
    """All layers as 8 bits; colour layers with the limits of `stretched_by` (the first colour layer if absent).

    ValueError if the layers differ in size: they are compared pixel by pixel.
    """
    made = {name: layer(given) for name, given in layers.items()}
    colour = [one for one in made.values() if one.kind == "shared"]
    chosen = made.get(stretched_by) or (colour[0] if colour else None)
    shared = limits(chosen.pixels) if chosen else None
    sizes = {name: one.pixels.shape[-2:] for name, one in made.items()}
    if len(set(sizes.values())) != 1:
        raise ValueError(f"layers differ in size: {sizes}")
    return View({name: picture(one, shared) for name, one in made.items()}, _texture(made))


def _texture(made: dict[str, Layer]) -> NDArray[np.generic]:
    """The image whose texture decides where to look: the PAN, or the mean of the first layer."""
    pixels = made.get("PAN", next(iter(made.values()))).pixels
    return pixels if pixels.ndim == 2 else pixels.mean(0)


def scene(name: str, view: View, pair: tuple[str, str], budget: int) -> str:
    """Viewer and crops as HTML of at most about `budget` bytes; `pair` names the layers shown first, left and right."""
    _, _, view = _window(view, LARGEST)
    size = next(size for least, size in CROPS if budget >= least)
    size = min(size, *view.shape)
    strip, spots = _strip(view, size)
    sources, window = _fit(view, budget - len(strip))
    spots = {what: (row - window[0], col - window[1]) for what, (row, col) in spots.items()}
    return _viewer(name, sources, pair, view.shape, window[2]) + _crops(name, strip, spots, size, window[2])


def _window(view: View, side: int) -> tuple[int, int, View]:
    """The central window of at most side x side pixels: (top, left, window)."""
    height, width = view.shape
    top, left = max(0, (height - side) // 2), max(0, (width - side) // 2)
    part = (slice(top, top + side), slice(left, left + side))
    return top, left, View({name: image[part] for name, image in view.images.items()}, view.pan[part])


def _fit(view: View, room: int) -> tuple[dict[str, str], tuple[int, int, int]]:
    """Layers encoded into `room` bytes, by a smaller window rather than by worse pictures, and (top, left, side)."""
    side = max(view.shape)
    while True:
        top, left, part = _window(view, side)
        sources = {name: lossy(image) for name, image in part.images.items()}
        size = sum(map(len, sources.values()))
        if size <= room or side <= SMALLEST:
            return sources, (top, left, side)
        side = max(SMALLEST, int(side * min(0.95, 0.97 * (max(room, 1) / size) ** 0.5)))


def _viewer(name: str, sources: dict[str, str], pair: tuple[str, str], full: tuple[int, int], side: int) -> str:
    height, width = (min(length, side) for length in full)
    names = list(sources)
    first, second = (one if one in names else names[rank] for one, rank in zip(pair, (0, -1), strict=True))
    said = f"{width} &times; {height} pixels"
    said += "" if (height, width) == full else f" from the centre of {full[1]} &times; {full[0]}"
    pictures = json.dumps(sources).replace("<", "\\u003c")
    return f"""<figure class=viewer data-width={width} data-height={height}>
<div class=bar>{_choice("Left", names, first)}
<button class=swap title="Swap sides (x)" aria-label="Swap sides">⇄</button>
{_choice("Right", names, second)}<span class=zooms role=group aria-label=Zoom>{_zooms()}</span></div>
<div class=stage style="aspect-ratio: {width} / {height}" tabindex=0 role=application
 aria-label="{escape(name, True)}: arrows move, plus and minus zoom">
<div class=left><img alt="" draggable=false></div><div class=right><img alt="" draggable=false></div>
<div class=edge></div><b class=tag></b><b class=tag></b><noscript>The viewer needs scripts.</noscript></div>
<label class=slider><span>Swipe</span><input class=swipe type=range min=0 max=100 value=50 step=0.5></label>
<figcaption>{said}. Drag to move, drag the line or the slider to compare; keys: arrows,
+ and &minus;, 0 fit, 1 and 2, x swaps.</figcaption><script type="application/json">{pictures}</script></figure>"""


def _choice(label: str, names: list[str], chosen: str) -> str:
    options = "".join(f"<option{' selected' if name == chosen else ''}>{escape(name)}</option>" for name in names)
    return f"<label><span>{label}</span> <select>{options}</select></label>"


def _zooms() -> str:
    levels = (("fit", "Fit"), ("1", "1:1"), ("2", "2:1"), ("4", "4:1"))
    return "".join(f"<button data-zoom={zoom} aria-pressed=false>{said}</button>" for zoom, said in levels)


def _strip(view: View, size: int) -> tuple[str, dict[str, tuple[int, int]]]:
    """Rows of lossless crops with a mark for each row's heading, and where they lie in `view`."""
    spots = places(view.pan, size)
    rows = []
    for what, (row, col) in spots.items():
        cut = (slice(row, row + size), slice(col, col + size))
        figures = [
            f"<figure><img alt='{escape(f'{what}, {name}', True)}' width={size} height={size} loading=lazy "
            f"src='{lossless(image[cut])}'><figcaption>{escape(name)}</figcaption></figure>"
            for name, image in view.images.items()
        ]
        rows.append(f"<div class=crops><!--{what}--><div class=strip tabindex=0>{''.join(figures)}</div></div>")
    return "".join(rows), spots


def _crops(name: str, strip: str, spots: dict[str, tuple[int, int]], size: int, side: int) -> str:
    """The strip with its headings; a crop inside the viewer's window gets a button that goes there."""
    for what, (row, col) in spots.items():
        centre = (row + size // 2, col + size // 2)
        inside = all(0 <= one < side for one in centre)
        go = f"<button class=goto data-row={centre[0]} data-col={centre[1]}>Show above</button>" if inside else ""
        strip = strip.replace(f"<!--{what}-->", f"<h4>{what} {go}</h4>")
    return f"<section class=closer aria-label='Crops of {escape(name, True)}'>{strip}</section>" if spots else ""
