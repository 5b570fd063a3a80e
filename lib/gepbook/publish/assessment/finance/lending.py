"""Loan capacity, green-loan shares and guarantees in the reports (额度、占比、担保)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ledger
from gepbook.accounting.registry import services
from gepbook.assessment import Assessment, finance
from gepbook.assessment.finance import loans
from gepbook.assessment.finance.loans import GreenFinanceParams
from gepbook.assessment.topic import GROUP_ZH
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish.display import LIGHT_ZH, Picture, Table, new_figure, percent, wan, yi
from gepbook.publish.fonts import ACCENT, INK, QUIET
from gepbook.run import Run

PROPOSAL = "可质押比例、分位数、偿债备付率与质押率为本工具建议值，非已公布规则。"
PERCENT = 100.0
TIMES = "{:.2f}".format
PALE = "#b9c4c9"


def _rules(result: Assessment) -> GreenFinanceParams:
    """Return the rules of loans and guarantees."""
    return result.evidence.rules(loans.SECTION, GreenFinanceParams)


def _origin(result: Assessment, accounts: bool = False) -> str:
    """Return the origin of what follows from the register of loans, in Chinese."""
    return ORIGIN_ZH[result.evidence.origin(loans.REGISTER, accounts=accounts)]


def _realised(rules: GreenFinanceParams) -> str:
    """Return which part of which services' values counts as income, as a sentence."""
    names = services()
    parts = (f"{names[n].name_zh} {s * PERCENT:g}%" for n, s in rules.realised_share.items())
    return f"可质押比例：{'、'.join(parts)}，其余服务为 0。"


def capacity_table(result: Assessment, run: Run) -> Table:
    """Return how the county's loan capacity comes about, step by step (额度计算)."""
    own, rules = result.topics[finance.ID].table("capacity").loc[run.county_code], _rules(result)
    quantile = f"{rules.income_quantile:.0%}"
    terms = f"{rules.term_year} 年、年利率 {rules.lending_rate:.2%}"
    rows = [
        ("可质押年收益，均值", own["income_cny"], "各项服务价值 × 可质押比例，抽样均值"),
        (f"可质押年收益，{quantile} 分位数", own["income_low_cny"], "十次抽样约九次高于此数"),
        (
            "按现金流的上限",
            own["cash_flow_limit_cny"],
            f"分位数 × 年金现值系数（{terms}）÷ 偿债备付率 {rules.debt_service_coverage:g}",
        ),
        (
            "按价值的上限",
            own["value_limit_cny"],
            f"分位数 × 年金现值系数 × 质押率 {rules.loan_to_value:.0%}",
        ),
        ("GEP贷额度", own["capacity_cny"], "两个上限取小"),
        ("GEP贷、生态贷余额", own["gep_loans_cny"], "贷款登记，年末"),
        ("尚可新增", own["headroom_cny"], "额度 − 余额，不小于 0"),
    ]
    origin = _origin(result, accounts=True)
    frame = pd.DataFrame(rows, columns=["项目", "亿元", "怎样得到"]).assign(性质=origin)
    missing = f"{loans.NO_DRAWS}。" if pd.isna(own["capacity_cny"]) else ""
    return Table(
        frame,
        "GEP贷额度 Loan capacity on ecological income",
        {"亿元": yi},
        note=f"{missing}两个上限都用分位数：核算越不确定，分位数离均值越远，可贷越少。利率各年同取一值。{_realised(rules)}{PROPOSAL}",
    )


def share_table(result: Assessment, run: Run) -> Table | None:
    """Return the county's green loans over the years beside the province's (绿色贷款)."""
    own = result.topics[finance.ID].rows_of(run.county_code, "shares")
    if own.empty:
        return None
    whole = result.topics[finance.ID].rows_of(ledger.PROVINCE, "shares").set_index("year")
    frame = pd.DataFrame(
        {
            "年份": own["year"].astype("str"),
            "各项贷款 亿元": own["loans_cny"],
            "绿色贷款 亿元": own["green_loans_cny"],
            "占比": own["share"],
            "全省占比": own["year"].map(whole["share"]),
            "全省填报县数": own["year"].map(whole["counties"]),
            "组内位次": [f"{r:.0f} / {n:.0f}" for r, n in zip(own["rank"], own["of"], strict=True)],
            "性质": _origin(result),
        }
    )
    return Table(
        frame,
        "绿色贷款占比 Green loans in all loans",
        {
            **dict.fromkeys(["各项贷款 亿元", "绿色贷款 亿元"], yi),
            "占比": percent,
            "全省占比": percent,
            "全省填报县数": "{:.0f}".format,
        },
        note="占比 = 绿色贷款余额 ÷ 各项贷款余额，年末；全省为当年填报各县之和，填报不足 "
        f"{_rules(result).least_counties_share:.0%} 的县时不给出，各年填报县不同时不宜直接比较。"
        "全省目标见目标跟踪。",
    )


def share_figure(result: Assessment, run: Run) -> Picture | None:
    """Return green-loan shares of all counties over the years, the county and the province marked."""
    return _share_figure(result, run.county_code)


def province_share_figure(result: Assessment, run: Run) -> Picture | None:
    """Return green-loan shares of all counties over the years, the province marked."""
    return _share_figure(result, None)


def _share_figure(result: Assessment, county_code: str | None) -> Picture | None:
    """Return the lines of all counties with the province's, and with one county's where it is given."""
    shares = result.topics[finance.ID].table("shares")
    if shares.empty or len(shares["year"].unique()) == 1:
        return None
    figure, axes = new_figure(6.4, 3.6)
    for _, own in shares[shares["county_code"] != ledger.PROVINCE].groupby("county_code"):
        axes.plot(own["year"], own["share"] * PERCENT, color=PALE, lw=0.6, alpha=0.6)
    marked = [(ledger.PROVINCE, "trend", "各年均填报的县合计", INK)]
    if county_code is not None:
        marked.append((county_code, "share", counties.name_zh(county_code), ACCENT))
    for code, column, name, color in marked:
        own = shares[shares["county_code"] == code]
        axes.plot(own["year"], own[column] * PERCENT, color=color, lw=2, marker="o", label=name)
    axes.set_xticks(sorted(shares["year"].unique()))
    axes.set_ylabel("绿色贷款占比，%")
    axes.legend(fontsize=8)
    axes.tick_params(colors=QUIET)
    return Picture(figure, alt="绿色贷款占比变化 Share of green loans by year")


def guarantee_table(result: Assessment, run: Run) -> Table | None:
    """Return the guarantees for the county's ecological operators (融资担保)."""
    own = result.topics[finance.ID].rows_of(run.county_code, "guarantees")
    return None if own.empty else _guarantee_table(result, own, "本县融资担保 Guarantees")


def province_guarantee_table(result: Assessment, run: Run) -> Table | None:
    """Return the guarantees that are watched or over their limits (担保关注名单)."""
    table = result.topics[finance.ID].table("guarantees")
    if table.empty:
        return None
    watched = table[table["light"].isin(("watch", "poor"))]
    worst = watched.sort_values(["light", "leverage"], ascending=[True, False])
    return _guarantee_table(result, worst, "需关注的融资担保 Guarantees to be watched")


def _guarantee_table(result: Assessment, rows: pd.DataFrame, caption: str) -> Table:
    """Return multiples and losses of guarantees."""
    rules = _rules(result)
    frame = pd.DataFrame(
        {
            "县": rows["county_code"].map(counties.name_zh),
            "在保余额 万元": rows["guaranteed_cny"],
            "担保机构净资产 万元": rows["guarantee_capital_cny"],
            "放大倍数": rows["leverage"],
            "当年代偿 ÷ 在保余额": rows["loss_rate"],
            "评判": rows["light"].map(LIGHT_ZH),
            "依据": rows["reason"],
            "性质": _origin(result),
        }
    )
    money = dict.fromkeys(["在保余额 万元", "担保机构净资产 万元"], wan)
    return Table(
        frame,
        caption,
        {**money, "放大倍数": TIMES, "当年代偿 ÷ 在保余额": percent},
        note="放大倍数 = 生态经营主体在保余额 ÷ 担保机构净资产，全部业务的倍数不低于此，故未见超限的"
        f"也不评。上限 {rules.leverage_most:g} 倍，主要服务小微、三农的 "
        f"{rules.leverage_most_small:g} 倍（条例与配套办法，未核对原文）；"
        f"当年代偿占在保余额的关注线 {rules.guarantee_loss_most:.0%} 为本工具建议值。",
    )


def province_loan_table(result: Assessment, run: Run) -> Table | None:
    """Return loans, capacity and green-loan shares by group and by prefecture (分组与分市)."""
    summary = result.topics[finance.ID].table("summary")
    if summary.empty:
        return None
    names = {**GROUP_ZH, ledger.PROVINCE: "全省"}
    frame = pd.DataFrame(
        {
            "县组或市": summary["label"].replace(names),
            "县数": summary["counties"].astype("str"),
            "GEP贷额度 亿元": summary["capacity_cny"],
            "余额 亿元": summary["gep_loans_cny"],
            "使用率": summary["used"],
            "超额县数": summary["over"].astype("str"),
            "绿色贷款占比": summary["share"],
            "填报县数": summary["reporting"].astype("str"),
            "性质": _origin(result, accounts=True),
        }
    )
    money = dict.fromkeys(["GEP贷额度 亿元", "余额 亿元"], yi)
    return Table(
        frame,
        "生态贷款与绿色贷款 Loans by group and prefecture",
        {**money, "使用率": percent, "绿色贷款占比": percent},
        note="县数为有抽样、可测算额度的县；绿色贷款占比为填报县之和，填报不足 "
        f"{_rules(result).least_counties_share:.0%} 的县时不给出。{_realised(_rules(result))}{PROPOSAL}",
    )


def province_over_table(result: Assessment, run: Run) -> Table | None:
    """Return the counties whose loans exceed their capacity (超额县)."""
    capacity = result.topics[finance.ID].table("capacity")
    over = capacity[capacity["light"] == "poor"].sort_values("used", ascending=False)
    if over.empty:
        return None
    groups = result.evidence.groups[over.index].map(GROUP_ZH)
    frame = pd.DataFrame(
        {
            "县": [counties.name_zh(code) for code in over.index],
            "县组": groups.to_numpy(),
            "不确定性折减": over["haircut"].to_numpy(),
            "GEP贷额度 亿元": over["capacity_cny"].to_numpy(),
            "余额 亿元": over["gep_loans_cny"].to_numpy(),
            "使用率": over["used"].to_numpy(),
            "性质": _origin(result, accounts=True),
        }
    )
    money = dict.fromkeys(["GEP贷额度 亿元", "余额 亿元"], yi)
    return Table(
        frame,
        "余额超过额度的县 Loans beyond capacity",
        {**money, "不确定性折减": percent, "使用率": percent},
        note=f"不确定性折减 = 1 − 收益分位数 ÷ 收益均值。{PROPOSAL}",
    )
