"""What covers the ground: fields with rows and tramlines, meadows, water with its banks, roads with their markings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from anypan.simulate.canvas import INDEX, Canvas, Coat, Mask
from anypan.simulate.parcels import MAIN_ROAD, STREET, Parcels
from anypan.simulate.texture import Field, fractal, smooth


@dataclass(frozen=True)
class Use:
    """A use of land: its coat, how much the share of the second material ``spread``s over a parcel, rows of ``period``
    metres and relative ``contrast``, tramlines or not, and the ``trees`` per place where one could stand."""

    coat: Coat
    spread: float = 0.1
    period: tuple[float, float] = (0.0, 0.0)
    contrast: float = 0.0
    tramlines: bool = False
    trees: float = 0.0


USES: dict[str, Use] = {
    "wheat": Use(Coat("crop", "loam", 0.12, 1.0, 0.05), 0.12, (3, 6), 0.05, True),
    "maize": Use(Coat("crop", "loam", 0.25, 0.95, 0.08), 0.12, (0.75, 1.5), 0.22),
    "rape": Use(Coat("blossom", "crop", 0.25, 1.0, 0.05), 0.18, (3, 6), 0.04, True),
    "sprouting": Use(Coat("young crop", "loam", 0.55, 1.0, 0.06), 0.18, (0.5, 3), 0.08, True),
    "stubble": Use(Coat("straw", "loam", 0.35, 1.0, 0.06), 0.15, (2.5, 7), 0.10, True),
    "ploughed": Use(Coat("loam", "dark soil", 0.45, 1.0, 0.10), 0.3, (0.9, 3), 0.10),
    "seedbed": Use(Coat("loam", "straw", 0.15, 1.05, 0.05), 0.15, (3, 6), 0.05, True),
    "red field": Use(Coat("red soil", "loam", 0.3, 1.0, 0.07), 0.25, (1, 4), 0.08),
    "meadow": Use(Coat("grass", "young crop", 0.35, 1.0, 0.08), 0.25, (4, 9), 0.06, trees=0.004),
    "pasture": Use(Coat("grass", "straw", 0.3, 1.0, 0.10), 0.3, trees=0.02),
    "fallow": Use(Coat("straw", "grass", 0.5, 0.95, 0.14), 0.4, trees=0.03),
    "scrub": Use(Coat("sand", "grass", 0.35, 0.9, 0.15), 0.35, trees=0.10),
    "forest": Use(Coat("grass", "dark soil", 0.5, 0.6, 0.15), 0.3, trees=1.0),
    "orchard": Use(Coat("grass", "straw", 0.3, 1.0, 0.08), 0.2),
    "vineyard": Use(Coat("straw", "loam", 0.5, 1.0, 0.07), 0.2),
    "homes": Use(Coat("grass", "straw", 0.2, 0.95, 0.10), 0.3, trees=0.13),
    "blocks": Use(Coat("grass", "concrete", 0.15, 0.9, 0.08), 0.25, trees=0.16),
    "park": Use(Coat("grass", "straw", 0.15, 1.0, 0.08), 0.2, trees=0.22),
    "works": Use(Coat("asphalt", "concrete", 0.4, 1.0, 0.06), 0.5, trees=0.01),
    "parking": Use(Coat("asphalt", "gravel", 0.12, 1.0, 0.04), 0.12, trees=0.012),
    "site": Use(Coat("sand", "loam", 0.5, 1.0, 0.14), 0.5, trees=0.01),
}
TOWN: dict[str, float] = {"homes": 8, "blocks": 2, "works": 1.6, "park": 0.9, "parking": 0.8, "site": 0.5}
CLIMATES: tuple[dict[str, float], ...] = (
    dict(wheat=3, maize=2, rape=1, sprouting=2, stubble=2, ploughed=3, seedbed=1, meadow=3, pasture=2, forest=3)
    | dict(orchard=0.7, vineyard=0.5, fallow=0.7, works=0.2),
    {"stubble": 3, "red field": 2, "fallow": 3, "scrub": 4, "maize": 1, "orchard": 1.5, "vineyard": 1.5}
    | dict(ploughed=1, pasture=1, forest=0.8, site=0.3),
    {"red field": 4, "maize": 2, "pasture": 3, "forest": 4, "fallow": 2, "sprouting": 2, "orchard": 1, "rape": 0.1},
)


def assign(parcels: Parcels, rng: np.random.Generator) -> list[str]:
    """A use for each parcel, by closeness to a town and by the climate of the place."""
    rural = CLIMATES[rng.choice(len(CLIMATES), p=(0.6, 0.2, 0.2))]

    def draw(table: dict[str, float]) -> str:
        odds = np.array(list(table.values()), float)
        return str(rng.choice(list(table), p=odds / odds.sum()))

    return [draw(TOWN if urban > 0.35 else rural) for urban in parcels.urban]


def cover(canvas: Canvas, parcels: Parcels, uses: list[str], rng: np.random.Generator) -> None:
    """Cover every parcel with its use: patches of two materials, rows, tramlines, and a grassy margin."""
    every = [USES[name] for name in uses]
    label, n = parcels.label, len(uses)
    canvas.first[:] = np.array([INDEX[use.coat.first] for use in every], np.uint8)[label]
    canvas.second[:] = np.array([INDEX[use.coat.second] for use in every], np.uint8)[label]
    patches = fractal(canvas.shape, rng, 120 / canvas.gsd, 0.75, 2.0)
    spread, share = (np.array([pick(use) for use in every], np.float32) for pick in (lambda u: u.spread, _share))
    share = np.clip(share + spread * rng.normal(0, 0.6, n).astype(np.float32), 0.02, 0.95)
    canvas.share[:] = share[label] + (0.7 * spread)[label] * patches
    bright = np.array([use.coat.albedo for use in every]) * np.exp(rng.normal(0, 0.11, n))
    canvas.albedo[:] = bright.astype(np.float32)[label] * np.exp((0.3 * spread)[label] * patches[::-1])
    canvas.rough[:] = np.array([use.coat.rough for use in every], np.float32)[label]
    _rows(canvas, parcels, every, rng)
    margin = (parcels.seam < 0.9) & (parcels.urban[label] <= 0.35)
    canvas.paint(margin, Coat("grass", "straw", 0.35, 0.9, 0.12))
    np.clip(canvas.share, 0, 1, out=canvas.share)


def _share(use: Use) -> float:
    return use.coat.share


def _rows(canvas: Canvas, parcels: Parcels, every: list[Use], rng: np.random.Generator) -> None:
    """Rows along the longer side of each parcel; headlands across; tramlines every 18 to 36 m."""
    n, label = len(every), parcels.label
    period = np.array([rng.uniform(*use.period) if use.contrast else 1.0 for use in every])
    contrast = np.array([use.contrast for use in every]) * rng.uniform(0.4, 1.4, n) * (period / canvas.gsd > 2.3)
    across_u = (parcels.rects[:, 1] - parcels.rects[:, 0]) < (parcels.rects[:, 3] - parcels.rects[:, 2])
    tilt = rng.normal(0, 0.02, n)
    tables = (np.where(across_u, 1, tilt), np.where(across_u, tilt, 1), 2 * np.pi / period, contrast)
    to_u, to_v, wave, depth = (table.astype(np.float32)[label] for table in tables)
    across = to_u * parcels.u + to_v * parcels.v
    turn = to_v * parcels.u - to_u * parcels.v
    headland = (parcels.seam < 9) & (parcels.seam > 1) & (np.abs(to_u) < 0.5) & (depth > 0)
    across = np.where(headland, turn, across)
    wobble = np.float32(0.5) * smooth(canvas.shape, rng, 60 / canvas.gsd)
    canvas.albedo *= 1 + depth * np.cos(wave * across + wobble)
    spacing = rng.choice((18.0, 24.0, 27.0, 36.0), n)
    tram = np.array([use.tramlines and canvas.gsd < 0.8 for use in every])
    position = np.abs(np.mod(across, spacing.astype(np.float32)[label]) - 4)
    wheels = tram[label] & (np.abs(position - 0.9) < max(0.22, 0.51 * canvas.gsd)) & (parcels.seam > 3)
    canvas.share[wheels] = np.clip(canvas.share[wheels] + 0.35, 0, 1)
    canvas.albedo[wheels] *= 0.88


def flood(canvas: Canvas, rng: np.random.Generator) -> tuple[Field, float]:
    """A river or a lake, if the place has one.

    Returns the distance to the shore in metres, negative in the water, and how wide a way must be to have a bridge.
    """
    extent = max(canvas.shape) * canvas.gsd
    kind = rng.choice(("river", "lake", "none"), p=(0.42, 0.23, 0.35))
    ripple = fractal(canvas.shape, rng, 20 / canvas.gsd, 0.5, 2.0) * np.float32(0.7)
    if kind == "none":
        return np.full(canvas.shape, np.float32(1e6)), 0.0
    if kind == "river":
        width = max(float(rng.uniform(9, 38)), 3 * canvas.gsd) * (1 if extent < 2000 else 2)
        bend = max(90.0, extent / 5)
        meander = smooth(canvas.shape, rng, 2.2 * bend / canvas.gsd) * np.float32(0.55 * bend)
        angle = rng.uniform(0, np.pi)
        rows, cols = (np.arange(n, dtype=np.float32) * np.float32(canvas.gsd) for n in canvas.shape)
        middle = np.cos(angle) * (rows[:, None] - rows[-1] / 2) + np.sin(angle) * (cols[None, :] - cols[-1] / 2)
        shore = np.abs(middle.astype(np.float32) + np.float32(rng.uniform(-0.3, 0.3) * extent) + meander) - width / 2
    else:
        wave = max(150.0, extent / 4)
        shore = (np.float32(rng.uniform(0.9, 1.5)) - smooth(canvas.shape, rng, wave / canvas.gsd)) * np.float32(
            wave / 4
        )
    shore = shore + ripple
    _banks(canvas, shore, bool(rng.random() < 0.5), rng)
    return shore, STREET if kind == "river" else MAIN_ROAD


def _banks(canvas: Canvas, shore: Field, sandy: bool, rng: np.random.Generator) -> None:
    beach = Coat("sand", "gravel", 0.3, 0.9, 0.08) if sandy else Coat("dark soil", "grass", 0.4, 0.9, 0.12)
    canvas.paint(shore < 9, Coat("grass", "straw", 0.25, 0.85, 0.16))
    canvas.paint(shore < 2.2, beach)
    water = shore < 0
    muddy = rng.uniform(0, 0.8)
    canvas.paint(water, Coat("clear water", "turbid water", 0, 1, 0.025))
    shallow = np.exp(np.clip(shore[water], -60, 0) / 5)
    canvas.share[water] = np.clip(muddy + 0.5 * shallow, 0, 1)
    canvas.albedo[water] = 1 + 0.9 * np.exp(np.clip(shore[water], -60, 0) / 1.2)
    canvas.closed |= shore < 0.5


def bridges(parcels: Parcels, shore: Field, narrowest: float) -> Mask:
    """Where (H, W) ways at least ``narrowest`` metres wide may cross the water: those that begin and end on land."""
    on = parcels.road < 0
    way, along, wet = parcels.way[on], parcels.along[on], shore[on] < 0
    ends = np.full((4, int(parcels.way.max()) + 2), 1e9)  # all and wet, lowest and highest (negated) position
    for row, (some, sign) in enumerate(((..., 1), (..., -1), (wet, 1), (wet, -1))):
        np.minimum.at(ends[row], way[some], sign * along[some])
    spans = (ends[2] - ends[0] > 2) & (ends[3] - ends[1] > 2)
    return spans[parcels.way] & (parcels.width >= narrowest)


def pave(canvas: Canvas, parcels: Parcels, where: Mask, rng: np.random.Generator) -> None:
    """Ways ``where`` they may lie, over water as bridges: asphalt with wear and markings, pavements, tracks."""
    lateral, width = parcels.lateral, parcels.width
    road = np.where(where, parcels.road, np.float32(1e6))
    main, street, track = width >= MAIN_ROAD, (width >= STREET) & (width < MAIN_ROAD), (width > 0) & (width < STREET)
    age = float(rng.uniform(0.85, 1.5))
    canvas.paint((road < 1.8) & main, Coat("grass", "gravel", 0.4, 0.95, 0.12))
    canvas.paint((road < 1.7) & street, Coat("concrete", "gravel", 0.25, 0.85, 0.04))
    canvas.paint((road < 0) & (main | street), Coat("asphalt", "gravel", 0.08, age, 0.035))
    paved = (road < 0) & (main | street)
    wheel = np.cos(2 * np.pi * (lateral[paved] - 1.05) / 1.5)
    patch = smooth(canvas.shape, rng, 25 / canvas.gsd)[paved]
    canvas.albedo[paved] *= 1 - 0.05 * wheel + 0.07 * np.sign(patch) * (np.abs(patch) > 0.9)
    verge = (road < 0) & track
    canvas.paint(verge, Coat("loam", "gravel", 0.4, 1.1, 0.07))
    canvas.paint(verge & (lateral < 0.45), Coat("grass", "loam", 0.4, 0.95, 0.12))
    line = max(0.09, 0.52 * canvas.gsd)
    if canvas.gsd < 0.7:
        dashes = (lateral < line) & (np.mod(parcels.along, 9) < 4) & (main | street) & (road < 0)
        rims = main & (np.abs(road + 0.45) < line)
        canvas.paint(dashes | rims, Coat("white paint", "asphalt", 0.45, 0.85, 0.05))
    canvas.closed |= road < 0.8
