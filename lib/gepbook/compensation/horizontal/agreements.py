"""Agreements between neighbours on a river within the province (省内流域上下游横向补偿协议).

A pair settles by the water quality, the total water use and the water-use efficiency of its upstream
side: above 0 the downstream side pays, below 0 the upstream side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from gepbook import counties, ledger, paths, rule_table
from gepbook.compensation import flows, parties
from gepbook.compensation.horizontal import water_quality
from gepbook.compensation.horizontal.cross_province import SCHEME, Bounds
from gepbook.compensation.horizontal.data import path_of
from gepbook.compensation.horizontal.water_quality import WaterQualityParams
from gepbook.compensation.scheme import SchemeResult
from gepbook.errors import CoverageError, GepbookError, near
from gepbook.params import Params, check_weights, parameter, worst
from gepbook.province import Province, Registers
from gepbook.rule_table import RowProblem

SECTION = "horizontal_agreements"
PATH = paths.PARAMS / "policy" / "horizontal_agreements.csv"
METHOD = "design/horizontal_agreements"
PARTS = ("quality", "use", "efficiency")
TABLES = ("water_sections", "water_use", "economy")
USES = ["domestic_m3", "industrial_m3", "agricultural_m3"]
COLUMNS = [
    "upstream", "downstream", "upstream_counties", "downstream_counties", "section_county",
    "first_year", "last_year", "budget_cny", "source", "confidence", "budget_source",
    "budget_confidence",
]  # fmt: skip
FOREVER = 9999
NO_YEAR_BEFORE, NO_ACCOUNT = "缺上年数据，本年不结算", "缺上游县账户，不结算"


class AgreementParams(Params):
    """Rules of agreements between neighbours on a river (上下游横向补偿协议)."""

    provincial = True

    weights: dict[str, Annotated[float, Field(ge=0, le=1)]] = parameter(
        "1", "水质、用水总量、用水效率的权重"
    )
    budget_bounds_cny: Bounds = parameter("CNY a-1", "协议年补偿额范围")
    target_weight: float = parameter("1", "水质得分中对照目标类别的权重", ge=0, le=1)
    full_change_class: float = parameter("1", "较上年改善得满分的类别数", gt=0)
    full_use_percent: float = parameter("percent", "用水总量较上年下降得满分的幅度", gt=0)
    full_efficiency_percent: float = parameter(
        "percent", "单位用水产出较上年提高得满分的幅度", gt=0
    )

    @field_validator("weights")
    @classmethod
    def _add_up(cls, weights: dict[str, float]) -> dict[str, float]:
        check_weights(weights, PARTS)
        return weights


def read(path: Path = PATH) -> pd.DataFrame:
    """Return the agreements; lists of counties as tuples, the index is the line in the file.

    Raises
    ------
    ParameterError
        Naming every bad row by its line.
    """
    raw = rule_table.read(path, COLUMNS)
    frame = raw.assign(
        upstream_counties=raw["upstream_counties"].str.split().map(tuple),
        downstream_counties=raw["downstream_counties"].str.split().map(tuple),
        first_year=pd.to_numeric(raw["first_year"], errors="coerce"),
        last_year=pd.to_numeric(raw["last_year"].replace("", str(FOREVER)), errors="coerce"),
        budget_cny=pd.to_numeric(raw["budget_cny"], errors="coerce"),
    )
    rule_table.refuse(path, _row_problems(raw, frame))
    return frame.astype({"first_year": "int64", "last_year": "int64"})


def _row_problems(raw: pd.DataFrame, frame: pd.DataFrame) -> Iterator[RowProblem]:
    """Give what is wrong in single agreements, with their lines."""
    known = set(counties.read().index)
    seen: dict[tuple[str, str], Any] = {}
    for line, row in frame.iterrows():
        for party in (row["upstream"], row["downstream"]):
            try:
                parties.check(str(party))
            except GepbookError as error:
                yield line, f"{error} Give a government of params/counties.csv."
        if row["upstream"] == row["downstream"]:
            yield line, f"{row['upstream']} has an agreement with itself. Name the other side."
        named = [*row["upstream_counties"], *row["downstream_counties"], row["section_county"]]
        for code in [code for code in dict.fromkeys(named) if code not in known]:
            yield (
                line,
                f"{code!r} is no county.{near(str(code), known)} Give a code of "
                "params/counties.csv.",
            )
        if not row["first_year"] <= row["last_year"]:
            yield (
                line,
                f"first_year {raw.loc[line, 'first_year']!r} must be a year and not after last_year "
                f"{raw.loc[line, 'last_year']!r}. Correct them.",
            )
        if not row["budget_cny"] > 0:
            yield (
                line,
                f"budget_cny must be a number above 0, got {raw.loc[line, 'budget_cny']!r}. "
                "Correct it.",
            )
        pair = (str(row["upstream"]), str(row["downstream"]))
        if pair in seen:
            yield line, f"{'–'.join(pair)} stands already in line {seen[pair]}. Keep one of them."
        seen.setdefault(pair, line)
    yield from rule_table.source_problems(raw)
    yield from rule_table.source_problems(raw, "budget_")


def in_force(agreements: pd.DataFrame, year: int) -> pd.DataFrame:
    """Return the agreements in force in a year."""
    return agreements[(agreements["first_year"] <= year) & (agreements["last_year"] >= year)]


def covered(agreements: pd.DataFrame, codes: Iterable[str]) -> pd.DataFrame:
    """Return the agreements whose upstream side lies within some counties."""
    known = set(codes)
    needed = zip(agreements["upstream_counties"], agreements["section_county"], strict=True)
    return agreements[[{*upstream, section} <= known for upstream, section in needed]]


def change_score(before: float, now: float, full_percent: float) -> float:
    """Return a change in percent as a score from −1 to 1; a rise of `full_percent` scores 1."""
    return float(np.clip((now / before - 1) * 100 / full_percent, -1.0, 1.0))


def quality_score(
    target_score: float, rank_before: float, rank_now: float, rules: AgreementParams
) -> float:
    """Return the score of water quality, −1 to 1: class against target, and against the year before."""
    change = float(np.clip((rank_before - rank_now) / rules.full_change_class, -1.0, 1.0))
    return rules.target_weight * target_score + (1 - rules.target_weight) * change


def transfer(budget_cny: float, scores: dict[str, float], weights: dict[str, float]) -> float:
    r"""Return what the downstream side pays, CNY a-1; below 0 the upstream side pays.

    Parameters
    ----------
    budget_cny : float, CNY a-1
        The agreed amount B.
    scores : dict
        Scores of quality, use and efficiency, each from −1 to 1.
    weights : dict
        Their weights; sum to 1.

    Notes
    -----
    .. math:: T = B \, clip(w_q s_q + w_u s_u + w_e s_e, -1, 1)

    Source: proposal of this workbook; m.feitebi.cn/newslist_732 (2018) names the three criteria.
    """
    return budget_cny * float(np.clip(sum(w * scores[k] for k, w in weights.items()), -1.0, 1.0))


def has_year_before(registers: Registers) -> bool:
    """Tell whether the pack holds the year before, which changes are measured from."""
    return all((registers.history(t)["year"] == registers.year - 1).any() for t in TABLES)


def check(registers: Registers, rules: AgreementParams, agreements: pd.DataFrame) -> list[str]:
    """Return amounts out of bounds, and data that agreements in force lack."""
    least, most = rules.budget_bounds_cny.least, rules.budget_bounds_cny.most
    problems = [
        f"{PATH}, line {line}: budget_cny must be within {least:,.0f}–{most:,.0f}, got {amount:,.0f}."
        for line, amount in agreements["budget_cny"].items()
        if not least <= amount <= most
    ]
    current = covered(in_force(agreements, registers.year), registers.pack.boundaries.index)
    if current.empty or registers.lacking(*TABLES) or not has_year_before(registers):
        return problems
    codes = sorted({code for row in current["upstream_counties"] for code in row})
    for year in (registers.year - 1, registers.year):
        problems += water_quality.missing_sections(registers, year, current["section_county"])
        for table, columns in (("water_use", USES), ("economy", ["gdp_cny"])):
            problems += _missing(registers, table, columns, codes, year)
    return problems


def _missing(
    registers: Registers, table: str, columns: list[str], codes: list[str], year: int
) -> list[str]:
    """Return counties of a table that have no row in a year, or no amount above 0."""
    frame = registers.table(table, year)
    path = path_of(registers, table)
    problems = []
    for code in codes:
        rows = frame[frame["county_code"] == code]
        name = f"{counties.name_zh(code)} ({code})"
        if rows.empty:
            problems.append(
                f"{path}: {name} has no row of {year}, which its agreement rests on. Add it."
            )
        problems += [
            f"{registers.place(table, line)}: {name}, {year}: {' + '.join(columns)} must be above 0, "
            f"got {total}. Correct the row."
            for line, total in rows[columns].sum(axis=1, skipna=False).items()
            if not total > 0
        ]
    return problems


def compute(
    province: Province,
    rules: AgreementParams,
    quality: WaterQualityParams,
    agreements: pd.DataFrame,
) -> SchemeResult:
    """Return what the agreements in force make each side pay."""
    registers, year = province.registers, province.year
    current = in_force(agreements, year)
    if lacking := registers.lacking(*TABLES):
        return SchemeResult(lacking=tuple(lacking))
    table = current[["upstream", "downstream", "section_county", "budget_cny"]].copy()
    if not has_year_before(registers):
        return SchemeResult(tables={"agreements": table.assign(status=NO_YEAR_BEFORE)})
    left_out = table.drop(covered(current, province.county_codes).index).assign(status=NO_ACCOUNT)
    current = current.drop(left_out.index)
    if current.empty:
        return SchemeResult(tables={"agreements": left_out})
    data = _data(province, quality)
    scores = pd.DataFrame(
        [_scores(row, data, rules) for _, row in current.iterrows()], index=current.index
    )
    amounts = [
        transfer(budget, dict(row), rules.weights)
        for budget, (_, row) in zip(current["budget_cny"], scores.iterrows(), strict=True)
    ]
    table = table.loc[current.index].join(scores.add_suffix("_score"))
    table = table.assign(amount_cny=amounts, status="已结算")
    table = pd.concat([table, left_out]) if len(left_out) else table
    origin = province.origin(*TABLES)
    rule_quality = province.quality(SECTION, water_quality.SECTION)
    rows: list[dict[str, Any]] = []
    figures: list[tuple[str, dict[str, Any]]] = []
    for (_, row), amount in zip(current.iterrows(), amounts, strict=True):
        upstream, downstream = str(row["upstream"]), str(row["downstream"])
        grade = worst([rule_quality, row["confidence"], row["budget_confidence"]])
        rows.append(
            flows.flow(
                scheme=SCHEME, rule=f"{SECTION}/pair", payer=downstream, payee=upstream,
                basis=f"{parties.name_zh(upstream)}—{parties.name_zh(downstream)}协议",
                amount_cny=amount, origin=origin, quality=grade,
            )
        )  # fmt: skip
        figure = ledger.entry(
            "compensation", f"horizontal.agreement.{upstream}-{downstream}", "score",
            amount / row["budget_cny"], "1", origin=origin, method_id=METHOD, quality=grade,
        )  # fmt: skip
        figures.append((str(row["section_county"]), figure))
    return SchemeResult(flows=rows, tables={"agreements": table}, figures=figures)


def _data(province: Province, rules: WaterQualityParams) -> dict[str, pd.DataFrame]:
    """Return outflow sections and water use of both years, and GDP from the counties' ledgers."""
    registers, year = province.registers, province.year
    years = {"before": year - 1, "now": year}
    use = {k: registers.table("water_use", y).set_index("county_code") for k, y in years.items()}
    gdp = {"before": "value_previous_year", "now": "value"}
    return {
        **{f"sections_{k}": water_quality.outflow(registers, y, rules) for k, y in years.items()},
        "use": pd.DataFrame({k: frame[USES].sum(axis=1) for k, frame in use.items()}),
        "gdp": pd.DataFrame(
            {k: province.values("statistics", "gdp", m, "current") for k, m in gdp.items()}
        ),
    }


def _scores(
    row: pd.Series, data: dict[str, pd.DataFrame], rules: AgreementParams
) -> dict[str, float]:
    """Return the three scores of an agreement's upstream side."""
    codes, section = list(row["upstream_counties"]), row["section_county"]
    gdp = data["gdp"].reindex(codes)
    if gdp.isna().to_numpy().any():
        names = ", ".join(map(counties.name_zh, gdp.index[gdp.isna().any(axis=1)]))
        raise CoverageError(
            f"{SECTION}: the accounts of {names} have no GDP of the year and the year before. Add both "
            "years to the table economy."
        )
    use = data["use"].loc[codes].sum()
    output = gdp.sum() / use
    before, now = data["sections_before"].loc[section], data["sections_now"].loc[section]
    return {
        "quality": quality_score(now["score"], before["class_rank"], now["class_rank"], rules),
        "use": -change_score(use["before"], use["now"], rules.full_use_percent),
        "efficiency": change_score(output["before"], output["now"], rules.full_efficiency_percent),
    }
