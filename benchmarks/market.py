"""A yearly auction of a million orders: time, memory, and the ratio to ten thousand and to a plain loop.

    python benchmarks/market.py --orders 1000000

Orders are drawn from a seed and spread over some books. The plain loop fills the same small set order by
order from two heaps at the same prices; both must give every order the same.
"""

from __future__ import annotations

import argparse
import heapq
import time
import tracemalloc

import numpy as np
import pandas as pd

from gepbook.compensation.trading import auction

SMALL = 10_000
BOOKS = 18
DAYS = pd.date_range("2023-01-01", "2023-12-31").strftime("%Y-%m-%d").to_numpy()


def orders(count: int, seed: int) -> pd.DataFrame:
    """Return random orders whose bids and asks overlap."""
    rng = np.random.default_rng(seed)
    buys = rng.random(count) < 0.5
    return pd.DataFrame(
        {
            "product": rng.choice([f"product {n:02d}" for n in range(BOOKS)], count),
            "place": "全省",
            "order_id": [f"T{number:07d}" for number in rng.permutation(count)],
            "side": np.where(buys, auction.BUY, auction.SELL),
            "price_ticks": rng.integers(400, 1000, count) + 100 * buys,
            "lots": rng.integers(1, 100, count),
            "placed_on": rng.choice(DAYS, count),
        }
    )


def clear(count: int, seed: int, repeats: int) -> tuple[float, float, auction.Session]:
    """Return the least seconds of some auctions, the peak of what one allocates in MB, the result."""
    book = orders(count, seed)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        session = auction.clear(book)
        seconds.append(time.perf_counter() - start)
    tracemalloc.start()
    auction.clear(book)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    bought = session.filled[book["side"] == auction.BUY].sum()
    assert bought == session.filled.sum() - bought == session.trades["lots"].sum()
    return min(seconds), peak, session


def loop(book: pd.DataFrame, prices: pd.Series) -> tuple[float, dict[str, int]]:
    """Return the seconds of a plain loop over heaps at known prices, and what each order traded."""
    start = time.perf_counter()
    heaps: dict[tuple[str, str], list[list]] = {}
    filled = dict.fromkeys(book["order_id"], 0)
    for row in book.itertuples(index=False):
        price = prices[row.product]
        sign = -1 if row.side == auction.BUY else 1
        if sign * row.price_ticks <= sign * price:
            key = [sign * row.price_ticks, row.placed_on, row.order_id, row.lots]
            heapq.heappush(heaps.setdefault((row.product, row.side), []), key)
    for product in prices.index:
        bids, asks = (heaps.get((product, side), []) for side in (auction.BUY, auction.SELL))
        while bids and asks:
            lots = min(bids[0][-1], asks[0][-1])
            for heap in (bids, asks):
                filled[heap[0][2]] += lots
                heap[0][-1] -= lots
                if heap[0][-1] == 0:
                    heapq.heappop(heap)
    return time.perf_counter() - start, filled


def main() -> None:
    """Clear a large and a small set and print both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    large, peak, session = clear(args.orders, args.seed, args.repeats)
    small, little, few = clear(SMALL, args.seed, args.repeats)
    print(f"{args.orders:,} orders, {len(session.trades):,} trades: {large:.2f} s, {peak:.0f} MB")
    print(f"{SMALL:,} orders, {len(few.trades):,} trades: {small * 1e3:.0f} ms, {little:.1f} MB")
    print(f"{large / small:.0f} × the time for {args.orders / SMALL:.0f} × the orders")
    book = orders(SMALL, args.seed)
    prices = few.books.set_index("product")["price_ticks"]
    plain, filled = min((loop(book, prices) for _ in range(args.repeats)), key=lambda run: run[0])
    assert filled == dict(zip(book["order_id"], few.filled, strict=True))
    print(
        f"plain loop over heaps of {SMALL:,}, prices given: {plain / small:.1f} × the auction's time"
    )


if __name__ == "__main__":
    main()
