"""A folder with the configuration of a training run, and what the run logs there."""

import json


def configure(folder, template, **values):
    """Write run.toml from a template with fields in braces; returns its path."""
    path = folder / "run.toml"
    path.write_text(template.format(**values))
    return path


def rows(folder):
    """The rows of the log of a run whose ``out`` is "run"."""
    return [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]
