"""Which spellings are one phrase, and which phrase a question means."""

import pytest

from coliseum.sandbox.search.phrases import asked, key, keys
from coliseum.sandbox.search.series import named_series, named_teams, plays

KNOWN = (
    keys("Buzzer")
    | keys("Buzzer Beater")
    | keys("Airball / Air Ball")
    | keys("Trade / Trades / Traded")
    | keys("Larry O'Brien")
    | keys("Event does not qualify")
    | keys("Record")
    | keys("Trump (3+ times)")
    | keys("Trump")
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Air balls", "airball"),
        ("Air-ball", "AIR BALL"),
        ("Larry O'Brien", "larry o’brien"),
        ("Crypto.com", "crypto com"),
        ("Buzzers", "buzzer"),
        ("Beyoncé", "Beyonce"),
    ],
)
def test_spellings_of_one_phrase_share_a_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Trade", "Traded"), ("Boss", "Bos"), ("Bus", "Bu"), ("Draft", "Rookie")]
)
def test_different_words_do_not(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_a_phrase_is_matched_by_each_alternative() -> None:
    assert keys("Airball/Air ball/Air-ball/Airballs") == {"airball"}
    assert keys("Trade / Trades / Traded / ") == {"trade", "traded"}


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("How often do NBA announcers say Buzzer?", "Buzzer"),
        ("How often is a buzzer beater mentioned?", "buzzer beater"),
        ("Base rate of Trade / Trades / Traded in NBA broadcasts", "Trade / Trades / Traded"),
        ("Do they say “Airball/Air ball” during Thunder @ Lakers?", "Airball/Air ball"),
        ("Base rate of 'Larry O'Brien' on record", "Larry O'Brien"),
        ('Is "Schedule" on record?', "Schedule"),
        ('"Thunder @ Lakers": do they say buzzer?', "buzzer"),
        ("Does Trump (3+ times) come up?", "Trump (3+ times"),
        ("Does the broadcast fail to qualify?", "fail to qualify"),
    ],
)
def test_a_question_means_the_longest_phrase_or_the_quoted_one(question: str, name: str) -> None:
    found = asked(question, KNOWN)
    assert found is not None
    assert found.name == name


def test_a_question_without_a_phrase_means_none() -> None:
    assert asked("What is the weather?", KNOWN) is None
    assert asked("", KNOWN) is None


@pytest.mark.parametrize(
    ("question", "series"),
    [
        ("Buzzer in KXNCAABMENTION", "KXNCAABMENTION"),
        ("market KXNBAMENTION-26MAY09OKCLAL-BUZZ", "KXNBAMENTION"),
        ("college basketball", "KXNCAABMENTION"),
        ("during Thunder @ Lakers on 9 May", "KXNBAMENTION"),
        ("during Horned Frogs @ Blue Devils", "KXNCAABMENTION"),
        ("during Celtics at Trail Blazers", "KXNBAMENTION"),
    ],
)
def test_a_question_names_a_series_by_ticker_word_or_matchup(question: str, series: str) -> None:
    found = named_series(question)
    assert found is not None
    assert found.ticker == series


def test_teams_are_known_by_their_nicknames() -> None:
    assert named_teams("Do they say Buzzer during Thunder @ Lakers on 9 May?") == ("OKC", "LAL")
    assert named_teams("What is said at dinner?") == ()
    assert named_series("Do they say it at all?") is None
    assert plays("LAL", "KXNBAMENTION-26MAR19LALHOU")
    assert not plays("OKC", "KXNBAMENTION-26MAR19LALHOU")
