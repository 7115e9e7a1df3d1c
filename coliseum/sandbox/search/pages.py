"""The pages the local world can be shown: one for every earlier event and phrase, beside our own notes."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from urllib.parse import urlsplit

from coliseum.sandbox.search.baserates import Occurrence, Record
from coliseum.sandbox.search.phrases import words
from coliseum.sandbox.search.series import event_name, series_of

ARCHIVE = "http://archive.sandbox.invalid/"
NOTES = "http://notes.sandbox.invalid/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page with the instant it was published. Its text may be hostile; whoever reads it must cope."""

    url: str
    title: str
    published: datetime
    author: str
    text: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""


def occurrence_page(found: Occurrence) -> Page:
    """The page about one phrase in one event."""
    series = series_of(found.event_ticker)
    verdict = "was said" if found.said else "was not said"
    return Page(
        url=f"{ARCHIVE}{found.event_ticker}#{_slug(found.phrase)}",
        title=f"{found.phrase}: {found.event_ticker}",
        published=found.published,
        author="Sandbox archive",
        text=f"Event {found.event_ticker} ({event_name(series)}) took place on {found.event_date.isoformat()}. "
        f"The phrase “{found.phrase}” {verdict}.",
    )


def event_page(found: tuple[Occurrence, ...]) -> Page:
    """The page about one event; `found` is everything on record about it, at least one entry."""
    lines = (f"“{one.phrase}” {'was said' if one.said else 'was not said'}." for one in found)
    event = found[0].event_ticker
    return Page(
        url=f"{ARCHIVE}{event}",
        title=f"Event {event}",
        published=found[0].published,
        author="Sandbox archive",
        text=f"Event {event} took place on {found[0].event_date.isoformat()}. " + " ".join(lines),
    )


@cache
def notes() -> tuple[Page, ...]:
    """Our own notes, oldest first. Which are hostile is known to the data file only."""
    text = files("coliseum.sandbox").joinpath("data", "notes.json").read_text(encoding="utf-8")
    pages = (
        Page(
            url=NOTES + entry["slug"],
            title=entry["title"],
            published=datetime.fromisoformat(entry["published"]),
            author=entry["author"],
            text=entry["text"],
        )
        for entry in json.loads(text)["notes"]
    )
    return tuple(sorted(pages, key=lambda page: (page.published, page.url)))


def notes_at(limit: datetime) -> tuple[Page, ...]:
    """The notes published by `limit`."""
    return tuple(page for page in notes() if page.published <= limit)


def note_for(query: str, limit: datetime) -> Page | None:
    """The note that turns up beside an answer to every other query: chosen by the query's hash alone."""
    number = int.from_bytes(sha256(query.encode()).digest()[:8], "big")
    known = notes_at(limit)
    return known[number // 2 % len(known)] if known and number % 2 else None


def page_at(url: str, record: Record, limit: datetime) -> Page | None:
    """The page at that address as far as it is published by `limit`."""
    for page in notes_at(limit):
        if page.url == url:
            return page
    if not url.startswith(ARCHIVE):
        return None
    event, _, slug = url.removeprefix(ARCHIVE).partition("#")
    found = record.event(event)
    if not found:
        return None
    if not slug:
        return event_page(found)
    return next((occurrence_page(one) for one in found if _slug(one.phrase) == slug), None)


def _slug(phrase: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", phrase.casefold()).strip("-")


def overlap(query: str, page: Page) -> int:
    """How many different words of four letters or more the query shares with the page."""
    asked = {word for word in words(query) if len(word) > 3}
    return len(asked & set(words(f"{page.title} {page.text}")))
