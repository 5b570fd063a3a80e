r"""GEP in the comprehensive performance evaluation of counties (高质量发展综合绩效评价).

A tree of dimensions and indicators, GEP among them, is weighed from the leaves up. Fixed goalposts keep
the order of two counties free of any third. What is missing is declared and never taken for 0, and every
rank is shown with how far it depends on the weights, which no document publishes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from gepbook import ledger
from gepbook.assessment.evaluation import scores, sources
from gepbook.assessment.evaluation.rules import (
    FROM_REGISTER,
    REGISTER,
    RULES_FILE,
    SECTION,
    TABLES,
    EvaluationParams,
)
from gepbook.assessment.evaluation.scores import Tree
from gepbook.assessment.evaluation.sources import Figures
from gepbook.assessment.topic import ACCOUNT, GROUP_ZH, Evidence, Light, Topic, TopicResult, card
from gepbook.errors import GepbookError, near
from gepbook.params import ParameterSet
from gepbook.province import Registers

ID = "evaluation"
METHOD = f"design/{ID}"
MOVERS = ["mover", "mover_places", "mover_points"]


def grow(values: pd.DataFrame, group: str, rules: EvaluationParams) -> Tree:
    """Return the tree of a group's counties.

    Parameters
    ----------
    values : DataFrame, counties × indicators
    """
    return Tree(
        points=scores.points(values, rules, rules.normalisation),
        dimension_of=rules.dimension_of,
        weights=rules.leaf_weights,
        dimension_weights=rules.group_weights(group),
        least_indicators=rules.least_covered_indicators,
        least_dimensions=rules.least_covered_dimensions,
    )


def leaf_table(values: pd.DataFrame, tree: Tree, rules: EvaluationParams) -> pd.DataFrame:
    """Return every indicator of every county (指标得分).

    Returns
    -------
    DataFrame, a row a county and indicator
        `county_code`, `dimension`, `indicator`, `value` (in its unit; NaN = missing), `points` (NaN),
        `weight` in the county's score after what is missing gave its weight away, `contribution` =
        weight · points, `peer_median` of the group
    """
    weight, own = tree.effective(), np.nan_to_num(tree.points)
    parts = [
        pd.DataFrame(
            {
                "county_code": values.index,
                "dimension": dimension,
                "indicator": name,
                "value": values[name].to_numpy(),
                "points": tree.points[:, number],
                "weight": weight[:, number],
                "contribution": weight[:, number] * own[:, number],
                "peer_median": values[name].median(),
            }
        )
        for number, (name, dimension) in enumerate(rules.leaves.items())
    ]
    return pd.concat(parts, ignore_index=True)


def dimension_table(values: pd.DataFrame, tree: Tree, rules: EvaluationParams) -> pd.DataFrame:
    """Return the points of every dimension of every county (维度得分).

    Returns
    -------
    DataFrame, a row a county and dimension
        `county_code`, `dimension`, `weight` by the rules, `points` (NaN where too little is known),
        `covered_weight` of its indicators, `rank` in the group, `peer_median`
    """
    found, covered = tree.dimension_points(), tree.covered()
    parts = [
        pd.DataFrame(
            {
                "county_code": values.index,
                "dimension": name,
                "weight": tree.dimension_weights[number],
                "points": found[:, number],
                "covered_weight": covered[:, number],
                "rank": scores.rank(found[:, number]),
                "peer_median": pd.Series(found[:, number]).median(),
            }
        )
        for number, name in enumerate(rules.dimensions)
    ]
    return pd.concat(parts, ignore_index=True)


def ranking_table(values: pd.DataFrame, tree: Tree, rules: EvaluationParams) -> pd.DataFrame:
    """Return scores and ranks of a group, and how far they depend on the weights (综合得分与位次).

    Returns
    -------
    DataFrame indexed by county code
        `points` (NaN where too little is known), `covered_weight` of the dimensions, `missing`
        (indicators), `unscored` (dimensions without points), `bound_low` and `bound_high` (points if all
        that is missing had 0, or 100), `rank` and `of` in the group, `rank_at_low` (with `bound_low`
        points, the others as they are), `peer_median`,
        the columns of `scores.stability`, `mover` (the weight that moves the county most) and its
        `mover_places` and `mover_points`
    """
    names = np.array(list(rules.leaves))
    table = pd.DataFrame(
        {
            "points": tree.score(),
            "covered_weight": tree.covered_dimensions(),
            "missing": [", ".join(names[row]) for row in np.isnan(tree.points)],
            "unscored": [
                ", ".join(np.array(list(rules.dimensions))[~row]) for row in tree.counted()
            ],
        },
        index=values.index,
    )
    scored = tree.scored()
    table["bound_low"], table["bound_high"] = tree.bounds()
    points = table["points"].to_numpy()
    table["rank"] = scores.rank(points)
    better = points[None, :] > table["bound_low"].to_numpy()[:, None]
    table["rank_at_low"] = 1.0 + (better & ~np.eye(len(table), dtype="bool")).sum(axis=1)
    table["of"], table["peer_median"] = float(scored.sum()), table["points"].median()
    if not scored.any():
        return table.reindex(columns=[*table, *scores.STABILITY, *MOVERS])
    steady = scores.stability(
        scores.draw_scores(tree, rules)[:, scored], table["rank"].to_numpy()[scored], rules
    )
    moved = _movers(tree, scored, rules)
    return table.join(pd.concat([steady, moved], axis=1).set_axis(table.index[scored]))


def _movers(tree: Tree, scored: np.ndarray, rules: EvaluationParams) -> pd.DataFrame:
    """Return which weight moves each county most when one at a time is stepped, and how far."""
    names = np.array([*rules.dimensions, *rules.leaves])
    base = tree.score()[scored]
    stepped = [found[:, scored] for found in scores.one_at_a_time(tree, rules.weight_step)]
    places = np.stack([scores.rank(found) - scores.rank(base) for found in stepped])
    change = np.stack([found - base for found in stepped])
    most = np.abs(places).max(axis=0) + np.abs(change).max(axis=0) / (2 * scores.FULL)
    chosen, county = most.argmax(axis=0), np.arange(base.size)
    way = np.abs(change[:, chosen, county]).argmax(axis=0)
    return pd.DataFrame(
        {
            "mover": names[chosen],
            "mover_places": np.abs(places[:, chosen, county]).max(axis=0),
            "mover_points": change[way, chosen, county],
        }
    )


def evaluate(
    values: pd.DataFrame, groups: pd.Series, rules: EvaluationParams
) -> dict[str, pd.DataFrame]:
    """Return the evaluation of all counties, group by group (综合绩效评价).

    Parameters
    ----------
    values : DataFrame, counties × indicators, each in its unit
        NaN = missing.
    groups : Series by county code

    Returns
    -------
    dict of DataFrame
        `leaves`, `dimensions`, `ranking` (with `group` and the rank in the province, `rank_province` of
        `of_province`) and `cross_checks`
    """
    found: dict[str, list[pd.DataFrame]] = {"leaves": [], "dimensions": [], "ranking": []}
    checks = []
    for group in rules.dimension_weights:
        own = values[groups == group]
        if own.empty:
            continue
        tree = grow(own, group, rules)
        for name, table in (
            ("leaves", leaf_table), ("dimensions", dimension_table), ("ranking", ranking_table),
        ):  # fmt: skip
            found[name].append(table(own, tree, rules).assign(group=group))
        for method, normalisation in rules.cross_checks:
            agreed = scores.cross_check(own, tree, rules, method, normalisation)
            if agreed:
                checks.append(
                    {"group": group, "method": method, "normalisation": normalisation, **agreed}
                )
    ranking = pd.concat(found["ranking"]).sort_index()
    ranking["rank_province"] = scores.rank(ranking["points"].to_numpy())
    ranking["of_province"] = float(ranking["points"].notna().sum())
    return {
        "leaves": pd.concat(found["leaves"], ignore_index=True),
        "dimensions": pd.concat(found["dimensions"], ignore_index=True),
        "ranking": ranking,
        "cross_checks": pd.DataFrame(checks),
    }


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return the comprehensive performance evaluation of all counties.

    Raises
    ------
    GepbookError
        See `sources.read`.
    """
    rules = evidence.rules(SECTION, EvaluationParams)
    figures = sources.read(evidence, before, rules)
    tables = evaluate(figures.table, evidence.groups, rules)
    tables["leaves"]["origin"] = tables["leaves"]["indicator"].map(figures.origins)
    ranking = tables["ranking"]
    return TopicResult(
        tables=tables,
        figures=[*_figures(evidence, tables, figures)],
        cards=[*_cards(evidence, ranking[ranking["points"].notna()], rules, figures)],
        lacking=tuple(evidence.registers.lacking(REGISTER, *TABLES)),
    )


def _figures(
    evidence: Evidence, tables: Mapping[str, pd.DataFrame], figures: Figures
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Give the ledger rows of scores, dimensions and ranks."""
    common: dict[str, Any] = {
        "origin": ledger.weakest(figures.origins.values()),
        "quality": evidence.quality(SECTION),
        "method_id": METHOD,
    }
    ranking = tables["ranking"]
    for code, row in ranking[ranking["points"].notna()].iterrows():
        note = f"0-100; missing: {row['missing']}" if row["missing"] else "0-100"
        band = {"low": row["points_low"], "high": row["points_high"], "note": note}
        yield (
            str(code),
            ledger.entry(ACCOUNT, f"{ID}.score", "score", row["points"], "1", **common, **band),
        )
        band = {
            "low": row["rank_low"],
            "high": row["rank_high"],
            "note": f"within {row['group']}, {row['of']:.0f} counties; interval over drawn weights",
        }
        yield (
            str(code),
            ledger.entry(ACCOUNT, f"{ID}.score", "rank", row["rank"], "1", **common, **band),
        )
    dimensions = tables["dimensions"]
    for row in dimensions[dimensions["points"].notna()].itertuples():
        item = f"{ID}.{row.dimension}"
        yield row.county_code, ledger.entry(ACCOUNT, item, "score", row.points, "1", **common)


def light(row: pd.Series, rules: EvaluationParams) -> tuple[Light, str]:
    """Return the light of a county and the reason: only a sure place in the first or last third.

    Not to deliver figures must not pay: a county without a whole dimension has none, and a good one only
    who would keep the place if all that is missing had 0 points.
    """
    if row["unscored"]:
        names = "、".join(rules.dimensions[name] for name in row["unscored"].split(", "))
        return "none", f"{names}数据不足，不评"
    if row["leads"] >= rules.sure_share:
        if row["rank_at_low"] > scores.leading_part(int(row["of"]), rules):
            return "none", f"缺项若按 0 分则居第 {row['rank_at_low']:.0f} 位，不评"
        return "good", f"{row['leads']:.0%} 的权重抽样居前列"
    if row["trails"] >= rules.sure_share:
        return "poor", f"{row['trails']:.0%} 的权重抽样居后列"
    return "none", f"位次 {row['rank_low']:.0f}–{row['rank_high']:.0f}，随权重变动或居中，不评"


def _cards(
    evidence: Evidence, ranking: pd.DataFrame, rules: EvaluationParams, figures: Figures
) -> Iterator[dict[str, Any]]:
    """Give the scorecard's line of every county that has a score."""
    origin = ledger.weakest(figures.origins.values())
    for code, row in ranking.iterrows():
        shown, reason = light(row, rules)
        lacking = "、".join(
            rules.indicators[name].name_zh for name in row["missing"].split(", ") if name
        )
        yield card(
            str(code), "综合绩效评价", row["points"], "points",
            peer=row["peer_median"], peer_zh=f"{GROUP_ZH[row['group']]}中位数",
            low=row["points_low"], high=row["points_high"],
            rank=int(row["rank"]), of=int(row["of"]), light=shown,
            reason=reason + (f"；缺{lacking}" if lacking else ""),
            origin=origin, quality=evidence.quality(SECTION),
        )  # fmt: skip


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the tree of indicators and in the register behind it."""
    try:
        rules = params.section(SECTION, EvaluationParams)
    except GepbookError as error:
        return error.problems
    if not registers.pack.has(REGISTER):
        return []
    rows = registers.history(REGISTER)
    wanted = [n for n, leaf in rules.indicators.items() if leaf.source == FROM_REGISTER]
    problems = list(registers.row_problems(REGISTER, rows))
    for name, own in rows[~rows["indicator"].isin(wanted)].groupby("indicator", sort=False):
        more = f" (and {len(own) - 1} more rows)" if len(own) > 1 else ""
        problems.append(
            f"{registers.place(REGISTER, own.index[0])}{more}: indicator {name!r} is none that "
            f"{RULES_FILE} takes from the register.{near(str(name), wanted)} Correct it, or add it there."
        )
    every = set(registers.pack.table(REGISTER)["indicator"])
    problems += [
        f"{RULES_FILE}, indicators.{name}: the register {REGISTER} has no row of {name!r}."
        f"{near(name, every - set(wanted))} Correct the name, or add the figures to "
        f"{registers.pack.folder / registers.pack.resource(REGISTER).path}."
        for name in wanted
        if name not in every
    ]
    return problems


TOPIC = Topic(
    id=ID,
    name_zh="高质量发展综合绩效评价",
    name_en="Comprehensive performance evaluation",
    source="浙委办发〔2021〕82号 六(一) 将 GEP 相关指标纳入高质量发展综合绩效评价",
    sections={SECTION: EvaluationParams},
    tables=(REGISTER, *TABLES),
    compute=compute,
    check=check,
)
