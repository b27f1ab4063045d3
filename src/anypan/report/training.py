"""The page about training runs: curves of their logs, laid over each other."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from anypan.report import page, plots
from anypan.report.rows import Record, number, records
from anypan.runtime.errors import UserError

LOG = "log.jsonl"
LEAD = (
    "<p>Each row of a run's log is a point. The training loss is the mean since the row before, so it is noisy and "
    "depends on what was drawn; the validation loss is that of the averaged weights on held-out images, always the "
    "same. Losses compare runs only where simulation and held-out images are the same.</p>"
)
CURVES: Mapping[str, tuple[str, float | None]] = {
    "loss": ("Training loss", None),
    "validation": ("Validation loss, averaged weights", None),
    "rate": ("Learning rate", 0.0),
    "samples_per_second": ("Throughput, patches a second", 0.0),
    "waiting": ("Share of the time spent on reading and simulating", 0.0),
    "gpu_mib": ("Most GPU memory so far, MiB", 0.0),
}
"""Key of a row -> (what it is, value that the axis has to reach)."""


def is_run(path: str | Path) -> bool:
    """True for the folder of a training run and for its log."""
    return Path(path).name == LOG or (Path(path) / LOG).is_file()


def training_page(paths: Sequence[str | Path], out_dir: str | Path | None = None) -> Path:
    """Write `training.html` about runs, given by their folders or logs, and return its path.

    It goes into `out_dir`, or else into the first run's folder. UserError if a log cannot be read or has no rows.
    """
    logs = list(map(_log, paths))
    runs = {name: _rows(log) for name, log in zip(_names(logs), logs, strict=True)}
    sections = [("curves", "Curves", [plots.legend(runs), _figures(runs)]), ("runs", "Runs", [_table(runs)])]
    return page.save(training_place(paths, out_dir), "Training", LEAD, sections)


def training_place(paths: Sequence[str | Path], out_dir: str | Path | None = None) -> Path:
    """Where ``training_page`` writes."""
    return Path(out_dir or _log(paths[0]).parent) / "training.html"


def _log(path: str | Path) -> Path:
    return Path(path) if Path(path).name == LOG else Path(path) / LOG


def _rows(log: Path) -> list[Record]:
    """The rows in the order of their steps; of a step that was repeated after a stop, the last."""
    found = ((number(row, "step"), row) for row in records([log], ("step", "loss"), "pretrain"))
    latest = {int(step): row for step, row in found if step is not None}
    if not latest:
        raise UserError(f"{log} holds no rows of training: give the folder of a run that has begun.")
    return [latest[step] for step in sorted(latest)]


def _names(logs: Sequence[Path]) -> list[str]:
    """Short names that differ: as many of the last folders as it takes."""
    parts = [log.resolve().parent.parts for log in logs]
    if len(set(parts)) < len(parts):
        raise UserError("A run is named twice: give each once.")
    depth = next(d for d in range(1, max(map(len, parts)) + 1) if len({p[-d:] for p in parts}) == len(parts))
    return ["/".join(part[-depth:]) for part in parts]


def _figures(runs: Mapping[str, Sequence[Record]]) -> str:
    figures = ""
    for key, (title, floor) in CURVES.items():
        lines = {name: _points(rows, key) for name, rows in runs.items()}
        if drawn := plots.curves(lines, ("step", key), floor):
            figures += f"<figure class=plot><figcaption>{escape(title)}</figcaption>{drawn}</figure>"
    return f"<div class=plots>{figures}</div>"


def _points(rows: Sequence[Record], key: str) -> list[tuple[float, float]]:
    return [(float(row["step"]), value) for row in rows if (value := number(row, key)) is not None]


def _table(runs: Mapping[str, Sequence[Record]]) -> str:
    heads = ("run", "steps", "minutes", "best validation", "at step", "last validation", "images skipped")
    lines = "".join(f"<th scope=col>{head}</th>" for head in heads)
    body = "".join(
        f"<tr><th scope=row>{escape(name)}</th>{''.join(f'<td>{value}</td>' for value in _facts(rows))}</tr>"
        for name, rows in runs.items()
    )
    return f"<div class=scroll><table><thead><tr>{lines}</tr></thead><tbody>{body}</tbody></table></div>"


def _facts(rows: Sequence[Record]) -> list[str]:
    judged = [(value, step) for step, value in _points(rows, "validation")]
    best = [f"{min(judged)[0]:.5f}", f"{min(judged)[1]:.0f}", f"{judged[-1][0]:.5f}"] if judged else ["&ndash;"] * 3
    seconds = number(rows[-1], "seconds")
    spent = "&ndash;" if seconds is None else f"{seconds / 60:.1f}"
    return [f"{rows[-1]['step']:,}", spent, *best, f"{sum(len(row.get('broken') or ()) for row in rows):,}"]
