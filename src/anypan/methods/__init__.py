"""METHODS: everything that fuses, by the name its paper gives it; FORMULAS: the classical ones, with their laws.

PAN, MS and what is fused are float32 in the scene's units (digital numbers, radiance or reflectance), of any range.
"""

from anypan.methods.base import Formula, Fuser, Method
from anypan.methods.classical.awlp import awlp
from anypan.methods.classical.bdsd_pc import bdsd_pc
from anypan.methods.classical.brovey import brovey, bt_h
from anypan.methods.classical.consistency import consistent
from anypan.methods.classical.exp import exp
from anypan.methods.classical.gs import gs, gsa
from anypan.methods.classical.hpf import hpf, sfim
from anypan.methods.classical.mtf_glp import mtf_glp, mtf_glp_cbd, mtf_glp_fs
from anypan.methods.classical.mtf_glp_hpm import mtf_glp_hpm, mtf_glp_hpm_r
from anypan.methods.classical.pca import pca
from anypan.methods.ensemble import best_of
from anypan.methods.neural import neural
from anypan.weights import available

__all__ = ["CLASSICAL", "FORMULAS", "METHODS", "Formula", "Fuser", "Method"]

FORMULAS: dict[str, Formula] = {
    "EXP": Formula(exp, additive=True),
    "Brovey": Formula(brovey, flat_pan_gives_exp=False),
    "BT-H": Formula(bt_h, flat_pan_gives_exp=False, raw_pan=True),
    "GS": Formula(gs, additive=True),
    "GSA": Formula(gsa, additive=True),
    "PCA": Formula(pca, additive=True),
    "HPF": Formula(hpf, additive=True),
    "SFIM": Formula(sfim, raw_pan=True),
    "AWLP": Formula(awlp),
    "BDSD-PC": Formula(bdsd_pc, flat_pan_gives_exp=False, raw_pan=True),
    "MTF-GLP": Formula(mtf_glp, additive=True),
    "MTF-GLP-FS": Formula(mtf_glp_fs, additive=True),
    "MTF-GLP-HPM": Formula(mtf_glp_hpm),
    "MTF-GLP-HPM-R": Formula(mtf_glp_hpm_r),
    "MTF-GLP-CBD": Formula(mtf_glp_cbd, additive=True),
    "MTF-GLP-FS + consistency": Formula(
        consistent(mtf_glp_fs), additive=True, flat_pan_gives_exp=False, published=False
    ),
}
CLASSICAL = tuple(name for name, formula in FORMULAS.items() if formula.published)
METHODS: dict[str, Method] = {name: formula.fit for name, formula in FORMULAS.items()}
METHODS.update({card.name: neural(card.name) for card in available()})
METHODS["anypan-s+"] = best_of(METHODS["anypan-s"])
