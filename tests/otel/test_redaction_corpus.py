"""No secret that the layer was told of is ever stored or sent, wherever it stands and however it is written."""

import base64
import json
import random
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otel.batch import Batch, Signal
from otel.config import OtlpTarget
from otel.destination import Outcome
from otel.redaction import Redactor
from otel.store.ingest import Ingest
from otel.testing import FaultServer, recording
from tests.otel.making import log, logs, span, spans
from tests.otel.placements import PLACES, requested
from tests.otel.scanning import found, spellings, stored

SEED = 7
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def wrapped(secret: str, width: int) -> str:
    return "\n".join(secret[start : start + width] for start in range(0, len(secret), width))


SPELLINGS: dict[str, Callable[[str, random.Random], str]] = {
    "plain": lambda secret, _: f"the key is {secret}, they say",
    "json": lambda secret, _: f"it was {json.dumps({'config': json.dumps({'key': secret})})}",
    "base64": lambda secret, dice: (
        "Sent "
        + base64.b64encode(f"{'u' * dice.randint(1, 7)}:{secret}{'!' * dice.randint(0, 3)}".encode()).decode()
    ),
    "url": lambda secret, _: f"see https://host.example/a/b?q=1&x={quote(secret, safe='')}&y=2 for it",
    "lines": lambda secret, dice: f"key:\n{wrapped(secret, dice.randint(1, 30))}\nend",
}


def secret_for(name: str) -> str:
    """As long as real ones, with signs that every encoding spells differently."""
    dice = random.Random(f"{SEED} {name}")
    body = "".join(dice.choice(LETTERS) for _ in range(36))
    return f"{body[:12]}{dice.choice('/+=~')}{body[12:24]}{dice.choice('/+=.')}{body[24:]}"


@dataclass
class Refuser:
    """Takes nothing, so that everything becomes a dead letter."""

    name: str = "refuser"
    signals: frozenset[Signal] = frozenset({Signal.TRACES, Signal.LOGS, Signal.METRICS_CUMULATIVE})
    max_bytes: int = 1024**2

    def deliver(self, batch: Batch) -> Outcome:
        return Outcome.refused("never")

    def close(self) -> None:
        pass


def bodies(server: FaultServer) -> Iterator[tuple[str, bytes]]:
    return ((f"sent to {request.path}", request.body) for request in tuple(server.requests))


@pytest.mark.slow
def test_no_secret_is_stored_or_sent_from_any_placement_in_any_spelling(server: FaultServer) -> None:
    """The resource, 60 and more placements in five spellings each, and a control that nobody told the layer of: it
    must be found in every kind of place, so that finding nothing else means something."""
    places = PLACES | {
        "request query": requested("query")(server.url),
        "request header": requested("", headers={"X-Custom": "@", "Authorization": "@"})(server.url),
    }
    resource = {f"resource.{spelling}": "resource" for spelling in SPELLINGS}
    secrets = {name: secret_for(name) for name in (*places, "resource", "service")}
    control = secret_for("control")
    dice = random.Random(SEED)
    print(f"seed {SEED}: {len(places) + 2} placements x {len(SPELLINGS)} spellings")
    assert len(places) >= 60

    def spelled(name: str, spelling: str) -> str:
        return SPELLINGS[spelling](secrets[name], dice)

    with recording(
        service=" ".join(spelled("service", spelling) for spelling in SPELLINGS),
        resource={key: spelled("resource", key.partition(".")[2]) for key in resource},
        destinations=("store", "jsonl", "otlp"),
        otlp=OtlpTarget.at(server.url),
        secrets=frozenset(secrets.values()),
        extra=[Refuser()],
    ) as running:
        for spelling in SPELLINGS:
            for name, place in places.items():
                place(spelled(name, spelling))
        trace.get_tracer("corpus").start_span("control", attributes={"a": control}).end()
        running.points()
        assert running.telemetry.force_flush(10)
        contents = [
            *stored(running.home),
            *bodies(server),
        ]  # while the files are open: what is in the WAL counts
    at = {place for _, place in found([("control", control)], contents)}
    assert at >= {
        "journal.db: batch",
        "journal.db: dead",
        "store.db: span",
        "traces.jsonl",
        "sent to /v1/traces",
    }
    marks = sum(content.count(b"[redacted: ") for _, content in contents)
    assert marks > len(places) * len(SPELLINGS)
    assert found(secrets.items(), contents) == set()


@pytest.mark.slow
def test_the_checkpoint_of_a_span_that_has_not_ended_holds_no_secret() -> None:
    secret, control = secret_for("open"), secret_for("control")
    with recording(secrets=frozenset({secret})) as running:
        said = {spelling: spell(secret, random.Random(SEED)) for spelling, spell in SPELLINGS.items()}
        open_span = trace.get_tracer("corpus").start_span("job", attributes={**said, "control": control})
        deadline = time.monotonic() + 10
        at: set[tuple[str, str]] = set()
        while time.monotonic() < deadline and ("control", "journal.db: open_span") not in at:
            running.telemetry.durable(1.0)
            at = found([("control", control), ("secret", secret)], stored(running.home))
        open_span.end()
    assert ("control", "journal.db: open_span") in at
    assert "secret" not in {name for name, _ in at}


@pytest.mark.parametrize("width", range(1, 40))
def test_a_secret_is_found_at_whatever_width_it_was_wrapped(width: int) -> None:
    secret = secret_for("wrapped")
    redactor = Redactor([secret])
    lines = wrapped(secret, width)
    for text in (
        lines,
        lines.replace("\n", "\r\n"),
        textwrap.indent(lines, "    "),
        json.dumps({"key": lines}),
        json.dumps(json.dumps({"key": lines})),
        quote(lines, safe=""),
        wrapped(base64.b64encode(f"user:{secret}".encode()).decode(), width),
        wrapped(quote(secret, safe=""), width),
    ):
        left = redactor.text(f"before {text} after")
        assert found([("it", secret)], [("text", left.encode())]) == set()
        assert left.startswith("before ")
        assert left.endswith(" after")


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("after", range(4))
def test_a_secret_is_found_at_every_alignment_of_base64(before: int, after: int) -> None:
    secret = secret_for("aligned")
    text = base64.b64encode(b"u" * before + secret.encode() + b"v" * after).decode()
    assert found([("it", secret)], [("text", Redactor([secret]).text(text).encode())]) == set()


@pytest.mark.parametrize(
    "secret", ["nnrrnrabcdef", "\\n1234567890\\n", "räuber-höhle-42", "a b c d e f g h", "N" * 12]
)
def test_a_strange_secret_is_found_too(secret: str) -> None:
    for spelling, spell in SPELLINGS.items():
        left = Redactor([secret]).text(spell(secret, random.Random(spelling)))
        assert secret not in left
        assert json.dumps(secret)[1:-1] not in left


TITLES = (
    "Will the Secretary of the Treasury mention tokens before Friday?",
    "Will a court authorize the session's basic budget authority?",
    "Authorities: bearer of bad news resigns; cookie recipe at 11",
    "Will the Fed's basic rate stay at 4.25-4.50% in December?",
    "High-risk task-force: risk-adjusted-returns-on-capital-reviewed",
    "Who will bear the bearer bonds? Basic economics of password-managers",
    "Will the author of 'The Secret Keeper' win? Secrets, keys and cookies",
    "Key: turnout. Token gesture? Secret ballot authorised in session 2",
)
SOURCES = (
    "https://news.example/2026/11/authorities-session?utm_source=feed&page=2#bearer",
    "https://api.example/markets?status=open&limit=100&cursor=CgwI9fX2&series_ticker=KXBASIC",
    "https://user.example/path@2x/image.png?size=large&keyword=token&author=smith",
    "http://localhost:8600/trade-api/v2/markets/KXTOKEN-26NOV-T4.25/orderbook?depth=10",
    "mailto:desk@example.com, see also ftp://files.example/secret-garden.pdf",
)
TEMPLATES = (
    "Market {ticker}: {title} YES {price} bid, NO {other}; volume {n}. Source {url}",
    '{{"role": "assistant", "parts": [{{"type": "text", "content": "{title} I estimate {price}."}}]}}',
    '{{"tool": "search", "arguments": {{"query": "{title}", "num_results": {n}}}, "url": "{url}"}}',
    "HTTP GET {url} → 200 in {n} ms; request id 0f8fad5b-d9cb-469f-a165-70867728950e; task-{n}",
    "Decision opp_{hex}: {title} edge {price}, Kelly 0.25, stake ${n}; reasons: basic rate, session, tokens={n}",
    "Usage: input_tokens={n} output_tokens={n} total. Cookies: accepted; authorization: pending; key={ticker}",
    'Traceback (most recent call last):\n  File "agent.py", line {n}, in run\nValueError: no token for {ticker}',
    "# {title}\n\n- basic: {price}\n- bearer: none\n- cookie: no\n\n> {url}\n\nsha256:{hex}{hex}{hex}{hex}",
)


def messages() -> Iterator[str]:
    dice = random.Random(SEED)
    for number in range(500):
        price = dice.randint(1, 99)
        yield TEMPLATES[number % len(TEMPLATES)].format(
            ticker=f"KX{dice.choice(['TOKEN', 'FED', 'AUTH', 'BASIC'])}-26NOV{dice.randint(1, 30):02}-T{price}",
            title=dice.choice(TITLES),
            url=dice.choice(SOURCES),
            price=f"0.{price:02}",
            other=f"0.{100 - price:02}",
            n=dice.randint(1, 10**6),
            hex=f"{dice.getrandbits(64):016x}",
        )


def test_of_500_realistic_messages_at_most_one_in_a_hundred_is_changed() -> None:
    redactor = Redactor([secret_for(str(number)) for number in range(10)])
    changed = [message for message in messages() if redactor.text(message) != message]
    assert len(changed) <= 5, changed[:3]


def test_the_scanner_finds_a_secret_in_every_spelling() -> None:
    """The instrument is tested before it is believed."""
    secret, dice = secret_for("control"), random.Random(SEED)
    for spelling, spell in SPELLINGS.items():
        assert found([("it", secret)], [("text", spell(secret, dice).encode())]), spelling
    assert all(len(needle) >= 12 for needle in spellings(secret))


def test_the_scanner_reads_what_is_only_in_the_write_ahead_log(tmp_path: Path) -> None:
    secret = secret_for("control")
    ingest = Ingest(tmp_path / "store.db")
    ingest.add(logs(log(f"the key is {secret}")))
    at = {place for _, place in found([("it", secret)], stored(tmp_path))}
    ingest.close()
    assert at == {"store.db-wal", "store.db: log"}


@pytest.mark.slow
def test_looking_for_secrets_costs_little_where_there_are_none() -> None:
    """About 6 microseconds of CPU for a span of 2 KB; the limit leaves room for a busy machine."""
    text = "The market resolves YES if the Secretary says token in session; plain economics at 0.42. " * 20
    batch = spans(*(span("chat", n, attributes={"gen_ai.input.messages": text}) for n in range(1, 101)))
    request = ExportTraceServiceRequest.FromString(batch.payload)
    redactor = Redactor([secret_for(str(number)) for number in range(8)])

    def cost() -> float:
        began = time.process_time()
        for _ in range(20):
            redactor.encoded(request)
        return (time.process_time() - began) / 20 / 100

    assert min(cost() for _ in range(5)) < 20e-6
