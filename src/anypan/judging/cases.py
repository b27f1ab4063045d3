"""From a scene of a set to something that can be judged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from anypan import raster
from anypan.geometry.grid import MAX_APART, pixels_apart
from anypan.judging.modes import MODES
from anypan.judging.readers import About, Entry, Images, Protocol, as_entry
from anypan.judging.readers.entry import PHASES
from anypan.metrics import METRICS, Reference
from anypan.metrics.strips import FR_BLOCK, block_of
from anypan.optics.sampling import Sampling
from anypan.optics.sensors import SENSORS, find, gains
from anypan.pair import wald
from anypan.pair.crop import covered, middle
from anypan.pair.pair import Pair, open_pair, pair_of_arrays
from anypan.pair.scene import Scene, from_arrays
from anypan.runtime.errors import UserError

WHOLE = 4  # MS pixels: the middle of a scene is a multiple of it
UNIT_SCALE = 2047.0  # largest DN that radiances and reflectances are stretched to in toolbox mode


@dataclass(frozen=True)
class Origin:
    """Where a case lies in its files, so that images which others fused can be read for it.

    ``pan_size``: rows and columns of the PAN file; ``corner``: row and column there of the case's first pixel;
    ``unit``: what DN were multiplied by; ``reduced``: the case has other pixels than the files.
    """

    pan_size: tuple[int, int]
    corner: tuple[int, int]
    unit: float
    reduced: bool


@dataclass(frozen=True)
class Case:
    """A scene under one protocol and mode, in memory: methods fuse ``scene``, rr against ``reference`` (B, H, W).

    ``mask`` (H, W) says where the reference is valid, ``peak`` is its full scale, ``cut`` the pixels that the toolbox
    mode leaves out at each border. ``mode``: of MODES; ``origin``: where it lies in its files. ``facts`` are the row's
    entries that do not depend on the method; nothing but rows looks at them.
    """

    scene: Scene
    protocol: Protocol
    reference: Tensor | None
    mask: Tensor | None
    peak: float
    cut: int
    mode: str
    origin: Origin
    facts: dict[str, Any]

    @property
    def name(self) -> str:
        """The scene's name."""
        return self.facts["scene"]

    @property
    def sensor(self) -> str:
        """The sensor's name, as rows have it."""
        return self.facts["sensor"]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that judge it."""
        return tuple(name for name, metric in METRICS.items() if metric.kind == self.protocol)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of its PAN, and of a fused image."""
        ratio = self.scene.ratio
        return ratio * self.scene.shape[0], ratio * self.scene.shape[1]

    @cached_property
    def against(self) -> Scene | Reference:
        """What the metrics compare with."""
        if self.reference is None:
            return self.scene
        mask = self.mask if self.mask is not None and not self.mask.all() else None
        reference, mask = self.inner(self.reference), None if mask is None else self.inner(mask)
        return Reference(reference, self.scene.ratio, self.peak, mask, self.scene.sampling.whole_numbers)

    def inner(self, image: Tensor) -> Tensor:
        """(..., H, W) without the border cut, as the toolbox slices: cut - 1 pixels first, cut pixels last."""
        return image[..., self.cut - 1 : -self.cut, self.cut - 1 : -self.cut] if self.cut else image


def prepare(scene: Entry | Path, protocol: Protocol, mode: str = "physical") -> Case:
    """The case of one scene of a set, or of a scene folder.

    rr: a scene with a truth is judged against it, any other is degraded by Wald's protocol. fr: as it is; a scene with
    a truth is marked ``degraded``, since its PAN and MS are no real pair. Physical mode registers the pair as fuse()
    does and takes the part that both cover; the others take the images pixel by pixel. What has a ``side`` is
    cut to its middle last, so that neither registration nor degradation depends on it. Raises UserError, ValueError.
    """
    entry, convention = as_entry(scene), MODES[mode].convention
    if protocol not in MODES[mode].protocols:
        raise UserError(f"Mode {mode} does not judge protocol {protocol}: choose another of {', '.join(MODES)}.")
    images = entry.read()
    with raster.environment(), _open(images, convention) as pair:
        view, corner = covered(pair)
        inside, unit = _in_memory(view, images.about, pair.registered, convention)
        truth = _truth(images.truth, pair, corner, inside) if images.truth is not None and protocol == "rr" else None
        facts = _facts(entry, images.about, pair, mode) | {"protocol": protocol, "unit": unit}
    facts["degraded"] = images.truth is not None
    reference = mask = None
    if truth is not None:
        reference, valid = truth[0] * unit, truth[1]
        mask = valid & inside.whole().mask
    elif protocol == "rr":
        inside, reference = wald.degrade(inside)
        mask = inside.whole().mask
    peak = _peak(images.about, unit, (reference, mask), inside)
    inside, start = middle(inside, entry.side, WHOLE) if entry.side else (inside, (0, 0))
    row, col = (a + inside.ratio * n for a, n in zip(corner, start, strict=True))
    origin = Origin(pair.grid.shape, (row, col), unit, protocol == "rr" and not facts["degraded"])
    facts |= {"corner": list(origin.corner), "pan_size": list(origin.pan_size)}
    fine = [slice(inside.ratio * n, inside.ratio * (n + size)) for n, size in zip(start, inside.shape, strict=True)]
    reference, mask = (None if image is None else image[..., *fine] for image in (reference, mask))
    return _case(inside, protocol, (reference, mask, peak), origin, facts)


def _case(
    scene: Scene,
    protocol: Protocol,
    against: tuple[Tensor | None, Tensor | None, float],
    origin: Origin,
    facts: dict[str, Any],
) -> Case:
    reference, mask, peak = against
    cut = MODES[facts["mode"]].cut if protocol == "rr" else 0
    valid = scene.whole().mask if mask is None else mask
    if cut and min(valid.shape) < 2 * cut + FR_BLOCK:
        raise UserError(f"{facts['scene']} is too small for this mode's border cut of {cut}: use physical mode.")
    facts = facts | {
        "cut": cut,
        "block": FR_BLOCK if protocol == "rr" else block_of(scene.ratio),
        "size": list(valid.shape),
        "bands": len(scene.bands),
        "gnyq": list(scene.gnyq),
        "gnyq_pan": scene.gnyq_pan,
        "phase": list(scene.sampling.offset),
        "peak": peak,
        "masked": 1 - float(valid.double().mean()),
    }
    return Case(scene, protocol, reference, mask, peak, cut, facts["mode"], origin, facts)


@contextmanager
def _open(images: Images, convention: type[Sampling]) -> Iterator[Pair]:
    sensor, register = _sensor_name(images.about), convention.known_phase
    if isinstance(images.pan, Path):
        assert not isinstance(images.ms, np.ndarray)
        opened = open_pair(images.pan, images.ms, sensor=sensor, register=register)
    else:
        assert isinstance(images.ms, np.ndarray)
        opened = pair_of_arrays(images.pan, images.ms, sensor=sensor, register=register)
    with opened as pair:
        yield pair


def _sensor_name(about: About) -> str | None:
    try:
        return find(about.sensor).name
    except UserError:
        return None


def _in_memory(view: Scene, about: About, registered: bool, convention: type[Sampling]) -> tuple[Scene, float]:
    """The scene, and the factor that its values were multiplied by: what is rounded must be whole DN.

    Where the set states the phase, it holds unless registration found the pair's own.
    """
    patch, names = view.whole(), about.bands if len(about.bands) == len(view.bands) else view.bands
    band_gains = gains(SENSORS[view.sensor], names) if view.sensor in SENSORS else view.gnyq
    stated = 0.0 if registered else PHASES[about.phase]
    dy, dx = view.sampling.phase
    phase = (dy + stated, dx + stated) if convention.known_phase else (0.0, 0.0)
    seen = patch.lrms[:, patch.mask_lr]  # what fills holes is no whole number
    whole = (about.full_scale or 0) > 1 or bool((seen == seen.round()).all())
    unit = 1.0 if whole or not convention.whole_numbers else UNIT_SCALE / (about.full_scale or float(patch.lrms.max()))
    scene = from_arrays(patch.pan * unit, patch.lrms * unit, band_gains, view.gnyq_pan, phase, convention, patch.mask)
    return replace(scene, bands=tuple(names), sensor=view.sensor), unit


def _truth(truth: Path | NDArray[Any], pair: Pair, corner: tuple[int, int], scene: Scene) -> tuple[Tensor, Tensor]:
    """The reference (B, H, W) on the scene's PAN grid and its mask (H, W)."""
    opened = raster.open_raster([truth]) if isinstance(truth, Path) else raster.in_memory(truth, "the truth")
    try:
        if opened.shape != pair.grid.shape or len(opened.bands) != len(scene.bands):
            raise UserError(
                f"{opened.name} does not have the PAN's size and the MS's bands: give the truth on the PAN's grid."
            )
        apart = pixels_apart(pair.grid, opened.grid)
        if apart > MAX_APART and raster.same_crs(pair.grid, opened.grid):
            raise UserError(
                f"{opened.name} lies {apart:.3g} pixels off the PAN's grid: give the truth of the same place."
            )
        image, valid = opened.read(*corner, *(n * scene.ratio for n in scene.shape))
    finally:
        opened.close()
    return torch.from_numpy(image), torch.from_numpy(valid)


def _facts(entry: Entry, about: About, pair: Pair, mode: str) -> dict[str, Any]:
    known = pair.scene.sensor in SENSORS
    return {
        **entry.head,
        "sensor": pair.scene.sensor if known else about.sensor,
        "mode": mode,
        "ratio": pair.scene.ratio,
        "shift": list(pair.shift),
        "shift_confidence": pair.confidence,
        "registered": pair.registered,
        "gnyq_source": f"sensor {pair.scene.sensor}" if known else "generic",
        "full_scale": about.full_scale,
        "phase_convention": about.phase,
        **about.extra,
    }


def _peak(about: About, unit: float, truth: tuple[Tensor | None, Tensor | None], scene: Scene) -> float:
    """Full scale: the set's if it states one, else the largest valid value of the reference, or of PAN and MS."""
    if about.full_scale:
        return about.full_scale * unit
    reference, mask = truth
    if reference is not None and mask is not None:
        seen = [reference[:, mask]]
    else:
        patch = scene.whole()
        seen = [patch.pan[:, patch.mask], patch.lrms[:, patch.mask_lr]]
    return max((float(values.max()) for values in seen if values.numel()), default=1.0)
