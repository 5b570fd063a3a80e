"""Monte Carlo bands of the whole province: wall time, memory, and the ratio to one plain account.

    python benchmarks/monte_carlo.py --draws 10000 --workers 2

Each county's draws are made in a worker process and summed; the ratio says how many plain accounts of
the province one could compute in the same time.
"""

from __future__ import annotations

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import pandas as pd

from gepbook import counties
from gepbook.accounting import account, standards, uncertainty
from gepbook.prices import ComparablePrices, PriceBook
from gepbook.run import Run


def county(code: str, year: int, draws: int, standard: str) -> tuple[pd.DataFrame, float, float]:
    """Return a county's draws, the seconds of its plain account, and the worker's memory in GB."""
    run = Run.open("accounting", code, year)
    profile = standards.read(standard)
    book = PriceBook.read().choosing(profile.prices)
    base = run.params.section("comparable_prices", ComparablePrices).year
    start = time.perf_counter()
    account.account(run.inputs(), run.params, profile, book, base)
    plain = time.perf_counter() - start
    values, _ = uncertainty.Uncertainty(run.inputs(), run.params, profile, book).draws(draws)
    return values, plain, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Draw all counties and print the province's band."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--year", type=int, default=2023)
    parser.add_argument("--standard", default="db33-2020")
    args = parser.parse_args()
    codes = list(counties.read().index)
    start, total, plain, peak = time.perf_counter(), None, 0.0, 0.0
    work = partial(county, year=args.year, draws=args.draws, standard=args.standard)
    with ProcessPoolExecutor(args.workers) as pool:
        for values, seconds, memory in pool.map(work, codes):
            total = values if total is None else total.add(values, fill_value=0.0)
            plain, peak = plain + seconds, max(peak, memory)
    wall = time.perf_counter() - start
    assert total is not None
    band = uncertainty.bands(total).loc["gep"] / 1e8
    print(f"{args.draws} draws × {len(codes)} counties: {wall:.0f} s on {args.workers} processes")
    print(f"GEP of the province, 5–95 %: {band['low']:,.0f}–{band['high']:,.0f} 1e8 CNY")
    print(f"{wall * args.workers / plain:.1f} × a plain account; largest worker {peak:.2f} GB")


if __name__ == "__main__":
    main()
