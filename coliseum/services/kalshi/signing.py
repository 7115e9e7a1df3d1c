"""The key that speaks for the account, and its signature under each request."""

import os
import stat
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from coliseum.errors import SettingsError

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
MAX_KEY_BYTES = 64 * 1024
MILLISECOND = 1000


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key id with its private key; the key never appears in a repr."""

    key_id: str
    private_key: PrivateKey = field(repr=False)

    @classmethod
    def from_pem(cls, key_id: str, pem: bytes) -> "Credentials":
        """Accepts RSA and Ed25519, PKCS#1 and PKCS#8, without password. Raises SettingsError."""
        return cls(_header_value(key_id), _private_key(pem))

    @classmethod
    def load(cls, key_id: str, path: Path) -> "Credentials":
        """Read the key file, which only its owner may be able to read. Raises SettingsError with the cure."""
        return cls.from_pem(key_id, _read_private(path))

    def headers(self, method: str, path: str, now: datetime) -> dict[str, str]:
        """The signature over time, method and raw path (percent-encoded as sent, without query).

        `now` is wall time: the exchange compares it with its own clock.
        """
        timestamp = str(int(now.astimezone(UTC).timestamp() * MILLISECOND))
        signature = self._sign(f"{timestamp}{method.upper()}{path}".encode())
        return {
            "KALSHI-ACCESS-KEY": self.key_id,
            "KALSHI-ACCESS-TIMESTAMP": timestamp,
            "KALSHI-ACCESS-SIGNATURE": b64encode(signature).decode("ascii"),
        }

    def _sign(self, text: bytes) -> bytes:
        match self.private_key:
            case rsa.RSAPrivateKey() as key:
                salted = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
                return key.sign(text, salted, hashes.SHA256())
            case key:
                return key.sign(text)


def _header_value(key_id: str) -> str:
    if not key_id or len(key_id) > 200 or not key_id.isascii() or not key_id.isprintable():
        raise SettingsError("the Kalshi key id must be a single line of printable ASCII characters")
    return key_id


def _private_key(pem: bytes) -> PrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as wrong:
        raise SettingsError("the Kalshi private key must be an unencrypted PEM private key") from wrong
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise SettingsError("the Kalshi private key must be an RSA or an Ed25519 key")
    return key


def _read_private(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if stat.S_IMODE(mode) & 0o077:
                raise SettingsError(
                    f"the key file {path} can be read by others than its owner; run: chmod 600 {path}"
                )
            return file.read(MAX_KEY_BYTES)
    except OSError as wrong:
        raise SettingsError(f"the key file {path} cannot be read: {wrong.strerror}") from wrong
