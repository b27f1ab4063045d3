"""ImageNet (ILSVRC 2012) as it is published: folders of classes, or the tar files."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from anypan.dataset.archive import Entry, opened
from anypan.dataset.pixels import photograph
from anypan.dataset.source import Names, Sample, Source, files_below, found
from anypan.runtime.errors import UserError

TARS = {"train": "ILSVRC2012_img_train.tar", "val": "ILSVRC2012_img_val.tar"}
VALIDATION = "^val/"


@dataclass(frozen=True, kw_only=True)
class ImageNet(Source):
    """``path`` holds, for training and for validation, a folder or a tar file; one of the two is enough.

    ``train/n01440764/n01440764_10026.JPEG`` and ``val/ILSVRC2012_val_00000001.JPEG`` (also with ``val`` sorted into
    classes) are files as they are keys; ``ILSVRC2012_img_train.tar`` is a tar of a tar for each class,
    ``ILSVRC2012_img_val.tar`` a tar of images. A folder is read rather than a tar of the same images.
    """

    path: str
    held_out: str = VALIDATION

    def parts(self) -> Sequence[str]:
        return found(Names(self._list()), self.path, "train or val folder and no ILSVRC2012_img_*.tar")

    def _list(self) -> Iterator[str]:
        for split, tar in TARS.items():
            folder, file = Path(self.path, split), Path(self.path, tar)
            if folder.is_dir():
                yield from (f"{split}/{name}" for name in files_below(folder))
            elif split == "val" and file.is_file():
                yield tar
            elif file.is_file():
                with opened(str(file)) as classes:
                    yield from (f"{tar}/{name}" for name, _ in classes)

    def skips(self, part: str, held_out: bool) -> bool:
        validation = part.startswith(("val/", TARS["val"]))
        return self.held_out == VALIDATION and validation != held_out

    def samples(self, part: str) -> Iterator[Sample]:
        tar, _, inner = part.partition("/")
        if tar not in TARS.values():
            yield Sample(part, partial(photograph, part, Path(self.path, part).read_bytes))
            return
        with self._images(tar, inner) as members:
            folder = f"train/{inner.removesuffix('.tar')}" if inner else "val"
            for name, load in members:
                yield Sample(f"{folder}/{name}", partial(photograph, f"{folder}/{name}", load))

    @contextmanager
    def _images(self, tar: str, inner: str) -> Iterator[Iterator[Entry]]:
        """The images of a tar, or of the tar ``inner`` within it."""
        path = Path(self.path, tar)
        if not inner:
            with opened(str(path)) as members:
                yield members
            return
        with tarfile.open(path, "r:") as outer:
            while (entry := outer.next()) is not None and entry.name.removeprefix("./") != inner:
                pass
            if entry is None:
                raise UserError(f"{path} changed while it was read: {inner} is no longer in it.")
            with opened(f"{inner} in {path}", outer.extractfile(entry)) as members:
                yield members
