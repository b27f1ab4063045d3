"""Where the real scenes and golden values lie, and what happens when they are absent."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party data beside the checkout; tests that need it are skipped without it, never on CI."""
    if not SHARED.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SHARED} is missing: on CI the real scenes must be present")
        pytest.skip("no shared data beside the checkout")
    return SHARED / "data"


@pytest.fixture(scope="session")
def real_scenes(shared: Path) -> list[Path]:
    """The folders of all real pairs, of which there are some: a law over none would hold whatever the code does."""
    folders = sorted(file.parent for file in shared.glob("scenes*/*/pan.tif"))
    assert len(folders) >= 30
    return folders


@pytest.fixture
def benchmark_script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A script of runs/benchmark by its name, imported anew."""

    def imported(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "runs" / "benchmark")
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return imported


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Threads that a test asks for end with it: those after it would wait for each other on busy cores."""
    before = torch.get_num_threads()
    yield
    if torch.get_num_threads() != before:
        torch.set_num_threads(before)


SLOW = Path(__file__).with_name("slow.txt").read_text(encoding="utf-8").split()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow.txt, which take more than 2 s on one core: pytest -m "not slow" leaves them out."""
    for item in items:
        name = f"{item.path.name}::{item.name.split('[')[0]}"
        if name in SLOW:
            item.add_marker(pytest.mark.slow)
