"""``gatefield``: a lazy table of verbs, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from .. import __version__
from ..core.console import Console
from ..core.errors import GatefieldError, InputError, suggest
from . import commands

EXIT_INPUT, EXIT_OURS, EXIT_INTERRUPTED = 2, 1, 130


class Verbs(click.Group):
    """A group whose members are the modules in ``commands``, imported when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted(module.name for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(context):
            return None
        return importlib.import_module(f"{commands.__name__}.{name}").command

    def resolve_command(self, context: click.Context, args: list[str]) -> Any:
        verbs = self.list_commands(context)
        if args[0] not in verbs:
            raise _UnknownVerb(f"there is no verb '{args[0]}'", hint=suggest(args[0], verbs))
        return super().resolve_command(context, args)


class _UnknownVerb(InputError):
    """A verb that does not exist."""


class Verb(click.Command):
    """A verb: every one of them takes ``--quiet`` and ``--debug``, wherever the user puts them."""

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        common = [
            click.Option(["--quiet"], is_flag=True, help="Say nothing but results and errors."),
            click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
        ]
        return [*super().get_params(context)[:-1], *common, *super().get_params(context)[-1:]]

    def invoke(self, context: click.Context) -> Any:
        context.obj.quiet = context.params.pop("quiet")
        context.meta["debug"] = context.params.pop("debug")
        return super().invoke(context)


@click.group(cls=Verbs, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="gatefield %(version)s")
def gatefield() -> None:
    """Train, explain and ship convolutional and recurrent networks.

    \b
    gatefield train                          LeNet-5 on the bundled digits
    gatefield train mnist training.epochs=5  another recipe, another setting
    gatefield evaluate runs/digits-1         how good it is
    gatefield predict runs/digits-1 a.png    what it says about a picture
    """


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> NoReturn:
    """Run the command line and leave with its exit code: 0 done, 2 the user's input, 1 ours, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments), console or Console()))


def run(arguments: list[str], console: Console) -> int:
    """Run one command line; return its exit code. Errors are told on ``console``, without a traceback."""
    try:
        code = gatefield.main(arguments, "gatefield", standalone_mode=False, obj=console)
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        console.stderr.write(error.format_message() + "\n")
        return EXIT_INPUT
    except click.UsageError as error:
        verb = error.ctx.command_path if error.ctx else "gatefield"
        return _tell(console, error.format_message(), f"'{verb} --help' shows what it takes", EXIT_INPUT)
    except (click.Abort, KeyboardInterrupt):
        return _tell(
            console, "interrupted", "an unfinished run goes on with 'gatefield train --resume RUN'", EXIT_INTERRUPTED
        )
    except BrokenPipeError:
        sys.stdout = None  # whoever read our results has left; leave quietly as well
        return 0
    except GatefieldError as error:
        if "--debug" in arguments:
            raise
        return _tell(console, error.message, error.hint, error.exit_code)
    except Exception as error:
        if "--debug" in arguments:
            raise
        sentence = f"{type(error).__name__}: {error}"
        return _tell(
            console, sentence, "this is a fault of ours: please report it with the output of --debug", EXIT_OURS
        )


def _tell(console: Console, message: str, hint: str, code: int) -> int:
    print(f"error: {message}\nhint: {hint}", file=console.stderr, flush=True)
    return code
