"""`python -m coliseum.sandbox`: one local world as a process, for `coliseum.sandbox.process.running`."""

import sys

from coliseum.sandbox.serve import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
