"""The auction: its price, its fills and its trades; budgets, balances and rules of trading."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gepbook.compensation.trading import auction, budgets
from gepbook.compensation.trading.budgets import KEY, RightsTradingParams
from gepbook.errors import ParameterError
from gepbook.params import resolve

PARAMS = resolve(None, 2023, "db33-2020")
RULES = PARAMS.section("rights_trading", RightsTradingParams)
LIMITS = 12  # ticks in books made up at random, few so that ties are many


def orders(*rows, product="carbon_sink", place="全省"):
    """Return orders from (id, side, ticks, lots, day)."""
    frame = pd.DataFrame(rows, columns=["order_id", "side", "price_ticks", "lots", "placed_on"])
    frame["placed_on"] = "2023-03-" + frame["placed_on"].astype("str").str.zfill(2)
    return frame.assign(product=product, place=place)


def filled(session, book):
    return dict(zip(book["order_id"], session.filled, strict=True))


def price_of(bids, asks):
    """Return the clearing price of (ticks, lots) on both sides."""
    columns = [np.array(c, dtype="int64").reshape(-1, 2) for c in (bids, asks)]
    (bid, ask) = columns
    return auction.clearing_price(bid[:, 0], bid[:, 1], ask[:, 0], ask[:, 1])


class TestByHand:
    # ticks   demand (bids ≥ p)   supply (asks ≤ p)   volume
    #  40      10+20+15 = 45        12                  12
    #  44      10+20+15 = 45        12+18 = 30          30   surplus 15
    #  45      10+20    = 30        30                  30   surplus 0
    #  48      10+20    = 30        30                  30   surplus 0
    #  50      10       = 10        30+25 = 55          10
    # 45 is above the bid of 44, 48 the second bid: any price from 45 to 48 trades 30 with no surplus.
    # The middle of 45 and 48 is 46.5; half a tick goes down: 46.
    BOOK = orders(
        ("B1", "buy", 55, 10, 1),
        ("B2", "buy", 48, 20, 2),
        ("B3", "buy", 44, 15, 3),
        ("S1", "sell", 40, 12, 4),
        ("S2", "sell", 44, 18, 5),
        ("S3", "sell", 50, 25, 6),
    )

    def test_price_volume_and_fills(self):
        session = auction.clear(self.BOOK)
        assert session.books.to_dict("records") == [
            {
                "product": "carbon_sink", "place": "全省", "bids": 3, "asks": 3, "bid_lots": 45,
                "ask_lots": 55, "traded_lots": 30, "price_ticks": 46,
            }
        ]  # fmt: skip
        expected = {"B1": 10, "B2": 20, "B3": 0, "S1": 12, "S2": 18, "S3": 0}
        assert filled(session, self.BOOK) == expected

    def test_every_trade_has_a_buyer_and_a_seller(self):
        trades = auction.clear(self.BOOK).trades
        # buyers B1 0–10, B2 10–30; sellers S1 0–12, S2 12–30: ends at 10, 12, 30
        columns = ["number", "buy_order", "sell_order", "lots", "price_ticks"]
        assert trades[columns].to_numpy().tolist() == [
            [1, "B1", "S1", 10, 46],
            [2, "B2", "S1", 2, 46],
            [3, "B2", "S2", 18, 46],
        ]


class TestPrice:
    def test_single_price_when_limits_are_equal(self):
        assert price_of([(7, 3), (7, 4)], [(7, 5)]) == 7

    def test_lies_between_limits_where_only_there_no_surplus_is_left(self):
        # at 90: demand 20, supply 10; 91–99: 10 and 10; at 100: 10 and 20
        assert price_of([(90, 10), (100, 10)], [(90, 10), (100, 10)]) == 95

    def test_most_volume_goes_before_least_surplus(self):
        # at 9–10: 5 and 5, no surplus; at 5–8: demand 5 + 20, supply 5 … 8: 5 + 1 → 6 traded
        assert price_of([(10, 5), (8, 20)], [(4, 5), (8, 1)]) == 8

    def test_middle_of_one_bid_and_one_ask_goes_down_by_half_a_tick(self):
        assert price_of([(10, 5)], [(7, 9)]) == 8  # 8.5

    @pytest.mark.parametrize(
        ("bids", "asks"),
        [([(5, 3)], [(6, 3)]), ([], [(6, 3)]), ([(5, 3)], []), ([], [])],
        ids=["apart", "no bids", "no asks", "nobody"],
    )
    def test_none_where_nothing_trades(self, bids, asks):
        assert price_of(bids, asks) is None


class TestMargin:
    def test_better_prices_then_earlier_days_then_numbers(self):
        book = orders(
            ("B4", "buy", 10, 5, 1),
            ("B3", "buy", 10, 5, 2),
            ("B2", "buy", 10, 5, 2),
            ("B1", "buy", 11, 5, 9),
            ("S1", "sell", 10, 13, 1),
        )
        session = auction.clear(book)
        # 13 lots: B1 5 by price, B4 5 by day, B2 3 by number before B3
        assert filled(session, book) == {"B4": 5, "B3": 0, "B2": 3, "B1": 5, "S1": 13}
        assert session.trades["buy_order"].tolist() == ["B1", "B4", "B2"]

    def test_sellers_are_rationed_alike(self):
        book = orders(("S2", "sell", 4, 6, 3), ("S1", "sell", 4, 6, 3), ("B1", "buy", 9, 8, 1))
        assert filled(auction.clear(book), book) == {"S2": 2, "S1": 6, "B1": 8}

    def test_order_alone_stays(self):
        book = orders(("B1", "buy", 9, 8, 1))
        session = auction.clear(book)
        assert filled(session, book) == {"B1": 0}
        assert session.books["price_ticks"].isna().all()
        assert session.trades.empty

    def test_no_orders_at_all(self):
        session = auction.clear(orders())
        assert session.books.empty
        assert session.trades.empty
        assert list(session.trades) == list(auction.clear(TestByHand.BOOK).trades)

    def test_books_do_not_meet(self):
        water = [
            orders(("B1", "buy", 9, 8, 1), product="water_right", place="苕溪"),
            orders(("S1", "sell", 5, 8, 1), product="water_right", place="瓯江"),
        ]
        session = auction.clear(pd.concat(water, ignore_index=True))
        assert session.books["traded_lots"].tolist() == [0, 0]


order_lists = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.integers(1, LIMITS),
        st.integers(1, 9),
        st.integers(1, 3),
        st.sampled_from(["carbon_sink", "energy_use_right"]),
    ),
    min_size=1,
    max_size=25,
)


def from_list(rows):
    book = orders(*[(f"T{number:02d}", *row[:4]) for number, row in enumerate(rows)])
    return book.assign(product=[row[4] for row in rows])


def at_every_tick(book):
    """Return volume and surplus at every price, counted order by order."""
    placed = list(zip(book["side"], book["price_ticks"], book["lots"], strict=True))
    found = {}
    for price in range(LIMITS + 2):
        demand = sum(lots for side, limit, lots in placed if side == "buy" and limit >= price)
        supply = sum(lots for side, limit, lots in placed if side == "sell" and limit <= price)
        found[price] = (min(demand, supply), abs(demand - supply))
    return found


@settings(max_examples=80, deadline=None)
@given(order_lists)
def test_auction_holds_what_it_promises(rows):
    book = from_list(rows)
    session = auction.clear(book)
    book["filled"] = session.filled
    for row in session.books.itertuples():
        own = book[book["product"] == row.product]
        bids, asks = own[own["side"] == "buy"], own[own["side"] == "sell"]
        trades = session.trades[session.trades["product"] == row.product]
        by_price = at_every_tick(own)
        most = max(volume for volume, _ in by_price.values())
        assert row.traded_lots == most == bids["filled"].sum() == asks["filled"].sum()
        assert trades["lots"].sum() == most
        assert own["filled"].between(0, own["lots"]).all()
        if most == 0:
            assert row.price_ticks is pd.NA
            continue
        price = row.price_ticks
        best = min(key[1] for key in by_price.values() if key[0] == most)
        allowed = [p for p, key in by_price.items() if key == (most, best)]
        assert price == (allowed[0] + allowed[-1]) // 2
        assert (bids.loc[bids["filled"] > 0, "price_ticks"] >= price).all()
        assert (asks.loc[asks["filled"] > 0, "price_ticks"] <= price).all()
        bids_left = bids[(bids["filled"] < bids["lots"]) & (bids["price_ticks"] > price)]
        asks_left = asks[(asks["filled"] < asks["lots"]) & (asks["price_ticks"] < price)]
        assert bids_left.empty or asks_left.empty
    lots = session.trades["lots"]
    assert (lots > 0).all()
    for column in ("buy_order", "sell_order"):
        traded = lots.groupby(session.trades[column]).sum()
        side = book[(book["side"] == column.partition("_")[0]) & (book["filled"] > 0)]
        assert traded.to_dict() == side.set_index("order_id")["filled"].to_dict()


@settings(max_examples=30, deadline=None)
@given(order_lists, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows, random):
    book = from_list(rows)
    mixed = list(book.index)
    random.shuffle(mixed)
    first, second = auction.clear(book), auction.clear(book.loc[mixed])
    pd.testing.assert_frame_equal(first.books, second.books)
    pd.testing.assert_frame_equal(first.trades, second.trades)
    pd.testing.assert_series_equal(first.filled, second.filled.reindex(book.index))


@settings(max_examples=30, deadline=None)
@given(order_lists)
def test_larger_bid_never_lowers_what_is_traded(rows):
    book = from_list(rows)
    more = book.assign(lots=book["lots"] + (book["side"] == "buy"))
    assert (
        auction.clear(more).books["traded_lots"].sum()
        >= auction.clear(book).books["traded_lots"].sum()
    )


def test_pairs_meet_every_lot_once():
    buyer, seller, lots = auction.pairs(np.array([3, 0, 4]), np.array([2, 5]))
    # ends 2, 3, 7: buyer 0 with seller 0, buyer 0 with seller 1, buyer 2 with seller 1
    assert (buyer.tolist(), seller.tolist(), lots.tolist()) == ([0, 0, 2], [0, 1, 1], [2, 1, 4])


def budget(*rows):
    """Return budgets from (county, product, limit, allocated, used)."""
    columns = ["county_code", "product", "limit_quantity", "allocated_quantity", "used_quantity"]
    return pd.DataFrame(rows, columns=columns).assign(place="全省", year=2023)


class TestBudgets:
    def test_what_is_left_is_held_in_whole_lots(self):
        table = budget(
            ("330102", "carbon_sink", 100, 80, 55),
            ("330105", "carbon_sink", 100, 80, 95),
            ("330106", "carbon_sink", 90, 80, 95),
        )
        held = budgets.holdings(table, RULES)
        assert held["available_quantity"].tolist() == [25, 0, 0]
        assert held["opening_lots"].tolist() == [2, 0, 0]  # lots of 10 t
        assert held["lacking_quantity"].tolist() == [0, 15, 15]
        assert held["over_limit"].tolist() == [False, False, True]

    def test_lots_of_a_tenth_are_counted_exactly(self):
        held = budgets.holdings(budget(("330102", "ecological_land", 1, 0.3, 0.1)), RULES)
        assert held["opening_lots"].tolist() == [2]  # (0.3 − 0.1) / 0.1 is below 2 in binary

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6))
    def test_balances_close(self, moves):
        codes = [f"33010{number}" for number in range(len(moves))]
        held = pd.DataFrame({"county_code": codes, "product": "carbon_sink", "place": "全省"})
        held["opening_lots"] = [sold for _, sold in moves]
        rows = pd.concat(
            held[KEY].assign(side=side, filled_lots=[move[number] for move in moves])
            for number, side in enumerate(("buy", "sell"))
        )
        table = budgets.balances(held, rows)
        closing = table["opening_lots"] + table["bought_lots"] - table["sold_lots"]
        assert (table["closing_lots"] == closing).all()
        assert table["closing_lots"].tolist() == [bought for bought, _ in moves]

    def test_who_did_not_trade_keeps_all(self):
        held = budgets.holdings(budget(("330102", "carbon_sink", 100, 80, 50)), RULES)
        other = pd.DataFrame(columns=[*KEY, "side", "filled_lots"]).astype({"filled_lots": "int64"})
        table = budgets.balances(held, other)
        assert table[["opening_lots", "closing_lots"]].to_numpy().tolist() == [[3, 3]]


class TestRules:
    RIGHT = {"lot": 10, "price_floor": 20, "price_ceiling": 150, "price_tick": 0.1}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"price_floor": 200}, "must be below price_ceiling"),
            ({"lot": 0}, "greater than 0"),
            ({"price_tick": 0.0001}, "whole cents"),
            ({"lot": 0.333}, "whole cents"),
            ({"scope": "prefecture"}, "'province' or 'basin'"),
        ],
    )
    def test_refused(self, change, message):
        with pytest.raises(ValidationError, match=message):
            budgets.Right(**{**self.RIGHT, "scope": "province", **change})

    def test_price_of_a_lot_at_a_tick_is_whole_cents(self):
        for right in RULES.rights.values():
            assert right.tick_cents >= 1
        assert budgets.Right(**self.RIGHT, scope="province").tick_cents == 100  # 10 t × 0.1 CNY

    @pytest.mark.parametrize("basins", [["瓯江", "瓯江"], ["全省"], []])
    def test_basins_differ(self, basins):
        entries = dict(PARAMS.entries)
        key = "rights_trading.basins"
        entries[key] = entries[key].model_copy(update={"value": basins})
        with pytest.raises(ParameterError, match="basins"):
            PARAMS.model_copy(update={"entries": entries}).section(
                "rights_trading", RightsTradingParams
            )

    def test_water_moves_in_eight_basins_and_the_rest_in_the_province(self):
        assert len(RULES.places("water_right")) == 8
        assert RULES.places("carbon_sink") == ("全省",)
