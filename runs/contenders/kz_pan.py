"""KZ-PAN, an optimiser for each image, written anew from its authors' code, to be judged beside our methods.

anypan benchmark SCENES -o rows.jsonl --mode toolbox --protocol rr --timeout 3600 -m anypan-s \\
    -m 'KZ-PAN=cmd:python runs/contenders/kz_pan.py {pan} {ms} {out} --sensor {sensor}'

Its code: https://github.com/DowneyFlyfan/KEPansharpening (MIT), read at commit 13ab21a; nothing is copied. The paper's
three stages with its own settings (networks, losses, rates, steps, a step of the optimiser for every five gradients):
what makes the PAN from the bands is learnt on the MS's grid; gains of the matched PAN's detail are learnt under both
images; a U-Net of five levels goes on from there. What differs: single precision instead of bfloat16, the images are
mirrored to multiples of 32 pixels, and full scale is the least 2^n - 1 that holds them (theirs: 2047). MS pixels are
where the reference toolbox has them: use toolbox mode.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import rasterio
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anypan.optics.sensors import find, gains
from anypan.optics.toolbox import Toolbox, toolbox_kernel

RATIO = 4
STAGES = (500, 100, 800)  # gradients of each stage
EVERY = 5  # gradients between two steps of the optimiser
FALL = 0.7  # share of a stage after which its rates fall, by a cosine
PAN_RATE, GAIN_RATE, NET_RATE = (2.5e-3, 1e-3), (2e-3, 1e-3), (4e-3, 5e-4)  # first and last
ANGLE, MS, PAN = 2.0, 3.0, 4.0  # weights of the loss
DEPTH, WIDTH = 5, 32  # of the U-Net
CELL = 2**DEPTH


class ConvNext(nn.Module):
    """A depthwise convolution and two layers at each pixel, added with a small factor that is learnt."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.deep = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.factor = nn.Parameter(1e-6 * torch.ones(width, 1, 1))

    def forward(self, image: Tensor) -> Tensor:
        hidden = F.leaky_relu(self.wide(self.norm(self.deep(image).permute(0, 2, 3, 1))))
        return image + self.factor * self.narrow(hidden).permute(0, 3, 1, 2)


class Small(nn.Module):
    """Bands to the PAN, or matched detail to gains."""

    def __init__(self, bands: int, width: int, out: int) -> None:
        super().__init__()
        self.first, self.block = nn.Conv2d(bands, width, 3, padding=1), ConvNext(width)
        self.norm, self.last = nn.LayerNorm(width), nn.Conv2d(width, out, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.block(self.first(image)).permute(0, 2, 3, 1)
        return self.last(self.norm(hidden).permute(0, 3, 1, 2))


class Unet(nn.Module):
    """Bands to bands between 0 and 1."""

    def __init__(self, bands: int) -> None:
        super().__init__()
        first = nn.Sequential(nn.Conv2d(bands, WIDTH, 2, 2), nn.BatchNorm2d(WIDTH), ConvNext(WIDTH))
        others = [
            nn.Sequential(nn.BatchNorm2d(WIDTH), nn.Conv2d(WIDTH, WIDTH, 2, 2), ConvNext(WIDTH))
            for _ in range(DEPTH - 1)
        ]
        self.down = nn.ModuleList([first, *others])
        self.up = nn.ModuleList([_up(WIDTH), *(_up(2 * WIDTH) for _ in range(DEPTH - 1))])
        self.last = nn.Conv2d(WIDTH, bands, 1)

    def forward(self, image: Tensor) -> Tensor:
        seen = []
        for layer in self.down:
            image = layer(image)
            seen.append(image)
        image = self.up[0](seen.pop())
        for layer in self.up[1:]:
            image = layer(torch.cat([seen.pop(), image], 1))
        return torch.sigmoid(self.last(image))


def _up(width: int) -> nn.Module:
    near = nn.Conv2d(width, WIDTH, 3, padding=1, padding_mode="replicate")
    steps = [nn.Upsample(scale_factor=2), near, nn.BatchNorm2d(WIDTH), nn.LeakyReLU()]
    return nn.Sequential(*steps, nn.Conv2d(WIDTH, WIDTH, 1), nn.BatchNorm2d(WIDTH), nn.LeakyReLU())


def blur(image: Tensor, gnyq: Iterable[float]) -> Tensor:
    """(1, B, H, W) by the toolbox's kernels, one a band, of sum 1 and without negative taps."""
    kernels = torch.stack([toolbox_kernel(gain, RATIO).float() for gain in gnyq]).clamp(min=0)[:, None]
    kernels = kernels / kernels.sum((-2, -1), keepdim=True)
    half = kernels.shape[-1] // 2
    return F.conv2d(F.pad(image, (half,) * 4, mode="replicate"), kernels, groups=len(kernels))


def sampled(image: Tensor) -> Tensor:
    """(..., H, W) at the toolbox's places of MS pixels."""
    return image[..., RATIO // 2 :: RATIO, RATIO // 2 :: RATIO]


def parts(image: Tensor, side: int) -> Tensor:
    """(n, B, side, side) windows side by side of (1, B, H, W)."""
    cut = F.unfold(image, side, stride=side).unflatten(1, (-1, side, side))
    return cut.movedim(-1, 1).flatten(0, 1)


def root(sought: Tensor, found: Tensor) -> Tensor:
    """The roots of summed root mean squares of windows of 4 x 4 pixels, summed over bands."""
    error = parts(sought - found, 4).square().mean((-2, -1))
    return (error + 1e-20).sqrt().sum(0).sqrt().sum()


def angle(sought: Tensor, found: Tensor) -> Tensor:
    """Spectral angles of windows of 2 x 2 pixels, summed."""
    near = F.cosine_similarity(sought, found, dim=1, eps=1e-12)[:, None].clamp(-1, 0.99999997)
    return torch.acos(parts(near, 2).mean((1, 2, 3)).clamp(max=0.99999997)).sum()


def descend(loss: Callable[[], Tensor], steps: int, *groups: tuple[nn.Module, tuple[float, float]]) -> None:
    """Adam on sums of gradients; the rates of each module fall from the first to the last."""
    optimiser = torch.optim.Adam([{"params": module.parameters(), "lr": first} for module, (first, _) in groups])
    for step in range(steps):
        loss().backward()
        fall = max(0.0, (step + 1 - int(FALL * steps)) / (steps - int(FALL * steps)))
        if (step + 1) % EVERY == 0:
            optimiser.step()
            optimiser.zero_grad()
        for group, (_, (first, last)) in zip(optimiser.param_groups, groups, strict=True):
            group["lr"] = last + 0.5 * (first - last) * (1 + math.cos(math.pi * fall))


def matched_detail(pan: Tensor, exp: Tensor, gnyq_pan: float) -> Tensor:
    """(1, B, H, W): the PAN with each band's mean and deviation, minus its blurred self."""
    mean, deviation = exp.mean((-2, -1), keepdim=True), exp.std((-2, -1), keepdim=True)
    matched = (pan - pan.mean()) / pan.std() * deviation + mean
    return matched - blur(matched, [gnyq_pan] * matched.shape[1])


def fuse(pan: Tensor, ms: Tensor, gnyq: tuple[float, ...], gnyq_pan: float) -> Tensor:
    """pan (1, 1, H, W) and ms (1, B, h, w) between 0 and 1 to (1, B, H, W); H and W are multiples of CELL."""
    bands = ms.shape[1]
    exp = Toolbox(RATIO).expand(ms)
    pan_low = sampled(blur(pan, [gnyq_pan]))
    to_pan, gain, net = Small(bands, 16, 1), Small(bands, 32, bands), Unet(bands)
    descend(lambda: root(pan_low, to_pan(ms)), STAGES[0], (to_pan, PAN_RATE))

    def loss(fused: Tensor) -> Tensor:
        low = sampled(blur(fused, gnyq))
        return ANGLE * angle(ms, low) + MS * root(ms, low) + PAN * root(pan, to_pan(fused))

    detail = matched_detail(pan, exp, gnyq_pan)
    low, own = sampled(detail), ms - _mean(ms)
    begin = F.interpolate(own * low / low.norm(dim=(-2, -1), keepdim=True), scale_factor=RATIO)
    descend(lambda: loss(exp + gain(begin) * detail), STAGES[1], (gain, GAIN_RATE), (to_pan, PAN_RATE))
    start = (exp + gain(begin) * detail).detach()
    descend(lambda: loss(net(start)), STAGES[2], (net, NET_RATE), (to_pan, PAN_RATE))
    return net(start).detach()


def _mean(ms: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(ms, (2,) * 4, mode="replicate"), 5, 1)


def whole(image: Tensor, cell: int) -> Tensor:
    """(1, B, H, W) mirrored below and right to multiples of ``cell``."""
    down, right = (-n % cell for n in image.shape[-2:])
    return F.pad(image, (0, right, 0, down), mode="reflect")


def main() -> None:
    """Read the two images, write the fused one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("pan", "ms", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--sensor", default="generic")
    parser.add_argument("--seed", type=int, default=2025)
    wanted = parser.parse_args()
    torch.manual_seed(wanted.seed)
    with rasterio.open(wanted.pan) as first, rasterio.open(wanted.ms) as second:
        pan, ms = (torch.from_numpy(file.read()).float()[None] for file in (first, second))
        profile = first.profile | {"count": ms.shape[1], "dtype": "float32"}
    if pan.shape[-1] != RATIO * ms.shape[-1]:
        raise SystemExit(f"KZ-PAN knows ratio {RATIO} only: leave this scene out.")
    scale = 2 ** math.ceil(math.log2(float(max(pan.max(), ms.max())) + 1)) - 1
    sensor = find(wanted.sensor)
    fused = fuse(
        whole(pan / scale, CELL), whole(ms / scale, CELL // RATIO), gains(sensor, ms.shape[1]), sensor.pan.gnyq
    )
    with rasterio.open(wanted.out, "w", **profile) as out:
        out.write((scale * fused)[0, :, : pan.shape[-2], : pan.shape[-1]].numpy())


if __name__ == "__main__":
    main()
