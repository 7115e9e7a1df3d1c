"""The destinations that stay on this machine: OTLP JSON lines, and trees on the terminal."""

import io
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal
from otel.destination import Outcome, Verdict
from otel.destinations.console import MOST_OPEN_TRACES, Console
from otel.destinations.jsonl import JsonLines
from tests.otel.making import log, logs, pairs, points, span, spans

RICH = spans(
    span(
        "a\x1b[31m\nb",
        trace=2**127 + 5,
        parent=7,
        error="failed",
        kind=3,
        attributes={
            "int": 2**60,
            "list": ["x", 1, 1.5, True],
            "map": {"deep": {"er": "y"}},
            "bytes": b"\x00\xff",
        },
        events=[{"name": "e", "time_unix_nano": 12, "attributes": pairs({"k": "v"})}],
        links=[{"trace_id": b"\x01" * 16, "span_id": b"\x02" * 8}],
    )
)
REQUESTS: list[tuple[Batch, str, Any]] = [
    (RICH, "traces.jsonl", ExportTraceServiceRequest),
    (logs(log({"body": ["x"]}, attributes={"a": 1})), "logs.jsonl", ExportLogsServiceRequest),
    (points(1, 2**60), "metrics.jsonl", ExportMetricsServiceRequest),
]
HEX = ("traceId", "spanId", "parentSpanId")


def with_base64_ids(value: Any) -> Any:
    """OTLP JSON writes ids in hex where protobuf's JSON writes base64."""
    import base64

    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in HEX else with_base64_ids(item)
            for key, item in value.items()
        }
    return [with_base64_ids(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("batch", "file", "request_type"), REQUESTS, ids=["traces", "logs", "metrics"])
def test_each_line_is_one_request_in_otlp_json(
    tmp_path: Path, batch: Batch, file: str, request_type: Any
) -> None:
    lines = JsonLines(tmp_path)
    assert lines.deliver(batch) == Outcome.delivered()
    assert lines.deliver(batch) == Outcome.delivered()
    lines.close()
    first, second = (tmp_path / file).read_text("utf-8").splitlines()
    assert first == second
    assert ParseDict(with_base64_ids(json.loads(first)), request_type()).SerializeToString() == batch.payload


def test_ids_are_hex_and_enums_are_numbers_as_otlp_json_wants_them(tmp_path: Path) -> None:
    JsonLines(tmp_path).deliver(RICH)
    text = (tmp_path / "traces.jsonl").read_text("utf-8")
    (written,) = json.loads(text)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert (written["traceId"], written["spanId"]) == (f"{2**127 + 5:032x}", f"{1:016x}")
    assert (written["parentSpanId"], written["kind"], written["status"]["code"]) == (f"{7:016x}", 3, 2)
    assert written["links"][0]["traceId"] == "01" * 16
    assert written["startTimeUnixNano"] == "1000000000"
    assert "\x1b" not in text
    assert text.count("\n") == 1


def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    JsonLines(tmp_path).deliver(RICH)
    assert stat.S_IMODE((tmp_path / "traces.jsonl").stat().st_mode) == 0o600


def test_a_folder_that_is_gone_is_asked_again_later(tmp_path: Path) -> None:
    outcome = JsonLines(tmp_path / "gone").deliver(RICH)
    assert outcome.verdict is Verdict.LATER
    assert "traces.jsonl" in outcome.reason


def test_bytes_that_are_no_request_are_refused(tmp_path: Path) -> None:
    broken = Batch(Signal.TRACES, b"\xff\xff", 1)
    assert JsonLines(tmp_path).deliver(broken).verdict is Verdict.REFUSED
    assert Console(io.StringIO()).deliver(broken).verdict is Verdict.REFUSED


def test_a_trace_is_shown_as_a_tree_once_its_root_has_ended() -> None:
    out = io.StringIO()
    console = Console(out)
    console.deliver(spans(span("child", 2, parent=1, start=1.1, seconds=0.5)))
    assert out.getvalue() == ""
    console.deliver(spans(span("root", 1, seconds=2.0)))
    assert out.getvalue() == "root  2.0 s\n└─ child  500 ms\n"
    console.close()


def test_names_cannot_move_the_cursor_or_colour_the_terminal() -> None:
    out = io.StringIO()
    Console(out).deliver(spans(span("a\x1b[2J\r\n\u202eb\x9b31m", error="\x1b]0;title\x07")))
    shown = out.getvalue()
    assert shown.endswith("\n")
    assert shown[:-1].isprintable()
    assert "a�[2J" in shown


def test_traces_that_never_end_are_forgotten_after_a_while() -> None:
    out = io.StringIO()
    console = Console(out)
    for trace in range(1, MOST_OPEN_TRACES + 2):
        console.deliver(spans(span("child", 2, trace=trace, parent=1)))
    console.deliver(spans(span("root", 1, trace=1), span("root", 1, trace=2)))
    assert out.getvalue().count("child") == 1


def test_a_terminal_that_is_gone_does_not_stop_the_others() -> None:
    out = io.StringIO()
    out.close()
    with pytest.raises(ValueError, match="closed file"):
        Console(out).deliver(spans(span("root")))
