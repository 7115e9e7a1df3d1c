"""Base rates are what the record says, and never a day ahead of the clock."""

import csv
import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coliseum.sandbox.records import history, markets
from coliseum.sandbox.search.answers import CITED, answer, limit_of, pages
from coliseum.sandbox.search.baserates import Record, tally
from coliseum.sandbox.search.pages import ARCHIVE, NOTES, note_for, notes, page_at
from coliseum.sandbox.search.phrases import keys

FIRST, LAST = datetime(2025, 11, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 9, 12, tzinfo=UTC)
PERIOD = st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC))
PHRASES = sorted({row.phrase for row in history()})
NBA = [(row, keys(row.phrase)) for row in history() if row.outcome and row.event_ticker.startswith("KXNBAM")]


def test_an_answer_counts_earlier_events_and_cites_the_newest() -> None:
    said = answer("How often is 'Buzzer' said during Thunder @ Lakers?", MAY)
    rows = [row for row in history() if row.visible(MAY) and "buzzer" in keys(row.phrase) and row.outcome]
    nba = [row for row in rows if row.event_ticker.startswith("KXNBAMENTION")]
    yes = sum(row.outcome == "yes" for row in nba)
    assert (
        f"In earlier NBA broadcasts before 2026-05-09, 'Buzzer' was said in {yes} of {len(nba)} ("
        in said.text
    )
    assert "In those with OKC, 'Buzzer' was said in" in said.text
    cited = [page for page in said.pages if page.url.startswith(ARCHIVE)]
    assert len(cited) == CITED
    assert [page.published for page in cited] == sorted((page.published for page in cited), reverse=True)
    assert re.fullmatch(r"http://archive\.sandbox\.invalid/KXNBAMENTION-\w+#buzzer", cited[0].url)


@pytest.mark.parametrize("days", [0, 1])
def test_counts_agree_with_those_the_collector_noted_then(days: int) -> None:
    """The collector noted local times, so its figures lie between those of its day and of the day after."""
    text = files("coliseum.sandbox").joinpath("data", "markets.csv").read_text(encoding="utf-8")
    noted = [
        row for row in csv.DictReader(text.splitlines()) if row["phrase"] == "Buzzer" and row["base_rate_n"]
    ]
    row = next(row for row in noted if row["event_ticker"] == "KXNBAMENTION-26FEB24NYKCLE")
    at = datetime.fromisoformat(row["as_of"]).replace(tzinfo=UTC) + timedelta(days=days)
    found = Record(at).find(keys("Buzzer"))
    said = sum(one.said for one in found)
    assert abs(said - int(row["base_rate_yes"])) <= 1
    assert abs(len(found) - int(row["base_rate_n"])) <= 3


def test_voided_and_undated_rows_are_in_no_count() -> None:
    everything = Record(LAST)
    counted = {one.event_ticker for phrase in PHRASES for one in everything.find(keys(phrase))}
    undated = {row.event_ticker for row in history() if row.event_date is None}
    assert undated
    assert not counted & undated
    voided = next(row for row in history() if row.event_date and not row.outcome)
    assert voided.event_ticker not in {one.event_ticker for one in everything.find(keys(voided.phrase))}


def test_nothing_known_is_said_plainly() -> None:
    said = answer('Do they say "Zamboni"?', MAY)
    assert said.text == "No earlier event on record mentions 'Zamboni'."
    assert not [page for page in said.pages if page.url.startswith(ARCHIVE)]
    assert "a phrase of this question" in answer("What is the time?", MAY).text


def test_one_series_says_nothing_of_another() -> None:
    said = answer("Do they say “Buzzer” during Horned Frogs @ Blue Devils?", MAY)
    assert said.text == "No earlier event on record among college basketball broadcasts mentions 'Buzzer'."


def test_a_date_in_the_question_or_the_request_looks_back_no_further_than_asked() -> None:
    cut = datetime(2026, 2, 1, tzinfo=UTC)
    assert limit_of("Buzzer, published before 2026-02-01", MAY) == cut
    assert limit_of("Buzzer before 2026-02-01T00:00:00Z", MAY) == cut
    assert limit_of("Buzzer before 2027-02-01", MAY) == MAY
    assert limit_of("Buzzer before 2026-99-99", MAY) == MAY
    assert limit_of("Buzzer", MAY, cut, None) == cut


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(now=PERIOD, phrase=st.sampled_from(PHRASES), words=st.text(max_size=12))
def test_nothing_later_than_the_clock_is_ever_served(now: datetime, phrase: str, words: str) -> None:
    question = f"{words} How often do they say “{phrase}” in NBA broadcasts?"
    said = answer(question, now)
    for page in (*said.pages, *pages(question, now)):
        assert page.published <= now
    visible = [row for row, alternatives in NBA if row.visible(now) and alternatives & keys(phrase)]
    yes = sum(row.outcome == "yes" for row in visible)
    shown = re.search(r"NBA broadcasts before \S+ .* in (\d+) of (\d+) ", said.text)
    assert bool(visible) == bool(shown)
    if shown:
        assert (int(shown[1]), int(shown[2])) == (yes, len(visible))


@settings(max_examples=60, deadline=None)
@given(now=PERIOD)
def test_no_page_about_the_future_can_be_fetched(now: datetime) -> None:
    record = Record(now)
    for row in history()[::97]:
        page = page_at(ARCHIVE + row.event_ticker, record, now)
        assert (page is not None) <= row.visible(now)
        assert page is None or page.published <= now
    for note in notes():
        assert (page_at(note.url, record, now) is not None) == (note.published <= now)


def test_the_traded_events_are_unknown_until_the_day_after() -> None:
    for event in {market.event_ticker: market for market in markets() if market.result}.values():
        eve = datetime.combine(event.event_date, datetime.max.time(), UTC)
        assert page_at(ARCHIVE + event.event_ticker, Record(eve), eve) is None
        assert event.event_ticker not in str(pages(f"“{event.phrase}” {event.event_ticker}", eve))


def test_notes_turn_up_beside_some_answers_by_the_hash_of_the_query() -> None:
    drawn = [note_for(f"query {number}", LAST) for number in range(400)]
    assert {page.url for page in drawn if page} == {page.url for page in notes()}
    assert 120 < sum(page is None for page in drawn) < 280
    assert drawn == [note_for(f"query {number}", LAST) for number in range(400)]


def test_notes_never_reach_the_answers_own_words() -> None:
    for number in range(40):
        said = answer(f"Do they say “Buzzer” in the NBA? ({number})", MAY)
        for page in said.pages:
            if page.url.startswith(NOTES):
                assert page.text[:40] not in said.text
                assert page.title not in said.text


def test_a_tally_rounds_half_up() -> None:
    found = Record(LAST).find(keys("Buzzer"))
    one, other = next(o for o in found if o.said), next(o for o in found if not o.said)
    assert tally((one, *[other] * 7)) == "1 of 8 (13 %)"
    assert tally((one, one, other)) == "2 of 3 (67 %)"
    assert tally(()) == "0 of 0 (0 %)"
