"""Checks that a request was signed with the user's key: RSA-PSS over timestamp, method and raw path."""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.requests import Request

from coliseum.sandbox.exchange.refusal import Refused, unauthenticated

KEY = "kalshi-access-key"
TIMESTAMP = "kalshi-access-timestamp"
SIGNATURE = "kalshi-access-signature"

_MILLISECONDS = re.compile(r"[0-9]{1,16}")
_PADDING = PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH)


@dataclass(frozen=True, slots=True)
class Verifier:
    """Knows one key. `wall` tells real time: signatures are made on the wall clock, not on the market's."""

    key_id: str
    public_key: RSAPublicKey
    skew: timedelta
    wall: Callable[[], datetime]

    def require(self, request: Request) -> None:
        """Raises Refused (401) unless the request is signed."""
        self._check_key(request.headers.get(KEY, ""))
        stamp = request.headers.get(TIMESTAMP, "")
        self._check_time(stamp)
        self._check_signature(signed_text(stamp, request), request.headers.get(SIGNATURE, ""))

    def allow(self, request: Request) -> None:
        """Like `require`, but an entirely unsigned request is welcome too."""
        if any(name in request.headers for name in (KEY, TIMESTAMP, SIGNATURE)):
            self.require(request)

    def _check_key(self, key_id: str) -> None:
        if not compare_digest(key_id.encode(), self.key_id.encode()):
            raise Refused(unauthenticated("API key: NOT_FOUND"))

    def _check_time(self, stamp: str) -> None:
        if not _MILLISECONDS.fullmatch(stamp):
            raise Refused(unauthenticated("timestamp: must be Unix milliseconds"))
        now = int(self.wall().timestamp() * 1000)
        if abs(now - int(stamp)) > self.skew.total_seconds() * 1000:
            raise Refused(unauthenticated("timestamp: outside the accepted window"))

    def _check_signature(self, text: bytes, signature: str) -> None:
        try:
            self.public_key.verify(b64decode(signature, validate=True), text, _PADDING, SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            raise Refused(unauthenticated("signature: INCORRECT_API_KEY_SIGNATURE")) from None


def signed_text(stamp: str, request: Request) -> bytes:
    """Timestamp, method and the path exactly as received: percent-encoded, without the query."""
    raw_path: bytes = request.scope["raw_path"]
    return stamp.encode() + request.method.encode() + raw_path.partition(b"?")[0]
