"""Signatures are those the exchange verifies, and the key stays where it belongs."""

import asyncio
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from coliseum.errors import SettingsError
from coliseum.services.http import Patience
from coliseum.services.kalshi import Credentials, KalshiExchange
from tests.services.conftest import Standing

NOW = datetime(2026, 5, 9, 12, tzinfo=UTC)


def pem_of(
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, old: bool = False
) -> bytes:
    form = serialization.PrivateFormat.TraditionalOpenSSL if old else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def verify(credentials: Credentials, headers: dict[str, str], text: str) -> None:
    key = credentials.private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    salted = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    signature = b64decode(headers["KALSHI-ACCESS-SIGNATURE"], validate=True)
    key.public_key().verify(signature, text.encode(), salted, hashes.SHA256())


def test_the_signed_text_is_time_method_and_path(credentials: Credentials) -> None:
    headers = credentials.headers("get", "/trade-api/v2/portfolio/fills", NOW)
    assert headers["KALSHI-ACCESS-KEY"] == "key-1"
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1778328000000"
    verify(credentials, headers, "1778328000000GET/trade-api/v2/portfolio/fills")


def test_ed25519_signs_the_same_text() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    headers = Credentials.from_pem("key-1", pem_of(key)).headers("GET", "/x", NOW)
    key.public_key().verify(b64decode(headers["KALSHI-ACCESS-SIGNATURE"]), b"1778328000000GET/x")


def test_the_older_key_format_is_read(credentials: Credentials) -> None:
    key = credentials.private_key
    assert isinstance(key, rsa.RSAPrivateKey)
    again = Credentials.from_pem("key-1", pem_of(key, old=True))
    verify(credentials, again.headers("GET", "/x", NOW), "1778328000000GET/x")


def test_a_key_file_only_its_owner_can_read_is_accepted(tmp_path: Path, pem: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    path.chmod(0o600)
    assert Credentials.load("key-1", path).key_id == "key-1"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_file_that_others_can_read_is_refused_with_the_cure(
    tmp_path: Path, pem: bytes, mode: int
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    path.chmod(mode)
    with pytest.raises(SettingsError, match=f"chmod 600 {path}"):
        Credentials.load("key-1", path)


def test_a_missing_key_file_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        Credentials.load("key-1", tmp_path / "none.pem")


@pytest.mark.parametrize(
    "what", [b"", b"garbage", b"-----BEGIN " + b"PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_refused_without_repeating_it(what: bytes) -> None:
    with pytest.raises(SettingsError, match="unencrypted PEM") as caught:
        Credentials.from_pem("key-1", what)
    assert "AAAA" not in str(caught.value)


def test_other_kinds_of_key_are_refused() -> None:
    with pytest.raises(SettingsError, match="RSA or an Ed25519"):
        Credentials.from_pem("key-1", pem_of(ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize("key_id", ["", "a\r\nX-Evil: 1", "schlüssel", "k" * 201])
def test_a_key_id_that_cannot_be_a_header_is_refused(pem: bytes, key_id: str) -> None:
    with pytest.raises(SettingsError, match="key id"):
        Credentials.from_pem(key_id, pem)


def test_the_key_is_in_no_repr(credentials: Credentials) -> None:
    assert "private" not in repr(credentials)
    assert "RSA" not in repr(credentials)


def test_what_travels_is_what_was_signed(credentials: Credentials, clock: Standing) -> None:
    """Over a real socket: the signature fits the raw request line without its query, and a retry after a
    dropped connection carries a new timestamp and a new signature."""
    lines: list[tuple[str, dict[str, str]]] = []
    wall = iter(NOW + timedelta(seconds=number) for number in range(9))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        lines.append((head[0], dict(line.split(": ", 1) for line in head[1:] if line)))
        if len(lines) > 1:
            body = b'{"fills": [], "cursor": ""}'
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()
        await writer.wait_closed()

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, httpx2.AsyncClient() as http:
            port = server.sockets[0].getsockname()[1]
            patience = Patience(attempts=2, first_wait=0, longest_wait=0, jitter=0)
            exchange = KalshiExchange(
                f"http://127.0.0.1:{port}/trade-api/v2",
                credentials,
                http,
                lambda: next(wall),
                clock,
                patience,
            )
            assert await exchange.fills("order-1") == ()

    asyncio.run(run())
    seen = []
    for line, headers in lines:
        method, target, _ = line.split(" ")
        assert target == "/trade-api/v2/portfolio/fills?order_id=order-1&limit=100"
        named = {name.upper(): value for name, value in headers.items()}
        path = target.partition("?")[0]
        verify(credentials, named, f"{named['KALSHI-ACCESS-TIMESTAMP']}{method}{path}")
        seen.append((named["KALSHI-ACCESS-TIMESTAMP"], named["KALSHI-ACCESS-SIGNATURE"]))
    assert len(seen) == 2
    assert seen[0][0] != seen[1][0]
    assert seen[0][1] != seen[1][1]
