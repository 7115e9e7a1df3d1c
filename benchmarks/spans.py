"""Spans by the thousand, as an instrumented program makes them."""

from collections.abc import Mapping

from opentelemetry.trace import Tracer

BURST = "bench.burst"
ATTRIBUTES: Mapping[str, str | int] = {
    "http.request.method": "GET",
    "url.full": "https://exchange.test/markets/KXSKY-26-BLUE",
    "server.address": "exchange.test",
    "server.port": 443,
    "http.response.status_code": 200,
    "coliseum.market_ticker": "KXSKY-26-BLUE",
}
PER_TRACE = 10


def burst(tracer: Tracer, count: int) -> None:
    """`count` small spans of that name as fast as possible, in traces of ten."""
    for _ in range(count // PER_TRACE):
        with tracer.start_as_current_span(BURST, attributes=ATTRIBUTES):
            for _ in range(PER_TRACE - 1):
                tracer.start_span(BURST, attributes=ATTRIBUTES).end()
