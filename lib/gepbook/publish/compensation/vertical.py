"""Vertical compensation in the reports: funds, incentives, posts, supervision (纵向补偿)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ledger
from gepbook.compensation import Compensation, vertical
from gepbook.compensation.vertical import incentives
from gepbook.compensation.vertical.allocation import FACTORS
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import maps
from gepbook.publish.display import (
    WAN,
    YI,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
    wan,
    yi,
)
from gepbook.publish.fonts import ACCENT, QUIET
from gepbook.run import Run

#: Unit of a factor as it is shown, and how much of the factor's own unit that is.
UNITS = {
    "regulating_value": ("亿元", YI),
    "redline_area": ("km²", 1.0),
    "gep_improvement": ("亿元", YI),
    "fiscal_gap": ("亿元", YI),
    "resident_population": ("万人", WAN),
}
ADJUSTMENTS = {"effect": "绩效系数", "bounds": "保底与封顶"}
KIND_ZH = {"appropriation": "财政预算", **vertical.SOURCE_ZH}
PROPOSAL = "权重、上下限与系数为本工具建议值，文件只点名因素，未公布公式。"


def _table(result: Compensation, name: str) -> pd.DataFrame:
    """Return a table of the scheme."""
    return result.schemes[vertical.ID].tables[name]


def _provincial(result: Compensation) -> pd.Series:
    """Return every county's amount from the province's fund, CNY."""
    table = _table(result, "allocation")
    return table[table["fund"] == "provincial"].set_index("county_code")["amount_cny"]


def _note(result: Compensation) -> str:
    """Return what the scheme's amounts rest on."""
    paid = result.flows[result.flows["scheme"] == vertical.ID]
    return f"性质：{ORIGIN_ZH[ledger.weakest(paid['origin'])]}（取其输入中最弱者）。"


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what the county gets from the funds and where it stands."""
    code = run.county_code
    amounts, stable = _provincial(result), _table(result, "stability").loc[code]
    city = _table(result, "allocation")
    city = city[(city["fund"] == "prefecture") & (city["county_code"] == code)]["amount_cny"].sum()
    return Prose(
        f"省级补偿资金 {yi(amounts.sum())} 亿元（预算、债券与捐赠），{counties.name_zh(code)}得 "
        f"**{wan(amounts[code])} 万元**，列第 {stable['rank']:.0f} 位；市级资金另得 {wan(city)} 万元。"
        f"若改用任意权重，省级金额九成落在 {wan(stable['low_cny'])}–{wan(stable['high_cny'])} 万元，"
        f"位次在 {stable['rank_low']:.0f}–{stable['rank_high']:.0f} 之间 "
        "(90 % of all possible weights give an amount in this range)。"
    )


def factor_table(result: Compensation, run: Run) -> Table:
    """Return the county's factors, weights and what each brings, to the amount paid (分配计算表)."""
    code = run.county_code
    rules = result.province.rules(vertical.SECTION, vertical.VerticalParams)
    factors, parts = _table(result, "factors"), _table(result, "parts").loc[code]
    rows = [
        {
            "项目": FACTORS[name],
            "权重": rules.weights[name],
            "本县": significant(factors.loc[code, name] / scale),
            "全省": significant(factors[name].sum() / scale),
            "单位": unit,
            "金额 万元": parts[name],
        }
        for name, (unit, scale) in UNITS.items()
    ]
    rows += [{"项目": zh, "金额 万元": parts[name]} for name, zh in ADJUSTMENTS.items()]
    rows.append({"项目": "合计", "金额 万元": parts.sum()})
    return Table(
        pd.DataFrame(rows),
        "省级资金分配 Provincial fund",
        {"权重": percent, "金额 万元": wan},
        note="某因素全省皆为零时，其权重按比例转给其余因素；取整到分，余分按最大余额法。"
        + PROPOSAL
        + _note(result),
    )


def stability_figure(result: Compensation, run: Run) -> Picture:
    """Return amounts of the counties with their range over all weights, the county marked."""
    table = _table(result, "stability").sort_values("median_cny").reset_index()
    index = table.index.to_numpy()
    figure, axes = new_figure(6.6, 2.8)
    axes.vlines(index, table["low_cny"] / WAN, table["high_cny"] / WAN, color=QUIET, linewidth=1)
    amounts = _provincial(result).reindex(table["county_code"]).to_numpy() / WAN
    axes.plot(index, amounts, ".", color=ACCENT, markersize=4, label="现行权重")
    own = int(table.index[table["county_code"] == run.county_code][0])
    axes.plot([own], [amounts[own]], "D", color="#b3361f", label=counties.name_zh(run.county_code))
    axes.set_xticks([])
    axes.set_xlabel("各县（市、区），按中位数排序；竖线为任意权重下的 5%–95%")
    axes.set_ylabel("万元")
    axes.legend(fontsize=8)
    return Picture(figure)


def incentive_table(result: Compensation, run: Run) -> Table | None:
    """Return rewards and deductions of the county beside the province's mean (绿色发展奖补)."""
    table = _table(result, "incentives")
    own = table.loc[run.county_code].dropna()
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "项目": [incentives.ITEMS[str(name)] for name in own.index],
            "本县 万元": own.to_numpy(),
            "全省县均 万元": table[own.index].mean().to_numpy(),
            "奖励县数": (table[own.index] > 0).sum().to_numpy(),
            "扣减县数": (table[own.index] < 0).sum().to_numpy(),
        }
    )
    return Table(
        frame,
        "绿色发展财政奖补 Incentives",
        {"本县 万元": wan, "全省县均 万元": wan},
        note="负数为扣减，由县上缴。能耗奖扣按 2017 年公布标准，其余金额未核对原文或为本工具建议值。"
        + _note(result),
    )


def livelihood_table(result: Compensation, run: Run) -> Table | None:
    """Return posts and forests of public welfare in the county (公益岗位与公益林)."""
    table = _table(result, "livelihoods")
    if run.county_code not in table.index:
        return None
    own = table.loc[run.county_code]
    frame = pd.DataFrame(
        [
            {
                "项目": f"生态公益岗位 {own['posts']:.0f} 个，年报酬 {own['post_wage_cny']:,.0f} 元",
                "收款方": "居民",
                "金额 万元": own["post_pay_cny"],
                "其中省级 万元": own["post_province_cny"],
            },
            {
                "项目": f"公益林 {own['public_forest_ha']:,.0f} 公顷",
                "收款方": "村集体与农户",
                "金额 万元": own["public_forest_cny"],
                "其中省级 万元": own["public_forest_cny"],
            },
        ]
    )
    return Table(
        frame,
        "生态公益岗位与公益林补偿 Posts and forests",
        {"金额 万元": wan, "其中省级 万元": wan},
        note=_note(result),
    )


def supervision_table(result: Compensation, run: Run) -> Table | None:
    """Return plan, payment, use and effect of the county's funds beside its allocation (资金监管)."""
    table = _table(result, "supervision")
    if table.empty:
        return None
    own = table[table["county_code"] == run.county_code]
    return None if own.empty else Table(
        pd.DataFrame(
            {
                "资金": own["fund"].map(vertical.FUNDS),
                "计划 万元": own["planned_cny"],
                "拨付 万元": own["paid_cny"],
                "使用 万元": own["used_cny"],
                "使用率": own["used_share"],
                "绩效得分": own["effect_score"],
                "提示": own["alerts"].replace("", "无"),
            }
        ),
        "资金使用与绩效 Use and effect",
        {
            **dict.fromkeys(["计划 万元", "拨付 万元", "使用 万元"], wan),
            "使用率": percent,
            "绩效得分": "{:.1f}".format,
        },
        note="绩效得分决定下一年的绩效系数（高于全省平均则份额增加）。" + _note(result),
    )  # fmt: skip


def province_sources(result: Compensation, run: Run) -> Table:
    """Return where the funds come from: budget, bonds, donations, industry funds (资金来源)."""
    table = _table(result, "sources")
    sums = table.groupby(["fund", "kind"], sort=False)["amount_cny"].agg(["sum", "size"])
    frame = pd.DataFrame(
        {
            "资金": [vertical.FUNDS[fund] for fund, _ in sums.index],
            "来源": [KIND_ZH[kind] for _, kind in sums.index],
            "笔数": sums["size"].to_numpy(),
            "金额 亿元": sums["sum"].to_numpy(),
        }
    )
    return Table(
        frame,
        "补偿资金来源 Sources of funds",
        {"金额 亿元": yi},
        note="债券须还本付息，只作当年来源。" + _note(result),
    )


def province_stability(result: Compensation, run: Run) -> Table:
    """Return every county's amount and rank with their range over all weights (权重敏感性)."""
    table = _table(result, "stability").sort_values("rank")
    amounts = _provincial(result).reindex(table.index)
    frame = pd.DataFrame(
        {
            "位次": table["rank"].to_numpy(),
            "县（市、区）": [counties.name_zh(str(code)) for code in table.index],
            "金额 万元": amounts.to_numpy(),
            "5%–95% 万元": [
                f"{wan(low)}–{wan(high)}"
                for low, high in zip(table["low_cny"], table["high_cny"], strict=True)
            ],
            "位次 5%–95%": [
                f"{low:.0f}–{high:.0f}"
                for low, high in zip(table["rank_low"], table["rank_high"], strict=True)
            ],
            "位次稳定": table["kept"].to_numpy(),
        }
    )
    rules = result.province.rules(vertical.SECTION, vertical.VerticalParams)
    return Table(
        frame,
        "省级资金分配与权重敏感性 Allocation and its weights",
        {"金额 万元": wan, "位次稳定": percent},
        note=f"在全部可能权重中均匀抽取 {rules.sensitivity_draws:,} 组（Dirichlet）；“位次稳定”"
        f"指位次变动不超过 {rules.kept_places} 位的比例；与现行位次的平均秩相关 "
        f"{table.attrs['agreement']:.2f}。" + PROPOSAL,
    )


def province_map(result: Compensation, run: Run) -> Picture:
    """Return the map of what counties get from the province's fund."""
    return maps.choropleth(run.pack.boundaries, _provincial(result) / WAN, "万元")


def province_supervision(result: Compensation, run: Run) -> Table | Prose:
    """Return funds that were used slowly or with little effect (资金监管提示)."""
    table = _table(result, "supervision")
    if table.empty:
        return Prose("数据包中没有补偿资金台账。")
    flagged = table[table["alerts"] != ""]
    used = table["used_cny"].sum() / table["paid_cny"].sum()
    frame = pd.DataFrame(
        {
            "县（市、区）": flagged["county_code"].map(counties.name_zh),
            "资金": flagged["fund"].map(vertical.FUNDS),
            "拨付 万元": flagged["paid_cny"],
            "使用率": flagged["used_share"],
            "绩效得分": flagged["effect_score"],
            "提示": flagged["alerts"],
        }
    ).sort_values("使用率", kind="stable")
    return Table(
        frame,
        "资金使用与绩效提示 Slow or ineffective use",
        {"拨付 万元": wan, "使用率": percent, "绩效得分": "{:.1f}".format},
        note=f"全省拨付 {table['paid_cny'].sum() / YI:,.1f} 亿元，使用率 {percent(used)}。"
        + _note(result),
    )
