"""Vertical ecological compensation (纵向生态保护补偿): provincial and city funds, incentives, posts.

The province's and each prefecture's fund are shared by factors, adjusted by last year's effect and kept
within bounds to last year; green-development incentives reward or deduct; public-welfare forests and
posts pay collectives and residents. What the funds were used for stands beside what they were.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import AfterValidator, Field

from gepbook import counties, ecosystems, ledger
from gepbook.compensation import flows, parties
from gepbook.compensation.rounding import split_money
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.compensation.vertical import allocation, incentives, sensitivity
from gepbook.compensation.vertical.allocation import FACTORS
from gepbook.compensation.vertical.incentives import IncentiveParams
from gepbook.errors import GepbookError
from gepbook.params import ParameterSet, Params, check_weights, parameter
from gepbook.prices import PriceBook
from gepbook.province import Province, Registers

ID = "vertical"
SECTION = "vertical_compensation"
INCENTIVES = "green_incentives"
METHOD = "design/vertical"
OTHER = "other"
FUNDS = {"provincial": "省级", "prefecture": "市级"}
SOURCE_PARTIES = {"bond": "investors", "donation": "donors", "industry_fund": "industry_fund"}
SOURCE_ZH = {"bond": "生态债券", "donation": "社会捐赠", "industry_fund": "产业基金"}
REGISTERS = ("compensation_funds", "fund_sources", "ecological_livelihoods", "energy_use")
GDP_INDEX = "gdp_deflator"
TIMBER = "timber_m3"
PERCENT = 100.0


def _check_weights(weights: dict[str, float]) -> dict[str, float]:
    """Refuse weights that are not exactly those of the known factors or do not sum to 1."""
    check_weights(weights, FACTORS)
    return weights


def _check_classes(coefficients: dict[str, float]) -> dict[str, float]:
    """Refuse coefficients by county group without one for all other counties."""
    if OTHER not in coefficients:
        raise ValueError(f"must have a row {OTHER!r} for counties in none of the groups")
    return coefficients


Share = Annotated[float, Field(ge=0, le=1)]


class VerticalParams(Params):
    """Rules of the vertical scheme (纵向补偿规则)."""

    provincial = True

    budget_cny: float = parameter("CNY a-1", "省级财政预算 B", ge=0)
    weights: Annotated[dict[str, Share], AfterValidator(_check_weights)] = parameter(
        "1", "因素权重 w_f, Σ = 1"
    )
    fiscal_coefficient: Annotated[
        dict[str, Annotated[float, Field(ge=0)]], AfterValidator(_check_classes)
    ] = parameter("1", "财政缺口按县类的系数; other = 其他县")
    fall_limit: float = parameter("1", "比上年份额的最大降幅", ge=0, le=1)
    rise_limit: float = parameter("1", "比上年份额的最大增幅", ge=0)
    effect_elasticity: float = parameter("1", "份额对绩效得分的弹性 k", ge=0)
    effect_least: float = parameter("1", "绩效系数下限", ge=0, le=1)
    effect_most: float = parameter("1", "绩效系数上限", ge=1)
    public_forest_cny_ha: float = parameter("CNY ha-1 a-1", "公益林补偿标准", ge=0)
    post_province_share: float = parameter("1", "公益岗位报酬中省级承担比例", ge=0, le=1)
    least_used_share: float = parameter("1", "资金使用率低于此值提示", ge=0, le=1)
    least_effect_score: float = parameter("1", "绩效得分低于此值提示", ge=0, le=100)
    sensitivity_draws: int = parameter("1", "权重抽样次数", ge=1)
    sensitivity_alpha: float = parameter("1", "Dirichlet 分布参数", gt=0)
    sensitivity_seed: int = parameter("1", "随机数种子", ge=0)
    kept_places: int = parameter("1", "名次变动不超过几位算稳定", ge=0)


@dataclass(frozen=True)
class Fund:
    """One fund shared among counties (一笔资金的分配).

    All by county code: `shares` by factor, `multiplier` for effect, `last` what was planned last year,
    `amounts` in CNY to the cent.
    """

    payer: str
    budget_cny: float
    shares: pd.DataFrame
    multiplier: pd.Series
    last: pd.Series
    amounts: pd.Series

    def parts(self) -> pd.DataFrame:
        """Return what each factor, the effect and the bounds bring, CNY; rows sum to the amounts."""
        table = self.shares * self.budget_cny
        plain = table.sum(axis=1)
        adjusted = self.shares.sum(axis=1) * self.multiplier
        adjusted = adjusted / adjusted.sum() * self.budget_cny
        return table.assign(effect=adjusted - plain, bounds=self.amounts - adjusted)


def read_factors(province: Province, coefficient: pd.Series) -> pd.DataFrame:
    """Return the factors of the vertical scheme for every county of the ledgers.

    Parameters
    ----------
    province : Province
    coefficient : Series by county code
        What a county's fiscal gap is multiplied by.
    """
    now = province.values("gep", "gep", "value", "comparable")
    before = province.values("gep", "gep", "value_previous_year", "comparable")
    revenue = province.values("statistics", "budget_revenue", "value", "current")
    expenditure = province.values("statistics", "budget_expenditure", "value", "current")
    gap = (expenditure - revenue).clip(lower=0)
    return pd.DataFrame(
        {
            "regulating_value": province.values("gep", "regulating", "value", "current").clip(
                lower=0
            ),
            "redline_area": province.values("statistics", "redline_area", "value"),
            "gep_improvement": (now - before.reindex(now.index, fill_value=0)).clip(lower=0)
            if len(before)
            else now * 0.0,
            "fiscal_gap": gap * coefficient.reindex(gap.index),
            "resident_population": province.values("statistics", "resident_population", "value"),
        }
    )


def share_out(
    payer: str,
    budget_cny: float,
    factors: pd.DataFrame,
    score: pd.Series,
    last: pd.Series,
    rules: VerticalParams,
) -> Fund:
    """Return a fund shared by the whole rule: factors, effect, bounds, cents.

    Parameters
    ----------
    payer : str
        Party that pays.
    budget_cny : float, CNY
    factors : DataFrame, counties × factors
    score, last : Series by county code
        Effect and plan of last year, NaN or absent where there was none.
    """
    shares = allocation.shares(factors, rules.weights)
    multiplier = allocation.effect_multiplier(
        score.reindex(factors.index),
        rules.effect_elasticity,
        (rules.effect_least, rules.effect_most),
    )
    former = last.reindex(factors.index)
    adjusted = shares.sum(axis=1) * multiplier
    wanted = allocation.bounded(
        budget_cny,
        (adjusted / adjusted.sum()).to_numpy(),
        former.to_numpy(dtype="float64"),
        rules.fall_limit,
        rules.rise_limit,
    )
    amounts = split_money(budget_cny, pd.Series(wanted, index=factors.index))
    return Fund(payer, budget_cny, shares, multiplier, former, amounts)


def compute(province: Province) -> SchemeResult:
    """Return funds, incentives, posts and forests of the province's counties."""
    rules = province.rules(SECTION, VerticalParams)
    classes = counties.classes(
        [name for name in rules.fiscal_coefficient if name != OTHER], province.year, OTHER
    )
    factors = read_factors(province, classes.map(rules.fiscal_coefficient))
    funds = _funds(province, rules, factors)
    rewards = _incentives(province)
    whole = funds["provincial"]
    weights = sensitivity.draw_weights(
        len(FACTORS), rules.sensitivity_draws, rules.sensitivity_alpha, rules.sensitivity_seed
    )
    drawn = sensitivity.allocations(
        factors,
        whole.multiplier,
        weights,
        budget=whole.budget_cny,
        last=whole.last,
        fall=rules.fall_limit,
        rise=rules.rise_limit,
    )
    stability = sensitivity.stability(drawn, whole.amounts, rules.kept_places)
    stability.attrs["agreement"] = sensitivity.agreement(drawn, whole.amounts)
    supervision = _supervision(province, rules)
    tables = {
        "factors": factors,
        "parts": whole.parts(),
        "allocation": _allocation_table(funds),
        "stability": stability,
        "incentives": rewards,
        "supervision": supervision,
        "sources": _sources_table(province, rules),
        "livelihoods": _livelihoods(province, rules),
    }
    rows = [
        *_fund_flows(province, funds),
        *_source_flows(province),
        *_incentive_flows(province, rewards),
        *_livelihood_flows(province, tables["livelihoods"]),
    ]
    lacking = tuple(province.registers.lacking(*SCHEME.tables))
    figures = _figures(province, whole, tables)
    return SchemeResult(flows=rows, tables=tables, figures=figures, lacking=lacking)


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return what is wrong in the registers of funds: overspending, scores beyond 100, county groups."""
    rules = params.section(SECTION, VerticalParams)
    problems: list[str] = []
    try:
        names = [name for name in rules.fiscal_coefficient if name != OTHER]
        counties.classes(names, registers.year, OTHER)
    except GepbookError as error:
        problems += error.problems
    for name in REGISTERS:
        if registers.pack.has(name):
            problems += registers.row_problems(name, registers.history(name))
    if registers.pack.has("compensation_funds"):
        for line, row in registers.history("compensation_funds").iterrows():
            where = f"{registers.place('compensation_funds', line)} ({row['county_code']} {row['year']})"
            if row["paid_cny"] > row["planned_cny"]:
                problems.append(
                    f"{where}: paid_cny is {row['paid_cny']:g}, more than the {row['planned_cny']:g} "
                    "planned. Correct one of the two."
                )
            if row["used_cny"] > row["paid_cny"]:
                problems.append(
                    f"{where}: used_cny is {row['used_cny']:g}, more than the {row['paid_cny']:g} paid. "
                    "Correct one of the two."
                )
            if row["effect_score"] > PERCENT:
                problems.append(
                    f"{where}: effect_score is {row['effect_score']:g}, must be 0 to 100. Correct it."
                )
    if registers.pack.has("fund_sources"):
        for line, row in registers.history("fund_sources").iterrows():
            if row["fund"] == "provincial" and row["kind"] == "appropriation":
                problems.append(
                    f"{registers.place('fund_sources', line)}: the province's appropriation is the rule "
                    f"{SECTION}.budget_cny. Take the row out, or change the rule."
                )
    return problems


def _funds(province: Province, rules: VerticalParams, factors: pd.DataFrame) -> dict[str, Fund]:
    """Return the province's fund, and each prefecture's that has one, by id."""
    score, last = _last_year(province, "provincial")
    extra = _sources(province, "provincial")["amount_cny"].sum()
    found = {
        "provincial": share_out(
            parties.PROVINCE, rules.budget_cny + extra, factors, score, last, rules
        )
    }
    score, last = _last_year(province, "prefecture")
    sources = _sources(province, "prefecture")
    budgets = sources["amount_cny"].groupby(sources["county_code"].map(parties.prefecture_of)).sum()
    for city, budget in budgets.items():
        own = factors[factors.index.map(parties.prefecture_of) == city]
        if len(own) and own.to_numpy().sum() > 0:
            found[str(city)] = share_out(str(city), float(budget), own, score, last, rules)
    return found


def _last_year(province: Province, fund: str) -> tuple[pd.Series, pd.Series]:
    """Return score and plan of a fund last year by county code; empty where the register has none."""
    empty = pd.Series(dtype="float64")
    if not province.registers.pack.has("compensation_funds"):
        return empty, empty
    rows = province.registers.table("compensation_funds", province.year - 1)
    rows = rows[rows["fund"] == fund].set_index("county_code")
    return rows["effect_score"], rows["planned_cny"]


def _sources(province: Province, fund: str) -> pd.DataFrame:
    """Return the rows of the register of sources for a fund in the year."""
    if not province.registers.has("fund_sources"):
        return pd.DataFrame({"county_code": [], "kind": [], "source_id": [], "amount_cny": []})
    rows = province.registers.table("fund_sources")
    return rows[rows["fund"] == fund]


def _sources_table(province: Province, rules: VerticalParams) -> pd.DataFrame:
    """Return where the funds come from, a row a source, the province's budget first."""
    budget = {"fund": "provincial", "kind": "appropriation", "amount_cny": rules.budget_cny}
    rows = pd.concat([_sources(province, fund).assign(fund=fund) for fund in FUNDS])
    return pd.concat([pd.DataFrame([budget]), rows], ignore_index=True)


def _allocation_table(funds: dict[str, Fund]) -> pd.DataFrame:
    """Return every county's amount from each fund, a row a fund and county, last year's beside it."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "fund": "provincial" if name == "provincial" else "prefecture",
                    "payer": fund.payer,
                    "multiplier": fund.multiplier,
                    "last_cny": fund.last,
                    "amount_cny": fund.amounts,
                }
            )
            .rename_axis("county_code")
            .reset_index()
            for name, fund in funds.items()
        ],
        ignore_index=True,
    )


def _incentives(province: Province) -> pd.DataFrame:
    """Return the incentives by county (rows) and item (columns), CNY a-1; NaN where data lack."""
    rules = province.rules(INCENTIVES, IncentiveParams)
    registers, before = province.registers, province.year - 1
    table = pd.DataFrame(index=pd.Index(province.county_codes, name="county_code"))

    def pair(name: str, column: str) -> tuple[pd.Series, pd.Series] | None:
        """Return a figure of the year and of the year before, for the counties that have both."""
        if not registers.has(name):
            return None
        now, then = (
            registers.table(name, y).set_index("county_code")[column]
            for y in (province.year, before)
        )
        here = now.index.intersection(then.index).intersection(table.index)
        return (now[here], then[here]) if len(here) else None

    if found := pair("energy_use", "energy_tce"):
        index = PriceBook.read().index(GDP_INDEX)
        gdp = province.values("statistics", "gdp", "value", "current")[found[0].index]
        gdp = gdp * float(index[before] / index[province.year])
        gdp_before = province.values("statistics", "gdp", "value_previous_year", "current")
        gdp_before = gdp_before[found[0].index]
        mean = PERCENT * (1 - (found[0].sum() / gdp.sum()) / (found[1].sum() / gdp_before.sum()))
        table["energy"] = incentives.energy(found[0] / gdp, found[1] / gdp_before, mean, rules)
    if registers.has("water_sections"):
        sections = registers.table("water_sections")
        table["water"] = incentives.water(sections[sections["outflow"]], rules)
    if (cover := _forest_cover(province)) is not None:
        mean_cover = PERCENT * cover["closing"].sum() / cover["area"].sum()
        share = cover[["opening", "closing"]].div(cover["area"], axis=0) * PERCENT
        table["forest"] = incentives.forest(
            share["closing"], share["opening"], mean_cover, _stock_change(province), rules
        )
    if found := pair("environment", "good_air_days_percent"):
        table["air"] = incentives.air(*found, rules)
    if registers.has("emissions", "environment"):
        emitted = registers.table("emissions").set_index("county_code")
        state = registers.table("environment").set_index("county_code")
        score = state[["good_air_days_percent", "class_1_to_3_water_percent"]].mean(axis=1)
        here = emitted.index.intersection(score.index).intersection(table.index)
        table["emission_charge"] = incentives.emission_charge(emitted.loc[here], score[here], rules)
    return table


def _forest_cover(province: Province) -> pd.DataFrame | None:
    """Return each county's forest at both ends of the year and its area, ha; None in a first year."""
    rows = province.pool[province.pool["account"] == "extent"]
    if not (rows["measure"] == "opening").any():
        return None
    types = ecosystems.read()
    forest = rows["item"].isin(types.loc[types["group"] == "forest", "id"])
    sums = rows[forest].pivot_table(
        index="county_code", columns="measure", values="value", aggfunc="sum", fill_value=0.0
    )
    area = rows[rows["measure"] == "closing"].groupby("county_code")["value"].sum()
    return sums.reindex(area.index, fill_value=0.0)[["opening", "closing"]].assign(area=area)


def _stock_change(province: Province) -> pd.Series:
    """Return the change of the standing volume of timber by county, m3 a-1."""
    if not province.registers.has("resource_stocks"):
        return pd.Series(dtype="float64")
    rows = province.registers.table("resource_stocks")
    rows = rows[rows["asset"] == TIMBER].set_index("county_code")
    return rows["closing"] - rows["opening"]


def _livelihoods(province: Province, rules: VerticalParams) -> pd.DataFrame:
    """Return what posts and forests bring to residents and collectives by county, CNY a-1."""
    if not province.registers.has("ecological_livelihoods"):
        return pd.DataFrame()
    table = province.registers.table("ecological_livelihoods").set_index("county_code")
    table = table[table.index.isin(province.county_codes)]
    pay = table["posts"] * table["post_wage_cny"]
    return table.assign(
        post_pay_cny=pay,
        post_province_cny=(pay * rules.post_province_share).round(2),
        public_forest_cny=(table["public_forest_ha"] * rules.public_forest_cny_ha).round(2),
    )


def _supervision(province: Province, rules: VerticalParams) -> pd.DataFrame:
    """Return plan, payment, use and effect of the year's funds, and what the use or effect alerts to."""
    if not province.registers.has("compensation_funds"):
        return pd.DataFrame()
    table = province.registers.table("compensation_funds").reset_index(drop=True)
    paid = table["paid_cny"].where(table["paid_cny"] > 0)
    used = table["used_cny"] / paid
    alerts = pd.DataFrame(
        {
            "使用缓慢": used < rules.least_used_share,
            "绩效偏低": table["effect_score"] < rules.least_effect_score,
        }
    )
    words = [
        "、".join(name for name, on in zip(alerts.columns, row, strict=True) if on)
        for row in alerts.to_numpy()
    ]
    return table.assign(used_share=used, alerts=words)


def _fund_flows(province: Province, funds: dict[str, Fund]) -> Iterator[dict[str, Any]]:
    """Give what each fund pays to its counties."""
    for name, fund in funds.items():
        case = "provincial" if name == "provincial" else "prefecture"
        for code, amount in fund.amounts.items():
            yield flows.flow(
                scheme=ID,
                rule=f"{SECTION}/{case}",
                payer=fund.payer,
                payee=str(code),
                basis=f"{FUNDS[case]}资金按因素分配",
                amount_cny=amount,
                origin=province.origin("compensation_funds", "fund_sources", accounts=True),
                quality=province.quality(SECTION),
            )


def _source_flows(province: Province) -> Iterator[dict[str, Any]]:
    """Give what investors, donors and industry funds pay into the funds."""
    for fund in FUNDS:
        rows = _sources(province, fund)
        for row in rows[rows["kind"].isin(SOURCE_PARTIES)].itertuples():
            city = parties.prefecture_of(row.county_code)
            owner = parties.PROVINCE if fund == "provincial" else city
            # who buys a bond lives anywhere; its county is that of the issuer
            place = owner if row.kind == "bond" else row.county_code
            yield flows.flow(
                scheme=ID,
                rule=f"{SECTION}/sources",
                payer=parties.private(place, SOURCE_PARTIES[row.kind]),
                payee=owner,
                basis=f"{SOURCE_ZH[row.kind]} {row.source_id}",
                amount_cny=row.amount_cny,
                origin=province.origin("fund_sources"),
                quality=province.quality(SECTION),
            )


def _incentive_flows(province: Province, rewards: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Give rewards and deductions between the province and the counties."""
    origin = province.origin(
        "energy_use", "water_sections", "environment", "emissions", "resource_stocks", accounts=True
    )
    for item, amounts in rewards.items():
        for code, amount in amounts.dropna().items():
            yield flows.flow(
                scheme=ID,
                rule=f"{INCENTIVES}/{item}",
                payer=parties.PROVINCE,
                payee=str(code),
                basis=f"绿色发展奖补：{incentives.ITEMS[str(item)]}",
                amount_cny=amount,
                origin=origin,
                quality=province.quality(INCENTIVES),
            )


def _livelihood_flows(province: Province, table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Give the pay of posts and the compensation of public-welfare forests."""
    common = {
        "scheme": ID,
        "origin": province.origin("ecological_livelihoods"),
        "quality": province.quality(SECTION),
    }
    for row in table.itertuples():
        code = str(row.Index)
        residents = parties.private(code, "households")
        for payer, amount in (
            (parties.PROVINCE, row.post_province_cny),
            (code, row.post_pay_cny - row.post_province_cny),
        ):
            yield flows.flow(
                rule=f"{SECTION}/posts", payer=payer, payee=residents,
                basis=f"生态公益岗位 {row.posts} 个", amount_cny=amount, **common,
            )  # fmt: skip
        yield flows.flow(
            rule=f"{SECTION}/public_forest",
            payer=parties.PROVINCE,
            payee=parties.private(code, "collectives"),
            basis=f"公益林 {row.public_forest_ha:,.1f} 公顷",
            amount_cny=row.public_forest_cny,
            **common,
        )


def _figures(
    province: Province, fund: Fund, tables: dict[str, pd.DataFrame]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the ledger rows of the provincial fund: amount with its band over weights, parts, ranks."""
    common: dict[str, Any] = {
        "method_id": METHOD,
        "origin": province.origin("compensation_funds", "fund_sources", accounts=True),
        "quality": province.quality(SECTION),
    }
    money: dict[str, Any] = {"price_basis": "current", "price_year": province.year, **common}
    stable, parts, made = tables["stability"], fund.parts(), []

    def add(code: object, item: str, measure: str, value: float, unit: str, **more: Any) -> None:
        """Take a row down."""
        row = ledger.entry("compensation", item, measure, value, unit, **more)
        made.append((str(code), row))

    for code, amount in fund.amounts.items():
        row = stable.loc[code]
        band = {"low": row["low_cny"], "high": row["high_cny"]}
        note = "low, high: 5 % and 95 % over all weights"
        add(code, ID, "value", amount, "CNY", **money, **band, note=note)
        if fund.budget_cny:
            add(code, ID, "share", amount / fund.budget_cny, "1", **common)
        rank = {"low": row["rank_low"], "high": row["rank_high"]}
        add(code, ID, "rank", row["rank"], "1", **common, **rank, note=note)
        add(code, f"{ID}.rank", "kept", row["kept"], "1", **common)
        add(code, f"{ID}.effect", "multiplier", fund.multiplier[code], "1", **common)
        for factor, part in parts.loc[code].items():
            add(code, f"{ID}.{factor}", "value", part, "CNY", **money)
    prefectures = tables["allocation"]
    for row in prefectures[prefectures["fund"] == "prefecture"].itertuples():
        add(row.county_code, f"{ID}.prefecture", "value", row.amount_cny, "CNY", **money)
    lowest = {**money, "quality": province.quality(INCENTIVES)}
    for item, amounts in tables["incentives"].items():
        for code, amount in amounts.dropna().items():
            add(code, f"{ID}.incentive.{item}", "value", amount, "CNY", **lowest)
    given = {**money, "origin": province.origin("compensation_funds"), "method_id": "given"}
    for row in tables["supervision"].itertuples():
        item = f"{ID}.fund.{row.fund}"
        for measure in ("planned", "paid", "used"):
            add(row.county_code, item, measure, getattr(row, f"{measure}_cny"), "CNY", **given)
        if not np.isnan(row.effect_score):
            score = {k: v for k, v in given.items() if not k.startswith("price")}
            add(row.county_code, item, "effect_score", row.effect_score, "1", **score)
    return made


SCHEME = Scheme(
    id=ID,
    name_zh="纵向生态保护补偿",
    name_en="Vertical compensation",
    source="浙委办发〔2021〕82号 五(一)",
    sections={SECTION: VerticalParams, INCENTIVES: IncentiveParams},
    tables=(
        *REGISTERS,
        "water_sections", "resource_stocks", "environment", "emissions",
    ),
    compute=compute,
    check=check,
)  # fmt: skip
