"""Weights: safetensors files that carry their own configuration, and the cards of those that ship."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as as_bytes
from torch import Tensor, nn, random
from torch import device as on

from anypan.models import ARCHITECTURES, adapters
from anypan.runtime.claim import drafted
from anypan.runtime.defaults import plain
from anypan.runtime.device import check_device
from anypan.runtime.digest import sha256
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of, toml_of

FOLDER = Path(__file__).parent
FORMAT = "anypan-weights-1"
MOST = 2**30  # bytes of a weight file
LENGTH = 8  # bytes that say how long a safetensors header is, which is a multiple of that
PREFIX = "hf:"  # of weights on the Hub
SUFFIX = ".safetensors"  # how a weight file's name ends


@dataclass(frozen=True)
class Card:
    """What ships about a weight file; the long form is ``docs/weights/NAME.md``."""

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
    cards = toml_of(
        (FOLDER / "weights.toml").read_text(encoding="utf-8"), "The list of weights", "install anypan again"
    )
    return tuple(Card(name=name, **{**card, "sources": tuple(card["sources"])}) for name, card in cards.items())


def save(
    path: Path, tensors: Mapping[str, Tensor], architecture: str, config: Any, overwrite: bool = True, **facts: Any
) -> None:
    """Write a weight file: tensors of any shape (...), architecture, its configuration and facts; atomically.

    Raises UserError.
    """
    header = {"format": FORMAT, "architecture": architecture, "config": json.dumps(dataclasses.asdict(config))}
    header |= {key: str(value) for key, value in facts.items()}
    plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    try:
        with drafted(path, overwrite) as draft:
            draft.write_bytes(_ordered(as_bytes(plain, metadata=header)))  # with the rights of any other file
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or str(error)[:100]
        raise UserError(f"{path} cannot be written ({reason}): check the free space, or name another file.") from error


def _ordered(file: bytes) -> bytes:
    """A safetensors file with its facts in order of their names: written by chance, equal weights have other bytes."""
    length = int.from_bytes(file[:LENGTH], "little")
    header = json_of(file[LENGTH : LENGTH + length].decode(), "The header of the weights", "report this")
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % LENGTH)
    return len(text).to_bytes(LENGTH, "little") + text + file[LENGTH + length :]


@dataclass(frozen=True)
class Stored:
    """A weight file as it is on the disk; ``header`` is what ``save`` wrote into it."""

    name: str
    sha256: str
    header: Mapping[str, str]
    tensors: Mapping[str, Tensor]

    @property
    def label(self) -> str:
        """Its name without the suffix of a file."""
        return self.name.removesuffix(SUFFIX)

    @property
    def architecture(self) -> str:
        """The name of its network in ``ARCHITECTURES``."""
        return self.header["architecture"]

    @property
    def untrained(self) -> bool:
        """Whether the weights are random."""
        return self.header.get("untrained") == "True"

    @property
    def config(self) -> Any:
        """The configuration of its network."""
        where = f"The configuration in {self.name}"
        sizes = json_of(self.header.get("config", ""), where, "train or fetch the weights anew")
        return ARCHITECTURES[self.architecture].configured(sizes, where)

    @plain()
    def network(self) -> nn.Module:
        """The network with these weights; UserError if they are of another version of it."""
        config = self.config
        try:
            with on("meta"):  # sizes are compared before any memory is taken for them
                wanted = _shapes(self._random(config).state_dict())
            if wanted != _shapes(self.tensors):
                raise ValueError("tensors of other names or sizes")
            with random.fork_rng(devices=[]):  # the caller's random numbers stay as they were
                network = self._random(config)
            network.load_state_dict(dict(self.tensors), strict=True)
        except (TypeError, ValueError, ZeroDivisionError, RuntimeError) as error:
            raise UserError(
                f"{self.name} holds an {self.architecture} of another version of anypan: train or fetch it anew."
            ) from error
        return network

    def _random(self, config: Any) -> nn.Module:
        """The network with random weights, with adapters if its tensors have some."""
        architecture = ARCHITECTURES[self.architecture]
        network = architecture.network(config)
        if narrow := adapters.narrow_of(self.tensors):
            adapters.insert(network, adapters.places(network, architecture.adapters), narrow)
        return network


def stored(name_or_path: str | Path) -> Stored:
    """Read weights of the package by their name, a weight file by its path, or ``hf:owner/name@commit`` from the Hub.

    The sha256 of the first and the last is checked. Raises UserError.
    """
    cards = {card.name: card for card in available()}
    if str(name_or_path) in cards:
        card = cards[str(name_or_path)]
        return _read(FOLDER / f"{card.name}{SUFFIX}", card.name, card.sha256)
    if str(name_or_path).startswith(PREFIX):
        from anypan.weights.hub import fetched

        return _read(fetched(str(name_or_path)), str(name_or_path))
    if not str(name_or_path).endswith(SUFFIX):
        raise UserError(
            f"There are no weights named '{name_or_path}': choose {', '.join(cards)}, a .safetensors file, "
            "or hf:owner/name@commit."
        )
    return _read(Path(name_or_path), Path(name_or_path).name)


def is_named(name: str) -> bool:
    """Whether weights are of the package or on the Hub, by their name, and not at a path."""
    return name.startswith(PREFIX) or name in {card.name for card in available()}


def load(name_or_path: str | Path, device: str = "cpu") -> nn.Module:
    """A network ready to fuse: weights of the package by name, a weight file by path, or ``hf:owner/name@commit``.

    The sha256 of packaged weights and of those on the Hub is checked; every tensor must be there and fit. UserError for
    weights that are none, and for a device that torch cannot use here.
    """
    check_device(device)
    return stored(name_or_path).network().to(device).eval()


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[tuple[int, ...], bool]]:
    return {key: (tuple(tensor.shape), tensor.is_floating_point()) for key, tensor in tensors.items()}


def _read(path: Path, name: str, expected: str | None = None) -> Stored:
    if not path.is_file():
        raise UserError(f"The weight file {path} does not exist: check the path.")
    if path.stat().st_size > MOST:
        raise UserError(f"{path} has {path.stat().st_size:,} bytes, more than any weights: fetch it again.")
    found = sha256(path)
    if expected not in (None, found):
        raise UserError(f"The weight file {path} is damaged (its sha256 differs): install anypan again.")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    except Exception as error:
        raise UserError(f"{path} is no readable safetensors file: fetch it again.") from error
    if header.get("format") != FORMAT or header.get("architecture") not in ARCHITECTURES:
        raise UserError(f"{path} was not written by this version of anypan: use weights of {', '.join(ARCHITECTURES)}.")
    wrong = [  # of float8, too, of which torch cannot say it
        key for key, tensor in tensors.items() if tensor.is_floating_point() and not tensor.float().isfinite().all()
    ]
    if wrong:
        raise UserError(f"{path} has weights that are no finite numbers ({wrong[0]}): fetch or train it again.")
    return Stored(name, found, header, tensors)
