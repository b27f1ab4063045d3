"""Fit the powers of uncertainty.py on simulated pairs from the images that pretraining trains on.

python runs/pretrain/uncertainty.py runs/pretrain/anypan-s.toml [--weights anypan-s] [--batches 90]

The logarithm of an error's quantile ``SHARE`` is fitted as a sum of the logarithms of what a pair shows, times powers,
plus a constant for each patch and band: quantile regression (Koenker and Bassett, Econometrica 46(1), 1978). The
constants do not matter, since a scene's factors take their place. Prints the powers and, for each, the loss without it.
"""

from __future__ import annotations

import argparse

import torch
from held_out import BORDER, BUFFER, PATCHES, SCENES
from torch import Tensor

from anypan.dataset import Mixture
from anypan.methods.uncertainty import EVIDENCE, FLOOR, SHARE, evidence
from anypan.simulate.sample import simulate_batch
from anypan.train import read_config
from anypan.train.objective import scene_scale
from anypan.weights import load

DRAWN = 150  # pixels of a patch and band
STEPS = 600
LEAST = 1e-3  # of a band's standard deviation, added to errors


def main() -> None:
    """Draw, fit and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="of a pretraining: its sources and its simulation")
    parser.add_argument("--weights", default="anypan-s", help="a name from 'anypan models' or a .safetensors file")
    parser.add_argument("--batches", type=int, default=90, help=f"of {SCENES * PATCHES} patches (%(default)s)")
    wanted = parser.parse_args()
    shown, errors = drawn(wanted.config, wanted.weights, wanted.batches)
    every = list(enumerate(EVIDENCE))
    for left in (every, *([one for one in every if one != out] for out in every)):
        powers, loss = fitted(shown[..., [rank for rank, _ in left]], errors)
        told = ", ".join(f"{name} {power:.2f}" for (_, name), power in zip(left, powers, strict=True))
        print(f"loss {loss:.4f}: {told}")


@torch.no_grad()
def drawn(path: str, weights: str, batches: int) -> tuple[Tensor, Tensor]:
    """Logarithms of what pixels show (groups, pixels, kinds) and of their errors (groups, pixels)."""
    config, network = read_config(path), load(weights).eval()
    mixture, shown, errors = Mixture(config.sources, 1, BUFFER, held_out=False), [], []
    for number in range(batches):
        rng = torch.Generator().manual_seed(number)
        images = mixture.draw(SCENES * PATCHES, rng).unflatten(0, (SCENES, PATCHES))
        batch = simulate_batch(images, rng, config.simulation)
        scale = scene_scale(batch)
        pan, lrms = scale.apply_pan(batch.pan), scale.apply(batch.lrms)
        fused = network(pan, lrms, scale, batch.gnyq, batch.sampling)
        error = (fused - scale.apply(batch.reference)).abs()
        seen = torch.stack(evidence(pan, lrms, fused, scale.slope, batch.gnyq, batch.sampling), -1)
        inner = slice(BORDER, -BORDER)
        chosen = torch.randint(error[0, 0, inner, inner].numel(), (DRAWN,), generator=rng)
        shown.append(torch.log(seen[:, :, inner, inner].flatten(2, 3)[:, :, chosen].flatten(0, 1) + FLOOR))
        errors.append(torch.log(error[:, :, inner, inner].flatten(2)[:, :, chosen].flatten(0, 1) + LEAST))
    return torch.cat(shown), torch.cat(errors)


def fitted(shown: Tensor, errors: Tensor) -> tuple[list[float], float]:
    """The powers and the mean pinball loss that they leave."""
    powers, levels = (torch.zeros(count, requires_grad=True) for count in (shown.shape[-1], len(shown)))
    optimiser = torch.optim.Adam([{"params": [powers], "lr": 0.01}, {"params": [levels], "lr": 0.1}])
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [2 * STEPS // 3])
    loss = torch.zeros(())
    for _ in range(STEPS):
        left = errors - shown @ powers - levels[:, None]
        loss = torch.maximum(SHARE * left, (SHARE - 1) * left).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return powers.tolist(), loss.item()


if __name__ == "__main__":
    main()
