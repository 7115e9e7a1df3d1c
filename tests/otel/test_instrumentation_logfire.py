"""What programs write with logfire's own functions lands in this layer, on the installed version."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from otel.store import Store

PROGRAM = """
import sys
from pathlib import Path
import logfire
import otel
from opentelemetry import metrics, trace
{before}
with otel.start(otel.Config(service="facade", home=Path(sys.argv[1]))) as telemetry:
    with trace.get_tracer("tests").start_as_current_span("outer"):
        with logfire.span("work on {{what}}", what="odds"):
            logfire.info("a line")
            trace.get_tracer("tests").start_span("inner").end()
            try:
                raise ValueError("broken")
            except ValueError:
                logfire.exception("it failed")
    logfire.metric_counter("orders").add(3)
    telemetry.providers.meter.force_flush()
    assert telemetry.force_flush(5)
logfire.info("after the end")
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("logfire") is None, reason="the logfire extra is not installed"
    ),
]


def run(home: Path, before: str = "") -> str:
    """In a process of its own: importing logfire changes the process."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before), str(home)],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_logfires_spans_logs_and_metrics_land_here_with_the_right_parents(tmp_path: Path) -> None:
    run(tmp_path)
    with Store.open(tmp_path / "store.db") as store:
        spans = {s.name: s for s in store.spans()}
        points = store.points("orders")
    assert spans.keys() == {"outer", "work on {what}", "a line", "inner", "it failed"}
    outer, work = spans["outer"], spans["work on {what}"]
    assert work.parent_span_id == outer.span_id
    assert {spans[name].parent_span_id for name in ("a line", "inner", "it failed")} == {work.span_id}
    assert work.attributes["what"] == "odds"
    assert work.resource["service.name"] == "facade"
    assert [p.value["value"] for p in points] != []
    assert {p.value["value"] for p in points} == {3}


def test_a_version_that_is_not_as_expected_costs_one_line(tmp_path: Path) -> None:
    before = (
        "import logfire._internal.config as c, logging\n"
        "logging.basicConfig()\n"
        "c._LogfireConfigData._load_configuration = None"
    )
    stderr = run(tmp_path, before)
    with Store.open(tmp_path / "store.db") as store:
        assert {s.name for s in store.spans()} == {"outer", "inner"}
    assert "logfire's calls have no effect" in stderr


def test_a_program_that_configured_logfire_itself_keeps_it(tmp_path: Path) -> None:
    before = "logfire.configure(local=False, send_to_logfire=False, console=False, inspect_arguments=False)"
    run(tmp_path, before)
    with Store.open(tmp_path / "store.db") as store:
        names = {s.name for s in store.spans()}
    assert names == {"outer", "work on {what}", "a line", "inner", "it failed"}, (
        "its provider takes processors"
    )
