"""MTF-GLP-HPM and MTF-GLP-HPM-R: the pyramid's detail modulates the bands instead of being added to them.

In the ``physical`` convention denominators are held at a tenth of the band's root mean square: the formulas divide by
nearly nothing where a dark PAN meets a bright band, and some scenes break (``toolbox`` leaves them as published).
"""

from __future__ import annotations

import torch
from torch import Tensor

from anypan.methods.base import Fuser
from anypan.methods.classical.injection import Modulation
from anypan.methods.classical.mtf_glp import contrast_gains, groups, regression_gains
from anypan.methods.classical.statistics import Statistics, exp_low_and_pan, least, of_scene
from anypan.pair.scene import Scene


def mtf_glp_hpm(scene: Scene) -> Fuser:
    """MTF-GLP with high-pass modulation: EXP times the ratio of the PAN, equalised to the band, and its low-pass.

    fused_b = EXP_b P_b / P_LP_b, P_LP_b = expand(degrade(P_b, gnyq_b)),
    P_b = (PAN - mean(PAN)) std(EXP_b) / std(PAN_LP_b) + mean(EXP_b).
    Vivone et al., IEEE GRSL 11(5), 2014. Denominators are held at a tenth of the band's root mean square.
    """
    seen = of_scene(scene, exp_low_and_pan)
    gains = contrast_gains(scene, seen)
    flat = torch.ones(1, scene.ratio, scene.ratio, dtype=torch.float64)
    passed = scene.sampling.degrade(flat, scene.gnyq)[:, 0, 0]  # of a constant: 1, but less in the toolbox
    return modulation(scene, seen, gains, passed)


def mtf_glp_hpm_r(scene: Scene) -> Fuser:
    """MTF-GLP-HPM with the PAN brought to each band by regression: good at ratios of 4 and of 2.

    fused_b = EXP_b (PAN + c_b) / (PAN_LP_b + c_b), c_b = mean(EXP_b) / g_b - mean(PAN),
    g_b = cov(EXP_b, PAN_LP_b) / var(PAN_LP_b). Vivone, Restaino and Chanussot, IEEE TGRS 56(2), 2018.
    Denominators (times g_b) are held at a tenth of the band's root mean square.
    """
    seen = of_scene(scene, exp_low_and_pan)
    gains = regression_gains(scene, seen)
    return modulation(scene, seen, gains, torch.ones_like(gains))


def modulation(scene: Scene, seen: Statistics, gains: Tensor, passed: Tensor) -> Modulation:
    """The PAN times ``gains`` (B,), with the band's mean; the low-pass lets ``passed`` (B,) of a constant through."""
    exp, _ = groups(scene)
    mean, variance = seen.mean[exp], seen.variance[exp]
    offset = mean - gains * seen.mean[-1]
    floor = least(mean, variance)
    return Modulation(scene.sampling, scene.gnyq, gains, offset, offset * passed, floor)
