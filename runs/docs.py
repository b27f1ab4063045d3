"""Rewrite the result tables in README.md and docs/, and the card of the generalisation protocol, from results/.

python runs/docs.py           rewrite every block between <!-- table:NAME --> and <!-- /table -->, the tables of the
                              simulator's effects, and the card
python runs/docs.py --check   change nothing; exit 1 and name the documents whose tables are out of date

NAME: `short` (five methods in three plain columns), `main` (a few methods, both protocols), PROTOCOL-RATIO[-MODE], as
`rr-4`, `fr-2`, `rr-4-toolbox` (all methods), or a table of a file of its own: `optimisers` (methods that optimise for
each image), `best` (eight ways), `adaptation`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from statistics import fmean

from anypan.methods import CLASSICAL, FORMULAS
from anypan.metrics import described
from anypan.report import Row, markdown_table, read
from anypan.report.documents import filled, main
from anypan.report.generalisation import card
from anypan.report.rows import COST, PROTOCOLS, groups, latest, mean, oracle, real
from anypan.runtime.columns import HEADLINES, LOW
from anypan.runtime.errors import UserError
from anypan.simulate.effects import AUGMENTATIONS, DEGRADATIONS
from anypan.simulate.effects.base import what
from anypan.train import read_config

ROOT = Path(__file__).resolve().parents[1]
KNOWN = described()
COLUMNS = {"rr": (*HEADLINES["rr"], "SCC"), "fr": (*HEADLINES["fr"], "D_lambda_K", "D_s", "HQNR")}
MAIN = (*HEADLINES["rr"], *HEADLINES["fr"])
SHORT = ("EXP", "GSA", "MTF-GLP-FS", "MTF-GLP-HPM-R", "MTF-GLP-FS + consistency")  # of the formulas in the main table
MODE = "physical"
BESIDE = {  # the file, its columns, and whether each scene has a table
    "optimisers": ("contenders/optimisers.jsonl", (*HEADLINES["rr"], "PSNR", *COST), True),
    "best": ("best/scenes.jsonl", (*HEADLINES["rr"], "D_rho", LOW), True),
    "adaptation": ("adaptation/gf2.jsonl", MAIN, False),
}
PLAIN = {
    "ERGAS": "Error against the truth ↓",
    LOW: "Sharpness → 1",
    "R-ERGAS": "Faithfulness: distance from the MS ↓",
}
OPTIMISER = "KZ-PAN"
LOOKED_AT = (
    "These are development scenes: physics, recipe and rules were chosen while looking at them\n"
    "([what](limits.md#what-was-chosen-on-development-scenes)). Zero-shot means no more than that no weights saw them."
)
SHORTEST, RATIO = ("MTF-GLP-FS + consistency", "anypan-s untrained", "anypan-s"), 4


def table(name: str, rows: Sequence[Row]) -> str:
    """The Markdown of the table called `name`. UserError if there is no such table or no row for it."""
    if name in BESIDE:
        return _beside(*BESIDE[name])
    if name in ("main", "short"):
        return _main(rows) if name == "main" else _short(rows)
    protocol, _, rest = name.partition("-")
    ratio, _, mode = rest.partition("-")
    if protocol not in PROTOCOLS or not ratio.isdigit():
        known = ", ".join(("short", "main", *BESIDE))
        raise UserError(f"there is no table {name!r}: name it {known}, or PROTOCOL-RATIO[-MODE] as fr-2-toolbox.")
    chosen = _chosen(rows, protocol, int(ratio), mode or MODE)
    if not chosen:
        raise UserError(f"results/ has no rows for the table {name!r}: run the benchmark, or take the table out.")
    return markdown_table(chosen, COLUMNS[protocol], KNOWN, tuple(FORMULAS))


def _main(rows: Sequence[Row]) -> str:
    parts = []
    for ratio in sorted({group.ratio for group in groups(rows)}, reverse=True):
        both = [*_chosen(rows, "rr", ratio), *_chosen(rows, "fr", ratio)]
        if not both:
            continue
        made = markdown_table(both, MAIN, KNOWN, tuple(FORMULAS))
        hidden = tuple(f"| {one} |" for one in FORMULAS if one not in SHORT)
        shown = "\n".join(line for line in made.splitlines() if not line.startswith(hidden))
        parts.append(
            f"Ratio {ratio}: at reduced resolution {_counted(both, 'rr')}, at full {_counted(both, 'fr')}.\n\n{shown}\n"
        )
    return "\n".join([*parts, _resampled(rows)])


def _short(rows: Sequence[Row]) -> str:
    """Interpolation, the best published formula, the best formula at all, the network before and after training."""
    both = [*_chosen(rows, "rr", RATIO), *_chosen(rows, "fr", RATIO)]
    of = {row["method"]: [one for one in both if one["method"] == row["method"]] for row in both}
    values = {name: {key: cell.value for key in PLAIN if (cell := mean(found, key))} for name, found in of.items()}
    best = min((name for name in CLASSICAL if name in values), key=lambda name: values[name]["ERGAS"])
    labels = {"EXP": "Interpolation (EXP)", best: f"Best published formula ({best})", **{one: one for one in SHORTEST}}
    lines = ["| Method | " + " | ".join(PLAIN.values()) + " |", "| --- | ---: | ---: | ---: |"]
    for name, label in labels.items():
        lines.append(f"| {label} | {' | '.join(f'{values[name][key]:.2f}' for key in PLAIN)} |")
    lead = f"Real scenes at ratio {RATIO}, means over sensors: the error on {_counted(both, 'rr')}, the others on "
    came = len({row["scene"] for row in both if row.degraded})
    lead += f"{_counted(both, 'fr')}, since {came} had come degraded. Each sensor was named (`--sensor`)."
    apart, bars = _apart(rows)
    errors = {"anypan-s": _of(apart, "anypan-s"), "interpolation": _of(apart, "EXP"), "the best formula of each": bars}
    means = ", ".join(f"{name} {fmean(row['ERGAS'] for row in found):.2f}" for name, found in errors.items())
    said = f"On {len(bars)} GaoFen-2 scenes degraded by others, error: {means}."
    return f"{lead}\n\n" + "\n".join(lines) + f"\n\n{said}\n\n{_optimised()}\n"


def _counted(rows: Sequence[Row], protocol: str) -> str:
    """How many scenes and sensors rows of a protocol rest on."""
    scenes, sensors = (len({row[key] for row in rows if row.protocol == protocol}) for key in ("scene", "sensor"))
    return f"{scenes} scenes of {sensors} sensors"


def _optimised() -> str:
    """A sentence on the method that optimises for each image, scene by scene."""
    rows = latest(read([ROOT / "results" / BESIDE["optimisers"][0]]))
    ours, theirs = ({row["scene"]: row for row in _of(rows, name)} for name in ("anypan-s", OPTIMISER))
    said = ", ".join(f"{scene} {ours[scene]['ERGAS']:.2f} and {theirs[scene]['ERGAS']:.2f}" for scene in ours)
    lead = (
        f"{OPTIMISER}, a published method, learns from each image anew, for minutes; it is written anew here, and not "
        "checked against its authors' program. Error of anypan-s and of it by the rules of the reference toolbox, so "
        "not to be compared with those above (no shift is corrected; qb-01-moved is qb-01 put in place)"
    )
    return f"{lead}: {said} ([more](docs/comparing.md#a-program))."


def _beside(file: str, names: Sequence[str], each: bool) -> str:
    """A table of a file of its own: of the means, or one for each scene."""
    rows = latest(read([ROOT / "results" / file]))
    if not each:
        return markdown_table(rows, names, KNOWN)
    scenes = dict.fromkeys(row["scene"] for row in rows)
    parts = {scene: markdown_table([row for row in rows if row["scene"] == scene], names, KNOWN) for scene in scenes}
    return "\n".join(f"{scene}:\n\n{made}" for scene, made in parts.items())


def _resampled(rows: Sequence[Row]) -> str:
    """A line on the scenes that stand apart: the mean of the network, of EXP and of the best formula of each."""
    found, bars = _apart(rows)
    means = ", ".join([*(_means(name, _of(found, name)) for name in ("anypan-s", "EXP")), _means("oracle", bars)])
    return f"{len(bars)} GaoFen-2 scenes that came degraded, apart: {means} (Q2n / SAM / ERGAS).\n"


def _apart(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of the scenes that stand apart, and the best formula of each."""
    found = [row for row in latest(rows) if row.get("apart") and (row["protocol"], row.get("mode")) == ("rr", MODE)]
    return found, oracle(found, KNOWN, tuple(FORMULAS))


def _of(rows: Sequence[Row], method: str) -> list[Row]:
    return [row for row in rows if row["method"] == method]


def _means(name: str, rows: Sequence[Row]) -> str:
    return f"{name} " + " / ".join(
        f"{fmean(row[key] for row in rows):.{3 if key != 'Q2n' else 4}f}" for key in HEADLINES["rr"]
    )


def _chosen(rows: Sequence[Row], protocol: str, ratio: int, mode: str = MODE) -> list[Row]:
    """The judged rows of one group; at full resolution real pairs only."""
    return real(rows, ratio, mode, protocol)


def wanted(root: Path) -> Iterator[tuple[Path, str]]:
    """Every document below `root` that shows results, and what it should hold."""
    every = read(sorted((root / "results").glob("*.jsonl")))
    rows = latest(row for row in every if "cell" not in row)  # rows of cells have documents of their own
    made = generalisation(root)
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if path not in made and rows:
            text = filled(path.read_text(encoding="utf-8"), "table", lambda name: table(name, rows))
            yield path, filled(text, "effects", effects)
    yield from made.items()


def effects(name: str) -> str:
    """The Markdown of the effects of the simulator: `augmentations` or `degradations`."""
    kinds = {"augmentations": AUGMENTATIONS, "degradations": DEGRADATIONS}[name]
    diverse = read_config(ROOT / "runs" / "pretrain" / "diverse.toml").simulation
    lines = ["| name | what | `share`: default, `diverse.toml` | a share of | further keys |", "|---|---|---|---|---|"]
    for kind in kinds.values():
        more = {field.name: getattr(kind(), field.name) for field in fields(kind) if field.name != "share"}
        keys = ", ".join(f"`{key}` {_shown(value)}" for key, value in more.items())
        lines.append(f"| {kind.name} | {what(kind)} | {kind().share:g}, {diverse[kind].share:g} | {kind.of} | {keys} |")
    return "\n".join(lines) + "\n"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "weights of " + ", ".join(map(str, value))
    return f"{value[0]:g} to {value[1]:g}" if isinstance(value, tuple) else f"{value:g}"


def generalisation(root: Path) -> dict[Path, str]:
    """The card of the development protocol and its plots; nothing if there are no rows of it."""
    rows, protocol = root / "results" / "generalisation.jsonl", root / "runs" / "generalisation" / "development.toml"
    if not rows.is_file():
        return {}
    text, place = protocol.read_text(encoding="utf-8"), root / "docs" / "generalisation-development.md"
    made = card(latest(read([rows])), text, place, KNOWN, "images/generalisation-")
    return made | {place: made[place].replace("\n\n## ", f"\n\n{LOOKED_AT}\n\n## ", 1)}


if __name__ == "__main__":
    sys.exit(main(__doc__, lambda: wanted(ROOT), "runs/docs.py"))
