"""
Few errors, each for a different reaction.

ColiseumError
├── SettingsError     fix the settings or the command and start again (exit code 2)
├── ServiceError      a service did not give what was asked; the job fails, the next one tries again (exit 1)
│   └── Unavailable   it may answer later: nothing is wrong with the request
├── LedgerError       the book of record cannot be read or written: no entry is sent (exit 1)
└── NotFound          the named thing does not exist (exit 2)

Expected results are values (`Refused`, `Unknown`, `Action.ABSTAIN`), not errors.
"""


class ColiseumError(Exception):
    """Anything this package raises on purpose; its text is one clear line for the user, without secrets."""


class SettingsError(ColiseumError):
    """A setting or argument is wrong. The message names it, what is wrong and what would be right."""


class ServiceError(ColiseumError):
    """A service refused or answered with something unusable."""

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Unavailable(ServiceError):
    """A service could not be reached or failed inside, after the client's own retries."""


class LedgerError(ColiseumError):
    """The ledger cannot be read or written."""


class NotFound(ColiseumError):
    """What the user named does not exist."""
