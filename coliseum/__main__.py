"""`python -m coliseum`, and the console script `coliseum`."""

import os
import sys
from pathlib import Path

from coliseum.cli import run


def main() -> int:
    """Run the command given on the command line; its exit code: 0 done, 1 failed, 2 wrong usage."""
    return run(sys.argv[1:], os.environ, Path.cwd())  # noqa: TID251  # handed down from here, read nowhere else


if __name__ == "__main__":
    sys.exit(main())
