"""The notebooks run from top to bottom, offline, and show the viewer."""

import nbformat
import numpy as np
import pages
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

import anypan

BOOKS = sorted((pages.DOCS / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def kernel():
    """A kernel for all, which each finds empty and in a folder of its own."""
    manager = KernelManager()
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path, tmp_path, kernel):
    book = nbformat.read(path, 4)
    assert not any(cell.get("outputs") for cell in book.cells), "kept without outputs"
    for cell in book.cells:
        cell.source = cell.source.replace(", 256)", ", 128)").replace("steps=5", "steps=1")  # a smaller scene
    book.cells.insert(0, nbformat.v4.new_code_cell(f"%reset -f\n%cd -q {tmp_path}"))
    client = NotebookClient(book, km=kernel, timeout=600)
    client.execute()
    client.kc.stop_channels()
    pages_shown = [
        out["data"]["text/html"]
        for cell in book.cells
        for out in cell.get("outputs", ())
        if "text/html" in out.get("data", {})
    ]
    assert all("<iframe" in shown and "srcdoc" in shown for shown in pages_shown)
    assert bool(pages_shown) == ("show(" in path.read_text(encoding="utf-8"))


def test_three_notebooks_and_a_page_that_names_them():
    text = (pages.DOCS / "notebooks" / "index.md").read_text(encoding="utf-8")
    assert len(BOOKS) == 3 and all(f"({path.name})" in text for path in BOOKS)


def test_show_takes_arrays_and_says_what_does_not_fit(tmp_path):
    pan, ms = np.random.default_rng(1).uniform(1, 9, (64, 64)), np.random.default_rng(2).uniform(1, 9, (3, 16, 16))
    fused = anypan.fuse(pan, ms, method="GSA")
    shown = anypan.show(pan, ms, fused)
    assert shown.save(tmp_path / "page.html").read_text(encoding="utf-8") == shown.html
    assert "class=viewer" in shown.html and shown._repr_html_().startswith("<iframe")
    with pytest.raises(anypan.UserError, match="give what fuse"):
        anypan.show(pan, ms, fused[:, :32])
    with pytest.raises(anypan.UserError, match="registers"):
        anypan.show(pan, ms, fused, registers=False)
