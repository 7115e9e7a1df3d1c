"""Words to calls: every command, its options, and what it prints."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from coliseum import __version__, demo, present, telemetry
from coliseum.errors import ColiseumError, NotFound, SettingsError
from coliseum.jobs import JOBS
from coliseum.session import Session, terminating
from coliseum.settings import Mode, Settings

if TYPE_CHECKING:
    from coliseum.app import App
    from coliseum.flows.guard import Guarded

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
ConfirmLive = Annotated[bool, typer.Option("--confirm-live", help="Yes, send real orders (mode live).")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same world.")]


class ScanType(StrEnum):
    """Every open market, or those closing within a day."""

    FULL = "full"
    QUICK = "quick"


def run(arguments: Sequence[str], env: Mapping[str, str], folder: Path) -> int:
    """Run one command with the given environment and working folder; its exit code. A user's mistake is one line
    on standard error, never a traceback."""
    session = Session.of(env, folder)
    try:
        code = typer.main.get_command(commands()).main(
            list(arguments), prog_name="coliseum", standalone_mode=False, obj=session
        )
    except TyperException as error:
        return _complain(session, error.format_message(), WRONG_USAGE)
    except (SettingsError, NotFound) as error:
        return _complain(session, str(error), WRONG_USAGE)
    except ColiseumError as error:
        return _complain(session, str(error), FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return _complain(session, "interrupted", INTERRUPTED)
    return code if isinstance(code, int) else DONE


def _complain(session: Session, text: str, code: int) -> int:
    line = " ".join(text.split())
    session.err.print(f"error: {line}", style="red", markup=False, highlight=False, soft_wrap=True)
    return code


def commands() -> typer.Typer:
    """All commands. Each gets its Session as the context's object."""
    app = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, help="Agents that trade prediction markets."
    )
    app.callback(invoke_without_command=True)(_root)
    for command in (config, status, scout, analyst, run_schedule, play_demo, sandbox):
        app.command(COMMAND_NAMES.get(command.__name__))(command)
    guardian = typer.Typer(help="Watch what is held: by rule, or by the news.", no_args_is_help=False)
    guardian.command("positions")(guardian_positions)
    guardian.command("news")(guardian_news)
    app.add_typer(guardian, name="guardian")
    return app


JOB_NAMES = tuple(job.name for job in JOBS)
COMMAND_NAMES = {"run_schedule": "run", "play_demo": "demo"}


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit(DONE)
    if context.invoked_subcommand is None:
        raise SettingsError("say what to do; `coliseum --help` lists the commands")


def config(context: typer.Context, as_json: Json = False) -> None:
    """Show every effective setting and where it comes from, and whether Logfire takes the token."""
    session: Session = context.obj
    given = session.given()
    settings = Settings.of(given)
    layer = telemetry.telemetry_config(settings, given.merged())
    rows = [*settings.rows(), *telemetry.rows(layer)]
    if as_json:
        session.data([{"name": r.name, "value": r.value, "source": r.source} for r in rows])
    else:
        session.out.print(present.settings_table(rows))
    if "logfire" not in layer.destinations:
        session.say(
            telemetry.Notice(False, "Logfire: ✗ Not set (LOGFIRE_TOKEN); traces are kept on this machine")
        )
    for notice in telemetry.greetings(layer):
        session.say(notice)


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show what the ledger of this venue and mode holds, and where telemetry stands."""
    from coliseum.standing import standing

    session: Session = context.obj
    given = session.given()
    settings = Settings.of(given)
    layer = telemetry.telemetry_config(settings, given.merged())
    figures = standing(settings) | {"telemetry": telemetry.kept(layer)}
    if as_json:
        session.data(figures)
    else:
        for title, group in figures.items():
            session.out.print(present.counts(title, group if isinstance(group, Mapping) else {"": group}))
    for notice in telemetry.greetings(layer, timeout=2.0):
        session.say(notice)


def scout(
    context: typer.Context,
    scan_type: Annotated[
        ScanType, typer.Option(help="full: every open market; quick: closing within a day.")
    ] = (ScanType.FULL),
    confirm_live: ConfirmLive = False,
    as_json: Json = False,
) -> None:
    """Scan the markets and note the opportunities worth research."""
    session: Session = context.obj
    scan = session.work(session.given(), lambda app: app.scan(scan_type.value), confirm_live=confirm_live)
    found = [
        {"id": o.id, "market": o.market_ticker, "title": o.title, "priority": o.priority} for o in scan.found
    ]
    if as_json:
        session.data({"seen": scan.seen, "kept": scan.kept, "left_out": scan.left_out, "found": found})
        return
    session.out.print(f"{scan.seen} markets seen, {scan.kept} kept, {len(found)} new opportunities")
    for each in found:
        session.out.print(f"{each['id']}  {each['priority']:<6}  {present.safe(each['title'])}", markup=False)


def analyst(
    context: typer.Context,
    opportunity_id: Annotated[
        str, typer.Option(help="As `coliseum scout` printed it: opp_ and 16 hex digits.")
    ],
    confirm_live: ConfirmLive = False,
    as_json: Json = False,
) -> None:
    """Research one opportunity, decide, and trade when every rule agrees."""
    session: Session = context.obj
    decision = session.work(
        session.given(), lambda app: app.analyse(opportunity_id), confirm_live=confirm_live
    )
    facts = present.decision_facts(decision)
    if as_json:
        session.data(facts)
    else:
        session.out.print(present.counts(decision.market_ticker, facts))


def guardian_positions(
    context: typer.Context, confirm_live: ConfirmLive = False, as_json: Json = False
) -> None:
    """Reconcile, settle, and leave positions that reached their target or stop."""
    session: Session = context.obj
    done = session.work(session.given(), lambda app: app.guard_positions(), confirm_live=confirm_live)
    _guarded(session, done, as_json)


def guardian_news(context: typer.Context, confirm_live: ConfirmLive = False, as_json: Json = False) -> None:
    """Ask the news about each position, and leave where it changed our mind."""
    session: Session = context.obj
    done = session.work(session.given(), lambda app: app.guard_news(), confirm_live=confirm_live)
    _guarded(session, done, as_json)


def _guarded(session: Session, done: "Guarded", as_json: bool) -> None:
    if as_json:
        session.data({"positions": done.positions, "left": list(done.left)})
    else:
        left = ", ".join(done.left) or "none"
        session.out.print(f"{done.positions} positions looked at; left: {left}", markup=False)


def run_schedule(
    context: typer.Context,
    now: Annotated[
        str, typer.Option(help="Run this one job at once, with what it leads to, and leave.")
    ] = "",
    confirm_live: ConfirmLive = False,
) -> None:
    """Run the schedule until told to stop (Ctrl-C or SIGTERM): scout, guardian and snapshot at their times."""
    session: Session = context.obj
    if now and now not in JOB_NAMES:
        raise NotFound(f"there is no job {now[:40]!r}; there are {', '.join(JOB_NAMES)}")
    if not now:
        session.note("the schedule runs; Ctrl-C ends it in order")
    session.work(session.given(), lambda app: _schedule(app, now), confirm_live=confirm_live)


async def _schedule(app: "App", now: str) -> None:
    from coliseum.engine import open_engine

    async with open_engine(app, traced=True) as engine:
        if now:
            await engine.run_now(now)
            await engine.idle()
        else:
            await _for_ever()


def play_demo(
    context: typer.Context,
    seed: Seed = 7,
    mode: Annotated[
        Mode, typer.Option(help="live: signed orders to the local exchange; paper: filled here.")
    ] = (Mode.LIVE),
    as_json: Json = False,
) -> None:
    """Trade the recorded markets in a local world, and show the whole trace. No key, no account, no network."""
    from coliseum.rehearsal import perform, tell

    session: Session = context.obj
    settings, story = perform(session, session.given(), seed=seed, mode=mode.value)
    tell(session, settings, story, as_json)


def sandbox(
    context: typer.Context,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 8600,
    seed: Seed = 7,
    start: Annotated[datetime | None, typer.Option(help="Market time to begin at (UTC).")] = None,
) -> None:
    """Run the local world by itself until Ctrl-C, and print the variables that lead a program to it."""
    from coliseum.sandbox.process import running

    session: Session = context.obj
    begin = (start or demo.timetable()[0].when.replace(tzinfo=None)).replace(tzinfo=UTC)
    home = session.folder / demo.HOME / "sandbox"
    with running(seed, begin, port, home=home) as world:
        session.note(f"the local world answers at {world.url}; Ctrl-C ends it")
        for name, value in {"COLISEUM_VENUE": "sandbox", **demo.addresses(world)}.items():
            sys.stdout.write(f"{name}={value}\n")
        sys.stdout.flush()
        with terminating():
            asyncio.run(_for_ever())


async def _for_ever() -> None:
    await asyncio.Event().wait()
