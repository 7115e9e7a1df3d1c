"""`python -m benchmarks` measures in processes of its own, and says what it found as data."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.case import Case, Figure, Scale
from benchmarks.cases import CASES
from benchmarks.job import Figures, Job, heard
from benchmarks.machine import Machine
from benchmarks.plan import Measured
from benchmarks.report import report
from benchmarks.targets import TARGETS, judge
from benchmarks.tracing import VARIANTS

ROOT = Path(__file__).resolve().parents[2]


def benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


@pytest.mark.slow
def test_a_quick_case_gives_figures_as_json() -> None:
    done = benchmarks("--json", "--quick", "import_time")
    assert done.returncode == 0, done.stderr
    data: dict[str, Any] = json.loads(done.stdout)
    assert data["quick"]
    assert data["machine"]["cores"] >= 1
    assert set(data["results"]["import_time"]) == {"plain", "layer"}
    for figures in data["results"]["import_time"].values():
        assert (
            0 < figures["import_ms"]["min"] <= figures["import_ms"]["median"] <= figures["import_ms"]["max"]
        )


@pytest.mark.slow
def test_a_case_that_does_not_exist_is_wrong_usage() -> None:
    done = benchmarks("speed")
    assert done.returncode == 2
    assert "no case named speed" in done.stderr


def nothing(_: Job) -> None:
    """Never run here."""


MADE = Case(
    name="stall",
    asks="",
    variants=("layer",),
    inside=nothing,
    size=Scale(1, 1),
    rounds=Scale(1, 1),
    figures=(Figure("p99_ms", "p99 ms"),),
)


def test_repetitions_become_a_median_with_its_spread() -> None:
    rounds: list[dict[str, Figures]] = [{"layer": {"p99_ms": value}} for value in (4.0, 2.0, 30.0)]
    data = report([Measured(MADE, rounds, ["said once"])], {}, quick=False)
    figure = data["results"]["stall"]["layer"]["p99_ms"]
    assert figure == {"median": 4.0, "min": 2.0, "max": 30.0, "n": 3}
    assert data["notes"] == ["stall: said once"]
    (target,) = data["targets"]
    assert target["reached"]


def test_a_target_that_was_missed_is_said_and_one_not_measured_is_left_out() -> None:
    measured = {"durable": {"journal": {"spans_per_s": {"median": 9_000.0}}}}
    (target,) = judge(measured)
    assert (target["wanted"], target["measured"], target["reached"]) == ("≥ 10000", 9_000.0, False)
    assert judge({}) == []


def test_every_target_names_a_figure_that_a_case_measures() -> None:
    for target in TARGETS:
        case = CASES[target.case]
        assert target.variant in case.variants
        assert target.figure in {figure.key for figure in case.figures}


def test_every_case_names_variants_that_exist() -> None:
    for case in CASES.values():
        assert set(case.variants) <= set(VARIANTS)
        assert set(case.quick_variants) <= set(case.variants)


def test_a_job_travels_to_its_process(tmp_path: Path) -> None:
    job = Job(case="drain", variant="layer", sink="http://127.0.0.1:1", home=tmp_path, size=3, phase=1)
    assert Job.decode(job.encode()) == job


def test_what_a_process_says_is_told_from_what_its_libraries_print() -> None:
    assert heard('warning: x\n{"a": 1}\n\n{"b": 2.5}\n') == {"a": 1, "b": 2.5}


def test_the_machine_is_described_without_its_name() -> None:
    described = Machine(cores=2, python="CPython 3.11", system="Linux", load_before=1.9).after(
        interrupted_per_second=12.34
    )
    assert described["noisy"]
    assert described["interrupted_per_second"] == 12.3
    assert set(described) == {
        *("cores", "python", "system", "load_before", "load_after", "interrupted_per_second", "noisy")
    }
