"""Green options and pools of income rights in the reports (绿色期权、资产证券化)."""

from __future__ import annotations

import pandas as pd

from gepbook.accounting.registry import services
from gepbook.assessment import Assessment, finance
from gepbook.assessment.finance import asset_pool, green_option
from gepbook.assessment.finance.asset_pool import AssetPoolParams
from gepbook.assessment.finance.green_option import GreenOptionParams
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish.display import WAN, Picture, Table, new_figure, percent, wan
from gepbook.publish.fonts import ACCENT, QUIET
from gepbook.run import Run

TIMES = "{:.2f}".format
TRANCHE_COLORS = {"senior": ACCENT, "mezzanine": "#d9a441", "equity": "#4f7cac", "fee": QUIET}


def option_table(result: Assessment, run: Run) -> Table | None:
    """Return the county's green options with their valuation (一村万树绿色期权)."""
    return _option_table(result, result.topics[finance.ID].rows_of(run.county_code, "options"))


def province_option_table(result: Assessment, run: Run) -> Table | None:
    """Return all green options with their valuation (一村万树绿色期权)."""
    return _option_table(result, result.topics[finance.ID].table("options"))


def _option_table(result: Assessment, rows: pd.DataFrame) -> Table | None:
    """Return contracts with premium, valuation and what stands beside it."""
    if rows.empty:
        return None
    rules = result.evidence.rules(green_option.SECTION, GreenOptionParams)
    origin = result.evidence.origin(green_option.REGISTER, accounts=True)
    frame = pd.DataFrame(
        {
            "村": rows["name"],
            "状态": rows["state"],
            "期权费 万元": rows["premium_cny"],
            "签约时估值 万元": rows["fair_cny"],
            "期权费高低": rows["premium_judged"],
            "年末估值 万元": rows["value_cny"],
            "并列：年生态效益 万元": rows["co_benefit_cny"],
            "性质": ORIGIN_ZH[origin],
        }
    )
    named = "、".join(services()[name].name_zh for name in rules.co_benefit_services)
    return Table(
        frame,
        "“一村万树”绿色期权 Green options on trees",
        dict.fromkeys([name for name in frame if name.endswith("万元")], wan),
        note="估值 = 保底金额现值 + 到期树木价值分成超过行权价与保底的看涨期权（Black–Scholes，风险"
        "中性：林木现价已含其生长，故不另计生长）；年末估值沿用签约时的林木单价，只缩短剩余期限；波动率 "
        f"{rules.volatility:.0%}、无风险利率 {rules.rate:.1%}、保存率 {rules.survival_share:.0%}，与估值"
        f"相差 {rules.premium_tolerance:.0%} 以内为相当。参数为本工具建议值。生态效益为{named}按县域"
        "单位面积均值 × 合同面积，只并列展示，不计入价格。",
    )


def _tranche_names() -> dict[str, str]:
    """Return the Chinese names of the tranches."""
    return dictionary.words(asset_pool.TRANCHES, "tranche")


def pool_table(result: Assessment, run: Run) -> Table | None:
    """Return the tranches of the county's pools, as expected and under stress (资产池分层)."""
    return _pool_table(result, result.topics[finance.ID].rows_of(run.county_code, "tranches"))


def province_pool_table(result: Assessment, run: Run) -> Table | None:
    """Return the tranches of all pools, as expected and under the hardest stress (资产池分层)."""
    return _pool_table(result, result.topics[finance.ID].table("tranches"))


def _pool_table(result: Assessment, rows: pd.DataFrame) -> Table | None:
    """Return tranches with coverage, yield and what stays unpaid."""
    if rows.empty:
        return None
    rules = result.evidence.rules(asset_pool.SECTION, AssetPoolParams)
    hardest = max(rules.stress_haircut, key=rules.stress_haircut.__getitem__)
    keys = ["pool_id", "tranche"]
    expected = rows[rows["scenario"] == asset_pool.EXPECTED].set_index(keys)
    stressed = rows[rows["scenario"] == hardest].set_index(keys).reindex(expected.index)
    states = result.topics[finance.ID].table("pools").set_index("pool_id")["state"]
    frame = pd.DataFrame(
        {
            "资产池": expected["name"],
            "层级": expected.index.get_level_values("tranche").map(_tranche_names()),
            "规模 万元": expected["size_cny"],
            "设立时覆盖倍数": expected["coverage"],
            "收益率": expected["yield"],
            "压力下收益率": stressed["yield"],
            "压力下未付 万元": stressed["unpaid_cny"],
            "资产池判断": expected.index.get_level_values("pool_id").map(states),
        }
    )
    money = dict.fromkeys(["规模 万元", "压力下未付 万元"], wan)
    bounds = "、".join(
        f"{_tranche_names()[name]} {least:g}" for name, least in rules.least_coverage.items()
    )
    origin = ORIGIN_ZH[result.evidence.origin(asset_pool.FLOWS, asset_pool.TRANCHES)]
    return Table(
        frame,
        "收益权资产池分层 Tranches of income pools",
        {**money, "设立时覆盖倍数": TIMES, "收益率": percent, "压力下收益率": percent},
        note="回款按服务费、优先级利息、中间级利息、优先级本金、中间级本金的次序支付，余额归次级。设立"
        f"时覆盖倍数 = 设立时预期回款的现值（{rules.discount_rate:.1%}，扣违约与稀释）÷ 本层及以前"
        f"各层规模，下限：{bounds}。压力为各年回款减少 {rules.stress_haircut[hardest]:.0%}。"
        f"参数为本工具建议值。性质：{origin}。",
    )


def province_payment_figure(result: Assessment, run: Run) -> Picture | None:
    """Return what all pools pay to each tranche by year, as expected."""
    payments = result.topics[finance.ID].table("payments")
    if payments.empty:
        return None
    sums = payments.groupby(["due_year", "tranche"])["paid_cny"].sum()
    figure, axes = new_figure(6.4, 3.4)
    years = sorted(payments["due_year"].unique())
    names, below = {**_tranche_names(), asset_pool.FEE: "服务费"}, pd.Series(0.0, index=years)
    for tranche, color in TRANCHE_COLORS.items():
        own = pd.Series({y: sums.get((y, tranche), 0.0) for y in years}) / WAN
        axes.bar(years, own, bottom=below, color=color, label=names[tranche], width=0.7)
        below = below + own
    axes.set_ylabel("支付，万元")
    axes.legend(fontsize=8)
    return Picture(figure, alt="资产池逐年支付 Payments of the pools by year and tranche")
