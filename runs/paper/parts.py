"""What each part of anypan-s is good for: the network trained without it, for as many steps, judged on real scenes.

python runs/paper/parts.py [--steps 250] [--seeds 2] [--parts NAME ...] [--out ROWS]    run what is missing
python runs/paper/parts_page.py    put the table into docs/networks.md

Data, optimisation and judging are those of the study (study.toml, source "both"); the network has the sizes that ship.
A part that brings something costs something when it is missing: read the table against the row "whole", whose seeds say
what chance does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from cells import BOTH, Cell, Study, read
from judging import judged, rows_of, scenes_of
from torch import Tensor, nn
from training import Pool, source_tiles

from anypan.methods.neural import fitted
from anypan.models import anypan_s
from anypan.models.anypan_s import AnypanS, Config
from anypan.optics.mtf import Sampling
from anypan.simulate.sample import Simulation
from anypan.train import Optimisation, Run, losses, objective

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / "results" / "parts.jsonl"
WHOLE = "whole"
FACTS = slice(4, 11)  # the channels of _describe that say what is known of band and scene

Change = Callable[[AnypanS], None]


@dataclass(frozen=True)
class Part:
    """How to leave a part out: ``sizes`` of the configuration, names to replace, or a change of the network."""

    sizes: dict[str, int] = field(default_factory=dict)
    replaced: tuple[tuple[Any, str, Any], ...] = ()
    changed: Change = lambda network: None

    @contextmanager
    def left_out(self) -> Iterator[None]:
        with ExitStack() as stack:
            for owner, name, stand_in in self.replaced:
                stack.enter_context(patch.object(owner, name, stand_in))
            yield


class Unchecked:
    """A sampling by which every estimate agrees with the MS."""

    def __init__(self, sampling: Sampling, lrms: Tensor) -> None:
        self._sampling, self._lrms = sampling, lrms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampling, name)

    def degrade(self, image: Tensor, gnyq: Tensor) -> Tensor:
        """The MS itself where ``image`` is an estimate of its bands; the PAN as ever."""
        return self._lrms if image.shape[1] == self._lrms.shape[1] else self._sampling.degrade(image, gnyq)


def _unchecked(network: AnypanS) -> None:
    network.register_forward_pre_hook(lambda _, given: (*given[:4], Unchecked(given[4], given[1])))


class Silent(nn.Module):
    """Says nothing of the bands."""

    def forward(self, pooled: Tensor) -> Tensor:
        return pooled.new_zeros(())


def _no_exchange(network: AnypanS) -> None:
    for block in network.blocks:
        block.pooled = Silent()  # type: ignore[assignment]


def _one_gain(lrms: Tensor, pan_lr: Tensor, slope: Tensor) -> tuple[Tensor, Tensor]:
    return slope[..., None, None] + torch.zeros_like(lrms), torch.zeros_like(lrms)


def _no_modulations(exp: Tensor, pan_lp: Tensor, scale: Any) -> tuple[Tensor, Tensor]:
    gain = scale.slope[..., None, None] + torch.zeros_like(exp)
    return gain, gain.clone()


def _nothing_left(pan: Tensor, *_: Any) -> Tensor:
    return torch.zeros_like(pan)


_describe = anypan_s._describe


def _no_facts(*known: Any) -> Tensor:
    described = _describe(*known)
    described[:, FACTS] = 0
    return described


PARTS: dict[str, Part] = {
    WHOLE: Part(),
    "gains regressed locally": Part(replaced=((anypan_s, "local_regression", _one_gain),)),
    "gains of modulations": Part(replaced=((anypan_s, "_modulations", _no_modulations),)),
    "what is known of band and scene": Part(replaced=((anypan_s, "_describe", _no_facts),)),
    "what the trunk hears of the bands": Part(changed=_no_exchange),
    "all blocks but one": Part({"blocks": 1}),
    "all bases but one": Part({"bases": 1}),
    "the learned correction": Part({"steps": 0}),
    "the PAN's texture that is left": Part(replaced=((anypan_s, "_texture_left", _nothing_left),)),
    "consistency with the MS": Part(changed=_unchecked),
    "the loss of the mixture": Part(replaced=((losses, "INTENSITY_WEIGHT", 0.0),)),
    "the loss of texture": Part(replaced=((objective, "TEXTURE_WEIGHT", 0.0),)),
    "the loss of the angle": Part(replaced=((objective, "ANGLE_WEIGHT", 0.0),)),
    "the loss of consistency": Part(replaced=((objective, "CONSISTENCY_WEIGHT", 0.0),)),
}


def main() -> None:
    """Train and judge what has no rows yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, metavar="NAME")
    parser.add_argument(
        "--work", type=Path, default=ROOT / "work" / "paper" / "study", help="decoded images (%(default)s)"
    )
    parser.add_argument("--out", type=Path, default=ROWS)
    wanted = parser.parse_args()
    study = read(Path(__file__).with_name("study.toml"))
    wanted.work.mkdir(parents=True, exist_ok=True)
    done = {(row["part"], row["seed"], row["steps"]) for row in map(json.loads, _lines(wanted.out))}
    for seed in range(1, wanted.seeds + 1):
        for name in wanted.parts:
            if (name, seed, wanted.steps) not in done:
                rows = list(rows_without(name, seed, wanted.steps, study, wanted.work))
                with wanted.out.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)
                print(f"without {name}, seed {seed}: {len(rows)} rows", flush=True)


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def rows_without(name: str, seed: int, steps: int, study: Study, work: Path) -> Iterator[dict[str, Any]]:
    """A row for each scene and protocol of the network trained without the part ``name``."""
    part, o = PARTS[name], Optimisation(**study.optimisation, steps=steps, seed=seed)
    torch.manual_seed(seed)
    network = AnypanS(Config(**part.sizes))
    part.changed(network)
    with part.left_out():
        run = Run(network, o, "cpu")
        run.finish(Pool(source_tiles(BOTH, study, work), study.patch, o, Simulation(**study.simulation)))
        network.load_state_dict(run.average)
        cell = Cell("ablation", "anypan-s", BOTH, seed, change=f"without {name}")
        cases = list(judged(cell, study, scenes_of(study, work)))
        spent = {"part": name, "steps": run.step, "train_seconds": round(run.seconds, 1)}
        yield from rows_of(cell, lambda scene: fitted(network.eval(), scene), spent, study, cases, "cpu")


if __name__ == "__main__":
    main()
