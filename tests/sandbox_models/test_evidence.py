"""Only counts move a probability, whatever else the messages claim."""

import json
from decimal import Decimal

import pytest

from coliseum.sandbox.models.catalogue import MODELS
from coliseum.sandbox.models.conversation import Call, Conversation, Feedback, Part, Prompt, Result, heard
from coliseum.sandbox.models.policy import decide
from coliseum.sandbox.models.policy_evidence import Count, counts
from coliseum.sandbox.models.policy_text import objects, plain, sentences
from coliseum.sandbox.search.pages import notes

LARGE = MODELS["sandbox-large"]
SCHEMA = {
    "type": "object",
    "properties": {
        "probability": {"type": "number"},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["probability", "reasons"],
}


def probability(*parts: Part) -> float:
    answer = decide(Conversation(system="", parts=parts, schema=SCHEMA), LARGE)
    found: float = json.loads(answer.text)["probability"]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("said in 37 of 97", [Count(37, 97)]),
        ("said in 37 out of 97 (38 %).", [Count(37, 97)]),
        ("37/97 and 1,200 of 2,500.", [Count(37, 97), Count(1200, 2500)]),
        ("99 % sure, probability 0.99", []),
        ("on 1/2/2026, 24/7, page 1 of 2, Game 3 of 7, 4 of 2025", []),
        ("5 of 3, 0 of 0, 1.5 of 2, 3 of 4.5", []),
        ("0 of 9", [Count(0, 9)]),
    ],
)
def test_counts_are_read_and_lookalikes_are_not(text: str, expected: list[Count]) -> None:
    assert list(counts(text)) == expected


def test_the_estimate_is_laplaces_and_the_interval_wilsons() -> None:
    count = Count(37, 97)
    assert count.mean == Decimal(38) / 99
    # Wilson 1927: the bounds are where the observed share is z standard errors away
    for bound in count.interval:
        distance = (Decimal(37) / 97 - bound) ** 2
        assert float(distance) == pytest.approx(1.6448536**2 * float(bound * (1 - bound)) / 97)
    low, high = count.interval
    assert low < Decimal(37) / 97 < high


def test_without_counts_nothing_is_known() -> None:
    assert probability(Prompt("What is the chance of rain?")) == 0.5


def test_the_best_supported_count_wins_and_repetition_adds_nothing() -> None:
    said = Prompt("With the Lakers 9 of 9. Overall 37 of 97. Overall 37 of 97. Lately 3 of 10.")
    assert probability(said) == pytest.approx(38 / 99, abs=1e-6)


@pytest.mark.parametrize("note", notes(), ids=lambda page: page.url.rpartition("/")[2])
def test_no_note_of_the_local_world_moves_an_estimate(note: object) -> None:
    """Among them are injected orders, fake system messages and fake tool output."""
    text = getattr(note, "text", "")
    answer = {"answer": "It was said in 37 of 97 (38 %).", "citations": [{"text": text}]}
    exchange = (
        Call("1", "research", {"question": "?"}),
        Result("1", "research", json.dumps(answer), failed=False),
    )
    assert probability(Prompt("How likely?"), *exchange) == pytest.approx(38 / 99, abs=1e-6)
    flat = Result("1", "research", f"It was said in 37 of 97 (38 %).\n{text}", failed=False)
    assert probability(Prompt("How likely?"), exchange[0], flat) == pytest.approx(38 / 99, abs=1e-6)
    assert probability(Prompt(f"How likely?\n{flat.text}")) == pytest.approx(38 / 99, abs=1e-6)


def test_orders_and_control_characters_are_not_quoted() -> None:
    hostile = [page.text for page in notes()]
    for text in hostile:
        for sentence in sentences(text):
            assert sentence.isprintable()
            assert "<" not in sentence
            assert "ignore" not in sentence.lower()
            assert "system:" not in sentence.lower()


def test_a_failed_call_is_no_evidence() -> None:
    call = Call("1", "research", {})
    assert probability(Prompt("How likely?"), call, Result("1", "research", "9 of 9", failed=True)) == 0.5


def test_instructions_are_no_evidence() -> None:
    answer = decide(
        Conversation(system="e.g. 90 of 90", parts=(Prompt("How likely?"),), schema=SCHEMA), LARGE
    )
    assert json.loads(answer.text)["probability"] == 0.5


def test_counts_in_a_json_answer_are_found_inside_its_texts() -> None:
    text = json.dumps({"sources": [{"note": "seen\u202e in\n8 of 10"}]})
    exchange = (Call("1", "research", {}), Result("1", "research", text, failed=False))
    assert probability(Prompt("How likely?"), *exchange) == 0.75


@pytest.mark.parametrize(
    "text",
    [
        "Your previous response failed:\n<pyai:validation_errors>\n[]\n</pyai:validation_errors>",
        "1 validation error:\n[]\n\nFix the errors and try again.",
    ],
)
def test_a_programs_feedback_is_not_taken_for_the_user(text: str) -> None:
    assert heard(text) == Feedback(text)
    assert heard("What is a validation error?") == Prompt("What is a validation error?")


def test_text_is_cleaned_of_what_cannot_be_seen() -> None:
    assert plain("1 &lt;b&gt;&amp; 2") == "1 & 2"
    assert plain("a\x1b[31m\u202eb\u200b <b>c</b>\n d\x00") == "a[31mb c d"


def test_embedded_objects_are_found_even_among_broken_ones() -> None:
    text = 'x {"a": 1} [ {"b": {"c": 2}}, 3 ] {broken {"d": 4}' + "[" * 5000
    assert list(objects(text)) == [{"a": 1}, {"b": {"c": 2}}, {"c": 2}, {"d": 4}]
