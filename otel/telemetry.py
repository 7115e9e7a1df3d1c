"""Opens the whole layer from journal to instrumentation in one visible place, and closes it in reverse."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from otel.batch import Signal
from otel.config import Config
from otel.destination import Destination
from otel.destinations import DESTINATIONS
from otel.errors import JournalError
from otel.forwarder import Forwarder
from otel.instrumentation import INSTRUMENTATIONS
from otel.journal import Journal, Standing
from otel.ownership import Ownership, foreign_owner
from otel.pipeline import Pipeline
from otel.propagation import TrustedPropagator
from otel.providers import Providers, build
from otel.redaction import Redactor

logger = logging.getLogger("otel.telemetry")

CLOSE_SECONDS = 1.5
"""What leaving may take in all, whatever the network does; what is not delivered by then waits on disk."""


class Telemetry:
    """The running layer. Its methods are safe from any thread and never raise; `durable` and `force_flush` block."""

    def __init__(
        self,
        journal: Journal | None,
        pipeline: Pipeline | None,
        forwarders: Sequence[Forwarder],
        notices: Sequence[str],
    ) -> None:
        self._journal = journal
        self._pipeline = pipeline
        self._forwarders = tuple(forwarders)
        self.notices = tuple(notices)
        """What a person should be told about the start, one line each."""

    @property
    def running(self) -> bool:
        """False when telemetry is switched off or could not be opened; the program works all the same."""
        return self._pipeline is not None

    def durable(self, timeout: float) -> bool:
        """Whether all that ended before this call is on disk, waiting at most `timeout` seconds for it."""
        return self._pipeline is not None and self._pipeline.durable(timeout)

    def force_flush(self, timeout: float = 2.0, *, destination: str | None = None) -> bool:
        """Whether all that ended before this call was taken by every destination (or the named one), waiting at
        most `timeout` seconds. A paused or absent destination makes the answer False, not the wait longer than
        `timeout`."""
        deadline = time.monotonic() + timeout
        if not self.durable(timeout):
            return False
        waiting = [f for f in self._forwarders if destination in (None, f.name)]
        for forwarder in waiting:
            forwarder.ring()
        while (left := deadline - time.monotonic()) > 0:
            if self._behind({forwarder.name for forwarder in waiting}) == 0:
                return True
            time.sleep(min(0.02, left))
        return False

    def _behind(self, names: set[str]) -> int:
        return sum(standing.queued for standing in self.status() if standing.destination in names)

    def status(self) -> tuple[Standing, ...]:
        """Where every destination stands; empty when the journal cannot be read."""
        try:
            return self._journal.standings() if self._journal else ()
        except JournalError as error:
            logger.warning("%s", error)
            return ()


@contextmanager
def start(config: Config | None = None, *, extra: Sequence[Destination] = ()) -> Iterator[Telemetry]:
    """Build providers, make them the global ones, instrument, and carry everything to the configured destinations
    until the block is left. Call it once, at the start of a program.

    `extra` are destinations of your own. Telemetry that cannot be opened (an unwritable folder, another program
    part that owns the global providers) is said in `Telemetry.notices` and never raised: the block runs without."""
    config = config or Config(service="unknown_service:python")
    if config.disabled:
        yield Telemetry(None, None, (), ["telemetry is switched off by OTEL_SDK_DISABLED"])
        return
    owner = foreign_owner()
    if owner:
        yield Telemetry(None, None, (), [f"telemetry is off: {owner} already is the global provider"])
        return
    with ExitStack() as stack:
        try:
            telemetry = _open(stack, config, _open_journal(stack, config), extra)
        except JournalError as error:
            stack.close()
            telemetry = Telemetry(None, None, (), [f"telemetry is off: {error}"])
        yield telemetry


def _open_journal(stack: ExitStack, config: Config) -> Journal:
    try:
        config.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise JournalError(f"{config.home}: {error.strerror}") from error
    journal = Journal(config.home / "journal.db")
    stack.callback(journal.close)
    journal.trim(config.journal_max_bytes)
    return journal


def _open(stack: ExitStack, config: Config, journal: Journal, extra: Sequence[Destination]) -> Telemetry:
    destinations = [d for name in config.destinations for d in DESTINATIONS[name](config)] + list(extra)
    forwarders = [Forwarder(journal, destination) for destination in destinations]
    stack.callback(_stop, forwarders)
    for destination in destinations:
        journal.register(destination.name, destination.signals)

    pipeline = Pipeline(journal, Redactor(config.secrets), appended=lambda: _ring(forwarders))
    stack.callback(pipeline.close, CLOSE_SECONDS)
    pipeline.start()

    wanted = {signal for destination in destinations for signal in destination.signals}
    providers = build(config, pipeline, wanted & {Signal.METRICS_DELTA, Signal.METRICS_CUMULATIVE})
    stack.callback(providers.shutdown)
    ownership = Ownership()
    ownership.take(providers, TrustedPropagator())
    stack.callback(ownership.give_back)
    _instrument(stack, providers, config)

    for forwarder in forwarders:
        forwarder.start()
    return Telemetry(journal, pipeline, forwarders, ())


def _instrument(stack: ExitStack, providers: Providers, config: Config) -> None:
    for instrument in INSTRUMENTATIONS.values():
        stack.callback(instrument(providers, config))


def _ring(forwarders: Sequence[Forwarder]) -> None:
    for forwarder in forwarders:
        forwarder.ring()


def _stop(forwarders: Sequence[Forwarder]) -> None:
    """Give every forwarder its share of the time to finish; what hangs is left behind, its batch safe on disk."""
    deadline = time.monotonic() + CLOSE_SECONDS
    for forwarder in forwarders:
        forwarder.finish(deadline)
    for forwarder in forwarders:
        forwarder.join(max(0.0, deadline - time.monotonic()))
        forwarder.destination.close()
