"""Price comes before time, time before size; nobody trades with himself."""

from decimal import Decimal

from coliseum.sandbox.exchange.matching import BookSide, Incoming, Matched, Resting, SelfTrade, match

D = Decimal


def resting(price: str, count: str, time: int, owner: str = "crowd") -> Resting:
    return Resting(D(price), D(count), (0, 0, time), owner, f"{owner}-{time}")


def incoming(side: str, limit: str, count: str, prevention: SelfTrade = SelfTrade.TAKER_AT_CROSS) -> Incoming:
    return Incoming(BookSide(side), D(limit), D(count), "user", prevention)


def met(matched: Matched) -> list[tuple[str, Decimal]]:
    return [(trade.resting.order_id, trade.count) for trade in matched.trades]


def test_the_cheapest_offer_trades_first() -> None:
    book = [resting("0.60", "5", 1), resting("0.58", "5", 2), resting("0.59", "5", 3)]
    assert met(match(incoming("bid", "0.60", "12"), book)) == [
        ("crowd-2", D(5)),
        ("crowd-3", D(5)),
        ("crowd-1", D(2)),
    ]


def test_the_highest_bid_is_sold_to_first() -> None:
    book = [resting("0.50", "5", 1), resting("0.52", "5", 2)]
    assert met(match(incoming("ask", "0.50", "7"), book)) == [("crowd-2", D(5)), ("crowd-1", D(2))]


def test_at_one_price_the_earliest_trades_first_whatever_its_size() -> None:
    book = [resting("0.58", "100", 9), resting("0.58", "1", 2), resting("0.58", "3", 5)]
    assert met(match(incoming("bid", "0.58", "6"), book)) == [
        ("crowd-2", D(1)),
        ("crowd-5", D(3)),
        ("crowd-9", D(2)),
    ]


def test_a_price_beyond_the_limit_is_left_alone() -> None:
    book = [resting("0.58", "5", 1), resting("0.59", "5", 2)]
    assert match(incoming("bid", "0.58", "9"), book).count == 5
    assert not match(incoming("ask", "0.60", "9"), book).trades


def test_a_taker_stops_where_it_would_meet_its_owner_and_keeps_what_it_got() -> None:
    book = [resting("0.57", "5", 1), resting("0.58", "5", 2, "user"), resting("0.59", "5", 3)]
    matched = match(incoming("bid", "0.60", "15"), book)
    assert met(matched) == [("crowd-1", D(5))]
    assert matched.stopped
    assert not matched.displaced


def test_with_maker_prevention_the_resting_order_gives_way() -> None:
    book = [resting("0.57", "5", 1), resting("0.58", "5", 2, "user"), resting("0.59", "5", 3)]
    matched = match(incoming("bid", "0.60", "10", SelfTrade.MAKER), book)
    assert met(matched) == [("crowd-1", D(5)), ("crowd-3", D(5))]
    assert matched.displaced == ("user-2",)
    assert not matched.stopped
