"""The table and the plot of docs/speed.md, and an archive's time in docs/scale.md, from the rows of speed/roofline.py.

    python speed/speed.py            rewrite what follows <!-- speed:table --> and <!-- scale:archive -->, and the plot
    python speed/speed.py --check    change nothing; exit 1 and name the files that are out of date

Rows lie in results/cost/speed.jsonl. Of rows that measure the same thing the last counts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from anypan.report import plots, records
from anypan.report.documents import filled, main

ROOT = Path(__file__).resolve().parents[1]
OWN = "anypan-s"
GDAL = "gdal_pansharpen.py"
PAPERS = ("PanNet", "FusionNet")
AT_MOST = {"Brovey": 1.5, "GSA": 4.0, "MTF-GLP-HPM-R": 4.0}  # times GDAL's time
SCENES, NODES, GPUS, ELSEWHERE = 100_000, (100, 16), (8, 128), 0.024  # an archive; docs/scale.md explains the share
SAME = ("figure", "shape", "layout", "method", "bands", "side", "output", "command", "threads")
Row = dict[str, Any]
Line = tuple[str, str, str]  # what, measured, aim


def latest(rows: Sequence[Row]) -> list[Row]:
    """Of rows that measure the same thing, the last."""
    return list({tuple(row.get(key) for key in SAME): row for row in rows}.values())


def table(rows: Sequence[Row]) -> str:
    """Figures of one machine as Markdown, with what is aimed at; the machine above."""
    if not rows:
        return "*No rows yet: run make bench.*\n"
    known = latest([row for row in rows if row["machine"] == rows[-1]["machine"]])
    lines = [*_bounds(known), *_networks(known), *_files(known), *_stages(known), *_ratios(known), *_former(known)]
    lines += _starts(known)
    body = "".join(f"| {what} | {measured} | {aim} |\n" for what, measured, aim in lines)
    return f"{known[-1]['machine']}.\n\n| figure | measured | aim |\n|---|---|---|\n{body}"


def _of(rows: Sequence[Row], figure: str, **facts: Any) -> list[Row]:
    return [row for row in rows if row["figure"] == figure and all(row.get(k) == v for k, v in facts.items())]


def _peak(rows: Sequence[Row]) -> float | None:
    """GFLOP/s of the best convolution."""
    return max((row["gflops"] for row in _of(rows, "convolution")), default=None)


def _bounds(rows: Sequence[Row]) -> Iterator[Line]:
    shapes = _of(rows, "convolution")
    if shapes:
        best = max(shapes, key=lambda row: row["gflops"])
        about = f"{best['shape']}, {best['layout'].replace('_', ' ')}"
        yield f"best convolution ({about})", f"{best['gflops']:.0f} GFLOP/s", ""
    for row in _of(rows, "bandwidth"):
        yield "memory, read and written", f"{row['gb_s']:.1f} GB/s", ""


def _networks(rows: Sequence[Row]) -> Iterator[Line]:
    peak = _peak(rows)
    for row in _of(rows, "block"):
        share = f", {row['gflops'] / peak:.0%} of the peak" if peak else ""
        yield f"a block of {OWN} on {row['shape']} cells", f"{row['gflops']:.0f} GFLOP/s{share}", ""
    for row in _of(rows, "network"):
        share = f", {row['gflops'] / peak:.0%} of the peak" if peak else ""
        aim = "75 %" if row["method"] == OWN and row["bands"] == 4 else ""
        what = f"{row['method']} alone, {row['bands']} bands, {row['macs'] / 1000:.1f} k multiply-adds a pixel"
        yield what, f"{_rate(row)}{share}", aim


def _rate(row: Row) -> str:
    return f"{row['side'] ** 2 / row['seconds'] / 1e6:.2f} Mpixel/s"


def _macs(rows: Sequence[Row], row: Row) -> float | None:
    return next((one["macs"] for one in _of(rows, "network", method=row["method"], bands=row["bands"])), None)


def attained(rows: Sequence[Row], row: Row) -> float | None:
    """GFLOP/s of the network's multiply-adds that a whole fusion comes to."""
    macs = _macs(rows, row)
    return 2e-9 * macs * row["side"] ** 2 / row["seconds"] if macs else None


def _files(rows: Sequence[Row]) -> Iterator[Line]:
    peak, own = _peak(rows), _of(rows, "fuse", method=OWN)
    for row in own:
        did = attained(rows, row)
        share = f", {did / peak:.0%} of the peak" if did and peak else ""
        what = f"{OWN} from file to file, {row['bands']} bands, {row['side']} x {row['side']}"
        yield what, f"{_rate(row)}{share}", "60 %" if row["bands"] == 4 else ""
    sizes = sorted((row for row in own if row["bands"] == 4), key=lambda row: row["side"])
    if len(sizes) > 1:
        least, most = sizes[0], sizes[-1]
        growth = most["seconds"] / most["side"] ** 2 / (least["seconds"] / least["side"] ** 2)
        yield f"time a pixel, {most['side']} against {least['side']} a side", f"{growth:.2f} x", "0.9 to 1.1 x"
    for wide in (row for row in own if row["bands"] == 8):
        for narrow in (row for row in sizes if row["side"] == wide["side"]):
            yield "8 bands against 4", f"{wide['seconds'] / narrow['seconds']:.2f} x the time", "1.6 x"


def _stages(rows: Sequence[Row]) -> Iterator[Line]:
    sizes = sorted(_of(rows, "fuse", method=OWN, bands=4), key=lambda row: row["side"])
    for row in sizes[-1:]:
        shares = {name: seconds / row["seconds"] for name, seconds in row["stages"].items()}
        said = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        yield f"of these {row['side']} x {row['side']} pixels", said, "all but fuse: 10 %"


def _ratios(rows: Sequence[Row]) -> Iterator[Line]:
    gdal = _of(rows, "fuse", method=GDAL)
    for row in gdal:
        yield GDAL, row.get("missing") or f"{_rate(row)}, {row['side']} x {row['side']}", ""
    for row in _of(rows, "fuse"):
        method, mine = row["method"], _of(rows, "fuse", method=OWN, bands=row["bands"], side=row["side"])
        if method in PAPERS and mine:
            yield f"{OWN} against {method}", f"{row['seconds'] / mine[0]['seconds']:.1f} x as fast", "5 x"
        elif method != GDAL and gdal and "seconds" in gdal[0] and gdal[0]["side"] == row["side"] and row["bands"] == 4:
            ratio = f"{row['seconds'] / gdal[0]['seconds']:.1f} x the time, {_rate(row)}"
            yield f"{method} against {GDAL}", ratio, f"{AT_MOST[method]:g} x" if method in AT_MOST else ""


def _former(rows: Sequence[Row]) -> Iterator[Line]:
    for row in _of(rows, "former"):
        what = f"`anypan fuse`, {row['side']} x {row['side']}, against that of {row['commit']}, and {GDAL}"
        yield what, f"{row['now'] / row['former']:.2f} x, {row['now'] / row[GDAL]:.1f} x the time", "0.55 x, 1.5 x"


def _starts(rows: Sequence[Row]) -> Iterator[Line]:
    seconds = {row["command"]: row["seconds"] for row in _of(rows, "start")}
    whole = seconds.get("import torch")
    for command, each in seconds.items():
        share = f", {each / whole:.2f} x the import of torch" if whole and each != whole else ""
        yield f"`{command}`", f"{each:.2f} s{share}", "0.15 x" if command.endswith("--version") else ""


def archive(rows: Sequence[Row]) -> str:
    """What the largest fusion measured on the last machine comes to for ``SCENES`` scenes; nothing without one."""
    machine = [row for row in latest(rows) if row["machine"] == rows[-1]["machine"]]
    large = sorted(_of(machine, "fuse", method=OWN, bands=4), key=lambda row: row["side"])
    if not large:
        return ""
    row = large[-1]
    seconds, network, side = row["seconds"], row["stages"]["fuse"], row["side"]
    body = "".join(f"| {what} | {why} | {hours:.1f} |\n" for what, why, hours in _hours(row))
    enough = (seconds - network) * row["threads"] * GPUS[0] / GPUS[1]
    return (
        f"**An archive of {SCENES:,} scenes of {side} x {side} with 4 bands**, by the default network, from [the "
        f"speed table](speed.md): a scene takes {seconds:.0f} s on {row['threads']} threads, {network:.0f} of them the "
        f"network, {seconds - network:.0f} all else (opening, registration, reading, writing, compression).\n\n"
        f"| machines | what bounds it | hours |\n|---|---|---:|\n{body}\n"
        f"With {GPUS[0]} GPUs the network is no bottleneck as soon as a GPU takes less than {enough:.1f} s a scene "
        f"({side**2 / enough / 1e6:.0f} Mpixel/s); what a GPU takes has not been measured.\n"
    )


def _hours(row: Row) -> Iterator[tuple[str, str, float]]:
    """Machines, what bounds them, and hours of the archive."""
    whole, rest = (seconds * row["threads"] for seconds in (row["seconds"], row["seconds"] - row["stages"]["fuse"]))
    read, written = (2e-6 * row["side"] ** 2 * planes for planes in (1 + 4 / 16, 4))  # MB of uint16
    nodes, cores = NODES
    hours = SCENES * whole / (3600 * nodes * cores * (1 - ELSEWHERE))
    yield f"{nodes} nodes with {cores} threads each", f"{whole:.0f} thread-seconds a scene", hours
    moved = f"uint16 as it is without compression: {read:.0f} MB read, {written:.0f} MB written a scene"
    yield "the same, if the file system gives 5 GB/s", moved, SCENES * (read + written) / 5000 / 3600
    bound = f"all but the network: {rest:.0f} thread-seconds a scene, however fast a GPU is"
    yield f"{GPUS[0]} GPUs beside {GPUS[1]} threads", bound, SCENES * rest / (3600 * GPUS[1])


def plot(rows: Sequence[Row]) -> str:
    """GFLOP/s over FLOP a byte: the two bounds, each convolution, networks alone and from file to file."""
    known = latest(rows)
    peak, shapes, bandwidth = _peak(known), _of(known, "convolution"), _of(known, "bandwidth")
    if not peak or not bandwidth:
        return ""
    dots = {f"{row['shape']}, {row['layout']}": (row["intensity"], row["gflops"]) for row in shapes}
    named = {}
    for row in _of(known, "network", bands=4):
        named[f"{row['method']} alone"] = (row["intensity"], row["gflops"])
        for whole in _of(known, "fuse", method=row["method"], bands=4)[-1:]:
            named[f"{row['method']}, file to file"] = (row["intensity"], attained(known, whole) or 0.0)
    return plots.roofline(dots, named, (peak, bandwidth[-1]["gb_s"]), OWN)


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file that depends on the rows, and what it should hold."""
    place, page = root / "results" / "cost" / "speed.jsonl", root / "docs" / "speed.md"
    rows = [dict(row) for row in records([place], ("figure", "machine"), "bench")] if place.is_file() else []
    yield page, filled(page.read_text(encoding="utf-8"), "speed", {"table": table(rows)}.__getitem__)
    scale = root / "docs" / "scale.md"
    yield scale, filled(scale.read_text(encoding="utf-8"), "scale", {"archive": archive(rows)}.__getitem__)
    if drawn := plot(rows):
        yield root / "docs" / "images" / "roofline.svg", plots.standalone(drawn)


if __name__ == "__main__":
    sys.exit(main(__doc__, lambda: wanted(ROOT), "speed/speed.py"))
