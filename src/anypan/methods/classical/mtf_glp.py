"""MTF-GLP, MTF-GLP-FS and MTF-GLP-CBD: detail is what the band's MTF takes from the PAN; the gains differ."""

from __future__ import annotations

from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import Pyramid
from anypan.methods.classical.statistics import Statistics, exp_low_and_pan, of_scene, over
from anypan.pair.scene import Scene


def mtf_glp(scene: Scene) -> Fuser:
    """Generalised Laplacian pyramid with the MTF of each band; the PAN is equalised to the band.

    fused_b = EXP_b + std(EXP_b) / std(PAN_LP_b) (PAN - PAN_LP_b), PAN_LP_b = expand(degrade(PAN, gnyq_b)).
    Aiazzi et al., PE&RS 72(5), 2006; equalised as in Alparone, Garzelli and Vivone, IEEE TGRS 55(8), 2017.
    """
    return Pyramid(scene.sampling, scene.gnyq, contrast_gains(scene, of_scene(scene, exp_low_and_pan)))


def mtf_glp_fs(scene: Scene) -> Fuser:
    """MTF-GLP with gains by regression at full scale.

    fused_b = EXP_b + g_b (PAN - PAN_LP_b), g_b = cov(EXP_b, PAN) / cov(PAN_LP_b, PAN).
    Vivone, Restaino and Chanussot, IEEE TIP 27(7), 2018.
    """
    seen = of_scene(scene, exp_low_and_pan)
    exp, low = groups(scene)
    with_pan = seen.covariance[:, -1]
    return Pyramid(scene.sampling, scene.gnyq, over(with_pan[exp], with_pan[low]) * (seen.variance[low] > 0))


def mtf_glp_cbd(scene: Scene) -> Fuser:
    """MTF-GLP with gains by regression of the bands on PAN_LP, over the whole scene (context-based decision, global).

    fused_b = EXP_b + g_b (PAN - PAN_LP_b), g_b = cov(EXP_b, PAN_LP_b) / var(PAN_LP_b).
    Alparone et al., IEEE TGRS 45(10), 2007.
    """
    return Pyramid(scene.sampling, scene.gnyq, regression_gains(scene, of_scene(scene, exp_low_and_pan)))


def groups(scene: Scene) -> tuple[slice, slice]:
    """Where EXP and PAN_LP stand among the variables of exp_low_and_pan."""
    bands = len(scene.bands)
    return slice(0, bands), slice(bands, 2 * bands)


def contrast_gains(scene: Scene, seen: Statistics) -> Tensor:
    """(B,): std(EXP_b) / std(PAN_LP_b); the toolbox takes one low-pass, of gain .30, for all bands."""
    exp, low = groups(scene)
    if scene.sampling.fits_at_ms:
        return over(seen.std[exp], seen.std[low])
    one = of_scene(scene, lambda scene, patch: scene.sampling.low_for_gains(patch.pan, scene.gnyq))
    return over(seen.std[exp], one.std)


def regression_gains(scene: Scene, seen: Statistics) -> Tensor:
    """(B,): cov(EXP_b, PAN_LP_b) / var(PAN_LP_b)."""
    exp, low = groups(scene)
    return over(seen.covariance[exp, low].diagonal(), seen.variance[low])
