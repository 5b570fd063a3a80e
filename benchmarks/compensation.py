"""All compensation schemes of the province: seconds and share of each scheme, and the memory.

    python benchmarks/compensation.py --release zhejiang-open

Reads the ledgers of a release that has run; the ratio says how many times as long as reading these
ledgers all schemes take.
"""

from __future__ import annotations

import resource
import time

import released

from gepbook import params
from gepbook.compensation import SCHEMES, flows
from gepbook.province import Province, Registers


def main() -> None:
    """Compute every scheme of a year and print what it took."""
    run, pool, reading = released.read("compensation", __doc__)
    rules = params.resolve(None, run.year, run.task.standard)
    province = Province(pool, Registers(run.pack, run.year), rules)
    seconds, rows = {}, []
    for scheme in SCHEMES:
        start = time.perf_counter()
        assert not scheme.check(province.registers, rules)
        rows += scheme.compute(province).flows
        seconds[scheme.id] = time.perf_counter() - start
    paid = flows.build(rows, run.year)
    whole = sum(seconds.values())
    for name, took in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"{name:14} {took:6.2f} s  {took / whole:5.1%}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"all schemes {whole:.2f} s, {whole / reading:.1f} × reading {len(pool):,} ledger rows")
    print(f"{len(paid):,} payments, {paid['amount_cny'].sum() / 1e8:,.1f} 1e8 CNY; {memory:.2f} GB")


if __name__ == "__main__":
    main()
