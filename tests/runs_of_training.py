"""A folder with the configuration of a small training run, and what the run logs there."""

import json
import re

SMALL = {"trunk": 8, "band": 8, "blocks": 1, "bases": 2}
TRAIN = {"steps": 2, "warmup": 1, "scenes": 1, "patches": 1}
TRAIN |= {"validate_every": 2, "validation_batches": 1, "log_every": 1}


def configure(folder, *sources, out="run", simulation=None, top=None, **train):
    """Write OUT.toml, of a run into OUT, and return its path.

    ``train`` goes beside TRAIN, ``simulation`` beside a ratio of 4, ``top`` (architecture, model, buffer, start) beside
    a small anypan-s.
    """
    run = {"out": out, "architecture": "anypan-s", "model": SMALL, **(top or {}), "train": {**TRAIN, **train}}
    run |= {"simulation": {"ratios": {4: 1.0}, **(simulation or {})}, "sources": sources}
    path = folder / f"{out}.toml"
    path.write_text("".join(f"{key} = {toml(value)}\n" for key, value in run.items()))
    return path


def toml(value):
    """A value as TOML has it in one line."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{bare(str(key))} = {toml(of)}' for key, of in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


def bare(key):
    """A key, quoted only where it must be."""
    return key if re.fullmatch(r"[\w-]+", key) else json.dumps(key)


def rows(folder):
    """The rows of the log of a run whose ``out`` is "run"."""
    return [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
