"""What must never be committed: paths of one machine, addresses of its package index, private keys."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

FORBIDDEN = {
    "a path of one machine": r"(?<![\w.~])/(?:root|work|farm)/\w",
    "a package index": r"(?:extra-)?index[-]url\b\s*[= ]",
    "a private key": r"BEGIN (?:[A-Z]+ )?PRIVATE KEY-+(?:\\n|\s)*[A-Za-z0-9+/]{40}",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str, project_files: list[Path]) -> None:
    pattern = re.compile(FORBIDDEN[what])
    texts = {
        file: file.read_bytes().decode(errors="replace") for file in project_files if file != Path(__file__)
    }
    assert [str(file) for file, text in texts.items() if pattern.search(text)] == []


def test_no_file_of_uv_is_committed(project_files: list[Path]) -> None:
    """uv.lock names hosts; requirements.lock says the same without them."""
    assert "uv.lock" not in {file.name for file in project_files}


def test_the_patterns_know_what_they_look_for() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert re.search(FORBIDDEN["a private key"], pem)
    assert re.search(FORBIDDEN["a private key"], repr(pem)), "a key inside a string of a program"
    assert re.search(FORBIDDEN["a path of one machine"], f"cd {'/'}root/project")
    assert not re.search(FORBIDDEN["a path of one machine"], "https://example.com/work/1")
    assert re.search(FORBIDDEN["a package index"], f"pip install --{'index'}-url https://example.com")
