"""Tables and figures of the compensation chapter (补偿篇)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties
from gepbook.compensation import SECTION, Compensation, vertical
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common, maps
from gepbook.publish.display import YI, Picture, Prose, Table, new_figure, percent, significant, wan
from gepbook.publish.fonts import ACCENT
from gepbook.run import Run

UNITS = {
    "regulating_value": "CNY",
    "redline_area": "km²",
    "gep_improvement": "CNY",
    "fiscal_gap": "CNY",
    "resident_population": "人",
}


def headline(result: Compensation, run: Run) -> Prose:
    """Return the chapter's first sentence."""
    rules = run.params.section(SECTION, vertical.VerticalParams)
    amount = result.allocation[run.county_code]
    place = int(result.allocation.rank(ascending=False, method="min")[run.county_code])
    return Prose(
        f"全省纵向生态保护补偿资金 {rules.budget_cny / YI:,.0f} 亿元按 {len(rules.weights)} 个因素分配，"
        f"**{counties.name_zh(run.county_code)}** 得 **{wan(amount)} 万元**，"
        f"在 {len(result.allocation)} 个县（市、区）中列第 {place} 位。权重为本工具建议值，非已公布规则 "
        "(weights are a proposal, not a published rule)。"
    )


def factor_table(result: Compensation, run: Run) -> Table:
    """Return the county's factors, weights, shares and amounts (分配计算表)."""
    rules = run.params.section(SECTION, vertical.VerticalParams)
    code = run.county_code
    origin = ORIGIN_ZH[result.entries[0]["origin"]]
    rows = [
        {
            "因素": vertical.FACTORS[factor],
            "权重": rules.weights[factor],
            "本县": significant(result.factors.loc[code, factor]),
            "全省": significant(result.factors[factor].sum()),
            "单位": UNITS[factor],
            "资金份额": share,
            "金额 万元": share * rules.budget_cny,
            "性质": origin,
        }
        for factor, share in result.shares.loc[code].items()
    ]
    return Table(
        pd.DataFrame(rows),
        "纵向补偿分配 Vertical allocation",
        {"权重": percent, "资金份额": lambda v: f"{v * 100:.3f} %", "金额 万元": wan},
        note="某因素全省皆为零时，其权重按比例转给其余因素。",
    )


def allocation_figure(result: Compensation, run: Run) -> Picture:
    """Return where the county's amount comes from, by factor."""
    rules = run.params.section(SECTION, vertical.VerticalParams)
    amounts = result.shares.loc[run.county_code] * rules.budget_cny / 1e4
    figure, axes = new_figure(6.6, 2.4)
    bars = axes.barh([vertical.FACTORS[f] for f in amounts.index], amounts, color=ACCENT)
    axes.bar_label(bars, [f"{v:,.0f}" for v in amounts], padding=3, fontsize=8)
    axes.margins(x=0.15)
    axes.invert_yaxis()
    axes.set_xlabel("万元")
    return Picture(figure)


def allocation_map(result: Compensation, run: Run) -> Picture:
    """Return the map of allocations with the county outlined."""
    return maps.choropleth(
        run.pack.boundaries, result.allocation / 1e4, "补偿资金 万元", run.county_code
    )


def rule_table(run: Run) -> Table:
    """Return the rules with source and confidence (规则)."""
    return common.parameter_table(run.params, SECTION, caption="补偿规则 Rules")
