"""Asks the doctor, and prints what it found with the cure."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from dotenv import dotenv_values
from rich.text import Text

from otel.commands.output import AsJson, Home, notice, show, show_json
from otel.doctor import Examination, Finding, Level, diagnose
from otel.errors import ConfigError
from otel.tree import clean

LONGEST_DOTENV = 64 * 1024
_SIGNS = {Level.WELL: ("✓", "green"), Level.NOTE: ("·", "dim"), Level.FAULT: ("✗", "red")}


def doctor(
    context: typer.Context,
    home: Home = None,
    as_json: AsJson = False,
    env_file: Annotated[
        Path, typer.Option(help="Variables that the environment beats; ignored when there is no such file.")
    ] = Path(".env"),
    offline: Annotated[bool, typer.Option("--offline", help="Ask no destination anything.")] = False,
) -> None:
    """Find what keeps telemetry from arriving, and say how to mend it. A test span is sent to every destination.

    Exit code 0: nothing is wrong; 1: something is; 2: the settings are so wrong that nothing else could be looked at.
    """
    below = _dotenv(env_file)
    findings = diagnose(Examination(env=context.obj, dotenv=below, home=home, offline=offline))
    if as_json:
        show_json([asdict(finding) for finding in findings])
    else:
        show(*(line for finding in findings for line in _lines(finding)))
        faults = sum(finding.level is Level.FAULT for finding in findings)
        notice(f"{len(findings):,} findings, {faults:,} of them faults")
    raise typer.Exit(_code(findings))


def _code(findings: tuple[Finding, ...]) -> int:
    if any(
        finding.check == "settings" and finding.level is Level.FAULT and finding.stops for finding in findings
    ):
        return 2
    return int(any(finding.level is Level.FAULT for finding in findings))


def _lines(finding: Finding) -> Iterator[Text]:
    sign, style = _SIGNS[finding.level]
    yield Text(f"{sign} {finding.check}: {clean(finding.text, 300)}", style=style)
    if finding.cure:
        yield Text(f"    {clean(finding.cure, 300)}")


def _dotenv(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > LONGEST_DOTENV:
            raise ConfigError(f"{path}: larger than {LONGEST_DOTENV:,} bytes")
        values = dotenv_values(path, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({type(error).__name__})") from error
    return {name: value for name, value in values.items() if value}
