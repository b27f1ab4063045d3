"""Memory that is kept is not fetched again, and is given back at the end."""

import json
import platform
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from pairs import landscape

import anypan
from anypan.geometry.grid import Grid
from anypan.judging.gallery import with_page
from anypan.runtime import memory

SIZE = 2**28  # bytes, more than glibc would keep by itself
_RUN = f"""
import json, resource
from pathlib import Path
import torch
from anypan.runtime import memory

def faults(size):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(size, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
with memory.kept():
    told = [faults({SIZE}), faults({SIZE // 2}), resident()]
print(json.dumps([*told, resident()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_a_smaller_array_takes_the_pages_of_a_larger_one():
    """Pages that the system hands over for either, in a process of its own, which holds no memory from before."""
    done = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=True)
    first, second, within, after = json.loads(done.stdout)
    assert first > 100 and second < first / 10  # 128 pages where the system hands out 2 MiB at a time
    assert after < within - SIZE / 2


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "other")
    with memory.kept():
        assert torch.ones(4).sum() == 4


def test_the_plan_with_a_page_counts_the_window_that_the_page_holds():
    """Up to its 2,048 x 2,048 pixels, in proportion to the bands; never less than the fusion alone."""
    small = anypan.plan(*landscape(96, 96), method="EXP")
    planned = []
    for side, bands in ((1024, 4), (2048, 4), (2048, 8), (8192, 8)):
        wide = replace(small, grid=Grid((side, side)), bands=("band",) * bands)
        planned.append(with_page(wide).memory)
        assert with_page(replace(wide, memory=2**40)).memory == 2**40
    assert planned == sorted(planned) and planned[2] == planned[3] and planned[1] > 1.4 * planned[0]
