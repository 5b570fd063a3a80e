"""Tables and figures of the assessment chapter (考核篇)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties
from gepbook.assessment import Assessment, dual, targets
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import Picture, Prose, Table, new_figure, percent, yi
from gepbook.publish.fonts import ACCENT, QUIET
from gepbook.run import Run

STATE_ZH = {"met": "已达到", "open": "未达到", "unmeasured": "数据包无此数据"}
NO_GROWTH = "数据包中没有上一年，无增长可考。No previous year in the pack: no growth to assess."


def headline(result: Assessment, run: Run) -> Prose:
    """Return the chapter's first sentence."""
    code = run.county_code
    own = result.levels.loc[code]
    sentence = (
        f"**{counties.name_zh(code)}** {run.year} 年 GDP {yi(own['gdp_cny'])} 亿元，列全省第 "
        f"{own['gdp_rank']} 位；GEP {yi(own['gep_cny'])} 亿元，列第 {own['gep_rank']} 位；"
        f"GEP 与 GDP 之比 {own['gep_to_gdp']:.2f}。"
    )
    if code in result.dual.index:
        growth = result.dual.loc[code]
        sentence += (
            f"按可比价，GDP 变化 {percent(growth['gdp_growth'])}，GEP 变化 "
            f"{percent(growth['gep_growth'])}，属“{dual.QUADRANT_ZH[growth['quadrant']]}”，"
            f"双考核指数 {growth['index']:.2f}，列第 {growth['rank']} 位。"
        )
    return Prose(sentence)


def score_table(result: Assessment, run: Run) -> Table:
    """Return levels, growth and ranks of the county beside the province (考核表)."""
    code = run.county_code
    levels, count = result.levels, len(result.levels)
    origin = ORIGIN_ZH[result.entries[0]["origin"]]

    def row(title: str, value: str, rank: object) -> dict[str, str]:
        return {"指标": title, "本县": value, "位次": f"{rank} / {count}", "性质": origin}

    own = levels.loc[code]
    rows = [
        row("GDP 亿元", yi(own["gdp_cny"]), own["gdp_rank"]),
        row("GEP 亿元", yi(own["gep_cny"]), own["gep_rank"]),
        row(
            "单位面积 GEP 万元/km²",
            f"{own['gep_per_km2_cny'] / 1e4:,.0f}",
            own["gep_per_km2_rank"],
        ),
    ]
    if code in result.dual.index:
        growth = result.dual.loc[code]
        ranks = {c: dual.rank(result.dual[c])[code] for c in ("gdp_growth", "gep_growth")}
        rows += [
            row("GDP 增长（可比价）", percent(growth["gdp_growth"]), ranks["gdp_growth"]),
            row("GEP 增长（可比价）", percent(growth["gep_growth"]), ranks["gep_growth"]),
            row("双考核指数", f"{growth['index']:.3f}", growth["rank"]),
        ]
    return Table(
        pd.DataFrame(rows),
        "GDP 与 GEP 双考核 Dual assessment",
        note="位次相同者并列取优。数据包的气候为多年平均，增长不含天气影响。",
    )


def growth_figure(result: Assessment, run: Run) -> Picture | Prose:
    """Return GDP growth against GEP growth of all counties, the county marked."""
    if result.dual.empty:
        return Prose(NO_GROWTH)
    table = result.dual
    first = table.index.isin(counties.group("mountain26", run.year))
    figure, axes = new_figure(6.4, 4.2)
    for chosen, color, label in ((first, ACCENT, "山区26县"), (~first, "#b9c4c9", "其他县")):
        axes.scatter(
            table.loc[chosen, "gdp_growth"] * 100,
            table.loc[chosen, "gep_growth"] * 100,
            s=22,
            color=color,
            label=label,
        )
    code = run.county_code
    if code in table.index:
        point = (table.loc[code, "gdp_growth"] * 100, table.loc[code, "gep_growth"] * 100)
        axes.scatter(*point, s=70, facecolor="none", edgecolor="#b3361f", linewidth=1.8)
        axes.annotate(counties.name_zh(code), point, xytext=(8, 6), textcoords="offset points")
    axes.axhline(0, color=QUIET, linewidth=0.6)
    axes.axvline(0, color=QUIET, linewidth=0.6)
    axes.set_xlabel("GDP 增长（可比价，%）")
    axes.set_ylabel("GEP 增长（可比价，%）")
    axes.legend(fontsize=8)
    return Picture(figure)


def target_table(tracker: pd.DataFrame) -> Table:
    """Return the targets of the policy document and where they stand (目标跟踪)."""
    frame = pd.DataFrame(
        {
            "目标": [targets.NAMES[t][0] for t in tracker.index],
            "Target": [targets.NAMES[t][1] for t in tracker.index],
            "目标值 %": tracker["target"].to_numpy(),
            "最新 %": tracker["latest"].to_numpy(),
            "状态": tracker["state"].map(STATE_ZH).to_numpy(),
        }
    )
    return Table(
        frame,
        "浙委办发〔2021〕82号 目标跟踪 Targets",
        dict.fromkeys(["目标值 %", "最新 %"], "{:,.0f}".format),
    )


def rule_table(run: Run) -> Table:
    """Return the rules with source and confidence (规则)."""
    return common.parameter_table(
        run.params, "dual_assessment", "targets", caption="考核规则与目标 Rules and targets"
    )
