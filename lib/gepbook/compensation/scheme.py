"""What a compensation scheme declares and returns (补偿方案的约定)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gepbook.params import ParameterSet, Params
from gepbook.province import Province, Registers


@dataclass(frozen=True)
class SchemeResult:
    """What a scheme gives (方案结果).

    Parameters
    ----------
    flows : list of dict
        Payments, made by `flows.flow`.
    tables : mapping of DataFrame
        What reports show, by name; a column or index `county_code` tells whose rows they are.
    figures : list of (county code, ledger row)
        Rows of the account `compensation` beside what was paid and received, made by `ledger.entry`.
    lacking : tuple of str
        Tables that the pack does not bring; what needs them is left out.
    """

    flows: list[dict[str, Any]] = field(default_factory=list)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    figures: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lacking: tuple[str, ...] = ()

    def table(self, name: str) -> pd.DataFrame:
        """Return a table; empty where the pack lacks what it needs."""
        return self.tables.get(name, pd.DataFrame())

    def rows_of(self, county_code: str, name: str, *columns: str) -> pd.DataFrame:
        """Return a table's rows of a county, by `county_code` or any of some columns."""
        table = self.table(name)
        if table.empty:
            return table
        return table[(table[list(columns or ("county_code",))] == county_code).any(axis=1)]


@dataclass(frozen=True)
class Scheme:
    """A compensation scheme (补偿方案).

    `sections` are its rules under `params/policy/` with their models, `tables` the registers it reads.
    `check` returns all that is wrong in them, a sentence each with file, line, value and remedy; it runs
    for every year before anything is computed, and `compute` may rely on it.
    """

    id: str
    name_zh: str
    name_en: str
    source: str
    sections: Mapping[str, type[Params]]
    tables: tuple[str, ...]
    compute: Callable[[Province], SchemeResult]
    check: Callable[[Registers, ParameterSet], list[str]]
