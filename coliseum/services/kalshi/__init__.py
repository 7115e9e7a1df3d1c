"""A client of the Kalshi Trade API v2: signed, retried, exact."""

from coliseum.services.kalshi.client import KalshiExchange
from coliseum.services.kalshi.signing import Credentials

__all__ = ["Credentials", "KalshiExchange"]
