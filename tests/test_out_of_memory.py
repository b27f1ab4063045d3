"""A device whose memory runs out: tiles are halved and the work goes on, to the same image."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass, field

import pytest
import torch
from pairs import landscape
from torch import Tensor

from anypan.fusing import fuse_scene, fused_tiles
from anypan.methods import METHODS
from anypan.methods.base import Fuser
from anypan.methods.steps import STEPS
from anypan.pair.pair import pair_of_arrays
from anypan.pair.scene import Scene
from anypan.runtime.errors import UserError


@dataclass(frozen=True)
class Small(Fuser):
    """A fuser on a device that holds no more than ``most`` PAN pixels; ``seen``: sides of the tiles that it got."""

    fuser: Fuser
    most: int
    seen: list[int] = field(default_factory=list)

    @property
    def halo(self) -> int:
        return self.fuser.halo

    def __call__(self, pan: Tensor, lrms: Tensor) -> Tensor:
        self.seen.append(pan.shape[-1] - 2 * self.halo)
        if pan.numel() > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return self.fuser(pan, lrms)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return pair_of_arrays(*landscape(160, 224), register=False).scene


@pytest.mark.parametrize("method", ["EXP", "MTF-GLP"])
def test_tiles_are_halved_and_the_image_is_the_same(scene: Scene, method: str) -> None:
    fuser = METHODS[method](scene)
    whole = fuse_scene(scene, fuser)
    small = Small(fuser, (60 + 2 * fuser.halo) ** 2)
    steps: list[tuple[int, int]] = []
    out = torch.full_like(whole, torch.nan)
    for tile, (image,), _ in fused_tiles(scene, small, 40, progress=lambda *step: steps.append(step)):
        at = slice(4 * tile.row, 4 * (tile.row + tile.height)), slice(4 * tile.col, 4 * (tile.col + tile.width))
        assert torch.isnan(out[:, *at]).all()  # each pixel once
        out[:, *at] = image
    assert torch.equal(out, whole)
    assert steps == sorted(steps) and steps[-1] == (2 * STEPS, 2 * STEPS)
    assert len([side for side in small.seen if side > 64]) <= 2  # what did not fit is not tried again and again


def test_when_nothing_fits_it_is_one_sentence(scene: Scene) -> None:
    small = Small(METHODS["EXP"](scene), 10)
    with pytest.raises(UserError, match="memory of cpu runs out even with small tiles"):
        list(fused_tiles(scene, small, 40))


def test_the_memory_of_a_tile_that_failed_is_free_before_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing refers to the pixels of the failed tile any more when the next is read."""
    held: list[int] = []
    patches: list[object] = []
    read = type(scene.source).read

    def watched(source: object, tile: object) -> object:
        if len(held) < 2:  # the tile that fails, and the first after it
            gc.collect()
            held.append(sum(ref() is not None for ref in patches))  # type: ignore[operator]
        patch = read(source, tile)  # type: ignore[arg-type]
        patches.append(weakref.ref(patch))
        return patch

    monkeypatch.setattr(type(scene.source), "read", watched)
    fuser = METHODS["EXP"](scene)
    patches.clear()
    held.clear()
    for _ in fused_tiles(scene, Small(fuser, (60 + 2 * fuser.halo) ** 2), 40):
        pass
    assert len(held) == 2 and not any(held)
