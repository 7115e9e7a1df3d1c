"""Agents that trade prediction markets, and whose every step can be accounted for."""

__version__ = "0.1.0"
