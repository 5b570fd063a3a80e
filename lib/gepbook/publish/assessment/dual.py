"""GDP beside GEP: levels, growth, quadrants, index and how sure ranks are (双考核)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ledger
from gepbook.assessment import Assessment, dual, growth_draws
from gepbook.assessment.topic import FIRST, GROUP_ZH, NORMAL
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish.display import Picture, Prose, Table, new_figure, percent, yi
from gepbook.publish.fonts import ACCENT, QUIET
from gepbook.run import Run

PER_KM2 = 1e4  # CNY per km² → 万元/km²
NO_GROWTH = (
    "缺本年或上年的 GDP 或 GEP（他县有多年平均气象下的 GEP 而本县没有的也在其内），不参加双考核。"
    "GDP or GEP of the year or the one before is not known: not assessed."
)
METHOD_ZH = {
    "z": "I = w·z(ΔGDP) + (1−w)·z(ΔGEP)，z 以县组各县增长的均值与标准差标准化",
    "goalposts": "I = w·g(ΔGDP) + (1−w)·g(ΔGEP)，g 为在固定标尺上的位置",
}
MARK = "#b3361f"
PALE = "#b9c4c9"
NEIGHBOURS = 8  # counties next in rank that are shown


def _weather(result: Assessment) -> str:
    """Say under which weather the GEP growth is that counts."""
    normal = growth_draws.measure_of(result.evidence) == NORMAL
    return "扣除气象" if normal else "无多年平均气象，按实际气象"


def _band(low: float, high: float) -> str:
    """Return an interval of shares."""
    return f"{percent(low)} ~ {percent(high)}"


def sentence(result: Assessment, run: Run) -> Prose:
    """Return the chapter's first sentence: levels, growth, quadrant and rank with their certainty."""
    code = run.county_code
    topic = result.topics["dual"]
    own = topic.table("levels").loc[code]
    text = (
        f"**{counties.name_zh(code)}** {run.year} 年 GDP {yi(own['gdp_cny'])} 亿元，列全省第 "
        f"{own['gdp_rank']:.0f} 位；GEP {yi(own['gep_cny'])} 亿元，列第 {own['gep_rank']:.0f} 位；"
        f"GEP 与 GDP 之比 {own['gep_to_gdp']:.2f}。"
    )
    if code not in topic.table("dual").index:
        return Prose(text + NO_GROWTH)
    row = topic.table("dual").loc[code]
    status = "" if row["assessed"] else "（该组尚未纳入考核，仅供参考）"
    return Prose(
        text + f"按可比价，GDP 变化 {percent(row['gdp_growth'])}；GEP 变化 "
        f"{percent(row['gep_growth'])}，{_weather(result)} {percent(row['gep_growth_normal'])}，属"
        f"“{dual.QUADRANT_ZH[row['quadrant']]}”（把握 {row['quadrant_probability']:.0%}）。"
        f"双考核指数 {row['index']:.2f}，在{GROUP_ZH[row['group']]}中列第 {row['rank']:.0f} 位"
        f"{status}，90% 位次区间第 {row['rank_low']}–{row['rank_high']} 位，与 {row['tied']} 个县"
        "不分先后 (its rank is stated with the counties it cannot be told apart from)。"
    )


def table(result: Assessment, run: Run) -> Table:
    """Return levels, growth and ranks of the county with their intervals (双考核表)."""
    code = run.county_code
    topic = result.topics["dual"]
    levels, both = topic.table("levels"), topic.table("dual")
    origin, count = ORIGIN_ZH[topic.figures[0][1]["origin"]], len(levels)

    def line(title: str, value: str, band: str | None, place: str | None) -> dict[str, str | None]:
        return {"指标": title, "本县": value, "90% 区间": band, "位次": place, "性质": origin}

    own = levels.loc[code]
    density = f"{own['gep_per_km2_cny'] / PER_KM2:,.0f}"
    rows = [
        line("GDP 亿元", yi(own["gdp_cny"]), None, f"{own['gdp_rank']:.0f} / {count}（全省）"),
        line("GEP 亿元", yi(own["gep_cny"]), None, f"{own['gep_rank']:.0f} / {count}（全省）"),
        line(
            "单位面积 GEP 万元/km²",
            density,
            None,
            f"{own['gep_per_km2_rank']:.0f} / {count}（全省）",
        ),
    ]
    if code in both.index:
        row = both.loc[code]
        place = f"{row['rank']:.0f} / {row['of']:.0f}（{GROUP_ZH[row['group']]}）"
        sure = f"第 {row['rank_low']}–{row['rank_high']} 位"
        rows += [
            line(title, percent(row[name]), _band(row[f"{name}_low"], row[f"{name}_high"]), None)
            for title, name in (
                ("GDP 增长（可比价）", "gdp_growth"),
                (f"GEP 增长（可比价，{_weather(result)}）", "gep_growth_normal"),
            )
        ]
        rows.append(line("GEP 增长（可比价，实际气象）", percent(row["gep_growth"]), None, None))
        interval = f"{row['index_low']:.2f} ~ {row['index_high']:.2f}"
        rows.append(line("双考核指数", f"{row['index']:.2f}", interval, place))
        rows.append(line("位次", f"{row['rank']:.0f}", sure, f"与 {row['tied']} 县不分先后"))
    rules = result.evidence.rules(dual.SECTION, dual.DualParams)
    drawn = code in result.evidence.drawn_levels
    errors = (
        "参数误差（各县共同）与单年误差（各县独立）"
        if drawn
        else "单年误差（账户未抽样，不含参数误差）"
    )
    return Table(
        pd.DataFrame(rows),
        "GDP 与 GEP 双考核 Dual assessment",
        note=f"指数 {METHOD_ZH[rules.normalisation]}，w 按县类，均为本工具建议值。GDP 用"
        f"全省平减指数折为可比价。区间由{errors}抽样而得；领先的概率不到规则所定者并列，不分先后。",
    )


def path_table(result: Assessment, run: Run) -> Table | None:
    """Return growth, quadrant and rank of the county in each year (历年轨迹)."""
    own = result.topics["dual"].rows_of(run.county_code, "path")
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "年份": own["year"].astype(str).to_numpy(),
            "GDP 增长": own["gdp_growth"].to_numpy(),
            "GEP 增长": own["gep_growth"].to_numpy(),
            "扣除气象": own["gep_growth_normal"].to_numpy(),
            "象限": own["quadrant"].map(dual.QUADRANT_ZH).to_numpy(),
            "指数": own["index"].to_numpy(),
            "位次": [f"{r:.0f} / {n:.0f}" for r, n in zip(own["rank"], own["of"], strict=True)],
        }
    )
    forms = {
        **dict.fromkeys(["GDP 增长", "GEP 增长", "扣除气象"], percent),
        "指数": "{:.2f}".format,
    }
    return Table(
        frame,
        "历年轨迹 Path over the years",
        forms,
        note="各年都按本年度的参数、标准与可比价重算，增长可以直接比较；指数与位次是当年在组内的相对值，"
        "县组与权重按本年度。Every year is computed anew by this year's parameters and prices.",
    )


def growth_figure(result: Assessment, run: Run) -> Picture | Prose:
    """Return GDP growth against GEP growth of the county's group, with the county's interval and path."""
    code, topic = run.county_code, result.topics["dual"]
    table = topic.table("dual")
    if code not in table.index:
        return Prose(NO_GROWTH)
    own = table.loc[code]
    group = table[table["group"] == own["group"]]
    figure, axes = new_figure(6.6, 4.2)
    axes.scatter(
        group["gdp_growth"] * 100, group["gep_growth_normal"] * 100, s=20, color=PALE,
        label=GROUP_ZH[own["group"]],
    )  # fmt: skip
    steps = topic.rows_of(code, "path")
    axes.plot(
        steps["gdp_growth"] * 100, steps["gep_growth_normal"] * 100, "-o", color=ACCENT,
        linewidth=1, markersize=3, label="本县历年",
    )  # fmt: skip
    for step in steps.itertuples():
        point = (step.gdp_growth * 100, step.gep_growth_normal * 100)
        axes.annotate(str(step.year), point, xytext=(5, -9), textcoords="offset points", fontsize=7)
    x, y = own["gdp_growth"] * 100, own["gep_growth_normal"] * 100
    axes.errorbar(
        x, y, color=MARK, fmt="o", markersize=5, linewidth=1, label=f"{counties.name_zh(code)} 90% 区间",
        xerr=[[x - own["gdp_growth_low"] * 100], [own["gdp_growth_high"] * 100 - x]],
        yerr=[[y - own["gep_growth_normal_low"] * 100], [own["gep_growth_normal_high"] * 100 - y]],
    )  # fmt: skip
    _cross(axes)
    return Picture(figure)


def _cross(axes: object) -> None:
    """Draw the quadrants and name the axes."""
    axes.axhline(0, color=QUIET, linewidth=0.6)  # type: ignore[attr-defined]
    axes.axvline(0, color=QUIET, linewidth=0.6)  # type: ignore[attr-defined]
    axes.set_xlabel("GDP 增长（可比价，%）")  # type: ignore[attr-defined]
    axes.set_ylabel("GEP 增长（可比价，扣除气象，%）")  # type: ignore[attr-defined]
    axes.legend(fontsize=8)  # type: ignore[attr-defined]


def neighbour_table(result: Assessment, run: Run) -> Table | None:
    """Return the counties next in rank, with the probability that this one is ahead (领先概率)."""
    topic, code = result.topics["dual"], run.county_code
    if code not in topic.table("dual").index:
        return None
    pairs = topic.rows_of(code, "pairs").set_index("other_code")["probability"]
    every = topic.table("dual")["rank"]
    ranks = every[pairs.index]
    near = (ranks - every[code]).abs().sort_values(kind="stable").index[:NEIGHBOURS]
    near = ranks[near].sort_values(kind="stable").index
    least = result.evidence.rules(dual.SECTION, dual.DualParams).ahead_probability
    sure = pairs[near]
    verdict = pd.cut(
        sure, [-1, 1 - least, least, 2], labels=["落后", "不分先后", "领先"], right=False
    )
    frame = pd.DataFrame(
        {
            "位次": ranks[near].astype(int).to_numpy(),
            "县（市、区）": [counties.name_zh(other) for other in near],
            "本县领先的概率": sure.to_numpy(),
            "结论": verdict.astype(str).to_numpy(),
        }
    )
    return Table(
        frame,
        "与位次相邻的县比较 Against the counties next in rank",
        {"本县领先的概率": percent},
        note=f"概率达到 {least:.0%} 才说领先；性质同上表。",
    )


def _origin_note(result: Assessment) -> str:
    """Return the sentence that says what the figures of a provincial table rest on."""
    origin = ORIGIN_ZH[ledger.weakest(e["origin"] for _, e in result.topics["dual"].figures)]
    return f"本表各数性质：{origin}。"


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return how many counties of each group lie in each quadrant, and how many can be told apart."""
    topic = result.topics["dual"]
    table = topic.table("dual")
    if table.empty:
        return Prose(NO_GROWTH)
    texts = []
    for group, own in table.groupby("group", sort=False):
        counts = own["quadrant"].map(dual.QUADRANT_ZH).value_counts()
        shares = "、".join(f"{zh} {n} 个" for zh, n in counts.items())
        pairs = own["ahead_of"].sum() / (len(own) * (len(own) - 1) / 2) if len(own) > 1 else 0.0
        status = "" if own["assessed"].all() else "（参考）"
        texts.append(
            f"**{GROUP_ZH[str(group)]}**{status} {len(own)} 个县：{shares}；"
            f"两两比较中 {percent(pairs)} 分得出先后"
        )
    return Prose(
        "；".join(sorted(texts, reverse=True))
        + "。其余视为并列，不宜据名次奖惩 (most neighbours in rank cannot be told apart)。"
    )


def province_figure(result: Assessment, run: Run) -> Picture | Prose:
    """Return GDP growth against GEP growth of all counties by group."""
    table = result.topics["dual"].table("dual")
    if table.empty:
        return Prose(NO_GROWTH)
    figure, axes = new_figure(6.6, 4.2)
    for group, color in ((FIRST, ACCENT), ("other", PALE)):
        own = table[table["group"] == group]
        axes.scatter(
            own["gdp_growth"] * 100, own["gep_growth_normal"] * 100, s=22, color=color,
            label=GROUP_ZH[group],
        )  # fmt: skip
    _cross(axes)
    return Picture(figure)


def province_first_table(result: Assessment, run: Run) -> Table | Prose:
    """Return the dual assessment of the 26 mountain counties, assessed first (山区26县双考核)."""
    return _group_table(result, FIRST)


def province_other_table(result: Assessment, run: Run) -> Table | Prose:
    """Return the same of the other counties."""
    return _group_table(result, "other")


def _group_table(result: Assessment, group: str) -> Table | Prose:
    """Return a group's counties by rank."""
    table = result.topics["dual"].table("dual")
    if table.empty:
        return Prose(NO_GROWTH)
    table = table[table["group"] == group].sort_values("rank", kind="stable")
    frame = pd.DataFrame(
        {
            "位次": table["rank"].astype(int).to_numpy(),
            "县（市、区）": [counties.name_zh(code) for code in table.index],
            "GDP 增长": table["gdp_growth"].to_numpy(),
            "GEP 增长（扣除气象）": table["gep_growth_normal"].to_numpy(),
            "象限": table["quadrant"].map(dual.QUADRANT_ZH).to_numpy(),
            "指数": table["index"].to_numpy(),
            "90% 位次": [
                f"{low}–{high}"
                for low, high in zip(table["rank_low"], table["rank_high"], strict=True)
            ],
            "并列县数": table["tied"].to_numpy(),
        }
    )
    reference = "" if table["assessed"].all() else "（参考，尚未纳入考核）"
    return Table(
        frame,
        f"{GROUP_ZH[group]} GDP 与 GEP 双考核{reference} Dual assessment",
        {"GDP 增长": percent, "GEP 增长（扣除气象）": percent, "指数": "{:.2f}".format},
        note=f"权重为本工具建议值，非已公布规则；可比价。{_origin_note(result)}",
    )
