"""
Few errors, each for a different reaction.

OtelError
├── ConfigError      fix the settings and start again
├── JournalError     telemetry cannot be kept; the program goes on
└── StoreError       what was kept cannot be read; the message says which file and why
"""


class OtelError(Exception):
    """Anything this package raises on purpose; its text is one clear line without secrets."""


class ConfigError(OtelError):
    """A setting is wrong. The message names the variable, what is wrong and what would be right."""


class JournalError(OtelError):
    """The journal cannot be opened, read or written."""


class StoreError(OtelError):
    """The local store cannot be read."""
