"""Which time it is in the markets: the wall's, or on the local world the world's own."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx2
from opentelemetry.instrumentation.utils import suppress_http_instrumentation

from coliseum.errors import ServiceError, Unavailable

CLOCK_PATH = "/_sandbox/clock"
LONGEST_ANSWER = 1_000


def wall_now() -> datetime:
    """The wall's time, UTC, aware."""
    return datetime.now(UTC)


class WallClock:
    """Market time of the real exchanges. Safe from any thread."""

    def now(self) -> datetime:
        return wall_now()

    async def refresh(self) -> None:
        """Nothing to do: it never stands still."""


class WorldClock:
    """The local world's time as it was when last asked; it stands still in between, as the world's does.

    `now` raises Unavailable before the first `refresh`. The HTTP client is the caller's to close.
    """

    def __init__(self, base_url: str, http: httpx2.AsyncClient) -> None:
        parts = urlsplit(base_url)
        self._url = f"{parts.scheme}://{parts.netloc}{CLOCK_PATH}"
        self._http = http
        self._now: datetime | None = None

    def now(self) -> datetime:
        if self._now is None:
            raise Unavailable("the local world's clock was not read yet")
        return self._now

    async def refresh(self) -> None:
        """Ask the world. Raises Unavailable when it is away, ServiceError when it tells no time."""
        # Part of the rehearsal, not of the trading: it has no place in a trace.
        with suppress_http_instrumentation():
            try:
                response = await self._http.get(self._url)
            except httpx2.RequestError as error:
                raise Unavailable(
                    f"the local world at {self._url} does not answer: {type(error).__name__}"
                ) from error
        self._now = _told(response)


def _told(response: httpx2.Response) -> datetime:
    try:
        body = response.json() if response.is_success and len(response.content) <= LONGEST_ANSWER else None
        told = datetime.fromisoformat(str(body["now"])) if isinstance(body, dict) else None
    except (ValueError, KeyError):
        told = None
    if told is None or told.tzinfo is None:
        raise ServiceError(f"the local world told no time (status {response.status_code})")
    return told.astimezone(UTC)
