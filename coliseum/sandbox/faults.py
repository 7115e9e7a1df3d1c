"""Faults on demand: which ones are armed, and which one the next request gets."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

HEADER = "x-sandbox-fault"
SECONDS_HEADER = "x-sandbox-fault-seconds"
MOST_ARMED = 100
MOST_TIMES = 10_000
LONGEST = Decimal(60)


class Kind(StrEnum):
    """What can go wrong."""

    TOO_MANY = "429"
    TOO_MANY_RETRY_AFTER = "429-retry-after"
    INTERNAL = "500"
    UNAVAILABLE = "503"
    OVERLOADED = "529"
    LATENCY = "latency"
    DROP_AFTER_ACCEPT = "drop-after-accept"
    MALFORMED = "malformed"
    PAUSED_MARKET = "paused-market"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Strikes the next `times` requests whose path begins with `path`. `seconds` is how long latency lasts or
    what Retry-After says; `ticker` names the paused market, every market when empty."""

    kind: Kind
    path: str = ""
    times: int = 1
    seconds: Decimal = Decimal(1)
    ticker: str = ""

    def json(self) -> Mapping[str, object]:
        return {
            "kind": self.kind.value,
            "path": self.path,
            "times": self.times,
            "seconds": f"{self.seconds:f}",
            "ticker": self.ticker,
        }


class Faults:
    """Belongs to one thread. What was armed first strikes first, and only one fault strikes a request."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, fault: Fault) -> bool:
        """False when too many are armed already."""
        if len(self._armed) >= MOST_ARMED:
            return False
        self._armed.append(fault)
        return True

    def disarm(self) -> None:
        """Forget all armed faults."""
        self._armed.clear()

    def armed(self) -> tuple[Fault, ...]:
        return tuple(self._armed)

    def take(self, path: str) -> Fault | None:
        """The fault for a request to `path`, used up once. Pauses are taken by `take_pause`."""
        for place, fault in enumerate(self._armed):
            if fault.kind is not Kind.PAUSED_MARKET and path.startswith(fault.path):
                return self._use(place)
        return None

    def take_pause(self, ticker: str) -> bool:
        """Whether trading in `ticker` is paused for the order at hand; uses the pause up once."""
        for place, fault in enumerate(self._armed):
            if fault.kind is Kind.PAUSED_MARKET and fault.ticker in ("", ticker):
                self._use(place)
                return True
        return False

    def _use(self, place: int) -> Fault:
        fault = self._armed[place]
        if fault.times > 1:
            self._armed[place] = replace(fault, times=fault.times - 1)
        else:
            del self._armed[place]
        return fault
