"""anypan simulate: look at what a network is taught, or make a pair with its truth."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from anypan.cli.console import SEEDS, note
from anypan.cli.names import complete_sensors

if TYPE_CHECKING:
    from anypan.dataset import Source
    from anypan.simulate.sample import Batch, Simulation

_LANDSCAPES, _SIZE = 6, 512  # of the package's own, for a preview without --config
_SENSOR = "With IMAGE: what sees it, see 'anypan sensors'."
_HELP_NM = (
    "Wavelengths of IMAGE's bands in nm: 650,560,470, or 400:2400 if evenly spread.  [default: what they are called]"
)


def _wavelengths(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | slice | None:
    if text is None:
        return None
    first, mark, last = text.partition(":")
    try:
        return slice(float(first), float(last)) if mark else tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of numbers: give 650,560,470 or 400:2400") from None


@click.command(short_help="Look at what a network is taught, or make a pair with its truth.")
@click.argument("image", metavar="[IMAGE]", required=False)
@click.option("--preview", metavar="DIR", help="Write pages of simulated samples, and what was done to each, to DIR.")
@click.option("--config", metavar="TOML", help="With --preview: the recipe and its images.  [default: landscapes]")
@click.option("--count", type=click.IntRange(1, 10_000), default=24, show_default=True, help="With --preview: samples.")
@click.option("--sensor", metavar="NAME", help=_SENSOR, shell_complete=complete_sensors)
@click.option("-o", "--out", metavar="DIR", help="With IMAGE: where pan.tif, ms.tif and reference.tif go.")
@click.option("--wavelengths", metavar="NM", callback=_wavelengths, help=_HELP_NM)
@click.option("--seed", type=SEEDS, default=1, show_default=True, help="Another seed, other draws.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors and paths.")
def simulate(
    image: str | None, preview: str | None, config: str | None, sensor: str | None, out: str | None, **options: Any
) -> None:
    """Show what a network is taught (--preview), or make of IMAGE what a sensor would deliver of it, with the truth.

    IMAGE is a PNG, JPEG or GeoTIFF of colours, colours and near infrared, or more bands; a PAN pixel is two of its
    pixels wide. The pair is georeferenced and has the sensor's bands, ratio, MTF gains, bits and noise.

    \b
    Examples:
      anypan simulate --preview sheet
      anypan simulate --preview sheet --config run.toml --count 12
      anypan simulate photo.jpg --sensor WV3 -o pair
      anypan simulate cube.tif --sensor Landsat8 --wavelengths 400:2400 -o pair
    """
    if (image is None) == (preview is None):
        raise click.UsageError("Give either an IMAGE or --preview DIR")
    if preview is not None:
        if sensor or out:
            raise click.UsageError("--sensor and --out belong to an IMAGE, not to --preview")
        if options.pop("wavelengths"):
            raise click.UsageError("--wavelengths belongs to an IMAGE, not to --preview")
        return _preview(preview, config, **options)
    if config:
        raise click.UsageError("--config belongs to --preview, not to an IMAGE")
    if not sensor or not out:
        raise click.UsageError("An IMAGE needs --sensor NAME and --out DIR")
    options.pop("count")
    _pair(str(image), sensor, out, **options)


def _preview(folder: str, config: str | None, count: int, seed: int, overwrite: bool, quiet: bool) -> None:
    from anypan.dataset.landscapes import Landscapes
    from anypan.simulate.sample import Simulation
    from anypan.simulate.sheet import room, write_sheet
    from anypan.train import read_config

    recipe = read_config(config) if config else None
    simulation = recipe.simulation if recipe else Simulation()
    sources = recipe.sources if recipe and recipe.sources else [Landscapes(count=_LANDSCAPES, size=_SIZE, seed=seed)]
    room(folder, overwrite)
    note("reading images" if recipe and recipe.sources else "rendering landscapes", quiet)
    heading = f"PAN, MS, reference. In every sample: {', '.join(simulation.always()) or 'nothing'}."
    for path in write_sheet(_samples(sources, simulation, seed), folder, count, heading, overwrite):
        click.echo(path)


def _samples(sources: Sequence[Source], simulation: Simulation, seed: int) -> Iterator[Batch]:
    """Batches of one scene and two patches, without end."""
    from anypan.dataset import Mixture
    from anypan.train import Optimisation, Simulated

    batches = Simulated(Mixture(sources, seed), Optimisation(steps=1, scenes=1, patches=2, seed=seed), simulation)
    step = 0
    while True:
        yield batches.draw(step)
        step += 1


def _pair(
    image: str,
    sensor: str,
    folder: str,
    wavelengths: tuple[float, ...] | slice | None,
    seed: int,
    overwrite: bool,
    quiet: bool,
) -> None:
    from anypan.optics.sensors import find
    from anypan.simulate.pair import blind, observe, outputs, read_picture, write_pair

    known = find(sensor)
    picture = read_picture(image, known, wavelengths)
    outputs(folder, image, overwrite)
    paths = write_pair(observe(picture, known, seed), picture, known, folder, overwrite)
    if picture.guess:
        nm = ", ".join(f"{value:.0f}" for value in picture.wavelengths)
        note(f"nothing tells what the bands of {image} see, taken as {nm} nm: --wavelengths says it.", quiet)
    unseen = blind(picture, known)
    if unseen:
        note(f"{image} tells nothing of {', '.join(unseen)}: these bands repeat its nearest channel.", quiet)
    for path in paths.values():
        click.echo(path)
    fused = paths["pan"].with_name("fused.tif")
    pan, ms, truth, out = (shlex.quote(str(path)) for path in (*paths.values(), fused))
    note(
        f"\nNext:\n  anypan fuse {pan} {ms} {out} --sensor {known.name}\n"
        f"  anypan assess {pan} {ms} {out} --sensor {known.name} --reference {truth}",
        quiet,
    )
