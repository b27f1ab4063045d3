"""METHODS: everything that fuses, by the name its paper gives it."""

from anypan.methods.base import Fuser, Method
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

__all__ = ["CLASSICAL", "METHODS", "Fuser", "Method"]

METHODS: dict[str, Method] = {
    "EXP": exp,
    "Brovey": brovey,
    "BT-H": bt_h,
    "GS": gs,
    "GSA": gsa,
    "PCA": pca,
    "HPF": hpf,
    "SFIM": sfim,
    "AWLP": awlp,
    "BDSD-PC": bdsd_pc,
    "MTF-GLP": mtf_glp,
    "MTF-GLP-FS": mtf_glp_fs,
    "MTF-GLP-HPM": mtf_glp_hpm,
    "MTF-GLP-HPM-R": mtf_glp_hpm_r,
    "MTF-GLP-CBD": mtf_glp_cbd,
}
CLASSICAL = tuple(METHODS)
METHODS["MTF-GLP-FS + consistency"] = consistent(mtf_glp_fs)

METHODS.update({card.name: neural(card.name) for card in available()})
METHODS["anypan-s+"] = best_of(METHODS["anypan-s"])
