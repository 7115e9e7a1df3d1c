"""Which addresses a service may have."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def base_url(text: str) -> str:
    """The address without a slash at its end. Raises ValueError saying what it should be."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("should be an address such as https://host/path")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("should be an address without user, password, query or fragment")
    if parts.scheme == "http" and not loopback(parts.hostname):
        raise ValueError("should begin with https:// (http is for this machine only)")
    return text.rstrip("/")
