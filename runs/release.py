"""Build a release and try it in empty environments.

python runs/release.py [--out dist] [--python python3.11 ...]

Makes the wheel, the source archive, the manual page and the bill of materials; installs the wheel into an empty
environment of each Python, and fuses the demo scene there. Stops at the first thing that fails.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from anypan import __version__
from anypan.cli import cli

ROOT = Path(__file__).resolve().parents[1]
KNOWN = tuple(f"python3.{minor}" for minor in (11, 12, 13, 14))
MADE = ("anypan-*.whl", "anypan-*.tar.gz", "anypan.1", "anypan.cdx.json")
LISTED = (
    "import importlib.metadata as m, json; print(json.dumps([[d.metadata['Name'], d.version, "
    "d.metadata.get('License-Expression') or d.metadata.get('License') or ''] for d in m.distributions()]))"
)


def main() -> int:
    """Exit status 0 if every step passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--python", nargs="*", default=None, help="which to try; by default 3.11 and the newest found")
    wanted = parser.parse_args()
    clear(wanted.out)
    run([sys.executable, "-m", "hatchling", "build", "-d", str(wanted.out)])
    wheel = next(wanted.out.glob("*.whl"))
    (wanted.out / "anypan.1").write_text(manual(), encoding="utf-8")
    installed = []
    for python in wanted.python or pythons():
        installed = tried(python, wheel)
    (wanted.out / "anypan.cdx.json").write_text(json.dumps(materials(installed), indent=2) + "\n", encoding="utf-8")
    print(*sorted(path.name for path in wanted.out.iterdir()), sep="\n")
    return 0


def clear(folder: Path) -> None:
    """Remove what an earlier release has left in a folder, and nothing else."""
    for pattern in MADE:
        for file in folder.glob(pattern):
            file.unlink()


def pythons() -> list[str]:
    """3.11 and the newest Python that is found; this one if none is."""
    found = [name for name in KNOWN if shutil.which(name) and _starts(name)]
    return list(dict.fromkeys([found[0], found[-1]])) if found else [sys.executable]


def _starts(python: str) -> bool:
    """False for a name that stands for a Python which is not installed."""
    return subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0


def run(command: list[str], where: Path = ROOT) -> str:
    """Run a command, show it, and give what it prints; a failure ends the release."""
    print("$", *command, flush=True)
    return subprocess.run(command, cwd=where, check=True, text=True, stdout=subprocess.PIPE).stdout


def tried(python: str, wheel: Path) -> list[list[str]]:
    """Install the wheel in an empty environment, fuse the demo scene; (name, version, licence) of what there is."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run([python, "-m", "venv", str(place / "env")])
        own = str(place / "env" / "bin" / "python")
        run([own, "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), str(wheel)])
        said = run([str(place / "env" / "bin" / "anypan"), "--version"], place)
        if said.split()[-1] != __version__:
            raise SystemExit(f"{wheel.name} says it is {said.strip()}, not {__version__}.")
        run([str(place / "env" / "bin" / "anypan"), "demo", "--size", "256"], place)
        return json.loads(run([own, "-c", LISTED], place))


def materials(installed: list[list[str]]) -> dict[str, object]:
    """A CycloneDX 1.5 bill of materials of (name, version, licence)."""
    parts = [
        {"type": "library", "name": name, "version": version,
         "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
         **({"licenses": [{"license": {"name": licence.splitlines()[0][:80]}}]} if licence else {})}
        for name, version, licence in sorted(installed)
    ]  # fmt: skip
    own = {"type": "application", "name": "anypan", "version": __version__}
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": own},
            "components": [part for part in parts if part["name"] != "anypan"]}  # fmt: skip


def manual() -> str:
    """The manual page anypan(1), made from the help of every command."""
    head = f'.TH ANYPAN 1 "" "anypan {__version__}"\n.SH NAME\nanypan \\- pansharpening for any satellite\n'
    return head + "".join(_section(command, name) for command, name in _commands(cli, "anypan"))


def _commands(command: click.Command, name: str) -> Iterator[tuple[click.Command, str]]:
    yield command, name
    for verb, below in getattr(command, "commands", {}).items():
        yield from _commands(below, f"{name} {verb}")


def _section(command: click.Command, name: str) -> str:
    text = command.get_help(click.Context(command, info_name=name, max_content_width=78, terminal_width=78))
    lines = (line.replace("\\", "\\\\").replace("-", "\\-") for line in text.splitlines())
    return f".SH {name.upper()}\n.nf\n" + "\n".join(f"\\&{line}" for line in lines) + "\n.fi\n"


if __name__ == "__main__":
    sys.exit(main())
