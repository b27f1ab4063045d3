"""METHODS: everything that fuses, by the name its paper gives it."""

from anypan.methods.base import Fuser, Method
from anypan.methods.exp import exp
from anypan.methods.gs import gs, gsa
from anypan.methods.mtf_glp import mtf_glp, mtf_glp_cbd, mtf_glp_fs
from anypan.methods.mtf_glp_hpm import mtf_glp_hpm, mtf_glp_hpm_r

__all__ = ["CLASSICAL", "METHODS", "Fuser", "Method"]

METHODS: dict[str, Method] = {
    "EXP": exp,
    "GS": gs,
    "GSA": gsa,
    "MTF-GLP": mtf_glp,
    "MTF-GLP-FS": mtf_glp_fs,
    "MTF-GLP-HPM": mtf_glp_hpm,
    "MTF-GLP-HPM-R": mtf_glp_hpm_r,
    "MTF-GLP-CBD": mtf_glp_cbd,
}
CLASSICAL = tuple(METHODS)

# Networks: METHODS[name] = neural(name) for each of the package's weights, after CLASSICAL was taken.
