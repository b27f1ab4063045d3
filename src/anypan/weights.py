"""Weights: safetensors files that carry their own configuration, and the cards of those that ship."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from anypan.errors import UserError
from anypan.models import ARCHITECTURES

FOLDER = Path(__file__).parent / "weights"
FORMAT = "anypan-weights-1"


@dataclass(frozen=True)
class Card:
    """What ships about a weight file; the long form is docs/weights/<name>.md."""

    name: str
    family: str
    architecture: str
    parameters: int
    sha256: str
    licence: str
    sources: tuple[str, ...]
    summary: str


def available() -> tuple[Card, ...]:
    """The cards of the weights in the package."""
    cards = tomllib.loads((FOLDER / "weights.toml").read_text())
    return tuple(Card(name=name, **{**card, "sources": tuple(card["sources"])}) for name, card in cards.items())


def save(path: Path, tensors: Mapping[str, Tensor], architecture: str, config: Any, **facts: Any) -> None:
    """Write a weight file: tensors, architecture, its configuration and facts such as the steps; atomically."""
    header = {"format": FORMAT, "architecture": architecture, "config": json.dumps(dataclasses.asdict(config))}
    header |= {key: str(value) for key, value in facts.items()}
    part = path.with_suffix(".part")
    save_file({key: value.detach().cpu().contiguous() for key, value in tensors.items()}, part, metadata=header)
    os.replace(part, path)


def load(name_or_path: str | Path, device: str = "cpu") -> nn.Module:
    """A network ready to fuse, by the name of weights in the package or by the path of a weight file.

    The sha256 of packaged weights is checked; every tensor must be there and fit.
    """
    cards = {card.name: card for card in available()}
    if str(name_or_path) in cards:
        card = cards[str(name_or_path)]
        return _open(FOLDER / f"{card.name}.safetensors", device, card.sha256)
    if not str(name_or_path).endswith(".safetensors"):
        raise UserError(
            f"There are no weights named '{name_or_path}': choose {', '.join(cards)} or a .safetensors file."
        )
    return _open(Path(name_or_path), device)


def _open(path: Path, device: str, sha256: str | None = None) -> nn.Module:
    if not path.is_file():
        raise UserError(f"The weight file {path} does not exist: check the path.")
    if sha256 is not None and hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise UserError(f"The weight file {path} is damaged (its sha256 differs): install anypan again.")
    try:
        with safe_open(path, framework="pt", device=device) as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except Exception as error:
        raise UserError(f"{path} is no readable safetensors file: fetch it again.") from error
    if header.get("format") != FORMAT or header.get("architecture") not in ARCHITECTURES:
        raise UserError(f"{path} was not written by this version of anypan: use weights of {', '.join(ARCHITECTURES)}.")
    architecture = ARCHITECTURES[header["architecture"]]
    network = architecture.network(architecture.config(**json.loads(header["config"])))
    network.load_state_dict(tensors, strict=True)
    return network.to(device).eval()
