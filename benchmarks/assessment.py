"""The assessment of the province: seconds and share of each topic, and of ranks by draws.

    python benchmarks/assessment.py --release zhejiang-open

Reads the ledgers of a release that has run; the ratio says how many times as long as reading these
ledgers all topics take, for one year and for every year of the pack.
"""

from __future__ import annotations

import resource
import time

import numpy as np
import released

from gepbook import params
from gepbook.accounting import pool as accounts
from gepbook.assessment import TOPICS, dual, growth_draws
from gepbook.assessment.topic import Evidence, TopicResult
from gepbook.province import Registers


def main() -> None:
    """Compute every topic of a year and print what it took."""
    run, pool, reading = released.read("assessment", __doc__)
    rules = params.resolve(None, run.year, run.task.standard)
    evidence = Evidence(pool, Registers(run.pack, run.year), rules, accounts.read_draws(run))
    seconds: dict[str, float] = {}
    found: dict[str, TopicResult] = {}
    for topic in TOPICS:
        start = time.perf_counter()
        assert not topic.check(evidence.registers, rules)
        found[topic.id] = topic.compute(evidence, found)
        seconds[topic.id] = time.perf_counter() - start
    whole = sum(seconds.values())
    for name, took in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{name:12} {took:6.2f} s  {took / whole:5.1%}")
    years, codes = evidence.years, evidence.county_codes
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{len(codes)} counties × {len(years)} years: {whole:.2f} s, {whole / reading:.1f} × reading "
        f"{len(pool):,} ledger rows; {memory:.2f} GB"
    )
    settings = evidence.rules(growth_draws.SECTION, growth_draws.GrowthDrawsParams)
    start = time.perf_counter()
    gdp, gep = dual.draw_growth(evidence, codes, settings)
    drawing = time.perf_counter() - start
    start = time.perf_counter()
    weights = dual.gdp_weights(evidence, evidence.rules(dual.SECTION, dual.DualParams))
    drawn = dual.index(
        gdp, gep, weights[codes].to_numpy(), evidence.rules(dual.SECTION, dual.DualParams)
    )
    dual.ahead(drawn)
    ranking = time.perf_counter() - start
    start = time.perf_counter()
    some = drawn[:200]
    np.mean([[[d[a] > d[b] for b in range(len(codes))] for a in range(len(codes))] for d in some])
    looping = (time.perf_counter() - start) * len(drawn) / len(some)
    print(
        f"rank probabilities of {len(codes)} counties, {len(drawn):,} draws: drawing {drawing:.2f} s, "
        f"index and pairs {ranking:.2f} s; a loop over draws and pairs {looping / ranking:,.0f} ×"
    )


if __name__ == "__main__":
    main()
