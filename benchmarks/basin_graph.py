"""Compensation along a river of many counties: time, memory, and the ratio to a river of 90.

    python benchmarks/basin_graph.py --counties 2800

The river is a random tree towards one mouth in which some counties flow into a second one downstream, so
that branches join again. The ratio says how many rivers of 90 counties one could settle in the same time.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import networkx as nx
import numpy as np
import pandas as pd

from gepbook.compensation.horizontal import basin

SMALL = 90
REACH = 40  # how far down the list the next county is


def river(counties: int, bifurcations: float, seed: int) -> tuple[nx.DiGraph, pd.Series, pd.Series]:
    """Return a random river, and the claims and weights of its counties."""
    rng = np.random.default_rng(seed)
    graph = nx.DiGraph()
    names = [f"{i:06d}" for i in range(counties)]
    for i, name in enumerate(names[:-1]):
        last = min(i + REACH, counties - 1)
        wanted = 1 + int(rng.random() < bifurcations)
        below = np.unique(rng.integers(i + 1, last + 1, wanted))
        shares = rng.dirichlet(np.ones(len(below)))
        for j, share in zip(below, shares, strict=True):
            graph.add_edge(name, names[j], share=float(share))
    claims = pd.Series(rng.normal(1e7, 5e6, counties), names)
    return graph, claims, pd.Series(rng.lognormal(0, 1, counties), names)


def settle(counties: int, bifurcations: float, seed: int, repeats: int) -> tuple[float, float]:
    """Return the least seconds of some runs, and the peak of what one allocates, MB."""
    graph, claims, weights = river(counties, bifurcations, seed)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        table, _ = basin.settle(graph, claims, weights)
        seconds.append(time.perf_counter() - start)
    assert abs(table["net_cny"].sum()) < 1e-9 * table["claim_cny"].abs().sum()
    tracemalloc.start()
    basin.settle(graph, claims, weights)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return min(seconds), peak


def by_source(counties: int, bifurcations: float, seed: int) -> float:
    """Return the seconds of the sums downstream alone, counted from every county by itself."""
    graph, _, weights = river(counties, bifurcations, seed)
    start = time.perf_counter()
    for name in graph:
        sum(weights[below] for below in nx.descendants(graph, name))
    return time.perf_counter() - start


def main() -> None:
    """Settle a large and a small river and print both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counties", type=int, default=2800)
    parser.add_argument("--bifurcations", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    rest = (args.bifurcations, args.seed)
    large, peak = settle(args.counties, *rest, args.repeats)
    small, little = settle(SMALL, *rest, args.repeats)
    print(f"{args.counties} counties: {large * 1e3:.0f} ms, peak {peak:.1f} MB")
    print(f"{SMALL} counties: {small * 1e3:.1f} ms, peak {little:.2f} MB")
    print(f"{large / small:.1f} × the time for {args.counties / SMALL:.1f} × the counties")
    print(f"sums downstream from every county by itself: {by_source(args.counties, *rest):.1f} s")


if __name__ == "__main__":
    main()
