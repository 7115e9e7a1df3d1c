"""Market time of the local world: it stands still until somebody moves it, and never runs backwards."""

from datetime import UTC, datetime
from threading import Lock


class MarketClock:
    """Safe to read and move from any thread."""

    def __init__(self, start: datetime) -> None:
        self._now = start.astimezone(UTC)
        self._lock = Lock()

    def now(self) -> datetime:
        """Market time, UTC, aware."""
        with self._lock:
            return self._now

    def move(self, when: datetime) -> None:
        """Raises ValueError for a time before now."""
        with self._lock:
            if when < self._now:
                raise ValueError(
                    f"the market clock stands at {self._now.isoformat()} and does not run backwards"
                )
            self._now = when.astimezone(UTC)
