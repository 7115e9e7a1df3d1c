"""A market told as a question, without its price."""

from datetime import datetime

from coliseum.agents.untrusted import plain, quoted
from coliseum.domain.opportunity import Opportunity

LONGEST_LINE = 300
LONGEST_RULES = 2_000


def described(opportunity: Opportunity) -> str:
    """Title, subtitle, rules and closing time; neither price nor volume, so that a forecast is our own."""
    lines = [
        f'Title: "{_line(opportunity.title)}"',
        f'Subtitle: "{_line(opportunity.subtitle)}"',
        f"Rules: {opportunity.rules[:LONGEST_RULES]}",
    ]
    told = quoted("\n".join(lines), "exchange", LONGEST_RULES + 3 * LONGEST_LINE)
    return f"Market: {opportunity.market_ticker}\nCloses: {opportunity.close_time:%Y-%m-%d %H:%M} UTC\n{told}"


def questions(opportunity: Opportunity, now: datetime) -> tuple[str, str]:
    """What to look up: how often such a thing happened before, and what is special this time."""
    subject = plain(_subject(opportunity), LONGEST_LINE)
    return (
        f"How often did this happen in earlier comparable cases: {subject}?",
        f"What is known as of {now:%Y-%m-%d} that bears on this: {subject}?",
    )


def _subject(opportunity: Opportunity) -> str:
    title, subtitle = _line(opportunity.title), _line(opportunity.subtitle)
    return title.rstrip("?") if subtitle in title else f"{title.rstrip('?')} ({subtitle})"


def _line(text: str) -> str:
    """One line: a title with line breaks must not look like further lines of ours."""
    return " ".join(text.split())[:LONGEST_LINE]
