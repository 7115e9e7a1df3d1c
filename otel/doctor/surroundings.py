"""Looks at this process: who else records here, and would then record twice or instead."""

import importlib.util
import logging
import sys
from collections.abc import Iterator

from otel.doctor.finding import Finding, fault, well
from otel.instrumentation.http import already_instrumented
from otel.ownership import foreign_owner

OWNERSHIP, DOUBLES = "ownership", "instrumentation"
FIRST = "call otel.start before it, or remove it"


def examine() -> Iterator[Finding]:
    yield from _owner()
    doubles = [*_handlers(), *_clients(), *_automatic()]
    yield from doubles or [well(DOUBLES, "nothing else records logs or HTTP here")]


def _owner() -> Iterator[Finding]:
    owner = foreign_owner()
    if not owner:
        yield well(OWNERSHIP, "the global providers are free")
    elif owner.startswith("logfire"):
        yield fault(
            OWNERSHIP,
            "logfire.configure() has made its own providers the global ones",
            "remove logfire.configure(): with LOGFIRE_TOKEN set, otel.start sends to Logfire itself",
        )
    else:
        yield fault(OWNERSHIP, f"{owner} already is the global provider", f"whoever set it: {FIRST}")


def _handlers() -> Iterator[Finding]:
    """Handlers on the root logger that make telemetry of records, ours (which starts later) not among them."""
    for handler in logging.getLogger().handlers:
        kind = f"{type(handler).__module__}.{type(handler).__qualname__}"
        if kind.startswith(("opentelemetry.", "logfire.")):
            yield fault(
                DOUBLES,
                f"{kind} is on the root logger: every log record is recorded twice",
                f"remove that handler; {FIRST}",
            )


def _clients() -> Iterator[Finding]:
    for name in already_instrumented():
        yield fault(
            DOUBLES,
            f"{name} is instrumented already: its spans follow other rules, or are made twice",
            f"remove that instrumentation of {name}; otel.start brings its own",
        )


def _automatic() -> Iterator[Finding]:
    package = "opentelemetry.instrumentation.auto_instrumentation"
    if f"{package}.sitecustomize" in sys.modules or ("sitecustomize" in sys.modules and _is_automatic()):
        yield fault(
            DOUBLES,
            "the program was started by opentelemetry-instrument, which makes providers and exporters of its own",
            "start it without opentelemetry-instrument",
        )


def _is_automatic() -> bool:
    try:
        found = importlib.util.find_spec("sitecustomize")
    except (ImportError, ValueError):
        return False
    return bool(found and found.origin and "auto_instrumentation" in found.origin)
