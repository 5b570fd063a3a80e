"""The 100-point scheme of the departure audit: its sections, items and scores (百分制评价).

Some items lose points by findings of the audit, others are scored from the accounts and statistics of
the term. An item that lacks its data can be anything from nothing to full, and one that the accounts
score is as sure as they are: the score is then an interval, and there is a grade only where both its
ends have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from gepbook import paths, rule_table
from gepbook.assessment.audit.terms import normal_levels
from gepbook.assessment.protection import series
from gepbook.assessment.topic import Evidence
from gepbook.params import Params, parameter
from gepbook.rule_table import RowProblem

PATH = paths.PARAMS / "policy" / "departure_audit_scheme.csv"
COLUMNS = (
    "section", "item", "name_zh", "points", "rule", "deduction_points", "source", "confidence",
)  # fmt: skip
SECTION_ROW, FINDINGS, ACCOUNT = "section", "findings", "account"
#: Scores are told, and graded, to this many decimals.
DIGITS = 2
#: How an indicator is read off the levels of the years of a term.
RELATIVE, DIFFERENCE, CLOSING, MEAN = "relative", "difference", "closing", "mean"
STOCKS, ENVIRONMENT, RIVER = "resource_stocks", "environment", "water_sections"
REDLINE, FUNDS = "redline", "compensation_funds"
PERCENT = 100


class Goalposts(Params):
    """What earns all points of an item, and what none (评分标杆)."""

    good: float = parameter("1", "得满分的水平")
    poor: float = parameter("1", "得零分的水平")


class Indicator(NamedTuple):
    """A figure that an item is scored by: where its yearly levels come from, how they are read.

    `account` is GEP or a category of it, under long-term weather, whose changes have an interval.
    """

    levels: Callable[[Evidence, list[str]], pd.DataFrame | None]
    read: str
    table: str = ""
    account: str = ""


# Yearly levels, DataFrame counties × years (stocks: (county, asset) × years); None = not in the pack


def _statistic(table: str, value: Callable[[pd.DataFrame], pd.Series]) -> Any:
    """Return a function that gives a figure of a table by county and year."""

    def levels(evidence: Evidence, assets: list[str]) -> pd.DataFrame | None:
        if not evidence.registers.pack.has(table):
            return None
        frame = evidence.registers.history(table)
        keyed = frame[["county_code", "year"]].assign(value=value(frame).astype("float64"))
        return keyed.pivot_table(index="county_code", columns="year", values="value")

    return levels


def _stocks(evidence: Evidence, assets: list[str]) -> pd.DataFrame | None:
    """Return the stocks at the end of the year, rows (county, asset)."""
    if not evidence.registers.pack.has(STOCKS):
        return None
    frame = evidence.registers.history(STOCKS)
    own = frame[frame["asset"].isin(assets)]
    return own.pivot_table(index=["county_code", "asset"], columns="year", values="closing")


def _account(item: str) -> Indicator:
    """Return the indicator of a level of the accounts under long-term weather."""
    return Indicator(lambda evidence, assets: normal_levels(evidence, item), RELATIVE, account=item)


def _redline(evidence: Evidence, assets: list[str]) -> pd.DataFrame | None:
    """Return the redline area without approved adjustments, km2."""
    return series.redline_area(evidence) if evidence.registers.pack.has(REDLINE) else None


def _used(evidence: Evidence, assets: list[str]) -> pd.DataFrame | None:
    """Return the share of the paid compensation funds that was used, by county and year."""
    if not evidence.registers.pack.has(FUNDS):
        return None
    sums = evidence.registers.history(FUNDS).groupby(["county_code", "year"])
    sums = sums[["used_cny", "paid_cny"]].sum()
    return (sums["used_cny"] / sums["paid_cny"].where(sums["paid_cny"] > 0)).unstack()  # noqa: PD010 - of a series


INDICATORS = {
    "stock_change": Indicator(_stocks, RELATIVE, STOCKS),
    "gep_change": _account("gep"),
    "regulating_change": _account("regulating"),
    "air_change": Indicator(
        _statistic(ENVIRONMENT, lambda frame: frame["good_air_days_percent"] / PERCENT),
        DIFFERENCE,
        ENVIRONMENT,
    ),
    "water_change": Indicator(
        _statistic(ENVIRONMENT, lambda frame: frame["class_1_to_3_water_percent"] / PERCENT),
        DIFFERENCE,
        ENVIRONMENT,
    ),
    "water_targets": Indicator(_statistic(RIVER, series.on_target), CLOSING, RIVER),
    "redline_change": Indicator(_redline, RELATIVE, REDLINE),
    "fund_use": Indicator(_used, MEAN, FUNDS),
}
TABLES = (STOCKS, ENVIRONMENT, RIVER, REDLINE, FUNDS)


def read_off(levels: pd.DataFrame, how: str, opening: int, closing: int) -> pd.Series:
    """Return an indicator of a term, by county; NaN where a year that it needs is not known.

    Of several stocks of a county it is that of the worst.

    Parameters
    ----------
    levels : DataFrame, counties (first level of the index) × years
    how : {"relative", "difference", "closing", "mean"}
        Relative change or difference from the opening to the closing year, level of the closing year,
        or mean of the years of the term (the opening year is not one of them).
    """
    own = levels.reindex(columns=range(opening, closing + 1))
    first, last = own[opening], own[closing]
    if how == MEAN:
        return own.loc[:, opening + 1 :].mean(axis=1, skipna=False)
    if how == CLOSING:
        return last
    change = last - first
    if how == RELATIVE:
        none_held = (first == 0) & (last == 0)
        change = (change / first.where(first > 0)).where(~none_held, 0.0)
    worst = change.groupby(level=0)
    return worst.min().where(worst.count() == worst.size())


def account_score(
    value: pd.Series, points: pd.Series, good: pd.Series, poor: pd.Series
) -> pd.Series:
    r"""Return the points of items that are scored by an indicator; NaN where that is not known.

    Parameters
    ----------
    value, good, poor : Series
        The indicator, and the levels of it that earn all points and none.
    points : Series
        Of the item.

    Notes
    -----
    .. math:: p = P \cdot \min(1, \max(0, (x - x_{poor}) / (x_{good} - x_{poor})))

    Source: proposal of this workbook.
    """
    return points * ((value - poor) / (good - poor)).clip(0.0, 1.0)


def findings_score(count: pd.Series, points: pd.Series, deduction_points: pd.Series) -> pd.Series:
    r"""Return the points left of items after deductions for findings, not below nothing.

    Parameters
    ----------
    count : Series
        Number of findings; NaN where it is not known.
    points, deduction_points : Series
        Of the item, and of each finding.

    Notes
    -----
    .. math:: p = \max(0, P - d \cdot n)

    Source: 国家领导干部自然资源资产离任审计评价指标体系 附件, item 1.1.
    """
    return (points - deduction_points * count).clip(lower=0.0)


def score_items(items: pd.DataFrame, goalposts: Mapping[str, Goalposts]) -> pd.DataFrame:
    """Return the points of items that are sure, and those that are possible.

    Parameters
    ----------
    items : DataFrame
        `item`, `rule`, `points`, `deduction_points`, and by the rule `count` of findings, or the
        interval `value_low`–`value_high` of the indicator; NaN = not known.
    goalposts : mapping

    Returns
    -------
    DataFrame with `low` and `high` beside; they differ where what the item needs is not sure
    """
    posts = {
        side: items["item"]
        .map({name: getattr(post, side) for name, post in goalposts.items()})
        .astype("float64")
        for side in ("good", "poor")
    }
    counted = findings_score(items["count"], items["points"], items["deduction_points"])
    ends = pd.concat(
        [
            counted.where(
                items["rule"] == FINDINGS, account_score(items[end], items["points"], **posts)
            )
            for end in ("value_low", "value_high")
        ],
        axis=1,
    )
    return items.assign(
        low=ends.min(axis=1).fillna(0.0), high=ends.max(axis=1).fillna(items["points"])
    )


def total(items: pd.DataFrame, scheme: pd.DataFrame) -> pd.DataFrame:
    """Return the least and the most that terms score, each section capped at its points.

    Parameters
    ----------
    items : DataFrame
        `term_id`, `section`, `low`, `high`.
    scheme : DataFrame
        As `read` gives it.

    Returns
    -------
    DataFrame, indexed by term: `low`, `high`
    """
    caps = scheme[scheme["rule"] == SECTION_ROW].set_index("section")["points"]
    sums = items.groupby(["term_id", "section"])[["low", "high"]].sum()
    cap = caps.reindex(sums.index.get_level_values("section")).to_numpy()
    return sums.clip(upper=cap, axis=0).groupby(level="term_id").sum().round(DIGITS)


def grade(score: float, grades: Mapping[str, float]) -> str:
    """Return the grade of a score: the best one whose least points it reaches (评价等级).

    Parameters
    ----------
    score : float, points
    grades : mapping
        Grade → least points.
    """
    reached = [name for name, least in grades.items() if round(score, DIGITS) >= least]
    return max(reached, key=lambda name: grades[name])


def grade_between(low: float, high: float, grades: Mapping[str, float]) -> str:
    """Return the grade of a score that lies in an interval; empty where it spans two grades."""
    least = grade(low, grades)
    return least if least == grade(high, grades) else ""


def read(path: Path = PATH) -> pd.DataFrame:
    """Return the sections and items of the scheme (评价指标体系), indexed by line of the file.

    `points` and `deduction_points` are numbers; the row of a section has no item and the rule `section`.

    Raises
    ------
    ParameterError
        All that is wrong, each with line, value and remedy.
    """
    raw = rule_table.read(path, COLUMNS)
    numbers = {
        name: pd.to_numeric(raw[name], errors="coerce") for name in ("points", "deduction_points")
    }
    scheme = raw.assign(**numbers)
    rule_table.refuse(path, _row_problems(raw, scheme))
    rule_table.refuse(path, (), _structure_problems(scheme))
    return scheme


def _row_problems(raw: pd.DataFrame, scheme: pd.DataFrame) -> Iterator[RowProblem]:
    """Give what is wrong in single rows, with their lines."""
    for line, row in raw.iterrows():
        if row["rule"] not in (SECTION_ROW, FINDINGS, ACCOUNT):
            yield (
                line,
                f"rule must be section, findings or account, got {row['rule']!r}. Correct it.",
            )
        if (row["rule"] == SECTION_ROW) == bool(row["item"]):
            yield line, f"item is {row['item']!r}. Name it; leave it empty in the row of a section."
        if not scheme.loc[line, "points"] > 0:
            yield line, f"points must be a number above 0, got {row['points']!r}. Correct it."
        if row["rule"] == FINDINGS and not scheme.loc[line, "deduction_points"] > 0:
            yield (
                line,
                f"deduction_points must be above 0, got {row['deduction_points']!r}. Write what a "
                "finding costs.",
            )
        if row["rule"] == ACCOUNT and row["item"] not in INDICATORS:
            yield (
                line,
                f"item {row['item']!r} is no indicator. Take one of {', '.join(INDICATORS)}, or score "
                "it by findings.",
            )
    yield from rule_table.source_problems(raw)


def _structure_problems(scheme: pd.DataFrame) -> Iterator[str]:
    """Give what is wrong with the scheme as a whole."""
    sections = scheme[scheme["rule"] == SECTION_ROW]
    items = scheme[scheme["rule"] != SECTION_ROW]
    for what, frame, column in (("section", sections, "section"), ("item", items, "item")):
        for name in frame.loc[frame[column].duplicated(), column]:
            yield f"{what} {name!r} stands twice. Keep one of the rows."
    own = sections.drop_duplicates("section").set_index("section")["points"]
    sums = items.groupby("section", sort=False)["points"].sum()
    for name in sums.index.union(own.index, sort=False):
        if name not in own.index:
            yield f"items name section {name!r}, which has no row. Add it with its points."
        elif round(sums.get(name, 0.0), DIGITS) != round(own[name], DIGITS):
            yield (
                f"the items of section {name!r} have {sums.get(name, 0.0):g} points together, the "
                f"section {own[name]:g}. Let them agree."
            )


def full_problem(scheme: pd.DataFrame, full_points: float, path: Path = PATH) -> list[str]:
    """Return the problem that the sections do not add up to the full points, if they do not."""
    whole = float(scheme.loc[scheme["rule"] == SECTION_ROW, "points"].sum())
    if round(whole, DIGITS) == round(full_points, DIGITS):
        return []
    return [
        f"{path}: the sections have {whole:g} points together, departure_audit.full_points is "
        f"{full_points:g}. Let them agree."
    ]
