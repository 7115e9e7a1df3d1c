"""Log records of the standard library are kept, linked to their span, and never make more of themselves."""

import logging
from collections.abc import Iterator

import pytest
from opentelemetry import trace

from otel.config import OtlpTarget
from otel.instrumentation.logging import SILENT
from otel.testing import FaultServer, Recording, recording


@pytest.fixture
def running() -> Iterator[Recording]:
    with recording() as running:
        yield running


def test_a_record_stands_below_the_span_in_which_it_was_written(running: Recording) -> None:
    with trace.get_tracer("tests").start_as_current_span("job") as span:
        logging.getLogger("coliseum.flows").warning("edge of %s", "5 ¢")
    logging.getLogger("coliseum.flows").warning("outside")
    inside, outside = running.logs()
    context = span.get_span_context()
    assert (inside.trace_id, inside.span_id) == (f"{context.trace_id:032x}", f"{context.span_id:016x}")
    assert (inside.body, inside.logger, inside.severity) == ("edge of 5 ¢", "coliseum.flows", 13)
    assert (outside.trace_id, outside.span_id) == ("", "")


def test_extra_becomes_attributes_and_an_event_name_an_event(running: Recording) -> None:
    extra = {"otel.event.name": "trade.executed", "price": "0.42", "quantity": 3}
    logging.getLogger("coliseum").warning("traded", extra=extra)
    (record,) = running.logs()
    assert record.event_name == "trade.executed"
    assert record.attributes == {"price": "0.42", "quantity": 3}


def test_an_exception_is_kept_with_its_trace(running: Recording) -> None:
    try:
        raise ValueError("no such market")
    except ValueError:
        logging.getLogger("coliseum").exception("failed")
    (record,) = running.logs()
    assert (record.attributes["exception.type"], record.attributes["exception.message"]) == (
        "ValueError",
        "no such market",
    )
    assert "test_instrumentation_logging" in record.attributes["exception.stacktrace"]
    assert record.severity == 17


def test_secrets_in_a_line_are_removed() -> None:
    with recording(secrets=frozenset({"canary-secret"})) as running:
        logging.getLogger("coliseum").warning("key canary-secret", extra={"detail": "canary-secret"})
        (record,) = running.logs()
    assert "canary" not in str(record)


@pytest.mark.parametrize("name", SILENT)
def test_what_is_said_while_telemetry_is_carried_is_not_telemetry(running: Recording, name: str) -> None:
    logging.getLogger(name).error("a line")
    logging.getLogger(f"{name}.below").error("a line")
    logging.getLogger(f"{name}_other").error("kept")
    assert [record.body for record in running.logs()] == ["kept"]


def test_a_dead_endpoint_does_not_feed_on_its_own_complaints(server: FaultServer) -> None:
    server.refuse()
    logging.getLogger("urllib3").setLevel(logging.DEBUG)
    try:
        with recording(destinations=("store", "otlp"), otlp=OtlpTarget.at(server.url)) as running:
            logging.getLogger("coliseum").warning("one line")
            assert not running.telemetry.force_flush(0.3)
            assert len(running.logs()) == 1
    finally:
        logging.getLogger("urllib3").setLevel(logging.NOTSET)


def test_a_line_that_cannot_be_formatted_does_not_raise_into_the_program(
    running: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    """As with every handler of the standard library: reported on standard error."""
    record = logging.LogRecord("coliseum", logging.WARNING, __file__, 1, "%d", ("x",), None)
    (ours,) = (h for h in logging.getLogger().handlers if type(h).__module__.startswith("otel."))
    ours.handle(record)
    assert "--- Logging error ---" in capsys.readouterr().err
    assert running.logs() == ()


def test_levels_stay_as_the_program_set_them(running: Recording) -> None:
    logging.getLogger("coliseum").info("below the root logger's level")
    assert running.logs() == ()
