"""What the illustrative registers of compensation are drawn from."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd
import yaml

from gepbook.inputs.illustrative import SOURCES, Generator
from gepbook.inputs.registers import Registers

#: Registers by table.
Tables = dict[str, pd.DataFrame | gpd.GeoDataFrame]


@dataclass(frozen=True)
class Basis:
    """The open pack's other illustrative inputs, which the registers agree with.

    `registers` holds counties, areas, boundaries (in the grid's coordinates), land cover by year, grid
    and years; `units` the registration units, in WGS 84.
    """

    registers: Registers
    units: gpd.GeoDataFrame

    @property
    def made(self) -> Generator:
        """The statistical tables, and what they were spread by."""
        return self.registers.made

    @property
    def codes(self) -> list[str]:
        """County codes, rising."""
        return [str(code) for code in self.registers.counties.index]

    @property
    def years(self) -> list[int]:
        """Years of the pack, rising."""
        return self.registers.years


@functools.cache
def numbers(module: str) -> dict[str, Any]:
    """Return the numbers of a module's rules without their reasons."""
    content = yaml.safe_load((SOURCES / "schemes" / f"{module}.yaml").read_text(encoding="utf-8"))
    return {key: entry["value"] for key, entry in content.items()}
