"""Runs cases: every variant of a repetition in a fresh process, side by side or one after the other."""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import sink
from benchmarks.case import Case
from benchmarks.job import Figures, Job
from benchmarks.process import Child, FailedError
from benchmarks.tracing import is_ours, missing

GRACE_SECONDS = 10.0
"""What is running at the deadline is ended after this."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One case's repetitions, and one sentence for each thing that was not measured."""

    case: Case
    rounds: list[dict[str, Figures]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True, slots=True)
class Plan:
    """`deadline` is a moment of `time.monotonic`; whatever would begin after it is noted and left out."""

    quick: bool
    deadline: float
    progress: Callable[[str], None]

    def measure(self, cases: Sequence[Case]) -> list[Measured]:
        """Repetitions are spread over the whole run (every case once, then again), so that a disturbance of some
        seconds does not fall on one case alone."""
        found = [Measured(case) for case in cases]
        for number in range(max(int(case.rounds.of(self.quick)) for case in cases)):
            for measured in found:
                if number < int(measured.case.rounds.of(self.quick)):
                    self._round(measured)
        return found

    def _round(self, measured: Measured) -> None:
        case, count = measured.case, len(measured.rounds)
        if time.monotonic() > self.deadline:
            measured.note(f"cut short after {count} repetitions: out of time")
            return
        self.progress(f"{case.name}, repetition {count + 1}")
        variants = [v for v in case.chosen(self.quick) if not missing(v)]
        for variant in set(case.chosen(self.quick)) - set(variants):
            measured.note(f"{variant} left out: {missing(variant)}")
        figures = self._in_turns(measured, variants) if case.turns else self._in_order(measured, variants)
        try:
            case.derive(figures)
        except KeyError:
            return  # a variant that the others are compared with is not there: the repetition says nothing
        if figures:
            measured.rounds.append(figures)

    def _in_order(self, measured: Measured, variants: Sequence[str]) -> dict[str, Figures]:
        figures = {}
        for variant in variants:
            try:
                figures[variant] = self._alone(measured.case, variant)
            except FailedError as error:
                measured.note(f"{variant} failed: {error}")
        return figures

    def _alone(self, case: Case, variant: str) -> Figures:
        figures: Figures = {}
        with ExitStack() as stack:
            collector, home = stack.enter_context(sink.running(case.delay)), _folder(stack)
            for phase in range(case.phases if is_ours(variant) else 1):
                figures |= self._child(case, variant, collector, home, phase).figures()
                if case.counted:
                    figures[f"arrived_{phase}"] = collector.count(case.counted)["spans"]
        return figures

    def _in_turns(self, measured: Measured, variants: Sequence[str]) -> dict[str, Figures]:
        """All processes live at once and work one at a time, in short turns: what disturbs one disturbs all."""
        case = measured.case
        try:
            with ExitStack() as stack:
                sinks = {v: stack.enter_context(sink.running(case.delay)) for v in variants}
                children = {v: self._child(case, v, sinks[v], _folder(stack)) for v in variants}
                for child in children.values():
                    stack.callback(child.end)
                for child in children.values():
                    child.ready()
                self._take_turns(case, list(children.values()))
                figures = {variant: child.figures() for variant, child in children.items()}
                for variant in variants if case.counted else ():
                    figures[variant]["arrived_0"] = sinks[variant].count(case.counted)["spans"]
                return figures
        except FailedError as error:
            measured.note(f"a repetition failed: {error}")
            return {}

    def _take_turns(self, case: Case, children: list[Child]) -> None:
        for _ in range(int(case.turns.of(self.quick))):
            for child in children:
                child.turn()
            children.reverse()  # so that nobody always comes after the same neighbour
            time.sleep(case.pause)

    def _child(self, case: Case, variant: str, collector: sink.Sink, home: Path, phase: int = 0) -> Child:
        size = int(case.size.of(self.quick))
        job = Job(case=case.name, variant=variant, sink=collector.url, home=home, size=size, phase=phase)
        return Child(job, min(case.limit.of(self.quick), self.deadline + GRACE_SECONDS - time.monotonic()))


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory("-bench", ignore_cleanup_errors=True)))
