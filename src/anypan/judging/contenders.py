"""Who is judged: methods of the package, images that others have fused already, and any program that can be started."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import torch
from torch import Tensor

from anypan.fusing import fuse_scene
from anypan.judging import meter
from anypan.judging.cases import Case
from anypan.judging.cost import measured
from anypan.judging.exchange import read_fused, write_inputs
from anypan.methods import METHODS, Method
from anypan.methods.resolve import MethodRef, resolve, spelt
from anypan.pair.scene import Scene
from anypan.runtime.digest import sha256
from anypan.runtime.errors import UserError
from anypan.runtime.foreign import json_of, text_of

TIMEOUT = 600.0  # seconds that a program has for one image
FIELDS = ("pan", "ms", "out", "ratio", "sensor", "dy", "dx", "seed")
NEEDED = FIELDS[:3]
AGAIN = "run it again"
OTHERS = "a .safetensors file, dir:FOLDER or 'cmd:COMMAND {pan} {ms} {out}'"
_SPEC = re.compile(r"(?:([^=:/\\]+)=)?(cmd|dir):(.+)", re.DOTALL)
_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Outcome:
    """A fused image (B, H, W) in the case's units, what it cost as far as is known, and more entries of the row."""

    fused: Tensor
    seconds: float | None = None
    peak_mib: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


class Contender(Protocol):
    """Something that fuses cases. It can be sent to another process."""

    @property
    def facts(self) -> dict[str, Any]:
        """What of it decides the result: entries of every row of its."""
        ...

    def fuse(self, case: Case, device: str) -> Outcome: ...


@dataclass(frozen=True)
class PackageMethod:
    """A method of the package, or a weight file."""

    method: MethodRef
    seed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """The seed, and of a network the SHA-256 of its weights."""
        weights = self.method.weights_sha256
        return {"seed": self.seed} | ({"weights_sha256": weights} if weights else {})

    def fuse(self, case: Case, device: str) -> Outcome:
        """Fit and fuse in this process, from the seed; without the guard that ``fuse()`` holds single values with."""
        return Function(self.method.fit, self.seed).fuse(case, device)


@dataclass(frozen=True)
class Function:
    """Any other method, as the function that fits it."""

    fit: Method
    seed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """The seed."""
        return {"seed": self.seed}

    def fuse(self, case: Case, device: str) -> Outcome:
        """Fit and fuse in this process, from the seed."""
        torch.manual_seed(self.seed)
        return Outcome(*measured(lambda: _fused(case.scene, self.fit, device)))


def _fused(scene: Scene, method: Method, device: str) -> Tensor:
    fuser = method(scene)
    if scene.sampling.local:
        return fuse_scene(scene, fuser, device=device)
    patch = scene.whole()
    with torch.inference_mode():
        return fuser(patch.pan, patch.lrms)


@dataclass(frozen=True)
class Images:
    """A folder of fused GeoTIFFs: PROTOCOL/SCENE.tif in it or, for scenes that are not reduced, SCENE.tif."""

    folder: Path

    @property
    def facts(self) -> dict[str, Any]:
        """The folder's name."""
        return {"images": self.folder.name}

    def fuse(self, case: Case, device: str) -> Outcome:
        """Read the case's image; UserError if there is none that fits."""
        path = self._path(case.name, case.protocol, case.origin.reduced)
        if path is None:
            name = f"{case.protocol}/{case.name}.tif"
            raise UserError(f"{self.folder} has no {name}: fuse what 'anypan benchmark --export' wrote.")
        return Outcome(read_fused(path, case))

    def image(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The hash of the image that is there for a row; nothing if there is none."""
        reduced = row["protocol"] == "rr" and not row.get("degraded")
        path = self._path(row["scene"], row["protocol"], reduced)
        return {} if path is None else {"image_sha256": sha256(path)}

    def _path(self, scene: str, protocol: str, reduced: bool) -> Path | None:
        name = f"{scene}.tif"
        places = [self.folder / protocol / name] + ([] if reduced else [self.folder / name])
        return next((each for each in places if each.is_file()), None)


@dataclass(frozen=True)
class Command:
    """A program: ``template`` is its command line, with {pan} {ms} {out} and, if wanted, the rest of FIELDS.

    It reads float32 GeoTIFFs (see exchange.write_inputs) and writes {out}. No shell looks at the line.
    """

    template: str
    timeout: float = TIMEOUT
    seed: int = 0

    @property
    def facts(self) -> dict[str, Any]:
        """The line, and the sha256 of each file that it names: of a script, of weights."""
        files = [Path(word) for word in shlex.split(self.template)[1:]]
        hashes = {path.name: sha256(path) for path in files if path.is_file()}
        return {"seed": self.seed, "command": self.template, "timeout": self.timeout, "files_sha256": hashes}

    def fuse(self, case: Case, device: str) -> Outcome:
        """Start it in a process of its own. UserError if it fails, takes too long or writes no image that fits."""
        with TemporaryDirectory(prefix="anypan-") as name:
            folder = Path(name)
            pan, ms = write_inputs(case, folder)
            out, (dy, dx) = folder / "out.tif", case.scene.sampling.offset
            values = (pan, ms, out, case.scene.ratio, case.sensor, dy, dx, self.seed)
            known: dict[str, str] = dict(zip(FIELDS, map(str, values), strict=True))
            words = [_FIELD.sub(lambda found: known[found[1]], word) for word in shlex.split(self.template)]
            spent = _metered(words, self.timeout, folder)
            if not out.is_file():
                raise UserError(f"The command ended without writing {{out}}{_last_words(folder)}.")
            try:
                return Outcome(read_fused(out, case), spent["seconds"], spent["peak_mib"])
            except UserError as problem:
                raise UserError(_plain(str(problem), folder)) from None


def _metered(words: list[str], timeout: float, folder: Path) -> dict[str, Any]:
    report = folder / "cost.json"
    line = [sys.executable, "-I", "-S", meter.__file__, str(report), str(timeout), *words]
    with open(folder / "said.txt", "wb") as said, subprocess.Popen(line, stdout=said, stderr=said) as process:
        try:
            process.wait()
        finally:
            process.terminate()
    if not report.exists():
        raise UserError(f"The command could not be started{_last_words(folder)}.")
    spent = json_of(text_of(report, AGAIN), "The cost of the command", AGAIN)
    if spent["late"]:
        raise UserError(f"The command was ended after {timeout:g} s: give it more time with --timeout.")
    if spent["code"]:
        raise UserError(f"The command ended with exit code {spent['code']}{_last_words(folder)}.")
    return spent


def _last_words(folder: Path) -> str:
    lines = _plain((folder / "said.txt").read_text(errors="replace"), folder).strip().splitlines()
    return f" ({lines[-1].strip()[:200]})" if lines else ""


def _plain(text: str, folder: Path) -> str:
    """The text without the folder's name, which is another each time: rows of the same work are the same."""
    return text.replace(f"{folder}/", "").replace(str(folder), ".")


def as_contender(method: Contender | Method) -> Contender:
    """A contender as it is; any other method as one, which cannot be sent to another process."""
    return Function(method) if callable(method) else method


def contenders(names: Iterable[str], timeout: float = TIMEOUT, seed: int = 0) -> dict[str, Contender]:
    """Who is called ``names``, by the name that rows give them. Raises UserError for what is none of these:

    a method, a .safetensors file, a folder of fused images (``[NAME=]dir:FOLDER`` or its path), or a program
    (``[NAME=]cmd:COMMAND LINE``).
    """
    found: dict[str, Contender] = {}
    for name in names:
        spec = _SPEC.fullmatch(name)
        label = (spec[1] or name if spec else spelt(name)).strip()
        if label in found:
            raise UserError(f"{label!r} is named twice: give each method a name of its own with NAME=.")
        found[label] = _contender(name, spec, timeout, seed)
    return found


def _contender(name: str, spec: re.Match[str] | None, timeout: float, seed: int) -> Contender:
    if spec and spec[2] == "cmd":
        return _command(spec[3], timeout, seed)
    folder = Path(spec[3] if spec else name)
    if spec and not folder.is_dir():
        raise UserError(f"{folder} is not a folder: name the folder that holds the fused images.")
    if spelt(name) not in METHODS and folder.is_dir():
        return Images(folder)
    return PackageMethod(resolve(name, OTHERS), seed)


def _command(template: str, timeout: float, seed: int) -> Command:
    try:
        words = shlex.split(template)
    except ValueError as problem:
        raise UserError(f"The command {template!r} cannot be split into words ({problem}): check its quotes.") from None
    fields = {each for word in words for each in _FIELD.findall(word)}
    missing, unknown = [each for each in NEEDED if each not in fields], sorted(fields - set(FIELDS))
    if missing or unknown:
        what = f"has no {{{missing[0]}}}" if missing else f"has an unknown {{{unknown[0]}}}"
        listed = " ".join(f"{{{each}}}" for each in FIELDS)
        raise UserError(f"The command {template!r} {what}: it needs {{pan}}, {{ms}} and {{out}}, of {listed}.")
    if shutil.which(words[0]) is None:
        raise UserError(f"There is no program {words[0]!r} to start: check the command, or give its full path.")
    return Command(template, timeout, seed)
