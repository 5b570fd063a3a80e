"""Dynamic monitoring: what changed in the product catalogue between two surveys (动态监测).

浙委办发〔2021〕82号 二(二) asks to follow the products' quantity, grade, function, rights,
protection and use. A survey is the catalogue's rows of one year.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from gepbook import ledger
from gepbook.errors import PackError
from gepbook.params import Params, parameter

SECTION = "monitoring"
METHOD = "inventory/monitoring"

COLUMNS = (
    "county_code", "year", "product_id", "product", "product_class", "subject", "origin",
    "ecosystem_type", "unit", "quantity", "quality_grade", "function", "owner_type",
    "rights_status", "protection_status", "development_status", "data_source", "survey_date",
    "confidence",
)  # fmt: skip
#: From best to worst; a grade's number is its place, from 1.
GRADES = ("一级", "二级", "三级")
REDLINE = "红线内"
UNDEVELOPED, DEVELOPED = "未开发", "已开发"
DAYS_A_YEAR = 365.25

#: Aspect of a product → the catalogue's column (数量、质量、功能、权益、所有权、保护、利用).
ASPECTS = {
    "quantity": "quantity",
    "quality": "quality_grade",
    "function": "function",
    "rights": "rights_status",
    "ownership": "owner_type",
    "protection": "protection_status",
    "use": "development_status",
}
ASPECT_ZH = {
    "quantity": "数量",
    "quality": "质量等级",
    "function": "功能特点",
    "rights": "权属状态",
    "ownership": "所有权",
    "protection": "保护状态",
    "use": "开发利用状态",
}
LEVELS = ("红", "黄", "蓝")
CHANGE_COLUMNS = ["product_id", "product", "aspect", "before", "after", "change"]
ALERT_COLUMNS = ["product_id", "product", "rule", "level", "evidence", "text"]
ONE_SURVEY = "生态产品目录清单不足两次调查，无法比较变化。"


class Rule(Params):
    """One alert rule (预警规则): its number where it needs one, its level; without level it is off."""

    threshold: Annotated[float, Field(gt=0)] | None
    level: Literal["红", "黄", "蓝"] | None


class MonitoringParams(Params):
    """Rules of census and monitoring (普查与动态监测)."""

    rules: dict[str, Rule] = parameter("1", "预警规则: threshold and level by rule")
    survey_age_years: int = parameter("a", "Years after which a survey is due", gt=0)
    material_extent_share: float = parameter(
        "1", "Least share of the county of a type that should have a product", ge=0, le=1
    )
    types_without_product: list[str] = parameter("1", "Types of which no product is expected")
    statistics_subjects: list[str] = parameter("1", "Subjects that the statistics should know")
    product_synonyms: list[list[str]] = parameter("1", "Names of one product, the main one first")

    @model_validator(mode="after")
    def _rules_are_known(self) -> Self:
        """Refuse unknown rules, and a rule in force without the number it needs."""
        unknown = set(self.rules) - set(CHECKS)
        if unknown:
            raise ValueError(f"no such alert rules: {', '.join(sorted(unknown))}")
        for name, rule in self.in_force().items():
            if CHECKS[name].numbered and rule.threshold is None:
                raise ValueError(f"alert rule {name} needs a threshold")
        return self

    def in_force(self) -> dict[str, Rule]:
        """Return the rules that have a level."""
        return {name: rule for name, rule in self.rules.items() if rule.level is not None}


@dataclass(frozen=True)
class Monitoring:
    """Changes between two surveys (动态监测结果).

    Attributes
    ----------
    years : tuple of int
        Years of the surveys compared, none to two.
    changes : DataFrame, columns `CHANGE_COLUMNS`
        One row for each aspect (a key of `ASPECTS`) of a product that changed. `before` and `after` are
        texts, empty where nothing stood; `change` is the share of the earlier quantity (∞ from 0), or
        the grades risen (+) or fallen (−), NaN for the rest and for quantities in different units.
    alerts : DataFrame, columns `ALERT_COLUMNS`
        Ordered by level, rule and product.
    rules : dict
        The rules that were in force.
    missing : tuple of str
        What was not to be had, as sentences.
    """

    years: tuple[int, ...]
    changes: pd.DataFrame
    alerts: pd.DataFrame
    rules: dict[str, Rule]
    missing: tuple[str, ...] = ()


def checked(catalogue: pd.DataFrame | None) -> pd.DataFrame:
    """Return the catalogue with all its columns.

    Raises
    ------
    PackError
        When it has rows without year or product number, or a product twice in one survey.
    """
    given = pd.DataFrame(columns=list(COLUMNS)) if catalogue is None else catalogue
    frame = given.reset_index(drop=True).reindex(columns=list(COLUMNS))
    if frame[["year", "product_id"]].isna().any(axis=None):
        raise PackError(
            "product_catalogue: rows without year or product_id. Give the survey's year and the number."
        )
    twice = frame[frame.duplicated(["year", "product_id"])]
    if len(twice):
        raise PackError(
            f"product_catalogue: {row.product_id} stands twice in the survey of {row.year}. "
            "Leave one row."
            for row in twice.itertuples()
        )
    return frame


def latest_two(catalogue: pd.DataFrame | None, year: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the last two surveys up to a year, earlier first; empty where there are fewer."""
    frame = checked(catalogue)
    years = [None, None, *sorted(y for y in frame["year"].unique() if y <= year)]
    before, after = (frame[frame["year"] == y].reset_index(drop=True) for y in years[-2:])
    return before, after


def series(catalogue: pd.DataFrame | None) -> pd.DataFrame:
    """Return quantity and grade of each product over its surveys (时间序列).

    Returns
    -------
    DataFrame, columns `product_id`, `product`, `year`, `quantity`, `unit`, `quality_grade`, `grade`
        `grade` is 1 for 一级 to 3 for 三级, missing where none is given.
    """
    frame = checked(catalogue)
    columns = ["product_id", "product", "year", "quantity", "unit", "quality_grade"]
    table = frame[columns].assign(grade=_grade(frame["quality_grade"]).astype("Int64"))
    return table.sort_values(["product_id", "year"], ignore_index=True)


def compare(before: pd.DataFrame, after: pd.DataFrame, params: MonitoringParams) -> Monitoring:
    """Return changes and alerts between two surveys; see `Monitoring`.

    Parameters
    ----------
    before, after : DataFrame, columns of `product_catalogue`
        Two surveys, as `latest_two` returns them. Where one is empty there is nothing to compare.
    params : MonitoringParams
    """
    before, after = checked(before), checked(after)
    rules = params.in_force()
    years = tuple(int(y) for survey in (before, after) for y in survey["year"].unique())
    if before.empty or after.empty:
        return Monitoring(
            years,
            pd.DataFrame(columns=CHANGE_COLUMNS),
            pd.DataFrame(columns=ALERT_COLUMNS),
            rules,
            missing=(ONE_SURVEY,),
        )
    pairs = before.merge(
        after, on="product_id", how="outer", suffixes=("_before", "_after"), indicator="found"
    )
    pairs["product"] = pairs["product_after"].fillna(pairs["product_before"])
    both = pairs[pairs["found"] == "both"]
    alerts = [alert for name, rule in rules.items() for alert in _alerts(name, rule, pairs)]
    alerts.sort(key=lambda a: (LEVELS.index(a["level"]), list(CHECKS).index(a["rule"])))
    return Monitoring(
        years=years,
        changes=_changes(both),
        alerts=pd.DataFrame(alerts, columns=ALERT_COLUMNS),
        rules=rules,
    )


def _grade(grades: pd.Series) -> pd.Series:
    """Return grades as numbers from 1, the best; NaN where none is given."""
    return grades.map({grade: place for place, grade in enumerate(GRADES, start=1)}).astype(float)


def _changes(both: pd.DataFrame) -> pd.DataFrame:
    """Return what changed in products of both surveys, an aspect a row."""
    tables = []
    for aspect, column in ASPECTS.items():
        before, after = both[f"{column}_before"], both[f"{column}_after"]
        changed = (before != after) & ~(before.isna() & after.isna())
        change = pd.Series(float("nan"), index=both.index)
        if aspect == "quantity":
            changed |= _changed("unit")(both, 0.0)
            change = _quantity_change(both)
        elif aspect == "quality":
            change = _grade(before) - _grade(after)
        table = pd.DataFrame(
            {
                "product_id": both["product_id"],
                "product": both["product"],
                "aspect": aspect,
                "before": _texts(both, column, "before"),
                "after": _texts(both, column, "after"),
                "change": change,
            }
        )
        tables.append(table[changed])
    found = [row for table in tables for row in table.to_dict("records")]
    return pd.DataFrame(found, columns=CHANGE_COLUMNS).astype({"change": float})


def _texts(pairs: pd.DataFrame, column: str, survey: str) -> pd.Series:
    """Return what stands in a column of one survey as text; quantities with their unit."""
    values = pairs[f"{column}_{survey}"]
    if column != "quantity":
        return values.astype(object).where(values.notna(), "").astype(str)
    units = pairs[f"unit_{survey}"].astype(object)
    units = units.where(units.notna(), "")
    return pd.Series(
        [
            f"{v:,.10g} {u}".strip() if pd.notna(v) else ""
            for v, u in zip(values, units, strict=True)
        ],
        index=pairs.index,
        dtype=object,
    )


def _quantity_change(pairs: pd.DataFrame) -> pd.Series:
    """Return the change of quantity as a share of the earlier one; NaN across units."""
    before = pairs["quantity_before"].astype(float)
    after = pairs["quantity_after"].astype(float)
    share = ((after - before) / before).where(after != before, after - before)
    return share.mask(_changed("unit")(pairs, 0.0))


def _survey_gap(pairs: pd.DataFrame) -> pd.Series:
    """Return the years between a product's two survey dates; of the surveys where one is missing."""
    first, last = (
        pd.to_datetime(pairs[f"survey_date_{survey}"], errors="coerce", format="ISO8601")
        for survey in ("before", "after")
    )
    years = (pairs["year_after"] - pairs["year_before"]).astype(float)
    return ((last - first).dt.days / DAYS_A_YEAR).fillna(years)


def _changed(column: str) -> Callable[[pd.DataFrame, float], pd.Series]:
    """Return the check that a word changed; from or to an empty cell is no change."""

    def hits(pairs: pd.DataFrame, _: float) -> pd.Series:
        before, after = pairs[f"{column}_before"], pairs[f"{column}_after"]
        return before.notna() & after.notna() & (before != after)

    return hits


def _grade_fell(pairs: pd.DataFrame, grades: float) -> pd.Series:
    """Tell where the grade fell by some grades."""
    fall = _grade(pairs["quality_grade_after"]) - _grade(pairs["quality_grade_before"])
    return fall >= grades


def _left_redline(pairs: pd.DataFrame, _: float) -> pd.Series:
    """Tell where a product left the redline."""
    was = pairs["protection_status_before"] == REDLINE
    return was & _changed("protection_status")(pairs, _)


def _developed_in_redline(pairs: pd.DataFrame, _: float) -> pd.Series:
    """Tell where development started in what is or was inside the redline."""
    before, after = pairs["development_status_before"], pairs["development_status_after"]
    redline = pairs[["protection_status_before", "protection_status_after"]].eq(REDLINE)
    return (before == UNDEVELOPED) & (after == DEVELOPED) & redline.any(axis=1)


@dataclass(frozen=True)
class Check:
    """What an alert rule looks at: the column that is its evidence, which products it hits."""

    title: str
    column: str
    hits: Callable[[pd.DataFrame, float], pd.Series]
    numbered: bool = False


CHECKS = {
    "quantity_fall": Check(
        "数量减少", "quantity", lambda p, share: _quantity_change(p) < -share, numbered=True
    ),
    "quantity_rise": Check(
        "数量增加", "quantity", lambda p, share: _quantity_change(p) > share, numbered=True
    ),
    "unit_change": Check("计量单位变更", "quantity", _changed("unit")),
    "grade_drop": Check("质量等级下降", "quality_grade", _grade_fell, numbered=True),
    "rights_change": Check("权属状态变化", "rights_status", _changed("rights_status")),
    "owner_change": Check("所有权变化", "owner_type", _changed("owner_type")),
    "redline_left": Check("退出红线", "protection_status", _left_redline),
    "development_in_redline": Check("红线内新增开发", "development_status", _developed_in_redline),
    "vanished": Check("产品消失", "quantity", lambda p, _: p["found"] == "left_only"),
    "new": Check("新增产品", "quantity", lambda p, _: p["found"] == "right_only"),
    "survey_gap": Check(
        "调查间隔过长", "survey_date", lambda p, years: _survey_gap(p) > years, numbered=True
    ),
}
RULE_ZH = {name: check.title for name, check in CHECKS.items()}


def _alerts(name: str, rule: Rule, pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the alerts of one rule, in the order of product numbers."""
    check = CHECKS[name]
    found = pairs[check.hits(pairs, rule.threshold or 0.0)]
    before, after = (
        _texts(found, check.column, survey).replace("", "无") for survey in ("before", "after")
    )
    share = _quantity_change(found) if check.column == "quantity" else None
    evidence = before + " → " + after
    if share is not None:
        evidence += share.map(lambda s: f"（{s:+.1%}）" if np.isfinite(s) else "")
    return [
        {
            "product_id": product.product_id,
            "product": product.product,
            "rule": name,
            "level": rule.level,
            "evidence": shown,
            "text": f"{rule.level}色预警：{product.product}（{product.product_id}）"
            f"{check.title}，{shown}",
        }
        for product, shown in zip(found.itertuples(), evidence, strict=True)
    ]


def entries(monitoring: Monitoring, *, origin: str, quality: str = "") -> list[dict[str, Any]]:
    """Return the ledger rows: alerts of each rule in force, or just how many surveys there are."""
    row = functools.partial(
        ledger.entry, "monitoring", unit="1", origin=origin, quality=quality, method_id=METHOD
    )
    surveys = row(
        "surveys", "number", float(len(monitoring.years)), note="".join(monitoring.missing)
    )
    if monitoring.missing:
        return [surveys]
    counts = monitoring.alerts["rule"].value_counts()
    return [surveys, *(row(n, "alerts", float(counts.get(n, 0))) for n in monitoring.rules)]
