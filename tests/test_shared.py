"""States of the whole process: however threads come and go, they hold while one is there and are gone after."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Barrier, Event, Thread

import pytest
import torch

from anypan import raster
from anypan.runtime.defaults import plain
from anypan.runtime.shared import Shared


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_first_sets_it_and_the_last_undoes_it(order: tuple[int, int]) -> None:
    seen: list[str] = []

    @Shared
    @contextmanager
    def state() -> Iterator[None]:
        seen.append("set")
        yield
        seen.append("undone")

    stacks = ExitStack(), ExitStack()
    for stack in stacks:
        stack.enter_context(state())
    stacks[order[0]].close()
    assert seen == ["set"]
    stacks[order[1]].close()
    assert seen == ["set", "undone"]
    with pytest.raises(KeyError), state():
        raise KeyError
    assert seen == ["set", "undone"] * 2


def test_environments_that_overlap_leave_no_filter_of_warnings() -> None:
    before, both, first_gone = list(warnings.filters), Barrier(2, timeout=60), Event()

    def work(first: bool) -> None:
        with raster.environment():
            both.wait()
            assert first or first_gone.wait(60)

    second = Thread(target=work, args=(False,))
    second.start()
    work(True)
    first_gone.set()
    second.join()
    assert list(warnings.filters) == before


def test_floats_are_plain_until_the_last_thread_has_gone() -> None:
    theirs = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        one, two = ExitStack(), ExitStack()
        one.enter_context(plain())
        two.enter_context(plain())
        one.close()
        assert torch.get_default_dtype() is torch.float32
        two.close()
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(theirs)
