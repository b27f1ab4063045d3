"""anypan generalise PROTOCOL.toml -o DIR"""

from __future__ import annotations

import click

from anypan.cli.console import note
from anypan.cli.device import working_options


@click.command(short_help="Judge networks across sensors: as they are, one-shot, leave-one-out.")
@click.argument("protocol", metavar="PROTOCOL.toml")
@click.option("-o", "--out", metavar="DIR", required=True, help="Where rows, weights and the card go.")
@working_options
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors and the card's path.")
def generalise(protocol: str, out: str, device: str, quiet: bool) -> None:
    """Judge every network of PROTOCOL.toml on every sensor: as it is, after learning from one scene of each sensor,
    and after learning from all sensors but the judged; classical methods beside it.

    DIR gets rows.jsonl, the weights that were trained, and card.md, which says it all. Stop it at any time and start
    it again: what is done is not repeated. See 'Across sensors' on the site.

    \b
    Examples:
      anypan generalise protocol.toml -o matrix
      anypan report matrix/rows.jsonl -o matrix
    """
    from anypan.judging.generalise import generalise as run

    click.echo(run(protocol, out, device, say=lambda line: note(line, quiet)))
