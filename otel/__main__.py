"""`python -m otel`: what was recorded on this machine, and what has become of it.

Data goes to standard output and notices to standard error. Exit code 0: done; 1: it failed; 2: wrong usage.
"""

import os
import sys
from collections.abc import Mapping, Sequence

import typer
from rich.console import Console
from rich.text import Text

from otel.commands.doctor import doctor
from otel.commands.exchange import export, import_
from otel.commands.replay import replay
from otel.commands.status import status
from otel.commands.traces import trace, traces
from otel.commands.verify import verify
from otel.errors import ConfigError, OtelError
from otel.tree import clean


def main(arguments: Sequence[str], env: Mapping[str, str]) -> int:
    """Run one command; the exit code. `env` is read by Config.from_env only."""
    try:
        _commands()(args=list(arguments), obj=env, prog_name="python -m otel")
    except OtelError as error:
        Console(stderr=True).print(Text(f"✗ {clean(str(error))}"), soft_wrap=True)
        return 2 if isinstance(error, ConfigError) else 1
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(bool(leaving.code))
    return 0


def _commands() -> typer.Typer:
    commands = typer.Typer(
        help=__doc__,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for command in (status, doctor, traces, trace, verify, replay, export):
        commands.command()(command)
    commands.command("import")(import_)
    return commands


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
