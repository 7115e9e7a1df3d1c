"""One measurement in a process of its own: python -m benchmarks.child '<job as JSON>'."""

import resource
import sys

from benchmarks.cases import CASES
from benchmarks.job import Job, say


def main() -> None:
    job = Job.decode(sys.argv[1])
    CASES[job.case].inside(job)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    say(interrupted=usage.ru_nivcsw, cpu_seconds=usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    main()
