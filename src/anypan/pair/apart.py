"""Bands, and parts of a scene, that lie off the rest: no shift of the whole puts them right, so it is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from anypan.geometry import window
from anypan.pair.registration import MOST_BANDS, REACH, Bands, blocks_of, degraded, lag_shares, vertex
from anypan.pair.scene import Patch, Scene

CLEAR = 0.3  # of the PAN's detail that a band, or all, explain at the best lag, for it to say anything
BETTER = 0.8  # of that share that is left where a band lies, at most; real scenes have all of it
DIFFERENT = 0.5  # MS pixels by which shifts differ across a scene; real scenes have .22
LEAST_SIDE = 48  # MS pixels along a side of a part


def apart_notes(scene: Scene, file: str) -> tuple[str, ...]:
    """Which bands lie whole MS pixels off the others, and whether the shift differs across the scene."""
    patches = list(blocks_of(scene))
    return (*_of_bands(scene, patches, file), *_of_parts(scene, patches, file))


def _of_bands(scene: Scene, patches: Sequence[Patch], file: str) -> Iterator[str]:
    """A note on each band that explains the PAN's detail much better some MS pixels away, where others do not."""
    if not 1 < len(scene.bands) <= MOST_BANDS:
        return
    moved = {name: lag for number, name in enumerate(scene.bands) if any(lag := _best(scene, patches, number))}
    if len(moved) == len(scene.bands):  # a shift of the whole, which is told elsewhere
        return
    for name, (rows, cols) in moved.items():
        yield (
            f"{name} of {file} lies {rows:+d} rows and {cols:+d} columns of the MS off the PAN, other bands do not: "
            "move it first, or leave it out with --reference-bands."
        )


def _best(scene: Scene, patches: Sequence[Patch], band: int) -> tuple[int, int]:
    """(rows, columns) in MS pixels at which a band clearly explains more of the PAN's detail than where it lies."""
    known = [found for patch in patches if (found := _lags(scene, patch, slice(band, band + 1))) is not None]
    if not known:
        return 0, 0
    share = torch.stack([shares for shares, _ in known]).sum(0) / sum(power for _, power in known)
    row, col = divmod(int(share.argmax()), share.shape[1])
    clear = float(share[row, col]) > CLEAR and float(share[REACH, REACH]) < BETTER * float(share[row, col])
    return (row - REACH, col - REACH) if clear else (0, 0)


def _of_parts(scene: Scene, patches: Sequence[Patch], file: str) -> Iterator[str]:
    """A note where parts of the scene would be shifted by different amounts."""
    parts = patches if len(patches) > 1 else list(_quarters(patches[0]))
    found = [lag for patch in parts if (lag := _lag(scene, patch)) is not None]
    if len(found) < 2:
        return
    differ = max(max(axis) - min(axis) for axis in zip(*found, strict=True))
    if differ > DIFFERENT:
        yield (
            f"The shift between PAN and {file} differs by {differ * scene.ratio:.1f} PAN pixels across the scene, as "
            "if one had another scale or had been rectified otherwise: expect fringes, and look at the corners."
        )


def _lag(scene: Scene, patch: Patch) -> tuple[float, float] | None:
    """(rows, columns) in MS pixels that all bands of a patch lie off the PAN; None where that is not clear."""
    found = _lags(scene, patch, slice(None))
    if found is None or found[0].max() <= CLEAR * found[1]:
        return None
    share = found[0]
    row, col = divmod(int(share.argmax()), share.shape[1])
    return row - REACH + vertex(share[:, col], row), col - REACH + vertex(share[row], col)


def _lags(scene: Scene, patch: Patch, bands: slice) -> tuple[Tensor, float] | None:
    """What some bands explain of the PAN's detail at each lag (2 REACH + 1 each way), in its squares, and these."""
    image, valid = degraded(patch.pan, patch.mask, scene.ratio, scene.sampling.phase)
    shares = lag_shares(image, valid, Bands.of(patch.lrms[bands], window.whole(patch.mask, scene.ratio)))
    power = float((image * valid).square().sum())
    return None if shares is None or not power else (shares, power)


def _quarters(patch: Patch) -> Iterator[Patch]:
    """The four quarters of a patch, if they are large enough."""
    sides = [n // 2 for n in patch.lrms.shape[-2:]]
    if min(sides) < LEAST_SIDE:
        return
    for top in (0, sides[0]):
        for left in (0, sides[1]):
            rows, cols = slice(top, top + sides[0]), slice(left, left + sides[1])
            fine = [slice(side.start * patch.ratio, side.stop * patch.ratio) for side in (rows, cols)]
            part = patch.pan[..., *fine], patch.lrms[..., rows, cols], patch.mask[*fine]
            yield replace(patch, pan=part[0], lrms=part[1], mask=part[2], halo=0)
