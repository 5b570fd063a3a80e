"""Carbon accounts of enterprises in four colours (碳账户“红黄绿”评价).

An enterprise has the colour of its carbon intensity against its sector's benchmark. Only counts are
shown, and none so small that an enterprise could be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import pandas as pd
from pydantic import Field, field_validator

from gepbook import counties, ledger
from gepbook.assessment import privacy
from gepbook.assessment.privacy import TOTAL
from gepbook.assessment.topic import ACCOUNT, Evidence, TopicResult
from gepbook.inputs.own_data import dictionary
from gepbook.params import Params, parameter
from gepbook.province import Registers

SECTION = "carbon_account"
REGISTER = "carbon_accounts"
METHOD = "design/finance"
RED = "red"
#: Colours that speak against an enterprise.
SENSITIVE = ("yellow", RED)
COLOUR_ZH = {"dark_green": "深绿", "light_green": "浅绿", "yellow": "黄", RED: "红"}
KG_PER_T = 1000.0


class CarbonAccountParams(Params):
    """Bands and benchmarks of carbon accounts (碳账户评价规则)."""

    provincial = True

    upper_ratio: dict[str, Annotated[float, Field(gt=0)]] = parameter(
        "1", "各色碳强度与行业基准之比的上限；超过最后一级为红"
    )
    benchmark_kg_cny: dict[str, Annotated[float, Field(gt=0)]] = parameter(
        "kg CNY-1", "行业基准碳强度（单位增加值）"
    )
    least_cell: int = parameter("1", "公布的最小企业数", ge=1)

    @field_validator("upper_ratio")
    @classmethod
    def _rises(cls, value: dict[str, float]) -> dict[str, float]:
        wanted = [colour for colour in COLOUR_ZH if colour != RED]
        if list(value) != wanted or list(value.values()) != sorted(set(value.values())):
            raise ValueError(f"must list rising bounds of {', '.join(wanted)}")
        return value

    @field_validator("benchmark_kg_cny")
    @classmethod
    def _all_sectors(cls, value: dict[str, float]) -> dict[str, float]:
        sectors = dictionary.words(REGISTER, "sector")
        if set(value) != set(sectors):
            raise ValueError(f"must list exactly {', '.join(sectors)}")
        return value


def classify(accounts: pd.DataFrame, rules: CarbonAccountParams) -> pd.Series:
    r"""Return the colour of every enterprise, a key of COLOUR_ZH; none where its intensity is unknown.

    Parameters
    ----------
    accounts : DataFrame
        `sector`, `emission_t`, `value_added_cny` > 0.

    Notes
    -----
    .. math:: q = \frac{E / V}{b_s}

    E emission, V value added, b the sector's benchmark; a bound belongs to the better colour.
    Source: colours after 衢州 (recalled), bands of this workbook.
    """
    intensity = accounts["emission_t"] * KG_PER_T / accounts["value_added_cny"]
    ratio = intensity / accounts["sector"].map(rules.benchmark_kg_cny)
    colour = pd.Series(RED, index=accounts.index, dtype="str").where(ratio.notna())
    for name, bound in reversed(rules.upper_ratio.items()):
        colour = colour.mask(ratio <= bound, name)
    return colour


def check(registers: Registers) -> list[str]:
    """Return all that is wrong in the register of carbon accounts."""
    if not registers.pack.has(REGISTER):
        return []
    rows = registers.table(REGISTER)
    problems = [*registers.row_problems(REGISTER, rows)]
    for row in rows.itertuples():
        where = registers.place(REGISTER, row.Index)
        if not privacy.PSEUDONYM.fullmatch(str(row.enterprise_id)):
            problems.append(f"{where}: enterprise_id {privacy.NO_PSEUDONYM}")
        if row.value_added_cny <= 0:
            problems.append(
                f"{where}: value_added_cny is {row.value_added_cny:g}, so that there is no intensity. "
                "Give a value above 0, or leave the enterprise out."
            )
        if row.emission_t < 0:
            problems.append(f"{where}: emission_t is {row.emission_t:g}. Write 0 or more.")
    return problems


def colours(accounts: pd.DataFrame, rules: CarbonAccountParams) -> pd.DataFrame:
    """Return how many enterprises have each colour, as it may be published.

    Parameters
    ----------
    accounts : DataFrame
        Rows of the register of one year.

    Returns
    -------
    DataFrame
        Columns `prefecture`, `county_code`, the colours and TOTAL; TOTAL as county code is a prefecture's
        sum, as prefecture the province's. NaN = withheld.
    """
    prefectures = counties.read()["prefecture"]
    marked = accounts.assign(
        prefecture=accounts["county_code"].map(prefectures), colour=classify(accounts, rules)
    )
    table = pd.crosstab([marked["prefecture"], marked["county_code"]], marked["colour"])
    table = table.reindex(columns=list(COLOUR_ZH), fill_value=0)
    shown = privacy.protect(table, rules.least_cell, sensitive=SENSITIVE)
    return shown.rename_axis(columns=None).reset_index()


def compute(evidence: Evidence) -> TopicResult:
    """Return the year's counts of enterprises by county and colour."""
    lacking = tuple(evidence.registers.lacking(REGISTER))
    if lacking:
        return TopicResult(lacking=lacking)
    rules = evidence.rules(SECTION, CarbonAccountParams)
    table = colours(evidence.registers.table(REGISTER), rules)
    return TopicResult(tables={"colours": table}, figures=list(_figures(evidence, table)))


def _figures(
    evidence: Evidence, table: pd.DataFrame
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the ledger rows of the counts that may be published, of counties and of the province."""
    common: dict[str, Any] = {
        "method_id": METHOD,
        "origin": evidence.origin(REGISTER),
        "quality": evidence.quality(SECTION),
    }
    whole = table["prefecture"] == TOTAL
    for _, row in table[whole | (table["county_code"] != TOTAL)].iterrows():
        code = None if row["prefecture"] == TOTAL else row["county_code"]
        for name in (*COLOUR_ZH, TOTAL):
            if pd.notna(row[name]):
                item = "finance.carbon_accounts"
                yield code, ledger.entry(ACCOUNT, item, name, row[name], "1", **common)
