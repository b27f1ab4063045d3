"""Products as operators ship them: folders in the published structure, with small images of one simulated scene."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import numpy as np
from affine import Affine
from pairs import UTM, landscape, write

SIDE = 96  # PAN pixels


def _kept(make: Callable[..., Path]) -> Callable[..., Path]:
    """Made once; the same files are written again from then on."""
    kept: dict[tuple[object, ...], tuple[str, dict[Path, bytes]]] = {}

    @wraps(make)
    def again(root: Path, *which: object) -> Path:
        if which not in kept:
            folder = make(root, *which)
            files = [path for path in folder.rglob("*") if path.is_file()]
            kept[which] = folder.name, {path.relative_to(folder): path.read_bytes() for path in files}
            return folder
        name, contents = kept[which]
        for inner, content in contents.items():
            (root / name / inner).parent.mkdir(parents=True, exist_ok=True)
            (root / name / inner).write_bytes(content)
        return root / name

    return again


def _images(bands: int, ratio: int) -> tuple[np.ndarray, np.ndarray]:
    pan, ms = landscape(SIDE, SIDE, bands, ratio)
    return pan.round().astype(np.uint16), ms.round().astype(np.uint16)


def _grid(size: float) -> Affine:
    return Affine(size, 0, 500_000, 0, -size, 4_000_000)


def _tiles(folder: Path, stem: str, image: np.ndarray, size: float, suffix: str = ".TIF") -> list[str]:
    """An image (B, H, W) cut into two tiles side by side, as <stem>_R1C1 and <stem>_R1C2."""
    half, names = image.shape[-1] // 2, []
    for number, part in enumerate((image[..., :half], image[..., half:]), 1):
        names.append(f"{stem}_R1C{number}{suffix}")
        place = _grid(size) * Affine.translation((number - 1) * half, 0)
        write(folder / names[-1], np.ascontiguousarray(part), place, crs=UTM)
    return names


@_kept
def landsat(root: Path, spacecraft: str = "LANDSAT_9") -> Path:
    """A scene of Collection 2 Level-1: band files and the MTL."""
    stem = f"L{'E' if spacecraft.endswith('7') else 'C'}0{spacecraft[-1]}_L1TP_193027_20240612_20240612_02_T1"
    folder = root / stem
    folder.mkdir()
    bands = ("1", "2", "3", "4", "5", "6_VCID_1", "7") if spacecraft.endswith("7") else tuple("1234567")
    pan, ms = _images(len(bands), 2)
    write(folder / f"{stem}_B8.TIF", pan, _grid(15), crs=UTM)
    for band, image in zip(bands, ms, strict=True):
        write(folder / f"{stem}_B{band}.TIF", image, _grid(30), crs=UTM)
    files = "\n".join(f'    FILE_NAME_BAND_{band} = "{stem}_B{band}.TIF"' for band in (*bands, "8"))
    gains = "\n".join(
        f"    RADIANCE_MULT_BAND_{band} = 1.2{n}E-02\n    RADIANCE_ADD_BAND_{band} = -6.{n}"
        for n, band in enumerate(bands)
    )
    (folder / f"{stem}_MTL.txt").write_text(
        f"""GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    LANDSAT_PRODUCT_ID = "{stem}"
{files}
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "{spacecraft}"
    DATE_ACQUIRED = 2024-06-12
    SCENE_CENTER_TIME = "10:02:36.1234560Z"
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL1_MIN_MAX_PIXEL_VALUE
    QUANTIZE_CAL_MAX_BAND_8 = {255 if spacecraft.endswith("7") else 65535}
  END_GROUP = LEVEL1_MIN_MAX_PIXEL_VALUE
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
{gains}
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
END_GROUP = LANDSAT_METADATA_FILE
END
"""
    )
    return folder


def _dim(spectral: str, files: list[str], bands: list[str], mission: tuple[str, str]) -> str:
    tiles = "".join(
        f'<Data_File tile_R="1" tile_C="{n}"><DATA_FILE_PATH href="{f}"/></Data_File>' for n, f in enumerate(files, 1)
    )
    radiance = "".join(
        f"<Band_Radiance><BAND_ID>{b}</BAND_ID><BIAS>0</BIAS><GAIN>9.5</GAIN></Band_Radiance>" for b in bands
    )
    shown = "<RED_CHANNEL>B2</RED_CHANNEL><GREEN_CHANNEL>B1</GREEN_CHANNEL><BLUE_CHANNEL>B0</BLUE_CHANNEL>"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Dimap_Document>
 <Metadata_Identification><METADATA_FORMAT version="2.0">DIMAP</METADATA_FORMAT></Metadata_Identification>
 <Processing_Information><Product_Settings><PROCESSING_LEVEL>ORTHO</PROCESSING_LEVEL>
  <SPECTRAL_PROCESSING>{spectral}</SPECTRAL_PROCESSING></Product_Settings></Processing_Information>
 <Raster_Data><Data_Access><DATA_FILE_FORMAT>image/tiff</DATA_FILE_FORMAT><Data_Files>{tiles}</Data_Files></Data_Access>
  <Raster_Dimensions><NBANDS>{len(bands)}</NBANDS></Raster_Dimensions>
  <Raster_Display><Band_Display_Order>{shown if len(bands) > 1 else ""}</Band_Display_Order>
   <Special_Value><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_COUNT>0</SPECIAL_VALUE_COUNT></Special_Value>
  </Raster_Display></Raster_Data>
 <Radiometric_Data><Dynamic_Range><PRODUCT_RANGE>12</PRODUCT_RANGE></Dynamic_Range>
  <Radiometric_Calibration><Instrument_Calibration><Band_Measurement_List>{radiance}</Band_Measurement_List>
  </Instrument_Calibration></Radiometric_Calibration></Radiometric_Data>
 <Dataset_Sources><Source_Identification><Strip_Source><MISSION>{mission[0]}</MISSION>
  <MISSION_INDEX>{mission[1]}</MISSION_INDEX><IMAGING_DATE>2023-05-01</IMAGING_DATE>
  <IMAGING_TIME>10:31:05.2Z</IMAGING_TIME></Strip_Source></Source_Identification></Dataset_Sources>
</Dimap_Document>
"""


@_kept
def dimap(root: Path, mission: tuple[str, str] = ("PHR", "1A")) -> Path:
    """A bundle of two components, each a DIM file and two tiles; the MS in the order red, green, blue, infrared."""
    folder = root / "BUNDLE"
    pan, ms = _images(4, 4)
    for kind, image, size, bands in (("P", pan[None], 0.5, ["P"]), ("MS", ms, 2.0, ["B0", "B1", "B2", "B3"])):
        part = folder / f"IMG_{mission[0]}{mission[1]}_{kind}_001"
        part.mkdir(parents=True)
        files = _tiles(part, f"IMG_{mission[0]}{mission[1]}_{kind}_202305011031052_ORT", image, size)
        (part / f"DIM_{mission[0]}{mission[1]}_{kind}_202305011031052_ORT.XML").write_text(
            _dim(kind, files, bands, mission)
        )
    (folder / f"VOL_{mission[0]}.XML").write_text("<Dimap_Document/>")
    return folder


@_kept
def maxar(root: Path, satellite: str = "WV02") -> Path:
    """An order with a PAN and a MUL part, each with .IMD, .TIL and two tiles; eight bands."""
    folder = root / "012345678010_01"
    pan, ms = _images(8, 4)
    parts = (("PAN", "P", pan[None], 0.5, ["P"]), ("MUL", "Multi", ms, 2.0, ["C", "B", "G", "Y", "R", "RE", "N", "N2"]))
    for kind, identity, image, size, bands in parts:
        part = folder / f"012345678010_01_P001_{kind}"
        part.mkdir(parents=True)
        stem = f"23MAY01103105-{kind[0]}2AS-012345678010_01_P001"
        files = _tiles(part, stem, image, size)
        listed = "".join(
            f'BEGIN_GROUP = TILE_{n}\n\tfilename = "{file}";\nEND_GROUP = TILE_{n}\n' for n, file in enumerate(files, 1)
        )
        (part / f"{stem}.TIL").write_text(f'bandId = "{identity}";\nnumTiles = 2;\n{listed}END;\n')
        calibrated = "".join(
            f"BEGIN_GROUP = BAND_{band}\n\tabsCalFactor = 9.3e-03;\n\teffectiveBandwidth = 6.2e-02;\n"
            f"END_GROUP = BAND_{band}\n"
            for band in bands
        )
        (part / f"{stem}.IMD").write_text(
            f'version = "28.4";\nbandId = "{identity}";\npanSharpenAlgorithm = "None";\nproductLevel = "LV2A";\n'
            f"bitsPerPixel = 16;\n{calibrated}BEGIN_GROUP = IMAGE_1\n"
            f'\tsatId = "{satellite}";\n\tfirstLineTime = 2023-05-01T10:31:05.2Z;\nEND_GROUP = IMAGE_1\nEND;\n'
        )
    return folder


@_kept
def skysat(root: Path) -> Path:
    """A collect: PAN and MS in a folder."""
    folder = root / "20230501_103105_ssc4_u0001"
    folder.mkdir()
    pan, ms = _images(4, 2)
    write(folder / f"{folder.name}_panchromatic_dn.tif", pan, _grid(0.5), crs=UTM)
    write(folder / f"{folder.name}_analytic_dn.tif", ms, _grid(1.0), crs=UTM)
    return folder


@_kept
def cbers(root: Path) -> Path:
    """A scene: five band files with an XML."""
    folder = root / "CBERS_4A_WPM_20230501_209_139_L4"
    folder.mkdir()
    pan, ms = _images(4, 4)
    write(folder / f"{folder.name}_BAND0.tif", pan, _grid(2), crs=UTM)
    for number, image in enumerate(ms, 1):
        write(folder / f"{folder.name}_BAND{number}.tif", image, _grid(8), crs=UTM)
    space = 'xmlns="http://www.gisplan.com.br/xmlsat"'
    when = "<timestamp><center>2023-05-01T13:31:05.000000</center></timestamp>"
    (folder / f"{folder.name}_BAND0.xml").write_text(f"<prdf {space}><image>{when}</image></prdf>")
    return folder


@_kept
def gaofen(root: Path) -> Path:
    """A scene: PAN and MSS with an XML each, here orthorectified."""
    stem = "GF2_PMS1_E113.6_N22.4_20230501_L1A0000647892"
    folder = root / stem
    folder.mkdir()
    pan, ms = _images(4, 4)
    for kind, image, size in (("PAN1", pan, 0.8), ("MSS1", ms, 3.2)):
        write(folder / f"{stem}-{kind}.tiff", image, _grid(size), crs=UTM)
        words = "<SatelliteID>GF2</SatelliteID><SensorID>PMS1</SensorID><CenterTime>2023-05-01 11:33:46</CenterTime>"
        (folder / f"{stem}-{kind}.xml").write_text(f"<ProductMetaData>{words}</ProductMetaData>")
    return folder


@_kept
def kompsat(root: Path) -> Path:
    """A bundle: five band files."""
    folder = root / "K3A_20230501043105_44444_00110011_L1G_Bundle"
    folder.mkdir()
    stem = folder.name.removesuffix("_Bundle")
    pan, ms = _images(4, 4)
    write(folder / f"{stem}_P.tif", pan, _grid(0.55), crs=UTM)
    for letter, image in zip("BGRN", ms, strict=True):
        write(folder / f"{stem}_{letter}.tif", image, _grid(2.2), crs=UTM)
    return folder


SENTINEL = {"10": ("B02", "B03", "B04", "B08"), "20": ("B05", "B06", "B07", "B8A", "B11", "B12"), "60": ("B01", "B09")}


@_kept
def sentinel2(root: Path) -> Path:
    """A Level-2A product of one tile."""
    folder = root / "S2B_MSIL2A_20230501T101559_N0509_R065_T33UUP_20230501T132512.SAFE"
    images = folder / "GRANULE" / "L2A_T33UUP_A032151_20230501T101559" / "IMG_DATA"
    pan, ms = _images(6, 2)
    for metres, names in SENTINEL.items():
        (images / f"R{metres}m").mkdir(parents=True)
        for number, name in enumerate(names):
            step = int(metres) // 10
            image = ms[number] if step == 2 else (pan + 10 * number)[::step, ::step]
            path = images / f"R{metres}m" / f"T33UUP_20230501T101559_{name}_{metres}m.jp2"
            whole = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
            write(path, np.ascontiguousarray(image), _grid(int(metres)), crs=UTM, **whole)
    fill = "<Special_Values><SPECIAL_VALUE_TEXT>NODATA</SPECIAL_VALUE_TEXT><SPECIAL_VALUE_INDEX>0</SPECIAL_VALUE_INDEX>"
    (folder / "MTD_MSIL2A.xml").write_text(
        '<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">'
        "<n1:General_Info><Datatake><SPACECRAFT_NAME>Sentinel-2B</SPACECRAFT_NAME>"
        "<DATATAKE_SENSING_START>2023-05-01T10:15:59.024Z</DATATAKE_SENSING_START></Datatake>"
        f"{fill}</Special_Values></n1:General_Info></n1:Level-2A_User_Product>"
    )
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {
    "Landsat": landsat,
    "DIMAP": dimap,
    "Maxar": maxar,
    "SkySat": skysat,
    "CBERS-4A WPM": cbers,
    "Gaofen": gaofen,
    "KOMPSAT-3": kompsat,
    "Sentinel-2": sentinel2,
}


def zipped(folder: Path) -> Path:
    """The folder in a .zip beside it."""
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


def tarred(folder: Path) -> Path:
    """The folder's files in a .tar beside it, without a folder, as the USGS ships it."""
    path = folder.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, file.name)
    return path


def put(archive: Path, name: str, content: str) -> Path:
    """A .zip with one member more."""
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(name, content)
    return archive
