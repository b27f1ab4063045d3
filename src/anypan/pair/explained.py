"""How much of each band's detail the PAN explains, at the MS's scale: what the fused detail rests on."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import torch

from anypan.optics.normalise import box_mean, pan_at_ms_scale
from anypan.optics.sensors import GENERIC, Sensor, match
from anypan.pair.gain import LIGHT, MeasuredGain, times_as_sharp
from anypan.pair.notes import coarse_note, sharp_note, sharper_note
from anypan.pair.scene import Scene

HIGH_PASS = 5  # MS pixels along a side of the mean that is taken away
LEAST = 0.3  # of the pixels that the mean is taken of, that have to be valid
PIXELS = 2**18  # MS pixels that it is measured on
HARDLY = 0.1  # of a band's detail
SHARPER = 1.3  # times the gain given, from which on a measured one is said
SEEN = 3  # the least ratio at which the PAN's own blur does not raise a measured gain by as much
GROUND, WELL = 0.82, 0.86  # of the gain given, and of the PAN's detail, from which on it was sharpened on the ground
FINE_ENOUGH = 0.5  # fineness below which a band is called coarse


def explained(scene: Scene) -> tuple[float, ...]:
    """Of each band the share, 0 to 1, of its detail that regression on the PAN's at MS scale explains.

    Beside gaps detail is what differs from the valid pixels around. Empty where nothing is valid or the PAN is flat.
    """
    count, scene = len(scene.bands), scene.limits.hold(scene)
    products, powers, power = torch.zeros(count).double(), torch.zeros(count).double(), 0.0
    for patch in scene.blocks(PIXELS):
        pan = pan_at_ms_scale(patch.pan, scene.gnyq, scene.sampling)
        stack = torch.cat([pan, patch.lrms])
        valid = patch.mask_lr[None].to(stack)
        around = box_mean(valid, HIGH_PASS)
        detail = (stack - box_mean(stack * valid, HIGH_PASS) / around.clamp(min=LEAST)).double()
        values = patch.core(detail)[:, patch.core(patch.mask_lr & (around[0] > LEAST))]
        products += values[1:] @ values[0]
        powers += values[1:].square().sum(1)
        power += float(values[0].square().sum())
    if not power:
        return ()
    shares = products.square() / (powers * power).clamp(min=1e-300)
    return tuple(float(share) for share in shares.clamp(0, 1))


def resampling_notes(scene: Scene, measured: MeasuredGain) -> tuple[str, ...]:
    """Which bands were resampled from a coarser grid than the others', and whether all were without a low-pass."""
    coarse = [name for name, one in zip(scene.bands, measured.fine, strict=True) if one < FINE_ENOUGH]
    times = times_as_sharp(scene.gnyq, measured)
    if times >= LIGHT:
        return (*coarse_note(coarse), sharp_note(measured.gnyq, measured.gnyq / times))
    return (*coarse_note(coarse), *([sharper_note(times)] if scene.ratio >= SEEN and times >= SHARPER else []))


def sharpness_notes(scene: Scene, measured: MeasuredGain, sharpness: float | None) -> tuple[str, ...]:
    """Where a wish for more of the PAN's texture changes nothing: the PAN is that much sharper than the MS's gain tells
    that networks draw to all of it (``sharpened`` of anypan.models.physics is .9 and more)."""
    below = measured.gnyq < GROUND * fmean(scene.gnyq) and measured.explained > WELL
    if sharpness is None or sharpness <= 0.5 or not below:
        return ()
    done = "the PAN was sharpened on the ground, and the default draws to all of its texture"
    return (f"Sharpness {sharpness:g} changes next to nothing here: {done}.",)


def detail_notes(shares: Sequence[float], names: Sequence[str], sensor: Sensor) -> tuple[str, ...]:
    """Which bands the PAN hardly explains, and which lie outside of its range where the sensor is known."""
    if not shares:
        return ()
    blind = [f"{name} ({100 * share:.0f} %)" for name, share in zip(names, shares, strict=True) if share < HARDLY]
    guess = f"The PAN explains hardly any of the detail of {', '.join(blind)}: their fine detail is a guess."
    notes = [guess] if blind else []
    guided = any((band.low_nm, band.high_nm) == (sensor.pan.low_nm, sensor.pan.high_nm) for band in sensor.bands)
    if sensor is not GENERIC and not guided:  # a band stands in for a PAN, this one or another
        low, high = sensor.pan.low_nm, sensor.pan.high_nm
        known = zip(names, match(sensor, tuple(names)), strict=True)
        outside = [name for name, band in known if band and not low <= band.centre_nm <= high]
        unseen = f"The PAN ({low:g} to {high:g} nm) does not see {', '.join(outside)}"
        said = f"{unseen}: they get detail only where they go with the PAN."
        notes += [said] if outside else []
    return tuple(notes)
