"""Opens the whole layer from journal to instrumentation in one visible place, and closes it in reverse."""

import logging
import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from otel.batch import Signal
from otel.config import Config
from otel.destination import Destination
from otel.destinations import DESTINATIONS
from otel.errors import ConfigError, JournalError
from otel.forwarder import HUNG_SECONDS, Forwarder
from otel.instrumentation import INSTRUMENTATIONS
from otel.journal import Journal, Limits, Standing
from otel.open_span_table import DIED
from otel.ownership import Ownership, Place, foreign_owner, foreign_tracer
from otel.pipeline import Pipeline
from otel.propagation import TrustedPropagator
from otel.providers import Providers, build, can_attach
from otel.redaction import Redactor
from otel.sampling import Keep, TailSampling
from otel.self_metrics import watch

logger = logging.getLogger("otel.telemetry")

CLOSE_SECONDS = 1.6
"""What leaving may take in all, whatever network and disk do; what is not delivered by then waits on disk."""
FORWARDERS_SECONDS = 0.6
"""The part of it that is kept for the forwarders when everything before took too long."""


class Telemetry:
    """The running layer. Its methods are safe from any thread and never raise; `durable` and `force_flush` block."""

    def __init__(
        self,
        journal: Journal | None,
        pipeline: Pipeline | None,
        forwarders: Sequence[Forwarder],
        notices: Sequence[str],
        providers: Providers | None = None,
    ) -> None:
        self._journal = journal
        self._pipeline = pipeline
        self._forwarders = tuple(forwarders)
        self.notices = tuple(notices)
        """What a person should be told about the start, one line each."""
        self.providers = providers
        """For instrumentations of the program's own; None when the layer does not run."""

    @property
    def running(self) -> bool:
        """False when telemetry is switched off or could not be opened; the program works all the same."""
        return self._pipeline is not None

    def durable(self, timeout: float) -> bool:
        """Whether all that ended before this call is on disk, waiting at most `timeout` seconds for it."""
        return self._pipeline is not None and self._pipeline.durable(timeout)

    def force_flush(self, timeout: float = 2.0, *, destination: str | None = None) -> bool:
        """Whether all that ended before this call was taken by every destination (or the named one), waiting at
        most `timeout` seconds. False also when a destination refused or had to miss some of it meanwhile, when there
        is none of that name, and when the journal cannot be read."""
        deadline = time.monotonic() + timeout
        waiting = {f.name: f for f in self._forwarders if destination in (None, f.name)}
        before = self._behind(waiting)
        if before is None or not (waiting or destination is None) or not self.durable(timeout):
            return False
        while (left := deadline - time.monotonic()) > 0:
            for forwarder in waiting.values():
                forwarder.ring(hurry=True)
            now = self._behind(waiting)
            if now is not None and now[0] == 0:
                return now[1] == before[1]
            time.sleep(min(0.02, left))
        return False

    def _behind(self, names: Collection[str]) -> tuple[int, int] | None:
        """Items that wait for the destinations, and items that they will never have; None when nobody knows."""
        try:
            standings = self._journal.standings() if self._journal else ()
        except JournalError:
            return None
        ours = [standing for standing in standings if standing.destination in names]
        return sum(s.queued for s in ours), sum(s.dead + s.dropped for s in ours)

    def shared(self, notice: str) -> "Telemetry":
        """Another handle onto the same running layer."""
        return Telemetry(self._journal, self._pipeline, self._forwarders, [notice], self.providers)

    def status(self) -> tuple[Standing, ...]:
        """Where every destination stands; empty when the journal cannot be read."""
        try:
            return self._journal.standings() if self._journal else ()
        except JournalError as error:
            logger.warning("%s", error)
            return ()


_here: Place[Telemetry] = Place()
"""The one variable of the process: its running layer."""


@contextmanager
def start(config: Config | None = None, *, extra: Sequence[Destination] = ()) -> Iterator[Telemetry]:
    """Build providers, make them the global ones, instrument, and carry everything to the configured destinations
    until the block is left. Where the layer runs already, the block is given a handle onto that.

    `extra` are destinations of your own. Providers that somebody else made global stay: spans are then taken from the
    other tracer provider, or the layer runs beside it. That, and telemetry that cannot be opened (an unwritable
    folder), is said in `Telemetry.notices` and never raised."""
    config = config or Config(service="unknown_service:python")
    if config.disabled:
        yield Telemetry(None, None, (), ["telemetry is switched off by OTEL_SDK_DISABLED"])
        return
    with ExitStack() as stack:
        with _here.entering:
            telemetry = _joined(config) or _opened(stack, config, extra)
        yield telemetry


def _joined(config: Config) -> Telemetry | None:
    if _here.holder is None:
        return None
    return _here.holder.shared(
        "telemetry already runs in this process; this start shares it and its settings"
    )


def _opened(stack: ExitStack, config: Config, extra: Sequence[Destination]) -> Telemetry:
    try:
        telemetry = _open(stack, config, _open_journal(stack, config), extra)
    except JournalError as error:
        stack.close()
        return Telemetry(None, None, (), [f"telemetry is off: {error}"])
    _here.holder = telemetry
    stack.callback(_here.leave)
    return telemetry


def _open_journal(stack: ExitStack, config: Config) -> Journal:
    try:
        config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise JournalError(f"{config.home}: {error.strerror}") from error
    journal = Journal(config.home / "journal.db", limits=Limits(max_bytes=config.journal_max_bytes))
    stack.callback(journal.close)
    journal.trim(config.journal_max_bytes)
    return journal


def _open(stack: ExitStack, config: Config, journal: Journal, extra: Sequence[Destination]) -> Telemetry:
    destinations = [d for name in config.destinations for d in DESTINATIONS[name](config)] + list(extra)
    _require_own_names(destinations)
    forwarders = [Forwarder(journal, destination, patience=config.patience) for destination in destinations]
    closing, opened_by = Deadline(CLOSE_SECONDS), os.getpid()
    stack.callback(
        lambda: _stop(forwarders, opened_by, time.monotonic() + closing.left(least=FORWARDERS_SECONDS))
    )
    for destination in destinations:
        journal.register(destination.name, destination.signals)

    pipeline = Pipeline(
        journal, Redactor(config.secrets), appended=lambda: _ring(forwarders), tail=_tail_sampling(config)
    )
    stack.callback(lambda: pipeline.close(closing.left()))
    notices = [*_rescue(pipeline), *_beside()]
    pipeline.start()

    wanted = {signal for destination in destinations for signal in destination.signals}
    theirs = foreign_tracer()
    providers = build(
        config,
        pipeline,
        wanted & {Signal.METRICS_DELTA, Signal.METRICS_CUMULATIVE},
        beside=theirs if can_attach(theirs) else None,
    )
    stack.callback(lambda: providers.shutdown(closing.left(most=0.5)))
    watch(providers.meter.get_meter("otel.pipeline"), pipeline, journal)
    ownership = Ownership()
    ownership.take(providers, TrustedPropagator())
    stack.callback(ownership.give_back)
    _instrument(stack, providers, config)

    for forwarder in forwarders:
        forwarder.start()
    stack.callback(closing.begin)  # the first thing that happens on the way out
    return Telemetry(journal, pipeline, forwarders, notices, providers)


def _require_own_names(destinations: Sequence[Destination]) -> None:
    names = [destination.name for destination in destinations]
    for name in names:
        if names.count(name) > 1:  # one would take what the other waits for
            raise ConfigError(f"destination {name!r}: two destinations cannot have one name")


def _tail_sampling(config: Config) -> TailSampling | None:
    rules = Keep(errors=config.keep_errors, cost_usd=config.keep_cost_usd, seconds=config.keep_seconds)
    return TailSampling(config.sample_ratio, rules) if rules and config.sample_ratio < 1 else None


def _rescue(pipeline: Pipeline) -> Iterator[str]:
    """Close what processes that died have left open."""
    spans = pipeline.rescue()
    if spans:
        yield f"an earlier run was killed: {spans} spans it had open are marked “{DIED}”"


def _beside() -> Iterator[str]:
    """What is to be said about somebody else's global providers."""
    theirs, owner = foreign_tracer(), foreign_owner()
    if can_attach(theirs):
        yield f"{owner} already is the global provider: its spans are recorded too, by its sampling and resource"
    elif theirs is not None:
        yield f"{owner} already is the global provider: telemetry runs beside it and records what it watches itself"
    elif owner:
        yield f"{owner} already is a global provider and stays; telemetry has one of its own for what it watches"


def _instrument(stack: ExitStack, providers: Providers, config: Config) -> None:
    for instrument in INSTRUMENTATIONS.values():
        stack.callback(instrument(providers, config))


def _ring(forwarders: Sequence[Forwarder]) -> None:
    for forwarder in forwarders:
        forwarder.ring()


def _stop(forwarders: Sequence[Forwarder], opened_by: int, deadline: float) -> None:
    """Give every forwarder its share of the time to finish; what hangs is left behind, its batch safe on disk. In a
    forked child there is nothing to stop: threads and connections are the parent's."""
    if os.getpid() != opened_by:
        return
    for forwarder in forwarders:
        forwarder.finish(deadline)
    for forwarder in forwarders:
        forwarder.join(max(0.0, deadline - time.monotonic()), hung_after=HUNG_SECONDS)
        forwarder.close()


class Deadline:
    """How much of a stretch of seconds is left; it begins at `begin`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None

    def begin(self) -> None:
        self._end = time.monotonic() + self._seconds

    def left(self, *, most: float = float("inf"), least: float = 0.0) -> float:
        left = self._seconds if self._end is None else self._end - time.monotonic()
        return max(least, min(most, left))
