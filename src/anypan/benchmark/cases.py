"""From a folder with ``pan.tif``, ``ms.tif``, perhaps ``gt.tif`` and ``scene.json`` to something that can be judged."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from anypan import raster, wald
from anypan.align import Pair, open_pair
from anypan.benchmark.crop import covered
from anypan.errors import UserError
from anypan.metrics import METRICS, Reference
from anypan.metrics.strips import FR_BLOCK, block_of
from anypan.mtf import Convention
from anypan.scene import Scene, from_arrays
from anypan.sensors import SENSORS, find, gains

Protocol = Literal["rr", "fr"]
PROTOCOLS: tuple[Protocol, ...] = ("rr", "fr")
UNIT_SCALE = 2047.0  # largest DN that radiances and reflectances are stretched to in toolbox mode
TOOLBOX_CUT = 21  # the reference toolbox's own border cut at reduced resolution


@dataclass(frozen=True)
class Case:
    """A scene under one protocol and mode, in memory: methods fuse ``scene``, rr against ``reference`` (B, H, W).

    ``mask`` (H, W) says where the reference is valid, ``peak`` is its full scale, ``cut`` the pixels that the toolbox
    mode leaves out at each border. ``facts`` are the row's entries that do not depend on the method.
    """

    scene: Scene
    protocol: Protocol
    reference: Tensor | None
    mask: Tensor | None
    peak: float
    cut: int
    facts: dict[str, Any]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the metrics that judge it."""
        return tuple(name for name, metric in METRICS.items() if metric.kind == self.protocol)

    @cached_property
    def against(self) -> Scene | Reference:
        """What the metrics compare with."""
        if self.reference is None:
            return self.scene
        mask = self.mask if self.mask is not None and not self.mask.all() else None
        reference, mask = self.inner(self.reference), None if mask is None else self.inner(mask)
        return Reference(reference, self.scene.ratio, self.peak, mask, self.facts["mode"] == "toolbox")

    def inner(self, image: Tensor) -> Tensor:
        """(..., H, W) without the border cut, as the toolbox slices: cut - 1 pixels first, cut pixels last."""
        return image[..., self.cut - 1 : -self.cut, self.cut - 1 : -self.cut] if self.cut else image


def find_scenes(folder: str | Path) -> list[Path]:
    """The scene folders in ``folder``, by name, or ``folder`` itself if it is one. UserError if there are none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder: give a folder of scenes.")
    found = [each for each in (folder, *sorted(folder.iterdir())) if _is_scene(each)]
    if not found:
        raise UserError(f"{folder} holds no scenes: each is a folder with pan.tif, ms.tif and, if known, gt.tif.")
    return found[:1] if found[0] == folder else found


def _is_scene(folder: Path) -> bool:
    return folder.is_dir() and any((folder / name).exists() for name in ("scene.json", "pan.tif", "ms.tif"))


def prepare(folder: Path, protocol: Protocol, mode: Convention = "physical") -> Case:
    """The case of one scene folder.

    rr: a scene with gt.tif is judged against it, any other is degraded by Wald's protocol. fr: as it is; a scene with
    gt.tif is marked ``degraded``, since its PAN and MS are no real pair. Physical mode registers the pair as fuse()
    does and takes the part that both cover; toolbox mode takes the files pixel by pixel. Raises UserError, ValueError.
    """
    about = json.loads((folder / "scene.json").read_text()) if (folder / "scene.json").exists() else {}
    has_truth = (folder / "gt.tif").exists()
    with raster.environment(), _open(folder, about, mode) as pair:
        view, corner = covered(pair)
        scene, unit = _in_memory(view, about, mode)
        truth = _truth(folder, pair, corner, scene) if has_truth and protocol == "rr" else None
        facts = _facts(folder, about, pair, mode) | {"protocol": protocol, "degraded": has_truth, "unit": unit}
    reference = mask = None
    if truth is not None:
        reference, valid = truth[0] * unit, truth[1]
        mask = valid & scene.whole().mask
    elif protocol == "rr":
        scene, reference = wald.degrade(scene)
        mask = scene.whole().mask
    peak = _peak(about, reference)
    return _case(scene, protocol, reference, mask, peak, facts)


def _case(
    scene: Scene, protocol: Protocol, reference: Tensor | None, mask: Tensor | None, peak: float, facts: dict[str, Any]
) -> Case:
    toolbox = facts["mode"] == "toolbox"
    cut = TOOLBOX_CUT if toolbox and protocol == "rr" else 0
    valid = scene.whole().mask if mask is None else mask
    if cut and min(valid.shape) < 2 * cut + FR_BLOCK:
        raise UserError(f"{facts['scene']} is too small for the toolbox's border cut of {cut}: use physical mode.")
    facts = facts | {
        "cut": cut,
        "block": FR_BLOCK if protocol == "rr" else block_of(scene.ratio),
        "size": list(valid.shape),
        "bands": len(scene.bands),
        "gnyq": list(scene.gnyq),
        "gnyq_pan": scene.gnyq_pan,
        "masked": 1 - float(valid.double().mean()),
    }
    return Case(scene, protocol, reference, mask, peak, cut, facts)


def _open(folder: Path, about: dict[str, Any], mode: Convention) -> Pair:
    pan, ms = folder / "pan.tif", folder / "ms.tif"
    return open_pair(pan, ms, sensor=_sensor_name(about), register=mode == "physical")


def _sensor_name(about: dict[str, Any]) -> str | None:
    try:
        return find(str(about.get("sensor", ""))).name
    except UserError:
        return None


def _in_memory(view: Scene, about: dict[str, Any], mode: Convention) -> tuple[Scene, float]:
    """The scene, and the factor that its values were multiplied by: the toolbox rounds, so it must see whole DN."""
    patch, names = view.whole(), _band_names(about, len(view.bands)) or view.bands
    band_gains = gains(SENSORS[view.sensor], names) if view.sensor in SENSORS else view.gnyq
    phase = view.sampling.phase if mode == "physical" else (0.0, 0.0)
    unit = 1.0 if mode == "physical" or _bits(about) else UNIT_SCALE / float(patch.lrms.max())
    scene = from_arrays(patch.pan * unit, patch.lrms * unit, band_gains, view.gnyq_pan, phase, mode, patch.mask)
    return replace(scene, bands=tuple(names), sensor=view.sensor), unit


def _band_names(about: dict[str, Any], count: int) -> Sequence[str] | None:
    names = about.get("band_order")
    return names if isinstance(names, list) and len(names) == count else None


def _truth(folder: Path, pair: Pair, corner: tuple[int, int], scene: Scene) -> tuple[Tensor, Tensor]:
    """The reference (B, H, W) on the scene's PAN grid and its mask (H, W)."""
    opened = raster.open_raster([folder / "gt.tif"])
    try:
        if opened.shape != pair.grid.shape or len(opened.bands) != len(scene.bands):
            raise UserError(
                f"{opened.name} has not the PAN's size and the MS's bands: give the truth on the PAN's grid."
            )
        image, valid = opened.read(*corner, *(n * scene.ratio for n in scene.shape))
    finally:
        opened.close()
    return torch.from_numpy(image), torch.from_numpy(valid)


def _facts(folder: Path, about: dict[str, Any], pair: Pair, mode: Convention) -> dict[str, Any]:
    known = pair.scene.sensor in SENSORS
    return {
        "scene": folder.name,
        "sensor": pair.scene.sensor if known else str(about.get("sensor", pair.scene.sensor)),
        "mode": mode,
        "ratio": pair.scene.ratio,
        "shift": list(pair.shift),
        "shift_confidence": pair.confidence,
        "registered": pair.registered,
        "gnyq_source": f"sensor {pair.scene.sensor}" if known else "generic",
        "quality": about.get("quality"),
    }


def _peak(about: dict[str, Any], reference: Tensor | None) -> float:
    """Full scale: from the stated bit depth if there is one, else the largest value of the reference."""
    bits = _bits(about)
    if bits:
        return 2.0**bits - 1
    return float(reference.max()) if reference is not None else 1.0


def _bits(about: dict[str, Any]) -> int:
    """Bits of a DN, 0 where the values are radiances, reflectances or nothing known."""
    found = re.match(r"\d+", str(about.get("bit_depth", "")))
    return int(found[0]) if found else 0
