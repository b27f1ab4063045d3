"""Measurements of one fusion to findings for a person: what is good, what asks for a closer look, what is bad."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from anypan.options import Report
from anypan.pair.notes import registration_note
from anypan.pair.registration import Registration
from anypan.report.findings import Finding, Light
from anypan.runtime.columns import HIGH, LOW

Scores = Mapping[str, Mapping[str, float]]
ORDER: tuple[Light, ...] = ("green", "amber", "red")
FAITHFUL = 1.1, 2.0  # times the R-ERGAS of EXP: about as much as interpolation, which invents no colour; twice that
SHARP = (0.8, 1.25), (0.5, 1.6)  # of the PAN's detail; of truths at reduced resolution it is .84 to 1.17
NEAR = 0.1  # of the PAN's detail, more or less: not worth a word
FAR = 0.5  # of an MS pixel: a shift beyond it is more than a camera's usual misalignment


def findings(done: Report, scores: Scores, companion: str, valid: float) -> list[Finding]:
    """What the page of a fusion says first.

    ``scores``: method -> metric -> value, of the result (``done.method``), EXP and the ``companion``; ``valid``: the
    share of the shown pixels that both images cover, 0 to 1. A thing that was not measured is not said.
    """
    return [*_truth(done.method, scores, companion), *_colours(done.method, scores), *_detail(done, scores),
            _shift(done), _coverage(valid)]  # fmt: skip


def _truth(method: str, scores: Scores, companion: str) -> Iterator[Finding]:
    """Error against the truth, beside interpolation and a formula."""
    errors = {name: values["ERGAS"] for name, values in scores.items() if math.isfinite(values.get("ERGAS", math.nan))}
    if not {method, "EXP"} <= errors.keys() or method == "EXP":
        return
    own, plain, formula = errors[method], errors["EXP"], errors.get(companion, errors["EXP"])
    light: Light = "green" if own <= min(plain, formula) else "amber" if own < plain else "red"
    said = f"The error (ERGAS) is {own:.2f}; interpolation alone has {plain:.2f}, {companion} {formula:.2f}."
    yield Finding(light, "Error against the truth", said, "Green: less than both; amber: less than interpolation.")


def _colours(method: str, scores: Scores) -> Iterator[Finding]:
    """How well the fused image, blurred, gives the MS back."""
    own, plain = (scores.get(name, {}).get("R-ERGAS", math.nan) for name in (method, "EXP"))
    if not (math.isfinite(own) and math.isfinite(plain)):
        return
    light: Light = "green" if own <= FAITHFUL[0] * plain else "amber" if own <= FAITHFUL[1] * plain else "red"
    near = "nearer than interpolation" if own < plain else "about as near as interpolation"
    means = near if light == "green" else "colours changed; --sharpness 0 keeps closer to the MS"
    said = f"Blurred to the MS's pixels, the result is {own:.2f} off the MS (R-ERGAS), interpolation {plain:.2f}"
    yield Finding(
        light, "Colours kept", f"{said}: {means}.", "Green: up to a tenth more than interpolation; amber: up to twice."
    )


def _detail(done: Report, scores: Scores) -> Iterator[Finding]:
    """How much of the PAN's detail arrives, where it is weak and where it is strong; the worse decides."""
    shares = [scores.get(done.method, {}).get(name, math.nan) for name in (LOW, HIGH)]
    if not all(map(math.isfinite, shares)):
        return
    title = "Detail that arrives"
    rule = "Green: 80 to 125 %; amber: 50 to 160 %. 100 % is all of it; more is sharpening beyond the PAN."
    if done.resampled:
        said = f"{shares[0]:.0%} of the PAN's weak detail and {shares[1]:.0%} of its strong detail arrive"
        why = "the MS was resampled without a low-pass, so that the truth has less of it than the PAN"
        yield Finding("amber", title, f"{said}: not rated, for {why}.", rule)
        return
    light: Light = max((_light_of(share) for share in shares), key=lambda one: ORDER.index(one))
    worst = max(shares, key=lambda share: abs(math.log(max(share, 1e-3))))
    means = (
        "about as sharp as the PAN"
        if abs(worst - 1) <= NEAR
        else f"{'softer' if worst < 1 else 'sharper'} than the PAN"
    )
    said = f"{shares[0]:.0%} of the PAN's weak detail and {shares[1]:.0%} of its strong detail arrive: {means}."
    yield Finding(light, title, said, rule)


def _light_of(share: float) -> Light:
    green, amber = SHARP
    return "green" if green[0] <= share <= green[1] else "amber" if amber[0] <= share <= amber[1] else "red"


def _shift(done: Report) -> Finding:
    """Whether PAN and MS are aligned."""
    found, title = Registration(done.shift, done.confidence), "Alignment of PAN and MS"
    rule = "Green: measured, and within half an MS pixel; amber: not measurable, or farther; red: known and left."
    left, moved = registration_note(found, False), registration_note(found, True)
    if not found.confident:
        return Finding("amber", title, f"{left} Look for coloured fringes along edges.", rule)
    if not done.registered and not found.none:
        return Finding("red", title, f"{left} Without correction, edges get coloured fringes.", rule)
    if math.hypot(*done.shift) > FAR * done.ratio:
        return Finding("amber", title, f"{moved} That is much: look at the corners, too.", rule)
    return Finding("green", title, registration_note(found, done.registered), rule)


def _coverage(valid: float) -> Finding:
    """How much of what is shown both images cover."""
    title, rule = "Pixels with data", "Green: all of those shown; amber: some are fill or outside one of the images."
    if valid >= 1:
        return Finding("green", title, "PAN and MS cover every pixel that is shown.", rule)
    said = f"PAN and MS both cover {valid:.1%} of the pixels that are shown; the others are fill in the output."
    return Finding("amber", title, said, rule)
