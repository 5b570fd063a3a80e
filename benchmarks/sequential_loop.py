"""How much faster the batch is than a plain loop: the same notebooks one after the other by papermill.

    python benchmarks/sequential_loop.py [COUNTIES] [WORKERS]

Runs the four county notebooks of the first COUNTIES counties (default 6) by `run_all.py` into a fresh
release, then executes the same notebooks, with the run folders that the batch prepared, in a plain
sequential loop. Prints both wall times and the ratio; what both need beforehand (the ledgers of the
other counties) is made first and not counted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import papermill

from gepbook import counties, paths
from gepbook.run import PARAMS_FILE, TASK_FILE, stage_dir

YEAR = 2023
COUNTY_STAGES = ("inventory", "accounting", "compensation", "assessment")
RELEASE = "benchmark"


def batch(codes: list[str], workers: str) -> float:
    """Return the seconds that run_all.py takes for some counties."""
    command = [
        sys.executable, "run_all.py", "--release", RELEASE, "--workers", workers,
        "--counties", ",".join(codes), "--stages", ",".join(COUNTY_STAGES),
    ]  # fmt: skip
    started = time.perf_counter()
    subprocess.run(command, cwd=paths.ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def loop(codes: list[str], release: Path) -> float:
    """Return the seconds that a plain papermill loop takes for the same notebooks."""
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        for stage in COUNTY_STAGES:
            for code in codes:
                folder = Path(scratch) / stage / code
                folder.mkdir(parents=True)
                made = stage_dir(release, stage, code, YEAR)
                for name in (TASK_FILE, PARAMS_FILE):
                    shutil.copy2(made / name, folder / name)
                papermill.execute_notebook(
                    str(paths.NOTEBOOKS / f"{stage}.ipynb"),
                    str(folder / "notebook.ipynb"),
                    {"county_code": code, "year": YEAR, "run_dir": str(folder)},
                    progress_bar=False,
                )
        return time.perf_counter() - started


def main() -> None:
    """Print both times and their ratio."""
    warnings.simplefilter("ignore")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    workers = sys.argv[2] if len(sys.argv) > 2 else "2"
    codes = list(counties.read().index[:count])
    release = paths.OUTPUTS / RELEASE
    shutil.rmtree(release, ignore_errors=True)
    batch(codes[:1], workers)  # makes the ledgers of all other counties
    for code in codes:
        shutil.rmtree(release / "counties" / code, ignore_errors=True)
    fast = batch(codes, workers)
    slow = loop(codes, release)
    print(f"{4 * count} notebooks: batch {fast:.1f} s, loop {slow:.1f} s, ratio {slow / fast:.2f}")


if __name__ == "__main__":
    main()
