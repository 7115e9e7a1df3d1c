"""Plays the demo for a person: a new world, the whole play with its progress, and the story it ends with."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from coliseum import demo, present, telemetry
from coliseum.demo import Moment
from coliseum.domain.money import ZERO, Dollars
from coliseum.environment import Environment
from coliseum.sandbox.process import WorldAddress, running
from coliseum.session import Session
from coliseum.settings import Settings

if TYPE_CHECKING:
    from coliseum.app import App


@dataclass(frozen=True, slots=True)
class Story:
    """Every decision with its order and outcome, and how good the forecasts were."""

    lines: tuple[present.DecisionLine, ...]
    verdict: present.Verdict
    spent: Dollars | None
    """What models and searches cost; None when a price is not known."""


def perform(
    session: Session, given: Environment, *, seed: int, mode: str, moments: tuple[Moment, ...] = ()
) -> tuple[Settings, Story]:
    """Start a world, trade through `moments` (the whole record when none are given), stop the world.

    Everything is kept in a new folder under `.coliseum`. Raises SettingsError, ServiceError, LedgerError."""
    moments = moments or demo.timetable()
    with ExitStack() as stack:
        home = stack.enter_context(demo.new_home(session.folder / demo.HOME, datetime.now(UTC)))
        session.note(
            f"a local world in {home.relative_to(session.folder)}: recorded markets, simulated prices"
        )
        world = stack.enter_context(running(seed, moments[0].when, home=home))
        around = demo.surroundings(given, world, home, mode, seed)
        progress = stack.enter_context(_progress(session))
        story = session.work(around, lambda app: _play(app, world, moments, progress), confirm_live=True)
        return Settings.of(around), story


def _progress(session: Session) -> Progress:
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    return Progress(*columns, console=session.err, transient=True)


async def _play(app: "App", world: WorldAddress, moments: tuple[Moment, ...], progress: Progress) -> Story:
    task = progress.add_task("opening", total=None)

    def tell(when: datetime, text: str) -> None:
        line = f"{when:%Y-%m-%d %H:%M}  {present.safe(text)}"
        progress.update(task, description=line)
        if not progress.console.is_terminal and not text.startswith("analyst"):
            progress.console.print(line, markup=False, highlight=False, soft_wrap=True)

    scores = await demo.play(app, world, moments, tell)
    ledger = app.desk.ledger
    costs = [row.dollars for row in ledger.costs()]
    spent = None if None in costs else sum((dollars for dollars in costs if dollars is not None), ZERO)
    return Story(present.decision_lines(ledger, scores), present.verdict(scores), spent)


def tell(session: Session, settings: Settings, story: Story, as_json: bool) -> None:
    """Print the story: decisions and orders with their outcomes, the traces, and where to look next."""
    home = settings.state.relative_to(session.folder)
    if as_json:
        session.data(present.demo_facts(story.lines, story.verdict, str(home)))
        return
    session.out.print(
        "Decisions and orders (without an order: the rule that said no)", style="bold", soft_wrap=True
    )
    for table in present.decision_tables(story.lines):
        session.out.print(table)
    session.out.print()
    session.out.print(present.summary_text(story.lines, story.spent), highlight=False, soft_wrap=True)
    session.out.print(present.verdict_text(story.verdict), highlight=False, soft_wrap=True)
    _show_traces(session, settings.state, next((line.trace_id for line in story.lines if line.trace_id), ""))
    session.out.print(present.next_steps(str(home)), markup=False, highlight=False, soft_wrap=True)


def _show_traces(session: Session, home: Path, example: str) -> None:
    """Every trace, runs of the same job as one line, and the first one that placed an order in full."""
    parts = {
        "Traces": telemetry.trace_summary(home),
        f"Trace {example[:8]}": telemetry.trace_tree(home, example),
    }
    for title, lines in parts.items():
        if lines:
            session.out.print(f"\n{title}", style="bold")
        for line in lines:
            session.out.print(line, markup=False, highlight=False, no_wrap=True, overflow="ellipsis")
