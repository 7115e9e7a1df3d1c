"""The note in the state folder that stops every purchase; exits stay allowed."""

from pathlib import Path

HALT = "HALT"
"""Name of the file whose presence stops buying; its text says why."""


def halted(state: Path) -> str:
    """Why purchases are stopped, "" when they are not; a note that cannot be read stops them all the same."""
    note = state / HALT
    if not note.exists():
        return ""
    try:
        reason = note.read_text(encoding="utf-8", errors="replace")[:200].strip()
    except OSError:
        reason = ""
    return reason or "halted by hand"
