"""The command line: verbs only. What works is imported by the verb that needs it, so that help is instant."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, NoReturn

import click

from anypan import __version__
from anypan.cli import (
    adapt,
    batch,
    benchmark,
    compare,
    demo,
    export,
    fuse,
    generalise,
    inspect,
    judge,
    lists,
    pretrain,
    serve,
    simulate,
)
from anypan.cli.failures import TRACEBACK, reported, terminate

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Cli(click.Group):
    """A group whose failures are one sentence on stderr and an exit code; each verb has --traceback."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run a verb; a UserError is one sentence on stderr and exit code 2, what nobody foresaw one and 70."""
        options["standalone_mode"] = False
        with reported():
            code = super().main(*args, **options) or 0
            sys.stdout.flush()  # a full disk is said here, not at the end of the interpreter
        sys.exit(code)

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Add a verb."""
        cmd.params.append(TRACEBACK)
        super().add_command(cmd, name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of use."""
        return list(self.commands)


@click.group(cls=_Cli, invoke_without_command=True, context_settings=_HELP)
@click.version_option(__version__, message="anypan %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Pansharpening for any satellite: a sharp PAN image and a coloured MS image in, a sharp coloured image out.

    \b
      anypan demo                        see it work on a scene that it renders itself
      anypan fuse pan.tif ms.tif out.tif
      anypan COMMAND --help              what a command does, with examples
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _verb in (
    inspect.inspect,
    fuse.fuse,
    batch.batch,
    adapt.adapt,
    judge.assess,
    benchmark.benchmark,
    generalise.generalise,
):
    cli.add_command(_verb)
for _verb in (compare.compare, judge.report):
    cli.add_command(_verb)
for _verb in (
    lists.models,
    lists.methods,
    lists.sensors,
    export.export,
    serve.serve,
    pretrain.pretrain,
    simulate.simulate,
    demo.demo,
):
    cli.add_command(_verb)


def main() -> NoReturn:
    """The console entry point."""
    signal.signal(signal.SIGTERM, terminate)
    hangup = getattr(signal, "SIGHUP", None)
    if hangup and signal.getsignal(hangup) == signal.SIG_DFL:  # under nohup it is ignored, and stays so
        signal.signal(hangup, terminate)
    sys.stdout, sys.stderr = (each or open(os.devnull, "w") for each in (sys.stdout, sys.stderr))  # noqa: SIM115 (closed by cron)
    cli.main(prog_name="anypan")
