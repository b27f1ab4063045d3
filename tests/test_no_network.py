"""Nothing that a file names is fetched: the kernel counts what is tried, in a namespace without a network."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from affine import Affine
from pairs import NORTH_UP, UTM, landscape, write

NEW_USER, NEW_NET = 0x10000000, 0x40000000  # of unshare(2)
SET_FLAGS, UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP
TRAP = "http://127.0.0.1:9/trap-{}.tif"  # a name for each: GDAL asks for none twice
VRT = """<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>
<SourceFilename relativeToVRT="0">/vsicurl/{url}</SourceFilename>
<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>
</VRTDataset>"""
POINTER = (
    '<PAMDataset><Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/vsicurl/{url}</MDI></Metadata></PAMDataset>'
)
SERVICE = """<GDAL_WMS><Service name="TMS"><ServerUrl>{url}</ServerUrl></Service><DataWindow><UpperLeftX>0</UpperLeftX>
<UpperLeftY>1</UpperLeftY><LowerRightX>1</LowerRightX><LowerRightY>0</LowerRightY><TileLevel>1</TileLevel></DataWindow>
<Projection>EPSG:4326</Projection><BandsCount>3</BandsCount></GDAL_WMS>"""
PAN, MS = (image.astype("u2") for image in landscape(96, 96))
SHAPE = {"cols": MS.shape[2], "rows": MS.shape[1]}


def isolated() -> None:
    """Leave this process without a network but its own loopback. OSError where the system does not let us."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_USER | NEW_NET):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sH14s", b"lo", UP, b""))


def tried() -> int:
    """Connections and datagrams that this namespace has seen begun, those that had no route included."""
    known = {}
    lines = Path("/proc/self/net/snmp").read_text().splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=True):
        kind = names.split(":")[0]
        known |= {f"{kind}.{n}": int(v) for n, v in zip(names.split()[1:], values.split()[1:], strict=True)}
    return known["Tcp.ActiveOpens"] + known["Tcp.AttemptFails"] + known["Udp.OutDatagrams"] + known["Ip.OutNoRoutes"]


def traps(folder: Path) -> dict[str, list[str]]:
    """By name PAN and MS of which one points at the network."""
    found: dict[str, list[str]] = {}

    def pair(name: str, spoil: Callable[[Path, str], str | None], what: str = "ms") -> None:
        place = folder / str(len(found))
        place.mkdir()
        write(place / "pan.tif", PAN, NORTH_UP, crs=UTM)
        write(place / "ms.tif", MS, NORTH_UP * Affine.scale(4), crs=UTM)
        other = spoil(place / f"{what}.tif", TRAP.format(len(found)))
        found[name] = [str(place / "pan.tif"), other or str(place / "ms.tif")]

    for what in ("pan", "ms"):
        for suffix in (".ovr", ".msk", ".aux", ".rrd", ".OVR", ".msk.ovr"):
            pair(f"a VRT as {what}.tif{suffix}", lambda p, url, x=suffix: _vrt(Path(f"{p}{x}"), url), what)
        pair(f"overviews in {what}.tif.aux.xml", lambda p, url: _pointer(Path(f"{p}.aux.xml"), url), what)
        pair(f"a VRT as {what}.ovr", lambda p, url: _vrt(p.with_suffix(".ovr"), url), what)
        pair(f"overviews in {what}.aux.xml", lambda p, url: _pointer(p.with_suffix(".aux.xml"), url), what)
        pair(f"overviews in {what}.tif itself", _tagged, what)
        pair(f"a VRT as {what}.tif", _vrt, what)
    pair("a VRT in an archive", lambda p, url: _packed(p, ".ovr", VRT.format(url=url, **SHAPE)))
    pair("overviews in an archive", lambda p, url: _packed(p, ".aux.xml", POINTER.format(url=url)))
    pair("a web service as the MS", lambda p, url: _text(p, SERVICE.format(url=url)))
    for name in ("/vsicurl/{}", "{}", "vrt://{}", "WMS:{}", "/vsizip//vsicurl/{}", "s3://b/{}", "/vsis3/b/{}"):
        pair(f"the name {name}", lambda _, url, n=name: n.format(url))
    return found


def _vrt(path: Path, url: str) -> None:
    _text(path, VRT.format(url=url, **SHAPE))


def _pointer(path: Path, url: str) -> None:
    _text(path, POINTER.format(url=url))


def _text(path: Path, text: str) -> None:
    path.write_text(text)


def _tagged(path: Path, url: str) -> None:
    import rasterio

    with rasterio.open(path, "r+") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=f"/vsicurl/{url}")


def _packed(path: Path, suffix: str, text: str) -> str:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.write(path, path.name)
        archive.writestr(path.name + suffix, text)
    return f"/vsizip/{path.with_suffix('.zip')}/{path.name}"


def commands(pan: str, ms: str, out: Path) -> list[list[str]]:
    """Every command that opens a pair, and an image that was fused of it."""
    fused = str(out / "out.tif")
    return [
        ["fuse", pan, ms, fused, "-m", "EXP", "-q", "--overwrite"],
        ["inspect", pan, ms],
        ["assess", pan, ms, fused if os.path.exists(fused) else pan],
        ["assess", pan, pan, ms],
    ]


def child(folder: Path) -> dict[str, dict[str, list[int]]]:
    """How much is tried of the network, and the exit code, by each command on each trap; and by GDAL alone."""
    import rasterio
    from rasterio.errors import RasterioError

    from anypan.cli import cli

    before, found, alone = tried(), {}, {}
    for name, (pan, ms) in traps(folder).items():
        for command in commands(pan, ms, Path(pan).parent):
            with pytest.raises(SystemExit) as ended:
                cli.main(command, prog_name="anypan")
            found[f"{command[0]}: {name}"] = [tried() - before, int(ended.value.code or 0)]
            before = tried()
        if name.startswith(("a VRT as ms.tif.ovr", "overviews in ms.tif")):
            with contextlib.suppress(RasterioError), rasterio.open(ms) as file:
                file.overviews(1)
            alone[name], before = [tried() - before], tried()
    return {"commands": found, "alone": alone}


@pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has namespaces")
def test_no_file_makes_anything_ask_the_network(tmp_path: Path) -> None:
    run = "import sys; sys.path.insert(0, sys.argv[1]); import test_no_network as t; t.report(sys.argv[2])"
    done = subprocess.run(
        [sys.executable, "-c", run, str(Path(__file__).parent), str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads((tmp_path / "told.json").read_text())
    if "none" in told:
        pytest.skip(f"no namespace without a network can be had here: {told['none']}")
    assert len(told["alone"]) == 3 and all(seen > [0] for seen in told["alone"].values()), told["alone"]  # true traps
    assert {name: seen for name, seen in told["commands"].items() if seen[0]} == {}
    assert {seen[1] for seen in told["commands"].values()} <= {0, 2}


def report(folder: str) -> None:
    """What child() finds, or why no namespace can be had here."""
    try:
        isolated()
    except OSError as reason:
        told: dict[str, object] = {"none": str(reason)}
    else:
        told = {**child(Path(folder))}
    (Path(folder) / "told.json").write_text(json.dumps(told))
