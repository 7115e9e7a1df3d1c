"""Each rule alone can stop a trade, and says why in figures."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from coliseum.domain import edge
from coliseum.domain.market import ExchangeStatus, Market, Side
from coliseum.domain.portfolio import Exposure
from coliseum.domain.risk import RULES, Limits, Proposal, gate, passes

LIMITS = Limits()


def failed(proposal: Proposal, limits: Limits = LIMITS) -> list[str]:
    return [check.rule for check in gate(proposal, limits) if not check.passed]


def test_a_sound_proposal_passes_every_rule(proposal: Proposal) -> None:
    checks = gate(proposal, LIMITS)
    assert len(checks) == len(RULES) == len({check.rule for check in checks})
    assert passes(checks)


def test_the_order_of_the_rules(proposal: Proposal) -> None:
    """What concerns everything comes first, cash and depth of this order last."""
    rules = [check.rule for check in gate(proposal, LIMITS)]
    wanted = "halt market_open close_buffer quote_age spread net_edge ev size per_trade market event series"
    wanted += " total positions daily_loss cash depth"
    assert [rule for rule in rules if rule in wanted.split()] == wanted.split()


def test_every_verdict_is_kept_even_when_the_first_rule_says_no(proposal: Proposal) -> None:
    checks = gate(replace(proposal, halted="HALT file found", quote=None, count=Decimal(0)), LIMITS)
    assert len(checks) == len(RULES)
    assert all(check.detail for check in checks)
    assert checks[0].detail == "HALT file found"


def with_market(proposal: Proposal, market: Market, **changes: object) -> Proposal:
    return replace(proposal, market=replace(market, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("market_open", {"status": "closed"}),
        ("close_buffer", {"close_time": timedelta(minutes=29)}),
        ("quote_age", {"quoted_at": timedelta(seconds=-61)}),
        ("quote_age", {"quoted_at": timedelta(seconds=61)}),
        ("volume", {"volume": Decimal(99)}),
        ("spread", {"yes_bid": Decimal("0.39")}),
    ],
)
def test_fault_11_the_market_s_rules(
    proposal: Proposal, market: Market, rule: str, change: dict[str, object]
) -> None:
    moved = {
        name: proposal.now + value if isinstance(value, timedelta) else value
        for name, value in change.items()
    }
    assert failed(with_market(proposal, market, **moved)) == [rule]


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("halt", {"halted": "daily loss"}),
        ("exchange", {"exchange": ExchangeStatus(exchange_active=True, trading_active=False)}),
        ("size", {"count": Decimal(0)}),
        ("market", {"exposure": Exposure(market=Decimal(950), event=Decimal(950), total=Decimal(950))}),
        ("event", {"exposure": Exposure(event=Decimal(1450), total=Decimal(1450))}),
        ("series", {"exposure": Exposure(series=Decimal(4950), total=Decimal(4900))}),
        ("total", {"exposure": Exposure(total=Decimal(4950))}),
        ("positions", {"exposure": Exposure(open_positions=10)}),
        ("daily_loss", {"realized_today": Decimal(-500)}),
        ("cash", {"cash": Decimal("52.75")}),
        ("depth", {"depth": Decimal(99)}),
        ("slippage", {"limit": Decimal("0.53")}),
    ],
)
def test_fault_11_the_account_s_rules(proposal: Proposal, rule: str, change: dict[str, object]) -> None:
    assert failed(replace(proposal, **change)) == [rule]  # type: ignore[arg-type]


def test_per_trade_counts_fees(proposal: Proposal) -> None:
    """100 at 0.51 are 51.00; with fees and rounding 52.76 at worst."""
    assert proposal.cost == Decimal("52.76")
    assert failed(proposal, replace(LIMITS, max_single_trade_usd=Decimal("52.75"))) == ["per_trade"]
    assert failed(proposal, replace(LIMITS, max_single_trade_usd=Decimal("52.76"))) == []


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        ("net_edge", replace(LIMITS, min_edge=Decimal("0.19"))),
        ("ev", replace(LIMITS, min_ev=Decimal("0.36"))),
    ],
)
def test_edge_and_return_must_be_worth_it(proposal: Proposal, rule: str, limits: Limits) -> None:
    assert failed(proposal, limits) == [rule]


def test_a_position_that_grows_is_not_one_more(proposal: Proposal) -> None:
    held = Exposure(market=Decimal(1), event=Decimal(1), total=Decimal(1), open_positions=10)
    assert failed(replace(proposal, exposure=held)) == []


def test_abstain_when_the_price_lies_within_the_forecast_s_own_error(proposal: Proposal) -> None:
    unsure = replace(proposal, belief=replace(proposal.belief, low=Decimal("0.45")))
    assert failed(unsure) == ["belief_interval"]
    assert failed(unsure, replace(LIMITS, abstain_within_interval=False)) == []


def test_an_interval_narrower_than_believable_is_widened(proposal: Proposal) -> None:
    certain = replace(proposal.belief, low=Decimal("0.70"), high=Decimal("0.70"))
    limits = replace(LIMITS, min_belief_width=Decimal("0.44"))
    assert failed(replace(proposal, belief=certain), limits) == ["belief_interval"]


def test_nothing_on_offer_fails_closed(proposal: Proposal, market: Market) -> None:
    empty = with_market(replace(proposal, quote=None), market, yes_bid=None, yes_ask=None)
    assert {"spread", "belief_interval", "net_edge", "ev", "slippage"} <= set(failed(empty))


def test_a_limit_below_the_ask_is_no_slippage(proposal: Proposal) -> None:
    """Improvement is never held against a trade."""
    assert failed(replace(proposal, limit=Decimal("0.45"))) == []


def test_no_verdict_is_no_permission() -> None:
    assert not passes(())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kelly_fraction", Decimal(2)),
        ("max_position_pct", Decimal(0)),
        ("max_daily_loss_pct", Decimal("NaN")),
        ("min_edge", Decimal("-0.01")),
        ("max_open_positions", -1),
    ],
)
def test_limits_that_make_no_sense_are_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        replace(LIMITS, **{field: value})  # type: ignore[arg-type]


def test_no_side_is_judged_by_its_own_prices(proposal: Proposal) -> None:
    """NO is offered at 0.52 because YES is bid at 0.48."""
    no = edge.quote(Side.NO, Decimal("0.52"), Decimal("0.20"), proposal.fees)
    belief = replace(proposal.belief, probability=Decimal("0.20"), low=Decimal("0.1"), high=Decimal("0.3"))
    assert failed(replace(proposal, quote=no, belief=belief, limit=Decimal("0.54"))) == []
    assert failed(replace(proposal, quote=no, belief=belief, limit=Decimal("0.55"))) == ["slippage"]
