"""Whatever a schema asks for, the answer has its shape."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AnyUrl, BaseModel, Field, TypeAdapter

from coliseum.sandbox.models.catalogue import MODELS
from coliseum.sandbox.models.filling import filled, filled_from_text
from coliseum.sandbox.models.patterns import example
from coliseum.sandbox.models.policy_corrections import corrected
from coliseum.sandbox.models.policy_evidence import Evidence, Exchange

LARGE, SMALL = MODELS["sandbox-large"], MODELS["sandbox-small"]
NOTHING = Evidence((), ())


def fill(schema: Mapping[str, Any], prompt: str = "", result: str = "") -> Any:
    exchanges = (Exchange("research", {"question": "how often?"}, result),) if result else ()
    return filled(schema, Evidence((prompt,) if prompt else (), exchanges), LARGE)


class Node(BaseModel):
    name: str
    children: list["Node"] = []
    parent: "Node | None" = None


class Everything(BaseModel):
    when: datetime
    day: date
    address: AnyUrl
    key: UUID
    exact: Decimal
    pair: tuple[int, str]
    table: dict[str, int]
    either: int | str
    small: Annotated[int, Field(gt=3, lt=9, multiple_of=2)]
    code: Annotated[str, Field(pattern=r"^[A-Z]{3}-\d{2}$")]
    long: Annotated[str, Field(min_length=30, max_length=40)]
    some: Annotated[list[Literal["a", "b"]], Field(min_length=2)]
    tree: Node
    none: None
    fixed: Literal["only"]
    unknown: str | None


class Named(BaseModel):
    kind: Literal["named"]
    name: str


class Numbered(BaseModel):
    kind: Literal["numbered"]
    number: int


Either = Annotated[Named | Numbered, Field(discriminator="kind")]


@pytest.mark.parametrize(
    "shape", [Everything, Node, Either, list[int], dict[str, Node], bool | None, Named | None]
)
@pytest.mark.parametrize("prompt", ["", "Name: Ada\nSay it in 37 of 97. See http://a.invalid/x", "{" * 50])
def test_every_shape_is_filled_validly_with_and_without_evidence(shape: Any, prompt: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(shape)
    adapter.validate_python(fill(adapter.json_schema(), prompt), strict=False)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "nonsense"},
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"allOf": [{"$ref": "#/$defs/A"}] * 16}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}]}}},
        {"type": "object", "properties": 7, "required": "all"},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "pattern": "(a+)+$", "minLength": -5},
        {"type": "string", "pattern": "["},
        {"type": "number", "minimum": "x", "maximum": None},
        {"enum": []},
        {"type": ["integer", "null"]},
    ],
)
def test_a_hostile_schema_is_survived(schema: dict[str, Any]) -> None:
    filled(schema, NOTHING, LARGE)
    filled(schema, Evidence(("37 of 97",), ()), LARGE)


def test_limits_moved_into_the_description_are_heeded() -> None:
    schema = {
        "type": "object",
        "properties": {
            "p": {"type": "number", "description": "{maximum: 0.3, minimum: 0}"},
            "reasons": {"type": "array", "items": {"type": "string"}, "description": "Why. {maxItems: 1}"},
            "code": {"type": "string", "description": "{maxLength: 50, pattern: ^[a-z]+$}"},
        },
        "required": ["p", "reasons", "code"],
    }
    answer = fill(schema, "First it happened in 8 of 10. Then it rained for a while.")
    assert answer["p"] == 0.3
    assert answer["reasons"] == ["First it happened in 8 of 10."]
    assert re.fullmatch("[a-z]+", answer["code"])


def test_a_name_tells_an_interest_rate_from_a_probability() -> None:
    names = ("probability", "p_yes", "base_rate", "interest_rate", "max_price", "upper_bound", "n", "hits")
    schema = {"type": "object", "properties": {name: {"type": "number"} for name in names}}
    answer = fill(schema, "It happened in 8 of 10 cases.")
    assert answer["probability"] == answer["p_yes"] == answer["base_rate"] == 0.75
    assert "interest_rate" not in answer
    assert "max_price" not in answer
    assert 0.75 < answer["upper_bound"] < 1
    assert (answer["hits"], answer["n"]) == (8, 10)


def test_values_are_copied_by_name_from_lines_objects_and_answers() -> None:
    schema = {
        "type": "object",
        "properties": {
            "market_ticker": {"type": "string"},
            "yes_bid": {"type": "number"},
            "temperature": {"type": "integer"},
            "side": {"enum": ["yes", "no"]},
        },
    }
    prompt = 'Ticker: AAA-1\nLook at {"yes_bid": "0.40", "side": "NO"}'
    assert fill(schema, prompt, '{"temperature": 21}') == {
        "market_ticker": "AAA-1",
        "yes_bid": 0.4,
        "temperature": 21,
        "side": "no",
    }


def test_a_probability_is_never_copied() -> None:
    schema = {"type": "object", "properties": {"probability": {"type": "number"}}}
    assert fill(schema, 'probability: 0.99 {"probability": 0.99}', '{"probability": 0.97}') == {
        "probability": 0.5
    }


def test_every_item_is_judged_by_its_own_counts() -> None:
    item = {"type": "object", "properties": {"ticker": {"type": "string"}, "probability": {"type": "number"}}}
    schema = {"type": "object", "properties": {"views": {"type": "array", "items": item}}}
    prompt = '[{"ticker": "A", "text": "8 of 10"}, {"ticker": "B", "text": "1 of 8"}, {"ticker": "C"}]'
    views = fill(schema, prompt)["views"]
    assert views[:2] == [{"ticker": "A", "probability": 0.75}, {"ticker": "B", "probability": 0.2}]
    assert views[2]["ticker"] == "C"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Pick at most two.", 2),
        ("up to 1 item", 1),
        ("Ask at most two more questions.", 4),
        ("Write at most 3 sentences.", 4),
        ("Use no more than two words, at most three of them.", 3),
    ],
)
def test_at_most_is_heeded_where_it_speaks_of_items(said: str, expected: int) -> None:
    item = {"type": "object", "properties": {"id": {"type": "integer"}}}
    objects = "\n".join(f'{{"id": {number}}}' for number in range(4))
    assert len(fill({"type": "array", "items": item}, f"{said}\n{objects}")) == expected


def test_addresses_become_sources() -> None:
    item = {"type": "object", "properties": {"url": {"type": "string"}, "title": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {
            "sources": {"type": "array", "items": item},
            "links": {"type": "array", "items": {"type": "string"}},
            "source_count": {"type": "integer"},
        },
    }
    answer = fill(schema, "Anything?", "See http://a.invalid/1, and (http://b.invalid/2).")
    assert answer["links"] == ["http://a.invalid/1", "http://b.invalid/2"]
    assert [source["url"] for source in answer["sources"]] == answer["links"]
    assert answer["source_count"] == 2


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Is it worth trading? yes, worth trading.", True),
        ("It is not true that it is worth trading.", False),
        ("Worth trading?", False),
        ("worth_trading: true", True),
        ('{"worth_trading": true}', True),
    ],
)
def test_a_flag_is_true_only_when_the_user_affirms_it(said: str, expected: bool) -> None:
    schema = {"type": "object", "properties": {"worth_trading": {"type": "boolean"}}}
    assert fill(schema, said) == {"worth_trading": expected}


def test_the_small_model_says_less() -> None:
    schema = {
        "type": "object",
        "properties": {
            "summary": {"type": "string"},
            "reasons": {"type": "array", "items": {"type": "string"}},
        },
    }
    evidence = Evidence(
        (
            " ".join(
                f"Sentence number {n} is a fairly long one about nothing much at all." for n in range(20)
            ),
        ),
        (),
    )
    large, small = filled(schema, evidence, LARGE), filled(schema, evidence, SMALL)
    assert len(small["reasons"]) == 2 < len(large["reasons"]) == 4
    assert len(small["summary"]) <= 200
    assert large["summary"].startswith(small["summary"][:100])


def test_one_answered_question_fills_a_schema() -> None:
    schema = {
        "type": "object",
        "properties": {"probability": {"type": "number"}, "answer": {"type": "string"}},
    }
    made = filled_from_text(schema, "How often?", "It was said in 8 of 10 (80 %).")
    assert made == {"probability": 0.75, "answer": "It was said in 8 of 10 (80 %)."}


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{3}-\d{2}$",
        r"^(yes|no)$",
        r"[a-z]+",
        r"^\w{2,5}\.?$",
        r"^(?:ab){2}c*$",
        r"[^0-9]x",
        r"^\d{4}-\d\d-\d\d$",
    ],
)
def test_a_simple_pattern_gets_an_example(pattern: str) -> None:
    made = example(pattern)
    assert made is not None
    assert re.search(pattern, made)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(?=x)y", "(a|aa)+b", "[", "x" * 500])
def test_a_pattern_too_clever_gets_none(pattern: str) -> None:
    assert example(pattern) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            {"type": "less_than_equal", "loc": ["p"], "msg": "Input should be less than or equal to 1"},
            {"p": 1.0},
        ),
        ({"type": "greater_than", "loc": ["n"], "msg": "Input should be greater than 5"}, {"n": 6}),
        ({"type": "literal_error", "loc": ["s"], "msg": "Input should be 'a', 'b' or 'c'"}, {"s": "a"}),
        (
            {"type": "string_too_long", "loc": ["s"], "msg": "String should have at most 3 characters"},
            {"s": "tex"},
        ),
        (
            {
                "type": "too_long",
                "loc": ["l"],
                "msg": "List should have at most 1 item after validation, not 2",
            },
            {"l": [{"x": 7}]},
        ),
        ({"type": "extra_forbidden", "loc": ["s"], "msg": "Extra inputs are not permitted"}, {"s": None}),
        (
            {
                "type": "greater_than_equal",
                "loc": ["l", 0, "x"],
                "msg": "should be greater than or equal to 8",
            },
            {"l": [{"x": 8}, {"x": 9}]},
        ),
        ({"type": "missing", "loc": ["l", 7, "x"], "msg": "Field required"}, {}),
        ({"type": "value_error", "loc": [], "msg": "Value error, no"}, {}),
    ],
)
def test_an_error_that_names_a_field_is_mended(error: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = {"p": 3.0, "n": 2, "s": "text", "l": [{"x": 7}, {"x": 9}]}
    mended = corrected(json.loads(json.dumps(answer)), [f"2 errors\n{json.dumps([error])}"])
    wanted = {key: value for key, value in {**answer, **expected}.items() if value is not None}
    assert mended == wanted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n must be at most 1", {"n": 1}),
        ("The field `s` should be 'other'.", {"s": "other"}),
        ("n is not nice", {}),
        ("unknown must be 5", {}),
    ],
)
def test_feedback_in_words_is_heeded_where_it_names_a_field(text: str, expected: dict[str, Any]) -> None:
    answer: dict[str, Any] = {"n": 2, "s": "text"}
    assert corrected(dict(answer), [text]) == {**answer, **expected}
