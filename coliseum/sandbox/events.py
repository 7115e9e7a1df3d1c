"""Server-sent events that are all known beforehand, sent one by one from the event loop."""

from collections.abc import AsyncIterator, Iterable, Mapping

from starlette.responses import StreamingResponse


def event_stream(events: Iterable[str], headers: Mapping[str, str] | None = None) -> StreamingResponse:
    """A `text/event-stream` response; no thread is taken for it."""
    return StreamingResponse(_sent(events), media_type="text/event-stream", headers=headers)


async def _sent(events: Iterable[str]) -> AsyncIterator[str]:
    for event in events:
        yield event
