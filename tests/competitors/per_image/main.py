"""A stand-in for programs that optimise for each image: reads and writes their files, and repeats MS pixels."""

import sys
from pathlib import Path

import h5py
import numpy as np
from scipy.io import loadmat, savemat

if "-i" in sys.argv:  # with options, as Z-PNN
    words = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=False))
    scene = loadmat(words["-i"])
    pan, ms = scene["I_PAN"], scene["I_MS_LR"]
    if words["-s"] == "none":
        sys.exit("unknown sensor")
    exp = ms.repeat(pan.shape[0] // ms.shape[0], 0).repeat(pan.shape[1] // ms.shape[1], 1)
    savemat(Path(words["-o"]) / "scene_Z-PNN.mat", {"I_MS": exp[:-1] if words["-s"] == "short" else exp})
else:  # with a fixed place, as KZ-PAN
    with h5py.File("test_data/anypan.h5") as file:
        exp = np.moveaxis(file["lms"][...], 1, -1)
        assert exp.shape[1:3] == file["pan"].shape[2:] and file["ms"].shape[1] == exp.shape[-1]
    Path("results").mkdir(exist_ok=True)
    savemat("results/HRMS_Prediction.mat", {"HRMS": exp / 2047})
