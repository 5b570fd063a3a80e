r"""The effect of protection: ecosystems, redline, water and air of each county (生态保护成效).

A county is held against its own history and shown beside its peers. Its points come from fixed marks and
from changes that are sure; where a change is inside the noise nothing is said of it, and what is not
known takes no points but gives its weight to the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from gepbook import ledger
from gepbook.assessment.protection import scores, series
from gepbook.assessment.protection.rules import (
    INDICATORS,
    PART_ZH,
    POLLUTANTS,
    SECTION,
    ProtectionParams,
)
from gepbook.assessment.protection.scores import DECLINED, IMPROVED, NOISE, STATE, UNKNOWN
from gepbook.assessment.topic import ACCOUNT, GROUP_ZH, Evidence, Light, Topic, TopicResult, card
from gepbook.errors import GepbookError
from gepbook.ledger import Origin
from gepbook.params import SUM_ROUNDING, ParameterSet
from gepbook.province import Registers

METHOD = f"design/{SECTION}"
REDLINE = "redline"
PERCENTS = ("good_air_days_percent", "class_1_to_3_water_percent")
VERDICT_ZH = {
    IMPROVED: "改善",
    DECLINED: "变差",
    NOISE: "变化在误差之内",
    UNKNOWN: "历史不足",
    STATE: "只看状态",
}

Figure = tuple[str | None, dict[str, Any]]


def measure(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return every indicator of every county with its history, points and peers (评估指标表).

    Returns
    -------
    DataFrame, a row a county and indicator
        `part`, `indicator`, `group`, the columns of `scores.trends`, `verdict`, `level_points`,
        `change_points`, `points`, `peer_median`, `percentile` (in the group, 1 = best), `origin`
    """
    parts = []
    for name, indicator in INDICATORS.items():
        table = series.SERIES[name](evidence, rules)
        found = scores.trends(table, rules.least_years, rules.trend_probability)
        sign, marks = rules.sign(name), rules.change_marks.get(name)
        word = scores.verdict(found, marks, sign)
        level = scores.level_points(found["value"], rules.goalposts[name])
        change = scores.change_points(found["slope"], word, marks, sign, rules.change_points)
        parts.append(
            found.assign(
                part=indicator.part,
                indicator=name,
                group=evidence.groups,
                verdict=word,
                level_points=level,
                change_points=change,
                points=(level + change).clip(0, scores.FULL),
                peer_median=found["value"].groupby(evidence.groups).transform("median"),
                percentile=scores.percentile(found["value"] * sign, evidence.groups),
                origin=_origin(evidence, name),
            )
        )
    return pd.concat(parts).rename_axis("county_code").reset_index()


def _origin(evidence: Evidence, *indicators: str) -> Origin:
    """Return the weakest origin of what some indicators rest on."""
    tables = {table for name in indicators for table in series.SOURCES[name]}
    return evidence.origin(
        *sorted(tables), accounts=any(not series.SOURCES[name] for name in indicators)
    )


def judge(indicators: pd.DataFrame, rules: ProtectionParams) -> pd.DataFrame:
    """Return the points and direction of every part of every county (分部分评估).

    Parameters
    ----------
    indicators : DataFrame
        From `measure`.

    Returns
    -------
    DataFrame, a row a county and part
        `county_code`, `part`, `group`, `points` (NaN where too little is known), `covered_weight`,
        `missing` (indicators), `change_points` (weighted), `verdict`, `rank` and `of` in the group,
        `peer_median`, `percentile`
    """
    found = []
    for part, weights in rules.indicator_weights.items():
        own = indicators[indicators["part"] == part]
        points, words, change = (
            _wide(own, "indicator", column).reindex(columns=list(weights))
            for column in ("points", "verdict", "change_points")
        )
        table = scores.weighted(points, weights, rules.least_covered_weight)
        table["part"] = part
        table["group"] = own.groupby("county_code")["group"].first()
        table["missing"] = _missing(points)
        table["change_points"] = change.mul(pd.Series(weights)).sum(axis=1)
        table["verdict"] = _direction(table["change_points"], words)
        found.append(_beside_peers(table).rename_axis("county_code").reset_index())
    return pd.concat(found, ignore_index=True)


def _wide(table: pd.DataFrame, columns: str, values: str) -> pd.DataFrame:
    """Return a column of a long table, counties × names; unknown values stay NaN."""
    return table.pivot_table(
        index="county_code", columns=columns, values=values, aggfunc="first", dropna=False
    )


def _missing(points: pd.DataFrame) -> list[str]:
    """Return what is not known of each county, names with commas."""
    names = points.columns.to_numpy()
    return [", ".join(names[row]) for row in points.isna().to_numpy()]


def _direction(change: pd.Series, words: pd.DataFrame) -> pd.Series:
    """Return the direction of a part: that of its sure changes together."""
    judged = words.isin([IMPROVED, DECLINED, NOISE]).any(axis=1)
    short = words.eq(UNKNOWN).any(axis=1).map({True: UNKNOWN, False: STATE})
    word = change.map(lambda points: DECLINED if points < 0 else IMPROVED if points > 0 else NOISE)
    return word.where(judged, short)


def _beside_peers(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of points with rank, size, median and percentile in the group."""
    grouped = table.groupby("group")["points"]
    return table.assign(
        rank=grouped.rank(ascending=False, method="min"),
        of=grouped.transform("count"),
        peer_median=grouped.transform("median"),
        percentile=scores.percentile(table["points"], table["group"]),
    )


def redline_state(
    evidence: Evidence, indicators: pd.DataFrame, rules: ProtectionParams
) -> pd.DataFrame:
    """Return what is known of the redline of every county (红线完整性)."""
    wide = _wide(indicators[indicators["part"] == REDLINE], "indicator", "value")
    area = series.by_year(evidence, series.REDLINE, "redline_area_km2")
    lost = series.occupied(evidence, rules)
    table = wide.rename(columns={"redline_kept": "kept", "redline_alerts": "alerts"})
    return table.assign(
        area_km2=area[evidence.year] if evidence.year in area else float("nan"),
        first_year=_first_years(area),
        sites=lost["sites"].reindex(table.index),
        occupied_ha=lost["area_ha"].reindex(table.index),
    )


def _first_years(table: pd.DataFrame) -> pd.Series:
    """Return the first year that is known of every county; NaN where none is."""
    known = table.notna()
    return (known * known.columns).where(known).min(axis=1)


def light(points: float, word: str, rules: ProtectionParams) -> Light:
    """Return the light of a part: its points, tempered by a sure change (评估等次)."""
    if pd.isna(points):
        return "none"
    if points >= rules.good_points:
        return "watch" if word == DECLINED else "good"
    if points < rules.poor_points:
        return "watch" if word == IMPROVED else "poor"
    return "watch"


def _reason(points: float, word: str, rules: ProtectionParams) -> str:
    """Say by which rule a part has its light."""
    if pd.isna(points):
        return "已知指标的权重不足"
    if points >= rules.good_points:
        start = f"{rules.good_points:g} 分以上"
    elif points < rules.poor_points:
        start = f"不足 {rules.poor_points:g} 分"
    else:
        start = f"{rules.poor_points:g}–{rules.good_points:g} 分"
    return start + (f"，{VERDICT_ZH[word]}" if word in (IMPROVED, DECLINED) else "")


def redline_light(state: pd.Series, rules: ProtectionParams) -> tuple[Light, str]:
    """Return the light of the redline and the reason (红线完整性).

    Parameters
    ----------
    state : Series
        A row of `redline_state`; NaN = not known.
    """
    lost = 1 - state["kept"]
    if lost > rules.redline_tolerance:
        return "poor", f"面积比首年少 {lost:.2%}，超过绘制误差"
    if state["sites"] > 0:
        return "poor", f"{state['sites']:.0f} 处占用或损害地块位于红线内"
    if state["alerts"] > 0:
        return "watch", f"{state['alerts']:.0f} 条红线预警待核查"
    if pd.isna(state["kept"]):
        return "none", "没有更早的面积可比"
    unknown = [name for key, name in (("sites", "地块"), ("alerts", "预警")) if pd.isna(state[key])]
    said = f"面积减少 {lost:.2%}，在绘制误差内" if lost > SUM_ROUNDING else "面积未减少"
    return "good", said + (f"；{'、'.join(unknown)}无数据" if unknown else "，无占用与预警")


def combine(parts: pd.DataFrame, rules: ProtectionParams) -> pd.DataFrame:
    """Return the composite of every county (生态保护成效综合分).

    Parameters
    ----------
    parts : DataFrame
        From `judge`, with `light`.

    Returns
    -------
    DataFrame indexed by county code
        `points`, `covered_weight`, `missing` (parts), `group`, `light`, `reason`, `rank`, `of`,
        `peer_median`, `percentile`
    """
    points = _wide(parts, "part", "points")[list(PART_ZH)]
    table = scores.weighted(points, rules.part_weights, rules.least_covered_weight)
    table["group"] = parts.groupby("county_code")["group"].first()
    table["missing"] = _missing(points)
    lights = _wide(parts, "part", "light")[list(PART_ZH)]
    words = _wide(parts, "part", "verdict")[list(PART_ZH)]
    poor = _named(lights == "poor")
    fell = _named(words == DECLINED)
    marked = [_whole(*row, rules) for row in zip(table["points"], poor, fell, strict=True)]
    table["light"] = [shown for shown, _ in marked]
    table["reason"] = [reason for _, reason in marked]
    return _beside_peers(table)


def _named(marks: pd.DataFrame) -> list[str]:
    """Return the Chinese names of the parts that are marked, by county."""
    names = [PART_ZH[str(part)] for part in marks.columns]
    return ["、".join(itertools.compress(names, row)) for row in marks.to_numpy()]


def _whole(points: float, poor: str, fell: str, rules: ProtectionParams) -> tuple[Light, str]:
    """Return the light of the whole: good only where no part is poor and none declined."""
    if pd.isna(points):
        return "none", "已知部分的权重不足"
    own = light(points, DECLINED if poor or fell else NOISE, rules)
    said = [f"{names}{word}" for names, word in ((poor, "不佳"), (fell, "变差")) if names]
    return own, "；".join(
        said
    ) or f"{rules.good_points:g} 分起为良好，{rules.poor_points:g} 分以下为不佳"


def pollutant_trends(evidence: Evidence, rules: ProtectionParams) -> pd.DataFrame:
    """Return the trend of every pollutant in every county's sections, mg L-1 a year (浓度趋势)."""
    found = series.concentrations(evidence)
    parts = [
        scores.trends(found.loc[name], rules.least_years, rules.trend_probability).assign(
            pollutant=name
        )
        for name in POLLUTANTS
        if name in found.index.get_level_values(0)
    ]
    return pd.concat(parts).rename_axis("county_code").reset_index() if parts else pd.DataFrame()


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return the effect of protection in all counties."""
    rules = evidence.rules(SECTION, ProtectionParams)
    indicators = measure(evidence, rules)
    parts = judge(indicators, rules)
    state = redline_state(evidence, indicators, rules)
    marked = [
        redline_light(state.loc[row.county_code], rules)
        if row.part == REDLINE
        else (light(row.points, row.verdict, rules), _reason(row.points, row.verdict, rules))
        for row in parts.itertuples()
    ]
    parts["light"] = [shown for shown, _ in marked]
    parts["reason"] = [reason for _, reason in marked]
    composite = combine(parts, rules)
    return TopicResult(
        tables={
            "indicators": indicators,
            "parts": parts,
            "composite": composite,
            "redline": state,
            "pollutants": pollutant_trends(evidence, rules),
        },
        figures=[*_figures(evidence, indicators, parts, composite)],
        cards=[*_cards(evidence, parts, composite, state)],
        lacking=tuple(evidence.registers.lacking(*series.TABLES)),
    )


def _figures(
    evidence: Evidence, indicators: pd.DataFrame, parts: pd.DataFrame, composite: pd.DataFrame
) -> Iterator[Figure]:
    """Give the ledger rows of indicators, their trends, parts and the whole."""
    quality = evidence.quality(SECTION)
    for row in indicators[indicators["value"].notna()].itertuples():
        item, unit = f"{SECTION}.{row.indicator}", INDICATORS[row.indicator].unit
        common = {"origin": row.origin, "quality": quality, "method_id": METHOD}
        yield row.county_code, ledger.entry(ACCOUNT, item, "value", row.value, unit, **common)
        if pd.notna(row.slope):
            band = {"low": row.low, "high": row.high, "note": row.verdict}
            yearly = "a-1" if unit == "1" else f"{unit} a-1"
            yield (
                row.county_code,
                ledger.entry(ACCOUNT, item, "slope", row.slope, yearly, **common, **band),
            )
    for row in parts[parts["points"].notna()].itertuples():
        origin = _origin(evidence, *_names(row.part))
        note = f"0-100; missing: {row.missing}" if row.missing else "0-100"
        entry = ledger.entry(
            ACCOUNT, f"{SECTION}.{row.part}", "score", row.points, "1",
            origin=origin, quality=quality, method_id=METHOD, note=note,
        )  # fmt: skip
        yield row.county_code, entry
    common = {
        "origin": _origin(evidence, *INDICATORS), "quality": quality, "method_id": METHOD,
    }  # fmt: skip
    for code, row in composite[composite["points"].notna()].iterrows():
        note = f"0-100; missing: {row['missing']}" if row["missing"] else "0-100"
        item = f"{SECTION}.composite"
        yield (
            str(code),
            ledger.entry(ACCOUNT, item, "score", row["points"], "1", **common, note=note),
        )
        within = f"within {row['group']}, {row['of']:.0f} counties"
        yield (
            str(code),
            ledger.entry(ACCOUNT, item, "rank", row["rank"], "1", **common, note=within),
        )


def _names(part: str) -> list[str]:
    """Return the indicators of a part."""
    return [name for name, indicator in INDICATORS.items() if indicator.part == part]


def _cards(
    evidence: Evidence, parts: pd.DataFrame, composite: pd.DataFrame, state: pd.DataFrame
) -> Iterator[dict[str, Any]]:
    """Give the scorecard's lines: the whole, and the redline."""
    quality = evidence.quality(SECTION)
    for code, row in composite[composite["points"].notna()].iterrows():
        lacking = "、".join(PART_ZH[name] for name in row["missing"].split(", ") if name)
        yield card(
            str(code), "生态保护成效", row["points"], "points",
            peer=row["peer_median"], peer_zh=f"{GROUP_ZH[row['group']]}中位数",
            rank=int(row["rank"]), of=int(row["of"]), light=row["light"],
            reason=row["reason"] + (f"；缺{lacking}" if lacking else ""),
            origin=_origin(evidence, *INDICATORS), quality=quality,
        )  # fmt: skip
    own = parts[parts["part"] == REDLINE].set_index("county_code")
    for code, row in state[state["kept"].notna()].iterrows():
        yield card(
            str(code), "红线完整性", row["kept"] * series.PERCENT, "percent",
            peer=series.PERCENT, peer_zh=f"{row['first_year']:.0f} 年面积",
            light=own.loc[code, "light"], reason=own.loc[code, "reason"],
            origin=_origin(evidence, *_names(REDLINE)), quality=quality,
        )  # fmt: skip


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the rules and in the tables of environment, sections and redline."""
    try:
        params.section(SECTION, ProtectionParams)
    except GepbookError as error:
        return error.problems
    problems: list[str] = []
    for name in (series.ENVIRONMENT, series.SECTIONS, series.REDLINE):
        if registers.pack.has(name):
            rows = registers.history(name)
            problems += [*registers.row_problems(name, rows), *_out_of_range(registers, name, rows)]
    return problems


def _out_of_range(registers: Registers, name: str, rows: pd.DataFrame) -> Iterator[str]:
    """Give the figures that cannot be: shares beyond 0–100 %, negative areas and concentrations."""
    for column in [c for c in (*PERCENTS, *POLLUTANTS, "redline_area_km2") if c in rows]:
        most = series.PERCENT if column in PERCENTS else float("inf")
        for line, value in rows.loc[~rows[column].between(0, most), column].dropna().items():
            bounds = f"between 0 and {most:g}" if most < float("inf") else "0 or more"
            yield (
                f"{registers.place(name, line)}: {column} must be {bounds}, got {value:g}. Correct the "
                "figure."
            )


TOPIC = Topic(
    id=SECTION,
    name_zh="生态保护成效",
    name_en="Effect of protection",
    source="浙委办发〔2021〕82号 三(三) 适时评估各地生态保护成效",
    sections={SECTION: ProtectionParams},
    tables=series.TABLES,
    compute=compute,
    check=check,
)
