"""Weights from the Hugging Face Hub (huggingface_hub; an extra), and the folder that one uploads there."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anypan import __version__
from anypan.runtime.claim import drafted
from anypan.runtime.digest import sha256
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of, text_of
from anypan.weights import FOLDER, PREFIX, SUFFIX, Stored, available, stored

FILE, FACTS, CARD = "model.safetensors", "config.json", "README.md"
_SPEC = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@(\S+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def fetched(spec: str) -> Path:
    """The weight file of ``hf:owner/name@commit``, downloaded once and kept; its sha256 is that of its config.json.

    UserError if the spec names no commit, if the file cannot be fetched or if it is another than the one described.
    """
    found = _SPEC.fullmatch(spec)
    if found is None:
        raise UserError(f"{spec!r} is no address of weights: give hf:owner/name@commit.")
    repository, commit = found.groups()
    if commit is None or not _COMMIT.fullmatch(commit):
        raise UserError(f"{spec} may change: name the commit, 40 hexadecimal digits, as hf:{repository}@...")
    facts = _facts(_download(repository, commit, FACTS), spec)
    path = _download(repository, commit, FILE)
    if sha256(path) != facts["sha256"]:
        raise UserError(f"{spec} holds other weights than its {FACTS} describes (sha256): do not use it.")
    return path


def _facts(path: Path, spec: str) -> dict[str, Any]:
    what = "ask for one written by 'anypan export'"
    facts = json_of(text_of(path, what, 2**20), f"{FACTS} of {spec}", what)
    if not isinstance(facts.get("sha256"), str):
        raise UserError(f"{spec} has no {FACTS} with a sha256: {what}.")
    return facts


def _download(repository: str, commit: str, name: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise UserError("Weights from the Hub need huggingface_hub: pip install 'anypan[hub]'.") from error
    places = {"endpoint": os.environ.get("HF_ENDPOINT"), "cache_dir": os.environ.get("HF_HUB_CACHE")}
    given: dict[str, Any] = {key: value for key, value in places.items() if value}
    try:
        return Path(hf_hub_download(repository, name, revision=commit, library_name="anypan", **given))
    except Exception as error:  # of the network, of the server, of the cache: each of a kind of its own
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{name} of {repository} at {commit} cannot be fetched ({reason}): check both.") from error


def save_pretrained(name_or_path: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Write weights, their configuration and a card into ``folder``, which must be new or empty, as the Hub wants them.

    UserError if there are no such weights, or if the folder is not empty or cannot be written.
    """
    weights, place = stored(os.fspath(name_or_path)), Path(folder)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UserError(f"{folder} is there already: name a new folder.")
    try:
        place.absolute().parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            place.rmdir()  # it is empty
        with drafted(place, overwrite=False) as draft:
            draft.mkdir()
            shutil.copyfile(_file_of(os.fspath(name_or_path)), draft / FILE)
            text = json.dumps(_described(weights), indent=2)
            (draft / FACTS).write_text(text + "\n", encoding="utf-8")
            (draft / CARD).write_text(_card(weights), encoding="utf-8")
    except OSError as problem:
        raise UserError(f"{folder} cannot be written ({problem.strerror}): name another folder.") from problem
    return place


def _file_of(name: str) -> Path:
    if name.startswith(PREFIX):
        return fetched(name)
    return FOLDER / f"{name}{SUFFIX}" if name in {card.name for card in available()} else Path(name)


def _described(weights: Stored) -> dict[str, Any]:
    head = {"library": "anypan", "anypan": __version__, "name": weights.label, "architecture": weights.architecture}
    return head | {"config": asdict(weights.config), "sha256": weights.sha256}


def _card(weights: Stored) -> str:
    """The model card; of weights in the package with their licence and sources."""
    known = next((asdict(card) for card in available() if card.sha256 == weights.sha256), {})
    licence = str(known.get("licence", "")).lower()
    sources = "".join(f"- {source}\n" for source in known.get("sources", ())) or "Not told by the file.\n"
    return f"""---
library_name: anypan
{f"license: {licence}" if licence else "license: unknown"}
pipeline_tag: image-to-image
tags: [pansharpening, remote-sensing, satellite-imagery]
---
# {weights.label}

{known.get("summary", f"A network of the architecture {weights.architecture} for pansharpening.")}

Safetensors, sha256 `{weights.sha256}`. Use it by its commit:

```python
import anypan

anypan.fuse("pan.tif", "ms.tif", "fused.tif", method="hf:OWNER/{weights.label}@COMMIT")
```

## Training data

{sources}"""
