"""A release that has run, for benchmarks of what the whole province is computed from."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd

from gepbook import paths
from gepbook.accounting import pool as accounts
from gepbook.run import DEFAULT_STANDARD, Run, Task, default_pack


def read(stage: str, description: str | None) -> tuple[Run, pd.DataFrame, float]:
    """Return the provincial run that the command line asks for, its ledgers, and seconds to read them."""
    parser = argparse.ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--release", default="zhejiang-open")
    parser.add_argument("--year", type=int, default=2023)
    args = parser.parse_args()
    task = Task(
        stage=stage,
        county_code=None,
        year=args.year,
        release=args.release,
        standard=DEFAULT_STANDARD,
        pack=default_pack(),
        release_dir=str(paths.OUTPUTS / args.release),
    )
    run = Run.prepare(task, Path())
    start = time.perf_counter()
    return run, accounts.read(run), time.perf_counter() - start
