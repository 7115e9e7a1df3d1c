"""The keys of one world, made when it starts and known to nobody else."""

from dataclasses import dataclass
from secrets import token_hex
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What a client needs: the exchange's key pair, and the keys of search and models."""

    key_id: str
    private_key: RSAPrivateKey
    exa_key: str
    model_key: str

    def pem(self) -> bytes:
        """The private key as an unencrypted PKCS#8 file."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def generate() -> Credentials:
    """A fresh set of keys."""
    return Credentials(
        key_id=str(uuid4()),
        private_key=generate_private_key(public_exponent=65537, key_size=2048),
        exa_key=f"sandbox-exa-{token_hex(16)}",
        model_key=f"sandbox-model-{token_hex(16)}",
    )
