"""models, methods, sensors: what there is to choose from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from anypan.cli.console import print_json, print_table

if TYPE_CHECKING:
    from anypan.optics.sensors import Sensor

_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.command(short_help="List the networks that ship with anypan.")
@click.option("--stac", is_flag=True, help="As STAC items with the Machine Learning Model extension.")
@_json
def models(stac: bool, as_json: bool) -> None:
    """List the pretrained networks that ship with anypan.

    \b
    Examples:
      anypan models
      anypan models --json        with the sha256, the data sources and their licences
    """
    from anypan.weights import available

    if stac:
        from anypan.batch.item import model_items

        print_json({"type": "FeatureCollection", "features": model_items()})
        return
    cards = [asdict(card) for card in available()]
    if as_json:
        print_json(cards)
        return
    headers = ("name", "family", "parameters", "licence")
    print_table(headers, [[card[key] for key in headers] for card in cards])


@click.command(short_help="List what --method takes.")
@_json
def methods(as_json: bool) -> None:
    """List what --method takes: classical methods, named as in their papers, and the networks.

    \b
    Examples:
      anypan methods
      anypan fuse pan.tif ms.tif out.tif --method MTF-GLP-FS
    """
    from anypan.methods import CLASSICAL, METHODS
    from anypan.methods.resolve import resolve
    from anypan.weights import available

    networks = {card.name: card.summary for card in available()}
    kinds = {name: "network" if resolve(name).weights else "baseline" for name in METHODS}
    kinds |= dict.fromkeys(CLASSICAL, "classical")
    rows = [(name, kinds[name], networks.get(name) or _first_line(method)) for name, method in METHODS.items()]
    headers = ("name", "kind", "what")
    if as_json:
        print_json([dict(zip(headers, row, strict=True)) for row in rows])
        return
    print_table(headers, rows)


@click.command(short_help="List the sensors that are known.")
@_json
def sensors(as_json: bool) -> None:
    """List the sensors whose bands are known, and whether their MTF gains are; any other works too, with generic gains.

    \b
    Examples:
      anypan sensors
      anypan fuse pan.tif ms.tif out.tif --sensor WV3
    """
    from anypan.optics.sensors import SENSORS

    if as_json:
        print_json([asdict(sensor) | {"published": sensor.published} for sensor in SENSORS.values()])
        return
    headers = ("name", "sensor", "ratio", "bits", "gains", "bands")
    print_table(headers, [_about(sensor) for sensor in SENSORS.values()])


def _about(sensor: Sensor) -> tuple[object, ...]:
    gains = "published" if sensor.published else "generic"
    return sensor.name, sensor.title, sensor.ratio, sensor.bits, gains, " ".join(band.name for band in sensor.bands)


def _first_line(described: object) -> str:
    return (getattr(described, "__doc__", None) or "").strip().split("\n")[0]
