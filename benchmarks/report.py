"""Turns repetitions into medians with their spread, and shows them as a table or as JSON."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.case import Case
from benchmarks.cases import CASES
from benchmarks.job import Figures
from benchmarks.plan import Measured
from benchmarks.targets import judge


def report(found: Sequence[Measured], machine: Mapping[str, Any], *, quick: bool) -> dict[str, Any]:
    """Everything as plain data."""
    results = {measured.case.name: _variants(measured) for measured in found}
    return {
        "machine": dict(machine),
        "quick": quick,
        "results": results,
        "targets": judge(results),
        "notes": [f"{measured.case.name}: {note}" for measured in found for note in measured.notes],
    }


def interrupted_per_second(found: Iterable[Measured]) -> float:
    """How often measuring processes lost their core, per second of their CPU time."""
    processes = [f for m in found for round_ in m.rounds for f in round_.values()]
    seconds = sum(figures.get("cpu_seconds", 0.0) for figures in processes)
    return sum(figures.get("interrupted", 0.0) for figures in processes) / max(seconds, 0.001)


def _variants(measured: Measured) -> dict[str, dict[str, dict[str, float]]]:
    return {
        variant: _figures(measured.case, [r[variant] for r in measured.rounds if variant in r])
        for variant in measured.case.variants
        if any(variant in r for r in measured.rounds)
    }


def _figures(case: Case, rounds: Sequence[Figures]) -> dict[str, dict[str, float]]:
    found = {}
    for figure in case.figures:
        values = [r[figure.key] for r in rounds if figure.key in r]
        if values:
            found[figure.key] = {
                "median": statistics.median(values),
                "min": min(values),
                "max": max(values),
                "n": len(values),
            }
    return found


def show(console: Console, data: Mapping[str, Any]) -> None:
    """Tables for people."""
    console.print(_machine(data["machine"]))
    for name, variants in data["results"].items():
        console.print(_table(CASES[name], variants))
    console.print(_targets(data["targets"]))
    for note in data["notes"]:
        console.print(note, style="yellow")


def _machine(machine: Mapping[str, Any]) -> str:
    noisy = "; NOISY: others were using the machine" if machine["noisy"] else ""
    return (
        f"{machine['system']}, {machine['cores']} cores, {machine['python']}; "
        f"load {machine['load_before']:.2f} before, {machine['load_after']:.2f} after; "
        f"a measuring process lost its core {machine['interrupted_per_second']:.0f} times a second{noisy}"
    )


def _table(case: Case, variants: Mapping[str, Any]) -> Table:
    table = Table("variant", title=f"{case.name}: {case.asks}", title_justify="left")
    for figure in case.figures:
        table.add_column(figure.title, justify="right")
    for variant, figures in variants.items():
        table.add_row(variant, *(_cell(figures.get(f.key), f.digits) for f in case.figures))
    return table


def _cell(figure: Mapping[str, float] | None, digits: int) -> str:
    if figure is None:
        return "–"
    middle, low, high = (f"{figure[key]:,.{digits}f}" for key in ("median", "min", "max"))
    return middle if figure["n"] == 1 else f"{middle} ({low}–{high})"


def _targets(targets: Iterable[Mapping[str, Any]]) -> Table:
    table = Table("target", "wanted", "measured", "", title="targets", title_justify="left")
    for target in targets:
        reached = "[green]reached[/]" if target["reached"] else "[yellow]not reached[/]"
        table.add_row(target["target"], target["wanted"], f"{target['measured']:,.2f}", reached)
    return table
