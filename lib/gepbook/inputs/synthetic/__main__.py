"""Writes a data pack of a made-up province, or its originals, into a folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from gepbook.inputs.synthetic import write_originals, write_pack


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a pack, or the originals, from the command line."""
    parser = argparse.ArgumentParser(prog="python -m gepbook.inputs.synthetic", description=__doc__)
    parser.add_argument("out", type=Path, help="folder to write into")
    parser.add_argument("--cell-m", type=float, required=True, help="cell of the rasters, m")
    parser.add_argument("--originals", action="store_true", help="as a county would deliver it")
    parser.add_argument("--counties", type=int, default=3, help="how many counties")
    parser.add_argument("--years", type=int, nargs="+", default=[2022, 2023], help="which years")
    parser.add_argument(
        "--enlarged", type=int, default=1, help="times as many blocks along a county's sides"
    )
    given = parser.parse_args(arguments)
    write = write_originals if given.originals else write_pack
    write(given.out, given.cell_m, given.counties, given.years, enlarged=given.enlarged)


if __name__ == "__main__":
    main()
