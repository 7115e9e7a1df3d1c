"""Dollars, prices and contract counts: always `Decimal`, never `float`."""

from decimal import Decimal

Dollars = Decimal
"""An amount of money in US dollars."""
Price = Decimal
"""Dollars per contract, between 0 and 1."""
Contracts = Decimal
"""A number of contracts; the exchange trades hundredths of one."""
Probability = Decimal
"""A belief between 0 and 1."""

ZERO = Decimal(0)
ONE = Decimal(1)
CENT = Decimal("0.01")
