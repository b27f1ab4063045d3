"""A competitor with no line of the package, brovey.py PAN MS OUT: Brovey on MS pixels that are repeated."""

import sys

import numpy as np
import rasterio

pan_path, ms_path, out_path = sys.argv[1:4]
with rasterio.open(pan_path) as pan_file, rasterio.open(ms_path) as ms_file:
    pan, ms, profile = pan_file.read(1), ms_file.read(), pan_file.profile
ratio = pan.shape[0] // ms.shape[1]
exp = ms.repeat(ratio, 1).repeat(ratio, 2)
fused = exp * (pan / np.maximum(exp.mean(0), 1e-6))
with rasterio.open(out_path, "w", **(profile | {"count": len(fused)})) as out:
    out.write(fused.astype(np.float32))
