"""How the fused image, blurred to the MS scale, agrees with the MS: a histogram and a scatter for each band."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from anypan.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, along, frame, svg

BINS, POINTS, MOST_BANDS = 64, 1200, 12
LIMITS = 0.1, 99.9  # percentiles of the MS and the fused image that the axes reach


@dataclass(frozen=True)
class Agreement:
    """One band's valid pixels: `ms` (n,) as delivered, `seen` (n,) of the fused image blurred to the MS scale."""

    band: str
    ms: NDArray[np.floating]
    seen: NDArray[np.floating]


def agreement(bands: Sequence[Agreement], method: str) -> str:
    """Two plots a band, of at most `MOST_BANDS` bands spread over all; empty without any."""
    if not bands:
        return ""
    shown = bands if len(bands) <= MOST_BANDS else [bands[round(n)] for n in np.linspace(0, len(bands) - 1, MOST_BANDS)]
    left_out = f" {len(shown)} of {len(bands)} bands are shown." if len(shown) < len(bands) else ""
    lead = (
        f"<p class=note>The image by {escape(method)}, blurred and thinned to the MS's pixels, beside the MS. The two "
        "curves of a histogram should coincide, the dots of a scatter on the dashed line: a curve or a cloud "
        f"that lies off is a colour that changed.{left_out}</p>"
    )
    return lead + "".join(_band(one, method) for one in shown if one.ms.size)


def _band(one: Agreement, method: str) -> str:
    both = np.concatenate([one.ms, one.seen])
    low, high = (float(value) for value in np.percentile(both, LIMITS))
    span = (low, high) if high > low else (low - 1.0, high + 1.0)
    drawn = (_histogram(one, span, method), _scatter(one, span, method))
    figures = "".join(f"<figure class=plot><figcaption>{escape(said)}</figcaption>{plot}</figure>"
                      for said, plot in zip((f"{one.band}: histogram", f"{one.band}: pixel by pixel"), drawn,
                                            strict=True))  # fmt: skip
    return f"<div class=plots>{figures}</div>"


def _histogram(one: Agreement, span: tuple[float, float], method: str) -> str:
    """Shares of the pixels over the value, as two steps; what lies beyond the axis is not drawn."""
    edges = np.linspace(*span, BINS + 1)
    shares = [100 * np.histogram(values, edges)[0] / values.size for values in (one.ms, one.seen)]
    top = (0.0, 1.05 * max(1e-9, float(max(share.max() for share in shares))))
    body = frame(("value", "% of the pixels"), (span, top))
    for rank, share in enumerate(shares):
        steps = "".join(
            f"{'ML'[bool(n)]}{along(left, span, LEFT, WIDTH - RIGHT):.1f} {along(up, top, HEIGHT - BOTTOM, TOP):.1f}"
            f"H{along(right, span, LEFT, WIDTH - RIGHT):.1f}"
            for n, (left, right, up) in enumerate(zip(edges[:-1], edges[1:], share, strict=True))
        )
        body += f"<path class='curve run{1 - rank}{' dashed' * rank}' d='{steps}'/>"
    body += _key(("MS", f"{method}, blurred"))
    return svg(WIDTH, HEIGHT, f"Histograms of {one.band}: the MS, and the image by {method} blurred", body)


def _key(names: Sequence[str]) -> str:
    return "".join(
        f"<path class='curve run{1 - rank}{' dashed' * rank}' d='M{WIDTH - 190} {TOP + 14 + 20 * rank}h28'/>"
        f"<text x={WIDTH - 156} y={TOP + 18 + 20 * rank}>{escape(name)}</text>"
        for rank, name in enumerate(names)
    )


def _scatter(one: Agreement, span: tuple[float, float], method: str) -> str:
    """A dot for each of at most `POINTS` pixels, evenly chosen, and the line on which both are equal."""
    step = max(1, one.ms.size // POINTS)
    pairs = zip(one.ms[::step], one.seen[::step], strict=True)
    dots = "".join(
        f"M{along(float(x), span, LEFT, WIDTH - RIGHT):.0f} {along(float(y), span, HEIGHT - BOTTOM, TOP):.0f}h0"
        for x, y in pairs
    )
    off = one.seen.astype(np.float64) - one.ms
    said = f"mean difference {off.mean():+.3g}, root mean square {np.sqrt(np.square(off).mean()):.3g}"
    body = frame(("MS", f"{method}, blurred"), (span, span)) + f"<path class=dots d='{dots}'/>"
    body += f"<path class=ideal d='M{LEFT} {HEIGHT - BOTTOM}L{WIDTH - RIGHT} {TOP}'/>"
    body += f"<text x={LEFT + 10} y={TOP + 18}>{said}</text>"
    return svg(WIDTH, HEIGHT, f"{one.band}: the blurred image against the MS; {said}", body)
