"""Memory that is kept is not fetched again, and is given back at the end."""

import platform
import resource
from pathlib import Path

import pytest
import torch

from anypan import memory

SIZE = 2**28  # bytes, more than glibc would keep by itself


def faults() -> int:
    """Pages that the system hands over while a large array is made and filled."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.zeros(SIZE, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_a_second_array_takes_the_pages_of_the_first():
    with memory.kept():
        first, second = faults(), faults()
        within = resident()
    assert first > 1000 and second < first / 10
    assert resident() < within - SIZE / 2


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "other")
    with memory.kept():
        assert torch.ones(4).sum() == 4
