"""Put the weights of a run into the package, with their card.

python runs/pretrain/publish.py RUN/weights.safetensors NAME

The sources named are those of runs/pretrain/NAME.toml; the long card, docs/weights/NAME.md, is written by hand.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path

from safetensors import safe_open

from anypan.models import ARCHITECTURES
from anypan.weights import FOLDER, available

SOURCES = (
    "NAIP aerial images, public domain (tiles distributed under CC BY 4.0 by J. Ventura's urban-tree-detection-data)",
    "NAIP tiles of tile2vec (MIT), rasterframes (Apache-2.0) and opengeos (MIT)",
    "NEON aerial images (open data policy of the National Ecological Observatory Network)",
    "Brighton drone images (BSD-2-Clause)",
    "Kodak photographs (free of restrictions)",
    "Hyperspectral cubes MUUFL (MIT), Jasper Ridge and Samson (Apache-2.0)",
)
SUMMARIES = {
    "anypan-s": "The default: a small network of unfolded physics for any bands, any order, any ratio.",
}


def publish(weights: Path, name: str) -> None:
    """Copy the file and write its entry of weights.toml; the other entries are kept."""
    packaged = FOLDER / f"{name}.safetensors"
    if weights.resolve() != packaged.resolve():
        shutil.copyfile(weights, packaged)
    with safe_open(packaged, framework="pt") as file:
        header = file.metadata()
        count = sum(file.get_tensor(key).numel() for key in file.keys())  # noqa: SIM118 (not a dict)
    architecture = header["architecture"]
    entry = {"family": ARCHITECTURES[architecture].family, "architecture": architecture, "parameters": count}
    entry |= {"sha256": hashlib.sha256(packaged.read_bytes()).hexdigest(), "licence": "Apache-2.0"}
    entry |= {"sources": list(SOURCES), "summary": SUMMARIES[name]}
    cards = {card.name: {k: v for k, v in vars(card).items() if k != "name"} for card in available()}
    cards[name] = entry
    (FOLDER / "weights.toml").write_text("\n".join(_table(*item) for item in cards.items()))


def _table(name: str, entry: dict[str, object]) -> str:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in entry.items()]
    return "\n".join([f'["{name}"]', *lines, ""])


if __name__ == "__main__":
    publish(Path(sys.argv[1]), sys.argv[2])
