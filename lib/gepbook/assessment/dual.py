"""Dual assessment (双考核): GDP and GEP side by side, growth, quadrants, an index, and sure ranks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field
from scipy import stats

from gepbook import counties, ledger
from gepbook.accounting.uncertainty import HIGH, LOW
from gepbook.assessment import growth_draws, money
from gepbook.assessment.growth_draws import GrowthDrawsParams
from gepbook.assessment.money import ECONOMY
from gepbook.assessment.topic import (
    ACCOUNT,
    FIRST,
    GROUP_ZH,
    NORMAL,
    OTHER,
    Evidence,
    Topic,
    TopicResult,
    card,
)
from gepbook.inputs.own_data.limits import SECTION as LIMITS
from gepbook.inputs.own_data.limits import Limits
from gepbook.params import ParameterSet, Params, parameter
from gepbook.prices import PriceBook
from gepbook.province import Registers

SECTION = "dual_assessment"
METHOD = "design/dual"
GDP_INDEX = "gdp_deflator"
ROUNDING = 1e-12  # relative spread up to which values are the same
QUADRANTS = {
    (True, True): "both_rise",
    (True, False): "gdp_rises_gep_falls",
    (False, True): "gdp_falls_gep_rises",
    (False, False): "both_fall",
}
QUADRANT_ZH = {
    "both_rise": "GDP 与 GEP 双增长",
    "gdp_rises_gep_falls": "GDP 增、GEP 减",
    "gdp_falls_gep_rises": "GDP 减、GEP 增",
    "both_fall": "GDP 与 GEP 双下降",
}


def _groups(values: dict[str, int]) -> dict[str, int]:
    """Refuse a table that is not that of the groups of assessment."""
    if set(values) != {FIRST, OTHER}:
        raise ValueError(f"must list {FIRST}, {OTHER}")
    return values


def _marks(marks: dict[str, float]) -> dict[str, float]:
    """Refuse marks that measure nothing."""
    if set(marks) != {"low", "high"} or marks["low"] >= marks["high"]:
        raise ValueError("must list low and high, low below high")
    return marks


def _with_other(weights: dict[str, float]) -> dict[str, float]:
    """Refuse weights without that of the other counties."""
    if OTHER not in weights:
        raise ValueError(f"must list {OTHER}: the weight of the counties in no class")
    return weights


Marks = Annotated[dict[str, float], AfterValidator(_marks)]


class DualParams(Params):
    """Rules of the dual assessment (双考核规则)."""

    provincial = True

    gdp_weight: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1)]], AfterValidator(_with_other)
    ] = parameter("1", "GDP 增长的权重 w, 按县类; other = 其他县")
    assessed_from: Annotated[dict[str, int], AfterValidator(_groups)] = parameter(
        "a", "各县组开始考核的年份"
    )
    normalisation: Literal["z", "goalposts"] = parameter("1", "增长的标准化方法")
    gdp_goalposts: Marks = parameter("1", "GDP 增长的固定标尺")
    gep_goalposts: Marks = parameter("1", "GEP 增长的固定标尺")
    ahead_probability: float = parameter("1", "判定领先的概率", gt=0.5, lt=1)
    peer_factor: float = parameter("1", "人均 GDP 与中位数之比的上限", gt=1)


def growth(now: pd.Series, before: pd.Series) -> pd.Series:
    """Return the relative change from a year to the next; counties without both years are left out.

    Parameters
    ----------
    now, before : Series, CNY at the same prices, indexed by county code

    Returns
    -------
    Series, dimensionless
        NaN where the former value is zero: growth from nothing has no rate.
    """
    both = pd.DataFrame({"now": now, "before": before}).dropna()
    return (both["now"] / both["before"].where(both["before"] != 0)) - 1


def standardise(values: np.ndarray, within: np.ndarray) -> np.ndarray:
    """Return z-scores by the mean and spread of a group; all zero where its counties do not differ.

    Parameters
    ----------
    values : ndarray, (…, counties)
        The growth rates, or draws of them.
    within : ndarray, (counties,)
        The group's growth rates as they are: errors of draws would widen the spread, and shrink the
        z-scores of all.
    """
    middle, spread = within.mean(), within.std()
    if not spread > ROUNDING * abs(middle):
        return np.zeros_like(values)
    return (values - middle) / spread


def placed(values: np.ndarray, marks: Mapping[str, float]) -> np.ndarray:
    """Return where values lie between two fixed marks, 0 at the low one and 1 at the high one."""
    return (values - marks["low"]) / (marks["high"] - marks["low"])


def index(
    gdp_growth: np.ndarray,
    gep_growth: np.ndarray,
    gdp_weight: np.ndarray,
    rules: DualParams,
    within: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    r"""Return the index of the dual assessment (双考核指数).

    Parameters
    ----------
    gdp_growth, gep_growth : ndarray, (…, counties), dimensionless
        At comparable prices, GEP under long-term weather; the counties are those of one group.
    gdp_weight : ndarray, (counties,)
        Weight w of each county's class, 0–1.
    rules : DualParams
    within : (gdp, gep), each ndarray of shape (counties,), optional
        Growth rates that the z-scores are taken within; of draws those that are drawn around.

    Returns
    -------
    ndarray, (…, counties)

    Notes
    -----
    .. math:: I = w \, n(\Delta GDP) + (1 - w) \, n(\Delta GEP)

    n is the z-score within the group, or the place between two fixed marks; only with the latter does the
    order of two counties not depend on any third.

    Source: design; 浙委办发〔2021〕82号 六(一) asks for dual assessment, publishes no formula.
    """
    if rules.normalisation == "z":
        own_gdp, own_gep = within or (gdp_growth, gep_growth)
        gdp, gep = standardise(gdp_growth, own_gdp), standardise(gep_growth, own_gep)
    else:
        gdp = placed(gdp_growth, rules.gdp_goalposts)
        gep = placed(gep_growth, rules.gep_goalposts)
    return gdp_weight * gdp + (1 - gdp_weight) * gep


def rank(values: pd.Series) -> pd.Series:
    """Return ranks, 1 = largest; equal values share the better rank (并列取优)."""
    return values.rank(ascending=False, method="min").astype("Int64")


def quadrant(gdp_growth: float, gep_growth: float) -> str:
    """Return the quadrant of two growth rates; standing still counts as not falling."""
    return QUADRANTS[gdp_growth >= 0, gep_growth >= 0]


def ahead(drawn: np.ndarray) -> np.ndarray:
    """Return the probability that one county is ahead of another.

    Parameters
    ----------
    drawn : ndarray, (draws, counties)
        Indices.

    Returns
    -------
    ndarray, (counties, counties)
        Entry (a, b): share of the draws in which a's index is above b's, equal ones counted half.
    """
    above = np.stack([(drawn[:, [a]] > drawn).mean(axis=0) for a in range(drawn.shape[1])])
    equal = 1 - above - above.T
    return above + equal / 2


def rank_draws(drawn: np.ndarray) -> np.ndarray:
    """Return each draw's ranks, 1 = largest; equal values share the better rank (并列取优).

    Parameters
    ----------
    drawn : ndarray, (draws, counties)
    """
    return stats.rankdata(-drawn, method="min", axis=1)


def certainty(drawn: np.ndarray, codes: list[str], probability: float) -> pd.DataFrame:
    """Return how sure the ranks of a group are (位次的不确定性).

    Parameters
    ----------
    drawn : ndarray, (draws, counties)
        Indices.
    codes : list of str
        Counties of the columns.
    probability : float
        From which one county is called ahead of another.

    Returns
    -------
    DataFrame indexed by county code
        `rank_low`, `rank_high` (5 % and 95 % quantile of the rank); `ahead_of`, `behind` and `tied`:
        how many counties of the group.
    """
    ranks, sure = rank_draws(drawn), ahead(drawn)
    beats = sure >= probability
    return pd.DataFrame(
        {
            "rank_low": np.quantile(ranks, LOW, axis=0, method="nearest").astype(int),
            "rank_high": np.quantile(ranks, HIGH, axis=0, method="nearest").astype(int),
            "ahead_of": beats.sum(axis=1),
            "behind": beats.sum(axis=0),
            "tied": len(codes) - 1 - beats.sum(axis=1) - beats.sum(axis=0),
        },
        index=pd.Index(codes, name="county_code"),
    )


def read_levels(evidence: Evidence) -> pd.DataFrame:
    """Return GDP, GEP, GEP per km² and their ranks by county."""
    table = pd.DataFrame(
        {
            "gdp_cny": evidence.values("statistics", "gdp", "value", "current"),
            "gep_cny": evidence.values("gep", "gep", "value", "current"),
            "land_area_km2": evidence.values("statistics", "land_area", "value"),
        }
    )
    table["gep_per_km2_cny"] = table["gep_cny"] / table["land_area_km2"]
    table["gep_to_gdp"] = table["gep_cny"] / table["gdp_cny"].where(table["gdp_cny"] != 0)
    for column in ("gdp_cny", "gep_cny", "gep_per_km2_cny"):
        table[f"{column.removesuffix('_cny')}_rank"] = rank(table[column])
    return table.rename_axis("county_code")


def gdp_history(evidence: Evidence) -> pd.DataFrame:
    """Return GDP at the prices of the accounting year, counties × years of the history, CNY a-1."""
    if evidence.registers.lacking(ECONOMY):
        return pd.DataFrame(np.nan, index=evidence.county_codes, columns=evidence.years)
    rows = evidence.registers.history(ECONOMY)
    wide = rows.pivot_table(index="county_code", columns="year", values="gdp_cny")
    wide = wide.reindex(index=evidence.county_codes, columns=evidence.years)
    prices = PriceBook.read().index(GDP_INDEX)
    return wide * (prices[evidence.year] / prices.reindex(wide.columns))


def read_path(evidence: Evidence, rules: DualParams) -> pd.DataFrame:
    """Return levels, growth, quadrant, index and rank of every county and year (历年轨迹).

    Ranks are within the group. A county without GDP, GEP or, where others have it, GEP under long-term
    weather of a year and the one before has no row of it.

    Returns
    -------
    DataFrame
        `county_code`, `year`, `group`, `assessed` (False: for reference), `gdp_cny`, `gep_cny`,
        `gep_normal_cny` (long-term weather), `gdp_growth`, `gep_growth` (as it was), `gep_growth_normal`
        (under long-term weather, what counts), `quadrant`, `index`, `rank`, `of`
    """
    gdp, gep = gdp_history(evidence), evidence.levels("gep")
    normal = evidence.levels("gep", growth_draws.measure_of(evidence))
    weights = gdp_weights(evidence, rules)
    parts = []
    for before, now in itertools.pairwise(evidence.years):
        if now - before > 1:  # growth over two years is no year's
            continue
        table = pd.DataFrame(
            {
                "year": now,
                "group": evidence.groups,
                "gdp_cny": gdp[now],
                "gep_cny": gep[now],
                "gep_normal_cny": normal[now],
                "gdp_growth": growth(gdp[now], gdp[before]),
                "gep_growth": growth(gep[now], gep[before]),
                "gep_growth_normal": growth(normal[now], normal[before]),
            }
        ).dropna()
        table["assessed"] = now >= table["group"].map(rules.assessed_from)
        table["quadrant"] = [
            quadrant(*pair)
            for pair in table[["gdp_growth", "gep_growth_normal"]].itertuples(index=False)
        ]
        for _, own in table.groupby("group"):
            value = index(
                own["gdp_growth"].to_numpy(),
                own["gep_growth_normal"].to_numpy(),
                weights[own.index].to_numpy(),
                rules,
            )
            table.loc[own.index, "index"] = value
            table.loc[own.index, "rank"] = rank(pd.Series(value, own.index)).astype(float)
            table.loc[own.index, "of"] = float(len(own))
        parts.append(table.rename_axis("county_code").reset_index())
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def gdp_weights(evidence: Evidence, rules: DualParams) -> pd.Series:
    """Return each county's weight of GDP growth, by the class that it belongs to."""
    classes = [name for name in rules.gdp_weight if name != OTHER]
    found = counties.classes(classes, evidence.year, OTHER)[evidence.county_codes]
    return found.map(rules.gdp_weight)


def draw_growth(
    evidence: Evidence, codes: list[str], settings: GrowthDrawsParams
) -> tuple[np.ndarray, np.ndarray]:
    """Return draws of GDP and GEP growth of some counties in the accounting year.

    Returns
    -------
    (gdp, gep), each ndarray of shape (draws, counties), dimensionless
    """
    span = [evidence.year - 1, evidence.year]
    gep = growth_draws.levels(evidence, settings, codes=codes, years=span)
    gdp = gdp_history(evidence)[span]
    width = settings.yearly_half_width[evidence.origin(ECONOMY)]
    levels = {
        code: [
            value * growth_draws.yearly_factors(f"{code}/{year}/gdp", width, settings)
            for year, value in gdp.loc[code].items()
        ]
        for code in codes
    }
    return (
        np.column_stack([now / before - 1 for before, now in (levels[c] for c in codes)]),
        np.column_stack([gep[c][:, 1] / gep[c][:, 0] - 1 for c in codes]),
    )


def assess(
    evidence: Evidence, path: pd.DataFrame, rules: DualParams, settings: GrowthDrawsParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the year's assessment with its uncertainty, and who is ahead of whom.

    Returns
    -------
    dual : DataFrame indexed by county code
        The year's rows of `path`; 90 % intervals `gdp_growth_low` …, `gep_growth_normal_low` …,
        `index_low` …; `quadrant_probability`; the columns of `certainty`.
    pairs : DataFrame
        `group`, `county_code` (a), `other_code` (b), `probability` that a is ahead of b.
    """
    if path.empty or evidence.year not in path["year"].to_numpy():
        return pd.DataFrame(), pd.DataFrame()
    table = path[path["year"] == evidence.year].set_index("county_code")
    weights = gdp_weights(evidence, rules)
    parts, pairs = [], []
    for group, own in table.groupby("group"):
        codes = list(own.index)
        gdp, gep = draw_growth(evidence, codes, settings)
        within = (own["gdp_growth"].to_numpy(), own["gep_growth_normal"].to_numpy())
        drawn = index(gdp, gep, weights[codes].to_numpy(), rules, within)
        same = (gdp >= 0) == (own["gdp_growth"] >= 0).to_numpy()
        same &= (gep >= 0) == (own["gep_growth_normal"] >= 0).to_numpy()
        bands = {}
        for name, values in (("gdp_growth", gdp), ("gep_growth_normal", gep), ("index", drawn)):
            bands[f"{name}_low"], bands[f"{name}_high"] = np.quantile(values, [LOW, HIGH], axis=0)
        found = certainty(drawn, codes, rules.ahead_probability)
        parts.append(
            own.join(pd.DataFrame(bands, index=own.index))
            .assign(quadrant_probability=same.mean(axis=0))
            .join(found)
        )
        sure = pd.DataFrame(ahead(drawn), index=own.index, columns=codes).reset_index()
        long = sure.melt("county_code", var_name="other_code", value_name="probability")
        long = long[long["county_code"] != long["other_code"]]
        pairs.append(long.assign(group=group))
    return pd.concat(parts).sort_index(), pd.concat(pairs, ignore_index=True)


def compute(evidence: Evidence, before: Mapping[str, TopicResult]) -> TopicResult:
    """Return the dual assessment of all counties: levels, path, the year's index and its certainty."""
    rules = evidence.rules(SECTION, DualParams)
    settings = evidence.rules(growth_draws.SECTION, GrowthDrawsParams)
    levels = read_levels(evidence)
    path = read_path(evidence, rules)
    dual, pairs = assess(evidence, path, rules, settings)
    return TopicResult(
        tables={"levels": levels, "path": path, "dual": dual, "pairs": pairs},
        figures=[*_level_rows(evidence, levels), *_dual_rows(evidence, dual)],
        cards=[_card(evidence, code, row) for code, row in dual.iterrows()],
        lacking=tuple(evidence.registers.lacking(ECONOMY)),
    )


def _common(evidence: Evidence) -> dict[str, Any]:
    """Return what all rows of the topic say of themselves."""
    return {
        "origin": evidence.origin(ECONOMY, accounts=True),
        "quality": evidence.quality(SECTION, growth_draws.SECTION),
        "method_id": METHOD,
    }


def _level_rows(evidence: Evidence, levels: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """Return the ledger rows of levels and their ranks in the province."""
    faces = (
        ("gep_to_gdp", "ratio", "gep_to_gdp"),
        ("gep", "rank", "gep_rank"),
        ("gdp", "rank", "gdp_rank"),
        ("gep_per_km2", "rank", "gep_per_km2_rank"),
    )
    return [
        (code, ledger.entry(ACCOUNT, item, measure, row[column], "1", **_common(evidence)))
        for code, row in levels.iterrows()
        for item, measure, column in faces
        if pd.notna(row[column])
    ]


def _dual_rows(evidence: Evidence, dual: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """Return the ledger rows of growth, index and rank with their intervals."""
    common, rows = _common(evidence), []
    normal = growth_draws.measure_of(evidence) == NORMAL
    for code, row in dual.iterrows():
        note = f"{row['quadrant']}; {'assessed' if row['assessed'] else 'for reference'}"
        for item, measure, column in (
            ("gdp", "growth", "gdp_growth"),
            ("gep", "growth_normal_weather" if normal else "growth", "gep_growth_normal"),
            ("dual", "index", "index"),
        ):
            band = {"low": row[f"{column}_low"], "high": row[f"{column}_high"]}
            about = note if item == "dual" else ""
            entry = ledger.entry(
                ACCOUNT, item, measure, row[column], "1", **common, **band, note=about
            )
            rows.append((str(code), entry))
        place = {"low": row["rank_low"], "high": row["rank_high"]}
        within = f"within {row['group']}, {row['of']:.0f} counties, {row['tied']} tied"
        rank_entry = ledger.entry(
            ACCOUNT, "dual", "rank", row["rank"], "1", **common, **place, note=within
        )
        rows.append((str(code), rank_entry))
        rows.append(
            (str(code), ledger.entry(ACCOUNT, "gep", "growth", row["gep_growth"], "1", **common))
        )
    return rows


def _card(evidence: Evidence, code: Any, row: pd.Series) -> dict[str, Any]:
    """Return the scorecard's line of the dual assessment: lit only where the quadrant is sure."""
    rules = evidence.rules(SECTION, DualParams)
    sure = row["quadrant_probability"] >= rules.ahead_probability
    lights: dict[str, Literal["good", "watch", "poor"]] = {"both_rise": "good", "both_fall": "poor"}
    return card(
        str(code),
        "双考核指数",
        row["index"],
        "1",
        low=row["index_low"],
        high=row["index_high"],
        peer_zh=GROUP_ZH[row["group"]] + ("" if row["assessed"] else "（参考）"),
        rank=int(row["rank"]),
        of=int(row["of"]),
        light=lights.get(row["quadrant"], "watch") if sure else "none",
        reason=f"{QUADRANT_ZH[row['quadrant']]}，把握 {row['quadrant_probability']:.0%}；"
        f"与 {row['tied']} 县不分先后",
        origin=evidence.origin(ECONOMY, accounts=True),
        quality=evidence.quality(SECTION, growth_draws.SECTION),
    )


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return what is wrong with GDP over the years, and with the classes of counties."""
    if not registers.pack.has(ECONOMY):
        return []
    rules = params.section(SECTION, DualParams)
    rows = registers.history(ECONOMY)
    problems = [*registers.row_problems(ECONOMY, rows)]
    problems += [
        f"{registers.place(ECONOMY, line)}: gdp_cny is {value:g}. Growth needs a GDP above 0: give "
        "the figure."
        for line, value in rows["gdp_cny"].items()
        if value <= 0
    ]
    limits = params.section(LIMITS, Limits)
    problems += money.slips(
        registers, ECONOMY, params, ["gdp_cny"], limits.jump_factor, rules.peer_factor
    )
    told = {problem.partition(": ")[0] for problem in problems}
    problems += [
        f"{place}: {text}"
        for line, text in _per_person_problems(rows[rows["gdp_cny"] > 0], limits)
        if (place := registers.place(ECONOMY, line)) not in told
    ]
    return problems + PriceBook.read().index_problems(SECTION, GDP_INDEX, rows["year"])


def _per_person_problems(rows: pd.DataFrame, limits: Limits) -> Iterator[tuple[Any, str]]:
    """Give line and text of GDP without residents, and of GDP per person that no county has."""
    low, high = limits.gdp_per_person_cny["low"], limits.gdp_per_person_cny["high"]
    people = rows[money.PEOPLE]
    for line, number in people[people <= 0].items():
        yield (
            line,
            f"{money.PEOPLE} is {number:g}, so that the unit of gdp_cny cannot be judged. Give the "
            "residents at the year's end.",
        )
    per_person = (rows["gdp_cny"] / people)[people > 0]
    for line, value in per_person[~per_person.between(low, high)].items():
        yield (
            line,
            f"gdp_cny per person is {value:.4g} CNY, it must lie between {low:g} and {high:g}. Give GDP "
            "in CNY and residents in persons.",
        )


TOPIC = Topic(
    id="dual",
    name_zh="GDP 与 GEP 双考核",
    name_en="Dual assessment of GDP and GEP",
    source="浙委办发〔2021〕82号 六(一)",
    sections={SECTION: DualParams, growth_draws.SECTION: GrowthDrawsParams},
    tables=(ECONOMY,),
    compute=compute,
    check=check,
)
