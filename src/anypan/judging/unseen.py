"""Which scenes of which sensor are learnt from and which are judged, and by what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from anypan.judging import find_scenes
from anypan.judging.protocol import Generalisation
from anypan.judging.readers import Entry
from anypan.optics.sensors import GENERIC, find
from anypan.runtime.errors import UserError


@dataclass(frozen=True)
class TestSensor:
    """A sensor with the scene ``learnt`` from, and the ``others``: all of them, and those ``judged``.

    The scene learnt from is judged by nothing, so that all weights are judged on the same scenes; it is judged only
    where the sensor has no other, and then not by what learnt from it.
    """

    name: str
    learnt: Entry
    others: tuple[Entry, ...]
    judged: tuple[Entry, ...]

    @property
    def alone(self) -> bool:
        """True if there is no scene but the one learnt from."""
        return not self.others


@dataclass(frozen=True)
class Cell:
    """Something that is judged on sensors. ``kind``: classical or one of KINDS; ``sensor``: the one learnt from or, of
    leave-one-out, left out; ``learnt``: the scenes learnt from.
    """

    kind: str
    start: str
    tuning: str = ""
    sensor: str = ""
    learnt: tuple[Entry, ...] = ()

    @property
    def name(self) -> str:
        """What rows call it."""
        if self.kind == "classical":
            return self.start
        sensor = f"without {self.sensor}" if self.kind == "leave-one-out" else self.sensor
        return ", ".join(part for part in (self.start, self.kind, sensor, self.tuning) if part)

    def judges(self, sensor: TestSensor) -> bool:
        """True if it may be judged on the sensor's scenes, and is meant to be."""
        if self.kind == "leave-one-out":
            return self.sensor == sensor.name
        return self.sensor != sensor.name or not sensor.alone


def sensors_of(protocol: Generalisation) -> dict[str, TestSensor]:
    """The sensors that take part, by name, their scenes unread. Raises UserError for what does not fit together."""
    found = _by_sensor([scene for spec in protocol.scenes for scene in find_scenes(spec)])
    names = [_named(name) for name in protocol.sensors] or sorted(found)
    for name in (*names, *protocol.adapt_on):
        if _named(name) not in found:
            raise UserError(f"There is no scene of the sensor {name!r}: choose among {', '.join(sorted(found))}.")
    if len(set(names)) < 2:
        raise UserError(f"A matrix needs two sensors, here is {' '.join(names) or 'none'}: add scenes of another.")
    chosen = {_named(name): scene for name, scene in protocol.adapt_on.items()}
    return {name: _sensor(name, found[name], chosen.get(name), protocol.judged) for name in names}


def _by_sensor(scenes: Sequence[Entry]) -> dict[str, list[Entry]]:
    twice = next((name for name, times in Counter(scene.name for scene in scenes).items() if times > 1), None)
    if twice:
        raise UserError(f"There are two scenes called {twice}: name every set once, and folders differently.")
    found: dict[str, list[Entry]] = {}
    for scene in scenes:
        name = _named(scene.sensor)
        if name in ("", "unknown", GENERIC.name):
            raise UserError(f"Nothing says which sensor saw {scene.name}: name it in scene.json, or leave it out.")
        found.setdefault(name, []).append(scene)
    return found


def _named(sensor: str) -> str:
    """The name that the sensors know it by; its own if they do not."""
    try:
        return find(sensor).name
    except UserError:
        return sensor


def _sensor(name: str, scenes: Sequence[Entry], chosen: str | None, most: int) -> TestSensor:
    learnt = next((scene for scene in scenes if chosen in (None, scene.name)), None)
    if learnt is None:
        listed = ", ".join(scene.name for scene in scenes)
        raise UserError(f"adapt_on: {name} has no scene called {chosen!r}: choose among {listed}.")
    others = tuple(scene for scene in scenes if scene is not learnt)
    return TestSensor(name, learnt, others, _spread(others or (learnt,), most))


def _spread(scenes: tuple[Entry, ...], most: int) -> tuple[Entry, ...]:
    if not most or len(scenes) <= most:
        return scenes
    return tuple(scenes[(2 * n + 1) * len(scenes) // (2 * most)] for n in range(most))


def cells(protocol: Generalisation, starts: Mapping[str, bool], sensors: Mapping[str, TestSensor]) -> list[Cell]:
    """All that is judged. ``starts``: the name of each, and whether its weights are random.

    Random weights have no encoder worth keeping: they are tuned in full only.
    """
    found = [Cell("classical", name) for name in protocol.classical]
    for start, random in starts.items():
        if "zero-shot" in protocol.kinds:
            found.append(Cell("zero-shot", start))
        for tuning in ("full",) if random else protocol.tunings:
            if "one-shot" in protocol.kinds:
                found += [Cell("one-shot", start, tuning, one.name, (one.learnt,)) for one in sensors.values()]
            if "leave-one-out" in protocol.kinds:
                found += [_without(one, start, tuning, sensors, protocol.per_sensor) for one in sensors.values()]
    return found


def _without(left: TestSensor, start: str, tuning: str, sensors: Mapping[str, TestSensor], most: int) -> Cell:
    learnt = []
    for one in (one for one in sensors.values() if one.name != left.name):
        every = (one.learnt, *one.others)
        learnt += every[: most or len(every)]
    return Cell("leave-one-out", start, tuning, left.name, tuple(learnt))
