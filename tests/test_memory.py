"""Memory that is kept is not fetched again, and is given back at the end."""

import json
import platform
import subprocess
import sys

import pytest
import torch

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
    assert first > 1000 and second < first / 10
    assert after < within - SIZE / 2


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "other")
    with memory.kept():
        assert torch.ones(4).sum() == 4
