"""What stages read of the whole province: counties' ledgers, registers of the pack, rules (全省依据)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import geopandas as gpd
import pandas as pd

from gepbook import counties, ledger
from gepbook.accounting import pool as accounts
from gepbook.errors import GepbookError, near
from gepbook.inputs.own_data import dictionary
from gepbook.inputs.pack import Pack
from gepbook.ledger import Origin
from gepbook.params import Confidence, ParameterSet, Params

Section = TypeVar("Section", bound=Params)


@dataclass(frozen=True)
class Registers:
    """The registers of a pack for a year: tables of all counties (登记与台账).

    Rows keep the number of their line in the file as index, so that an error can name it.
    """

    pack: Pack
    year: int

    def has(self, *names: str) -> bool:
        """Tell whether the pack brings some tables, each for the year where it has years."""
        return not self.lacking(*names)

    def lacking(self, *names: str) -> list[str]:
        """Return those of some tables that the pack does not bring, or not for the year."""
        return [n for n in names if not self.pack.has(n) or self._empty_year(n)]

    def _empty_year(self, name: str) -> bool:
        if self.pack.resource(name).kind != "table":
            return False
        frame = self.pack.table(name)
        return "year" in frame.columns and not (frame["year"] == self.year).any()

    def history(self, name: str) -> pd.DataFrame:
        """Return a table's rows of the year and the years before it, or all where it has no years.

        Raises
        ------
        NotInPackError
            When the pack does not hold the table.
        """
        frame = self.whole(name)
        return frame[frame["year"] <= self.year] if "year" in frame.columns else frame

    def whole(self, name: str) -> pd.DataFrame:
        """Return all rows of a table, also those of years after the year."""
        frame = self.pack.table(name)
        frame.index = frame.index + 2  # the header is line 1
        return frame

    def table(self, name: str, year: int | None = None) -> pd.DataFrame:
        """Return a table's rows of a year (the year when not given), or all where it has no years."""
        frame = self.history(name)
        return frame[frame["year"] == (year or self.year)] if "year" in frame.columns else frame

    def row_problems(self, name: str, frame: pd.DataFrame) -> Iterator[str]:
        """Give what is wrong in single rows of a table, by the data dictionary, a sentence each.

        Unknown counties, columns left empty that are not optional, words that are none of those
        allowed, keys that stand twice.

        Parameters
        ----------
        name : str
            Of the table.
        frame : DataFrame
            Some of its rows, as `table` or `history` gives them.
        """
        entry = dictionary.tables()[name]
        known = set(counties.read().index)
        for row in frame[~frame["county_code"].isin(known)].itertuples():
            yield (
                f"{self.place(name, row.Index)}: county {row.county_code!r} is not in "
                "params/counties.csv. Correct the code."
            )
        for column, field_of in entry.fields.items():
            if field_of.optional and column not in frame:
                continue
            values = frame[column]
            if not field_of.optional and column != "county_code":
                figure = field_of.type in ("number", "integer")
                remedy = (
                    "Give the figure; write 0 where there is none." if figure else "Fill it in."
                )
                blank = values.isna() | values.map(lambda word: not str(word).strip()).astype(
                    "bool"
                )
                for line in frame.index[blank]:
                    yield f"{self.place(name, line)}: {column} is missing. {remedy}"
            for line, word in values[values.notna()].items():
                if field_of.allowed and word not in field_of.allowed and str(word).strip():
                    yield (
                        f"{self.place(name, line)}: {column} must be one of "
                        f"{', '.join(field_of.allowed)}, got {word!r}.{near(word, field_of.allowed)} "
                        "Correct it."
                    )
        for row in frame[frame.duplicated(entry.key)].itertuples():
            told = [name for name in entry.key if not entry.fields[name].private]
            named = " ".join(str(getattr(row, column)) for column in told)
            yield (
                f"{self.place(name, row.Index)}: {', '.join(entry.key)} {named!r} stands twice. Keep "
                "one of the rows."
            )

    def vector(self, name: str) -> gpd.GeoDataFrame:
        """Return a vector layer's features in the grid's coordinates, of the year and before."""
        frame = self.pack.vector(name)
        return frame[frame["year"] <= self.year] if "year" in frame.columns else frame

    def place(self, name: str, line: Any) -> str:
        """Say in which file and line a row stands."""
        resource = self.pack.resource(name)
        what = "line" if resource.kind == "table" else "feature"
        return f"{self.pack.folder / resource.path}, {what} {line}"


@dataclass(frozen=True)
class Province:
    """What provincial stages are computed from: counties' ledgers, registers, rules (全省依据).

    `params` are the province's: rules by which counties share are nobody's own.
    """

    pool: pd.DataFrame
    registers: Registers
    params: ParameterSet

    @property
    def year(self) -> int:
        """The accounting year."""
        return self.registers.year

    @functools.cached_property
    def county_codes(self) -> list[str]:
        """Codes of the counties that have a ledger."""
        return sorted(self.pool["county_code"].unique())

    def values(self, account: str, item: str, measure: str, basis: str = "") -> pd.Series:
        """Return one figure of every county of the ledgers, indexed by county code."""
        return accounts.county_values(self.pool, account, item, measure, basis)

    def rules(self, name: str, model: type[Section]) -> Section:
        """Return the rules of a section."""
        return self.params.section(name, model)

    def quality(self, *sections: str) -> Confidence:
        """Return the lowest confidence of some sections of the rules."""
        if sections not in self._qualities:
            self._qualities[sections] = self.params.worst_confidence(*sections)
        return self._qualities[sections]

    @functools.cached_property
    def _qualities(self) -> dict[tuple[str, ...], Confidence]:
        """Confidences that were asked for before: every payment asks."""
        return {}

    def origin(self, *tables: str, accounts: bool = False) -> Origin:
        """Return the weakest origin of some registers, and of the counties' ledgers if they count."""
        known = [self.registers.pack.origin(t) for t in tables if self.registers.pack.has(t)]
        return ledger.weakest([*known, *([self._accounts_origin] if accounts else [])])

    @functools.cached_property
    def _accounts_origin(self) -> Origin:
        """Weakest origin of the counties' ledgers."""
        return ledger.weakest(self.pool["origin"].unique())


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a part of a provincial stage gives (结果).

    `tables` are what reports show, by name; a column or index `county_code` tells whose rows they are.
    `lacking` names tables that the pack does not bring; what needs them is left out.
    """

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()

    def table(self, name: str) -> pd.DataFrame:
        """Return a table; empty where the pack lacks what it needs."""
        return self.tables.get(name, pd.DataFrame())

    def rows_of(self, county_code: str, name: str, *columns: str) -> pd.DataFrame:
        """Return a table's rows of a county, by `county_code` or any of some columns."""
        table = self.table(name)
        if table.empty:
            return table
        if not columns and "county_code" not in table:
            return table[table.index == county_code]
        return table[(table[list(columns or ("county_code",))] == county_code).any(axis=1)]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a provincial stage: a compensation scheme, a topic of assessment (专题).

    `sections` are its rules under `params/policy/` with their models, `tables` the registers it reads.
    `check` returns all that is wrong in them, a sentence each with file, line, value and remedy; it runs
    for every year before anything is computed.
    """

    id: str
    name_zh: str
    name_en: str
    source: str
    sections: Mapping[str, type[Params]]
    tables: tuple[str, ...]
    check: Callable[[Registers, ParameterSet], list[str]]


def problems_of(
    parts: Iterable[Part], pack: Pack, rules: ParameterSet, years: Iterable[int]
) -> list[str]:
    """Return what is wrong in the registers and rules of some parts, each problem once.

    Parameters
    ----------
    parts : iterable of Part
    pack : Pack
    rules : ParameterSet
        The province's.
    years : iterable of int
        Accounting years that are wanted.
    """
    wanted = list(parts)
    found: list[str] = []
    for year in years:
        for part in wanted:
            try:
                found += part.check(Registers(pack, year), rules)
            except GepbookError as error:  # rules so wrong that their registers cannot be checked
                found += error.problems
    return list(dict.fromkeys(found))


def tables_of(parts: Iterable[Part]) -> tuple[str, ...]:
    """Return the tables and layers of the pack that some parts read of all counties at once."""
    return tuple(sorted({name for part in parts for name in part.tables}))
