"""How good forecasts were, and whether they beat the market's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from coliseum.domain.money import ONE, ZERO, Probability

CLIP = Decimal("0.001")
"""Log loss takes no forecast for surer than this: one certain mistake must not outweigh all the rest."""
Z_95 = Decimal("1.959964")


@dataclass(frozen=True, slots=True)
class Forecast:
    """A probability that was given, and whether the thing happened."""

    probability: Probability
    happened: bool

    @property
    def outcome(self) -> Decimal:
        return ONE if self.happened else ZERO


def brier(forecasts: Sequence[Forecast]) -> Decimal:
    """Mean squared error: 0 is best, 0.25 is what always saying one half earns. ValueError for none."""
    return _mean([(each.probability - each.outcome) ** 2 for each in forecasts])


def log_loss(forecasts: Sequence[Forecast]) -> Decimal:
    """Mean of -ln of the probability given to what happened, clipped to 0.001..0.999."""
    return _mean([-_given(each).ln() for each in forecasts])


def brier_skill(forecasts: Sequence[Forecast], market: Sequence[Forecast]) -> Decimal | None:
    """1 - ours / the market's on the same questions: above 0 is added value. None when the market made no
    error at all. ValueError when the questions differ."""
    if [each.happened for each in forecasts] != [each.happened for each in market]:
        raise ValueError("skill compares forecasts of the same questions")
    yardstick = brier(market)
    return None if yardstick == ZERO else ONE - brier(forecasts) / yardstick


def wilson(hits: int, trials: int) -> tuple[Decimal, Decimal]:
    """The 95 % interval of a rate after `hits` of `trials` (E. B. Wilson, 1927). No trials: 0 to 1."""
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits of {trials} trials")
    if trials == 0:
        return ZERO, ONE
    n, rate, z2 = Decimal(trials), Decimal(hits) / trials, Z_95**2
    centre = rate + z2 / (2 * n)
    reach = Z_95 * (rate * (ONE - rate) / n + z2 / (4 * n * n)).sqrt()
    low, high = (centre - reach) / (1 + z2 / n), (centre + reach) / (1 + z2 / n)
    # The formula reaches both ends exactly; the square root's last digit does not.
    return (ZERO if hits == 0 else max(low, ZERO)), (ONE if hits == trials else min(high, ONE))


def calibration_error(forecasts: Sequence[Forecast], bins: int = 10) -> Decimal:
    """Expected calibration error over at most `bins` bins of (nearly) equal count. ValueError for none."""
    ordered = sorted(forecasts, key=lambda each: each.probability)
    groups = [group for group in _split(ordered, bins) if group]
    gaps = [abs(_mean([f.probability for f in g]) - _mean([f.outcome for f in g])) * len(g) for g in groups]
    if not gaps:
        raise ValueError("no forecasts to score")
    return sum(gaps, ZERO) / len(forecasts)


def _split(ordered: Sequence[Forecast], bins: int) -> list[Sequence[Forecast]]:
    edges = [len(ordered) * number // bins for number in range(bins + 1)]
    return [ordered[start:end] for start, end in pairwise(edges)]


def _given(forecast: Forecast) -> Decimal:
    clipped = min(max(forecast.probability, CLIP), ONE - CLIP)
    return clipped if forecast.happened else ONE - clipped


def _mean(numbers: Sequence[Decimal]) -> Decimal:
    if not numbers:
        raise ValueError("no forecasts to score")
    return sum(numbers, ZERO) / len(numbers)
