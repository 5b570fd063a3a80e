r"""Order books and their clearing at one price each (集合竞价).

A book holds the orders of one right in one place. It is called once a year and clears at a uniform
price. Prices are whole ticks and quantities whole lots, so that nothing is rounded here.

Notes
-----
With demand :math:`D(p)` the lots bid at :math:`p` or more and supply :math:`S(p)` the lots asked at
:math:`p` or less, the price is the one

1. that trades most, :math:`\max \min(D, S)`;
2. of these, that leaves the smallest surplus, :math:`\min |D - S|`;
3. of these, in the middle; half a tick goes down.

Both sets are intervals, because :math:`D` never rises and :math:`S` never falls with the price. On the
longer side better prices go first, then earlier days, then order numbers as text.

Source: no auction rule is published for these rights (浙委办发〔2021〕82号 四(四) names what is traded);
steps 1 and 2 are those of opening calls on stock exchanges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

Whole = npt.NDArray[np.int64]
BUY, SELL = "buy", "sell"
BOOK = ["product", "place"]
#: Columns of `clear`'s orders.
ORDER = [*BOOK, "order_id", "side", "price_ticks", "lots", "placed_on"]

BOOK_COLUMNS = [
    *BOOK, "bids", "asks", "bid_lots", "ask_lots", "traded_lots", "price_ticks",
]  # fmt: skip


@dataclass(frozen=True)
class Session:
    """All books of a year, cleared.

    Parameters
    ----------
    books : DataFrame
        `product`, `place`, numbers of `bids` and `asks`, `bid_lots`, `ask_lots`, `traded_lots`,
        `price_ticks` (missing where nothing trades); in the order of product and place.
    filled : Series of int64
        Lots traded by order, index as the orders.
    trades : DataFrame
        `product`, `place`, `number` (from 1 in each book), `buy_order`, `sell_order`, `lots`,
        `price_ticks`.
    """

    books: pd.DataFrame
    filled: pd.Series
    trades: pd.DataFrame


def clearing_price(
    bid_ticks: Whole, bid_lots: Whole, ask_ticks: Whole, ask_lots: Whole
) -> int | None:
    """Return the price at which a book clears, or None where bids and asks do not meet.

    Parameters
    ----------
    bid_ticks, bid_lots : array of int64, shape (bids,)
        Limit price in ticks and quantity in lots of each bid.
    ask_ticks, ask_lots : array of int64, shape (asks,)
        The same of each ask.

    Returns
    -------
    int or None, ticks
        See the module's notes; between two limits where that is the middle.
    """
    limits = np.unique(np.concatenate([bid_ticks, ask_ticks]))
    if not (len(bid_ticks) and len(ask_ticks)):
        return None
    demand, supply = _demand(limits, bid_ticks, bid_lots), _supply(limits, ask_ticks, ask_lots)
    # Nothing changes strictly between two limits: every limit is a piece, every gap another.
    low = np.concatenate([limits, limits[:-1] + 1])
    high = np.concatenate([limits, limits[1:] - 1])
    demand, supply = np.append(demand, demand[1:]), np.append(supply, supply[:-1])
    volume = np.where(low <= high, np.minimum(demand, supply), 0)
    most = volume.max()
    if most == 0:
        return None
    surplus = np.where(volume == most, np.abs(demand - supply), np.iinfo(np.int64).max)
    best = surplus == surplus.min()
    return int(low[best].min() + high[best].max()) // 2


def _demand(prices: Whole, ticks: Whole, lots: Whole) -> Whole:
    """Return the lots bid at some prices or more."""
    order = np.argsort(ticks)
    below = np.concatenate([[0], np.cumsum(lots[order])])
    return below[-1] - below[np.searchsorted(ticks[order], prices, side="left")]


def _supply(prices: Whole, ticks: Whole, lots: Whole) -> Whole:
    """Return the lots asked at some prices or less."""
    order = np.argsort(ticks)
    upto = np.concatenate([[0], np.cumsum(lots[order])])
    return upto[np.searchsorted(ticks[order], prices, side="right")]


def fills(lots: Whole, volume: int) -> Whole:
    """Return what each order of a side trades, the orders standing in the order of their priority.

    Parameters
    ----------
    lots : array of int64, shape (orders,)
    volume : int
        Lots that the side trades, at most the sum of `lots`.
    """
    before = np.cumsum(lots) - lots
    return np.clip(volume - before, 0, lots)


def pairs(bought: Whole, sold: Whole) -> tuple[Whole, Whole, Whole]:
    """Return who trades how much with whom, in the order of priority on both sides.

    Buyers and sellers are laid along one line of lots; every stretch between two ends is a trade.

    Parameters
    ----------
    bought, sold : array of int64
        Lots of each order; both sum to the same volume.

    Returns
    -------
    buyer, seller : array of int64, shape (trades,)
        Positions in `bought` and `sold`.
    lots : array of int64, shape (trades,)
        Above 0.
    """
    bought_upto, sold_upto = np.cumsum(bought), np.cumsum(sold)
    ends = np.sort(np.concatenate([bought_upto, sold_upto]), kind="stable")  # two rising runs
    lots = np.diff(ends, prepend=0)
    ends, lots = ends[lots > 0], lots[lots > 0]
    return np.searchsorted(bought_upto, ends), np.searchsorted(sold_upto, ends), lots


def clear(orders: pd.DataFrame) -> Session:
    """Clear all books (撮合).

    Parameters
    ----------
    orders : DataFrame, columns `ORDER`
        `side` is `buy` or `sell`; `price_ticks` and `lots` whole numbers, lots above 0; `placed_on`
        as `YYYY-MM-DD`. The order of rows does not matter.

    Returns
    -------
    Session
        No order trades beyond its limit or its quantity; each trade has one buyer and one seller.
        In a book that trades, the shorter side of those who accept the price is filled, so that no bid
        above the price is left beside an ask below it.
    """
    ticks = orders["price_ticks"].to_numpy(dtype="int64")
    lots = orders["lots"].to_numpy(dtype="int64")
    buys = (orders["side"] == BUY).to_numpy()
    arrival = _arrival(orders)
    filled = np.zeros(len(orders), dtype="int64")
    books: list[dict[str, Any]] = []
    trades: list[tuple[int, Whole, Whole, Whole]] = []
    for (product, place), members in sorted(orders.groupby(BOOK).indices.items()):
        bids, asks = members[buys[members]], members[~buys[members]]
        price = clearing_price(ticks[bids], lots[bids], ticks[asks], lots[asks])
        found = {
            "product": product,
            "place": place,
            "bids": len(bids),
            "asks": len(asks),
            "bid_lots": int(lots[bids].sum()),
            "ask_lots": int(lots[asks].sum()),
            "traded_lots": 0,
            "price_ticks": price,
        }
        if price is not None:
            bids, asks = bids[ticks[bids] >= price], asks[ticks[asks] <= price]
            bids = bids[np.lexsort((arrival[bids], -ticks[bids]))]
            asks = asks[np.lexsort((arrival[asks], ticks[asks]))]
            volume = min(int(lots[bids].sum()), int(lots[asks].sum()))
            filled[bids], filled[asks] = fills(lots[bids], volume), fills(lots[asks], volume)
            buyer, seller, quantity = pairs(filled[bids], filled[asks])
            trades.append((len(books), bids[buyer], asks[seller], quantity))
            found["traded_lots"] = volume
        books.append(found)
    table = pd.DataFrame(books, columns=BOOK_COLUMNS).astype({"price_ticks": "Int64"})
    return Session(table, pd.Series(filled, index=orders.index), _trades(orders, table, trades))


def _arrival(orders: pd.DataFrame) -> Whole:
    """Return the rank of each order by day and number."""
    keys = pa.table({name: pa.array(orders[name]) for name in ("placed_on", "order_id")})
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    rank = np.empty(len(orders), dtype="int64")
    rank[order.to_numpy()] = np.arange(len(orders))
    return rank


def _trades(
    orders: pd.DataFrame, books: pd.DataFrame, found: list[tuple[int, Whole, Whole, Whole]]
) -> pd.DataFrame:
    """Return the trades of all books as one table: (book, buyers, sellers, lots) by positions."""
    none = np.array([], dtype="int64")
    buyer, seller, lots = (
        np.concatenate([none, *(trade[part] for trade in found)]) for part in (1, 2, 3)
    )
    counts = [len(quantity) for *_, quantity in found]
    book = books.take(np.repeat([number for number, *_ in found] or none, counts or none))
    ids = orders["order_id"]
    return pd.DataFrame(
        {
            "product": book["product"].array,
            "place": book["place"].array,
            "number": np.concatenate([none, *(np.arange(1, n + 1) for n in counts)]),
            "buy_order": ids.take(buyer).array,
            "sell_order": ids.take(seller).array,
            "lots": lots,
            "price_ticks": book["price_ticks"].to_numpy("int64"),
        }
    )
