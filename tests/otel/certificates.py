"""Certificates for loopback, made anew for each test: an authority, a server and a client that it vouches for."""

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Certificates:
    """Files in `folder`: `authority`, `server` and `server_key`, `client` and `client_key`, all PEM."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority_key = ec.generate_private_key(ec.SECP256R1())
        self.authority = self._write("authority.pem", self._sign("authority", self._authority_key))
        self.server, self.server_key = self._pair("server")
        self.client, self.client_key = self._pair("client")

    def _pair(self, name: str) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return self._write(f"{name}.pem", self._sign(name, key)), self._write(f"{name}-key.pem", pem)

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey) -> bytes:
        now, issuer = datetime.now(UTC), "authority"
        built = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(issuer))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), True)
            .add_extension(_usage(signs=name == issuer), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority_key.public_key()), False
            )
        )
        return built.sign(self._authority_key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def _write(self, name: str, content: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(content)
        return path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = dict.fromkeys((*names, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, key_cert_sign=signs, crl_sign=signs, **others)
