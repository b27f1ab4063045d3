"""The command line: verbs only. What works is imported by the verb that needs it, so that help is instant."""

from __future__ import annotations

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
    judge,
    lists,
    pretrain,
    simulate,
)
from anypan.runtime.errors import UserError

EXIT_USER, EXIT_MEMORY, EXIT_INTERRUPTED, EXIT_TERMINATED = 2, 1, 130, 143
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Cli(click.Group):
    """A group whose failures are one sentence on stderr and an exit code, never a traceback for a user's mistake."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run a verb; a UserError is one sentence on stderr and exit code 2."""
        options["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **options) or 0)
        except UserError as error:
            _fail(f"error: {error}", EXIT_USER)
        except click.ClickException as error:
            _fail(f"error: {_usage(error)}", EXIT_USER)
        except (click.Abort, KeyboardInterrupt):
            _fail("interrupted", EXIT_INTERRUPTED)
        except MemoryError:
            _fail("error: the memory ran out: choose smaller tiles with --tile.", EXIT_MEMORY)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of use."""
        return list(self.commands)


def _usage(error: click.ClickException) -> str:
    sentence = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{sentence}; see '{context.command_path} --help'." if context else f"{sentence}."


def _fail(sentence: str, code: int) -> NoReturn:
    click.echo(sentence, err=True)
    sys.exit(code)


def _terminate(*_: Any) -> NoReturn:
    _fail("terminated", EXIT_TERMINATED)  # an exception, so that half-written files are removed on the way out


@click.group(cls=_Cli, invoke_without_command=True, context_settings=_HELP)
@click.version_option(__version__, message="anypan %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Pansharpening for any satellite: a sharp PAN image and a coloured MS image in, a sharp coloured image out.

    \b
      anypan demo                        see it work on a scene that it renders itself
      anypan fuse pan.tif ms.tif out.tif
      anypan VERB --help                 what a verb does, with examples
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _verb in (fuse.fuse, batch.batch, adapt.adapt, judge.assess, benchmark.benchmark, generalise.generalise):
    cli.add_command(_verb)
for _verb in (compare.compare, judge.report):
    cli.add_command(_verb)
for _verb in (
    lists.models,
    lists.methods,
    lists.sensors,
    export.export,
    pretrain.pretrain,
    simulate.simulate,
    demo.demo,
):
    cli.add_command(_verb)


def main() -> NoReturn:
    """The console entry point."""
    signal.signal(signal.SIGTERM, _terminate)
    cli.main(prog_name="anypan")
