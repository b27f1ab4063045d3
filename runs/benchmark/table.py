"""The target table: every method against the oracle (reduced resolution) and against two baselines (full resolution).

python runs/benchmark/table.py rows.jsonl [more.jsonl ...] [--mode toolbox] [--method NAME ...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from statistics import fmean

from anypan.methods import FORMULAS
from anypan.metrics import described
from anypan.report.rows import Row, by, latest, mean, number, oracle, read, wins
from anypan.runtime.columns import HEADLINES, HIGH, LOW

EXPLAINED = 0.8  # R2 from which on a scene's PAN counts as explained by its bands
TARGETS = {
    4: {"Q2n - oracle": 0.020, "ERGAS / oracle": 0.82, "SAM / oracle": 0.80, "wins": 0.9},
    2: {"Q2n - oracle": 0.006, "ERGAS / oracle": 0.90, "SAM / oracle": 0.92, "wins": 1.0},
    -4: {
        LOW: (0.92, 1.05),
        HIGH: (0.92, 1.05),
        "worst": 0.75,
        "D_rho / MTF-GLP-HPM-R": 1.25,
        "R-ERGAS / MTF-GLP-FS": 0.60,
    },
    -2: {
        LOW: (0.90, 1.06),
        HIGH: (0.90, 1.06),
        "worst": 0.75,
        "D_rho / MTF-GLP-HPM-R": 1.05,
        "R-ERGAS / MTF-GLP-FS": 0.45,
    },
}  # by ratio; of full resolution below 0
KNOWN = described()


def summarise(rows: Iterable[Row], classical: Sequence[str] = tuple(FORMULAS), mode: str = "physical") -> list[dict]:
    """One entry for each protocol, ratio and method: the columns of TARGETS, over the scenes that it was judged on.

    Means are over sensors, first over a sensor's scenes; ratios are ratios of such means over the same scenes. Oracle:
    per scene and metric the best of ``classical``. Scenes that came degraded count at reduced resolution only,
    those that came resampled not at all. worst:
    the least detail transfer, low or high, of a scene whose PAN its bands explain (R2 above EXPLAINED).
    """
    usable = [
        row for row in latest(rows) if not row.error and not row.get("apart") and (row.get("mode") or mode) == mode
    ]
    found = []
    for ratio in sorted({round(row["ratio"]) for row in usable}, reverse=True):
        of_ratio = [row for row in usable if round(row["ratio"]) == ratio]
        rr = [row for row in of_ratio if row["protocol"] == "rr"]
        fr = [row for row in of_ratio if row["protocol"] == "fr" and not row.get("degraded")]
        bars = oracle(rr, KNOWN, classical)
        found += [_reduced(ratio, name, own, bars) for name, own in by(rr, "method").items()]
        found += [_full(ratio, name, own, fr) for name, own in by(fr, "method").items()]
    return found


def _value(rows: Sequence[Row], name: str) -> float:
    found = mean(rows, name)
    return found.value if found else float("nan")


def _over(own: Sequence[Row], others: Sequence[Row], name: str) -> float:
    """A mean over another's, of scenes where both have a value."""
    known = [[row for row in rows if number(row, name) is not None] for rows in (own, others)]
    one, other = _same_scenes(known[0], known[1]), _same_scenes(known[1], known[0])
    return _value(one, name) / _value(other, name)


def _reduced(ratio: int, method: str, own: Sequence[Row], bars: Sequence[Row]) -> dict:
    bars = _same_scenes(bars, own)
    own = _same_scenes(own, bars)
    won, of = wins(own, bars, KNOWN, HEADLINES["rr"])
    return {
        "protocol": "rr",
        "ratio": ratio,
        "method": method,
        "scenes": len(own),
        "Q2n - oracle": _value(own, "Q2n") - _value(bars, "Q2n"),
        "ERGAS / oracle": _over(own, bars, "ERGAS"),
        "SAM / oracle": _over(own, bars, "SAM"),
        "wins": won / of if of else float("nan"),
    }


def _full(ratio: int, method: str, own: Sequence[Row], everyone: Sequence[Row]) -> dict:
    def relative(name: str, baseline: str) -> float:
        return _over(own, [row for row in everyone if row["method"] == baseline], name)

    explained = [row for row in own if (number(row, "R2") or 0) > EXPLAINED]
    gains = [value for row in explained for name in (LOW, HIGH) if (value := number(row, name)) is not None]
    return {
        "protocol": "fr",
        "ratio": ratio,
        "method": method,
        "scenes": len(own),
        LOW: _value(own, LOW),
        HIGH: _value(own, HIGH),
        "worst": min(gains, default=float("nan")),
        "D_rho / MTF-GLP-HPM-R": relative("D_rho", "MTF-GLP-HPM-R"),
        "R-ERGAS / MTF-GLP-FS": relative("R-ERGAS", "MTF-GLP-FS"),
    }


def _same_scenes(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    scenes = {row["scene"] for row in others}
    return [row for row in rows if row["scene"] in scenes]


def reached(column: str, value: float, target: float | tuple[float, float]) -> bool:
    """True if a column's value is at least as good as its target, or within it."""
    if isinstance(target, tuple):
        return target[0] <= value <= target[1]
    return value <= target if " / " in column else value >= target


def _markdown(entries: Sequence[dict], protocol: str, ratio: int) -> str:
    near = ratio if ratio in TARGETS else 2
    targets = TARGETS[-near if protocol == "fr" else near]
    title = f"{'Full' if protocol == 'fr' else 'Reduced'} resolution, ratio {ratio}"
    lines = [["Method", "scenes", *targets], ["---", *["---:"] * (len(targets) + 1)]]
    for entry in entries:
        cells = [f"{entry[c]:+.4f}" if " - " in c else f"{entry[c]:.3f}" for c in targets]
        marked = [
            f"**{said}**" if reached(c, entry[c], targets[c]) else said for c, said in zip(targets, cells, strict=True)
        ]
        lines.append([entry["method"], str(entry["scenes"]), *marked])
    lines.append(["*target*", "", *(_target(value) for value in targets.values())])
    return f"{title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _target(value: float | tuple[float, float]) -> str:
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"


def main() -> None:
    """Print the tables of the rows in the files named on the command line; bold: target reached."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+")
    parser.add_argument("--mode", default="physical")
    parser.add_argument("--method", action="append")
    wanted = parser.parse_args()
    rows = read(wanted.rows)
    entries = summarise(rows, mode=wanted.mode)
    for protocol, ratio in dict.fromkeys((entry["protocol"], entry["ratio"]) for entry in entries):
        shown = [e for e in entries if (e["protocol"], e["ratio"]) == (protocol, ratio)]
        print(_markdown([e for e in shown if not wanted.method or e["method"] in wanted.method], protocol, ratio))
    failures = [row for row in latest(rows) if row.error]
    rr = fmean(row["masked"] for row in rows if "masked" in row) if any("masked" in row for row in rows) else 0.0
    print(f"{len(failures)} rows without a result; {rr:.2%} of the pixels masked.")


if __name__ == "__main__":
    main()
