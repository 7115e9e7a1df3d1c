"""Scores agree with their definitions on numbers that can be checked by hand."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coliseum.domain.scoring import Forecast, brier, brier_skill, calibration_error, log_loss, wilson


def forecasts(*pairs: tuple[str, bool]) -> list[Forecast]:
    return [Forecast(Decimal(probability), happened) for probability, happened in pairs]


def test_brier() -> None:
    assert brier(forecasts(("0.8", True), ("0.3", False))) == Decimal("0.065")
    assert brier(forecasts(("0.5", True), ("0.5", False))) == Decimal("0.25")
    assert brier(forecasts(("1", True), ("0", False))) == 0


def test_skill_is_what_is_better_than_the_market() -> None:
    ours = forecasts(("0.8", True), ("0.3", False))
    assert brier_skill(ours, forecasts(("0.5", True), ("0.5", False))) == Decimal("0.74")
    assert brier_skill(ours, ours) == 0
    assert brier_skill(ours, forecasts(("1", True), ("0", False))) is None


def test_skill_needs_the_same_questions() -> None:
    with pytest.raises(ValueError, match="same questions"):
        brier_skill(forecasts(("0.8", True)), forecasts(("0.8", False)))


def test_log_loss_is_clipped() -> None:
    """A certain mistake costs ln 1000 and not infinity."""
    assert log_loss(forecasts(("0.5", True))).quantize(Decimal("0.0001")) == Decimal("0.6931")
    assert log_loss(forecasts(("0", True))).quantize(Decimal("0.0001")) == Decimal("6.9078")


def test_wilson_of_a_perfect_record_still_allows_losses() -> None:
    """49 of 49 leaves room for a loss rate of about 7 %."""
    low, high = wilson(49, 49)
    assert low.quantize(Decimal("0.001")) == Decimal("0.927")
    assert high == 1
    assert wilson(0, 0) == (Decimal(0), Decimal(1))


@given(st.integers(0, 200), st.integers(0, 200))
def test_wilson_holds_the_rate(first: int, second: int) -> None:
    hits, trials = min(first, second), max(first, second, 1)
    low, high = wilson(hits, trials)
    assert 0 <= low <= Decimal(hits) / trials <= high <= 1


def test_wilson_refuses_more_hits_than_trials() -> None:
    with pytest.raises(ValueError, match="3 hits of 2"):
        wilson(3, 2)


def test_calibration_error() -> None:
    perfect = forecasts(*[("0.5", True), ("0.5", False)] * 5)
    assert calibration_error(perfect, bins=1) == 0
    assert calibration_error(forecasts(("0.2", True), ("0.9", True)), bins=2) == Decimal("0.45")


@pytest.mark.parametrize("score", [brier, log_loss, calibration_error])
def test_no_forecasts_have_no_score(score: object) -> None:
    assert callable(score)
    with pytest.raises(ValueError, match="no forecasts"):
        score([])
