"""What is charged, and the tariffs with their dates: read, checked, and by days of a year (收费标准)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from gepbook import counties, rule_table
from gepbook.errors import near
from gepbook.params import worst
from gepbook.rule_table import RowProblem

TARIFF_COLUMNS = (
    "item", "charge", "scope", "rate", "unit", "effective_from", "effective_to", "source", "confidence",
)  # fmt: skip
PROVINCE = "province"
SEWAGE, WASTE = "sewage_fee", "waste_fee"
PROTECTION_TAX, RESOURCE_TAX = "environmental_protection_tax", "resource_tax"
CHARGE_ZH = {
    SEWAGE: "污水处理费",
    WASTE: "生活垃圾处理费",
    PROTECTION_TAX: "环境保护税",
    RESOURCE_TAX: "资源税",
}


class Item(NamedTuple):
    """What is charged: its name, which charge it belongs to, who pays, and in which unit rates are."""

    name_zh: str
    charge: str
    payer: str
    unit: str


HOUSEHOLDS, ENTERPRISES = "households", "enterprises"
ITEMS = {
    "sewage_households_m3": Item("居民污水 m³", SEWAGE, HOUSEHOLDS, "CNY m-3"),
    "sewage_others_m3": Item("非居民污水 m³", SEWAGE, ENTERPRISES, "CNY m-3"),
    "waste_households_household": Item("居民生活垃圾 户", WASTE, HOUSEHOLDS, "CNY household-1 a-1"),
    "waste_others_t": Item("非居民垃圾 t", WASTE, ENTERPRISES, "CNY t-1"),
    "so2_t": Item("二氧化硫 t", PROTECTION_TAX, ENTERPRISES, "CNY eq-1"),
    "nox_t": Item("氮氧化物 t", PROTECTION_TAX, ENTERPRISES, "CNY eq-1"),
    "dust_t": Item("一般性粉尘 t", PROTECTION_TAX, ENTERPRISES, "CNY eq-1"),
    "cod_t": Item("化学需氧量 t", PROTECTION_TAX, ENTERPRISES, "CNY eq-1"),
    "ammonia_nitrogen_t": Item("氨氮 t", PROTECTION_TAX, ENTERPRISES, "CNY eq-1"),
    "total_phosphorus_t": Item("总磷 t", PROTECTION_TAX, ENTERPRISES, "CNY eq-1"),
    "sand_cny": Item("砂石销售额 元", RESOURCE_TAX, ENTERPRISES, "1"),
    "stone_cny": Item("石材销售额 元", RESOURCE_TAX, ENTERPRISES, "1"),
    "fluorite_cny": Item("萤石销售额 元", RESOURCE_TAX, ENTERPRISES, "1"),
    "geothermal_water_m3": Item("地热水 m³", RESOURCE_TAX, ENTERPRISES, "CNY m-3"),
}
POLLUTANTS = tuple(name for name, item in ITEMS.items() if item.charge == PROTECTION_TAX)


def read_tariffs(path: Path) -> pd.DataFrame:
    """Return the tariffs with their dates (收费标准与税率), indexed by line of the file.

    `rate` is a number, `effective_from` and `effective_to` are days, the latter NaT while in force.

    Raises
    ------
    ParameterError
        All that is wrong, each with line, value and remedy: unknown items, scopes and units, negative
        rates, broken dates, gaps and overlaps of the dates of one item and scope.
    """
    raw = rule_table.read(path, TARIFF_COLUMNS)
    tariffs = raw.assign(
        rate=pd.to_numeric(raw["rate"], errors="coerce"),
        effective_from=_days(raw["effective_from"]),
        effective_to=_days(raw["effective_to"]),
    )
    rule_table.refuse(path, _row_problems(raw, tariffs))
    rule_table.refuse(path, _date_problems(tariffs))
    return tariffs


def _days(column: pd.Series) -> pd.Series:
    """Return a column of texts as days, NaT where they are none."""
    return pd.to_datetime(column, format="%Y-%m-%d", errors="coerce")


def _row_problems(raw: pd.DataFrame, tariffs: pd.DataFrame) -> Iterator[RowProblem]:
    """Give what is wrong in single rows, with their lines."""
    scopes = {PROVINCE, *counties.read().index}
    for line, row in raw.iterrows():
        item = ITEMS.get(row["item"])
        if item is None:
            yield line, f"item {row['item']!r} is not known.{near(row['item'], ITEMS)} Correct it."
        elif row["charge"] != item.charge:
            yield line, f"charge of {row['item']} must be {item.charge!r}, got {row['charge']!r}."
        elif row["unit"] != item.unit:
            yield (
                line,
                f"unit of {row['item']} must be {item.unit!r}, got {row['unit']!r}. Convert the rate.",
            )
        if row["scope"] not in scopes:
            yield (
                line,
                f"scope must be {PROVINCE!r} or a county code, got {row['scope']!r}. Correct it.",
            )
        if not 0 <= tariffs.loc[line, "rate"] < np.inf:
            yield line, f"rate must be a number ≥ 0, got {row['rate']!r}. Correct it."
        for name in ("effective_from", "effective_to"):
            is_open = name == "effective_to" and not row[name]
            if pd.isna(tariffs.loc[line, name]) and not is_open:
                yield line, f"{name} must be a date YYYY-MM-DD, got {row[name]!r}. Correct it."
        if tariffs.loc[line, "effective_to"] < tariffs.loc[line, "effective_from"]:
            yield (
                line,
                f"ends on {row['effective_to']}, before it begins on {row['effective_from']}. "
                "Correct the dates.",
            )
    yield from rule_table.source_problems(raw)


def _date_problems(tariffs: pd.DataFrame) -> Iterator[RowProblem]:
    """Give gaps and overlaps between the dates of one item and scope, with the later row's line."""
    for (item, scope), own in tariffs.groupby(["item", "scope"], sort=False):
        rows = own.sort_values("effective_from").itertuples()
        for before, after in itertools.pairwise(rows):
            start = f"{after.effective_from:%Y-%m-%d}"
            if not after.effective_from > before.effective_to:
                yield (
                    after.Index,
                    f"{item} of {scope} from {start} overlaps line {before.Index}. End that line "
                    "before this one begins.",
                )
            elif after.effective_from > before.effective_to + pd.Timedelta(days=1):
                yield (
                    after.Index,
                    f"{item} of {scope} from {start} leaves a gap after line {before.Index}, which "
                    f"ends {before.effective_to:%Y-%m-%d}. Close it.",
                )


class YearRate(NamedTuple):
    """What applies in a year: mean rate by days, first and last, confidence, days without a rate."""

    rate: float
    first: float
    last: float
    confidence: str
    uncovered: pd.DatetimeIndex


def year_rate(tariffs: pd.DataFrame, item: str, county_code: str, year: int) -> YearRate:
    """Return an item's rate in a county for a year, by days (按日加权的年度费率).

    A county's own tariff goes before the province's on the days on which it is in force.

    Parameters
    ----------
    tariffs : DataFrame
        From `read_tariffs`.

    Returns
    -------
    YearRate
        `rate` is the mean over the days that have one, in the unit of the tariff: a rate changing on
        1 July of a common year counts 181/365, the new one 184/365.
    """
    days = pd.date_range(f"{year}-01-01", f"{year}-12-31")
    line = np.zeros(len(days), dtype="int64")  # of the tariff in force; 0 = none
    for scope in (PROVINCE, county_code):
        own = tariffs[(tariffs["item"] == item) & (tariffs["scope"] == scope)]
        for row in own.itertuples():
            first = max((row.effective_from - days[0]).days, 0)
            last = days[-1] if pd.isna(row.effective_to) else row.effective_to
            line[first : max((last - days[0]).days + 1, 0)] = row.Index
    rate = tariffs["rate"].reindex(line)
    return YearRate(
        float(rate.mean()),
        float(rate.iloc[0]),
        float(rate.iloc[-1]),
        worst(tariffs["confidence"].reindex(np.unique(line[line > 0]))),
        days[line == 0],
    )
