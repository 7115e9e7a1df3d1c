"""python -m benchmarks [--json] [--quick] [NAME...]: measures, prints a table or JSON, and ends by itself."""

import argparse
import json
import sys
import time

from rich.console import Console

from benchmarks.case import Case
from benchmarks.cases import CASES
from benchmarks.machine import Machine
from benchmarks.plan import Plan
from benchmarks.report import interrupted_per_second, report, show

FULL_SECONDS, QUICK_SECONDS = 285.0, 48.0


def main() -> None:
    arguments = _arguments()
    machine, console = Machine.now(), Console(stderr=True, highlight=False)
    deadline = time.monotonic() + (QUICK_SECONDS if arguments.quick else FULL_SECONDS)
    chosen = [CASES[name] for name in dict.fromkeys(arguments.names)] or _usual(arguments.quick)
    with console.status("measuring") as status:
        found = Plan(arguments.quick, deadline, status.update).measure(chosen)
    described = machine.after(interrupted_per_second=interrupted_per_second(found))
    data = report(found, described, quick=arguments.quick)
    if arguments.json:
        json.dump(data, sys.stdout, indent=2)
        print()
    else:
        show(Console(highlight=False), data)


def _usual(quick: bool) -> list[Case]:
    return [case for case in CASES.values() if case.quick_variants or not quick]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="What telemetry costs a program."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(CASES)}; all when none is given"
    )
    parser.add_argument("--json", action="store_true", help="plain data on standard output")
    parser.add_argument("--quick", action="store_true", help="under a minute: smaller and only once")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(CASES)
    if unknown:
        parser.error(f"no case named {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    return arguments


if __name__ == "__main__":
    main()
