"""GDAL's own pansharpening through the GDAL inside rasterio, as gdal_pansharpen.py asks for it: PAN MS OUT."""

import sys

import rasterio
import rasterio.shutil

pan, ms, out = sys.argv[1:4]
with rasterio.open(ms) as file:
    count = file.count
source = '<SourceFilename relativeToVRT="0">{}</SourceFilename><SourceBand>{}</SourceBand>'
bands = "".join(f'<SpectralBand dstBand="{b}">{source.format(ms, b)}</SpectralBand>' for b in range(1, count + 1))
declared = "".join(
    f'<VRTRasterBand dataType="Float32" band="{b}" subClass="VRTPansharpenedRasterBand"></VRTRasterBand>'
    for b in range(1, count + 1)
)
options = "<Algorithm>WeightedBrovey</Algorithm><Resampling>Cubic</Resampling>"
options += f"<PanchroBand>{source.format(pan, 1)}</PanchroBand>{bands}"
vrt = f'<VRTDataset subClass="VRTPansharpenedDataset">{declared}<PansharpeningOptions>{options}</PansharpeningOptions>'
rasterio.shutil.copy(vrt + "</VRTDataset>", out, driver="GTiff")
