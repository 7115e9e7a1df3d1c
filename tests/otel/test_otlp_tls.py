"""What is sent over TLS is sent to a known receiver only, by a known sender where one is asked for."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from otel.config import Config
from otel.destination import Outcome, Verdict
from otel.destinations import DESTINATIONS
from otel.testing import FaultServer
from tests.otel.certificates import Certificates
from tests.otel.making import log, logs, points, span, spans

BATCHES = (spans(span("a")), logs(log("a")), points(1))


@pytest.fixture
def made(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@contextmanager
def server(made: Certificates, *, asks: bool = False) -> Iterator[FaultServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(made.authority))
    context.load_cert_chain(made.server, made.server_key)
    context.verify_mode = ssl.CERT_REQUIRED if asks else ssl.CERT_NONE
    with FaultServer(tls=context) as running:
        yield running


def deliver(running: FaultServer, **variables: Path) -> list[Outcome]:
    env = {f"OTEL_EXPORTER_OTLP_{name}": str(path) for name, path in variables.items()}
    config = Config.from_env({"OTEL_EXPORTER_OTLP_ENDPOINT": running.url, **env}, service="s")
    (there,) = DESTINATIONS["otlp"](config)
    outcomes = [there.deliver(batch) for batch in BATCHES]
    there.close()
    return outcomes


def test_a_receiver_that_the_given_authority_vouches_for_is_sent_everything(made: Certificates) -> None:
    with server(made) as running:
        assert deliver(running, CERTIFICATE=made.authority) == [Outcome.delivered()] * 3
        assert [r.body for r in running.requests] == [batch.payload for batch in BATCHES]


def test_an_unknown_receiver_is_sent_nothing(made: Certificates, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Certificates(tmp_path / "other")
    with server(made) as running:
        for variables in ({}, {"CERTIFICATE": other.authority}):
            outcomes = deliver(running, **variables)
            assert {outcome.verdict for outcome in outcomes} == {Verdict.LATER}
            assert "SSLError" in outcomes[0].reason
        assert running.requests == []


def test_a_receiver_that_asks_who_is_sending_is_told(made: Certificates) -> None:
    known = {
        "CERTIFICATE": made.authority,
        "CLIENT_CERTIFICATE": made.client,
        "CLIENT_KEY": made.client_key,
    }
    with server(made, asks=True) as running:
        assert deliver(running, **known) == [Outcome.delivered()] * 3


def test_a_receiver_that_asks_takes_nothing_from_strangers(made: Certificates) -> None:
    with server(made, asks=True) as running:
        outcomes = deliver(running, CERTIFICATE=made.authority)
        assert {outcome.verdict for outcome in outcomes} == {Verdict.LATER}
        assert running.requests == []


def test_a_certificate_that_is_gone_is_said_and_waited_for(made: Certificates) -> None:
    with server(made) as running:
        config = Config.from_env(
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": running.url,
                "OTEL_EXPORTER_OTLP_CERTIFICATE": str(made.authority),
            },
            service="s",
        )
        (there,) = DESTINATIONS["otlp"](config)
        kept = made.authority.read_bytes()
        made.authority.unlink()
        assert there.deliver(BATCHES[0]).verdict is Verdict.LATER
        made.authority.write_bytes(kept)
        assert there.deliver(BATCHES[0]) == Outcome.delivered()
        there.close()
