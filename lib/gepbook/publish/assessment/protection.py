"""The effect of protection in the reports: parts, indicators, redline, peers (生态保护成效)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ledger
from gepbook.assessment import Assessment
from gepbook.assessment.protection import VERDICT_ZH
from gepbook.assessment.protection.rules import (
    INDICATORS,
    PART_ZH,
    POLLUTANTS,
    SECTION,
    ProtectionParams,
)
from gepbook.assessment.protection.scores import DECLINED, IMPROVED, NOISE
from gepbook.assessment.topic import FIRST, GROUP_ZH, OTHER, TopicResult
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import (
    LIGHT_ZH,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
)
from gepbook.publish.fonts import ACCENT, INK, QUIET
from gepbook.run import Run

MARK = "#b3361f"
PROPOSAL = "指标、权重、标尺与等次界限为本工具建议值，非已公布规则。"
NO_SCORE = "已知指标的权重不足，不计分"


def _topic(result: Assessment) -> TopicResult:
    """Return the topic's result."""
    return result.topics[SECTION]


def _rules(result: Assessment) -> ProtectionParams:
    """Return the topic's rules."""
    return result.evidence.rules(SECTION, ProtectionParams)


def _points(value: float) -> str:
    """Return points with one decimal."""
    return f"{value:.1f}"


def _place(rank: float, of: float) -> str:
    """Return a rank in its group, a dash where there is none."""
    return "—" if pd.isna(rank) else f"{rank:.0f} / {of:.0f}"


def _slope(row: pd.Series) -> str:
    """Return a change a year with its interval."""
    if pd.isna(row["slope"]):
        return "—"
    own = f"{row['slope']:+z.3g}"
    return own if pd.isna(row["low"]) else f"{own}（{row['low']:+z.3g}～{row['high']:+z.3g}）"


def _first(rows: pd.DataFrame) -> list[str]:
    """Return the first figures known, each with its year."""
    return [
        f"{significant(value)}（{year:.0f}）" if pd.notna(year) else "—"
        for year, value in rows[["first_year", "first"]].itertuples(index=False)
    ]


def _missing(names: str, known: dict[str, str]) -> str:
    """Return the Chinese names of what is missing."""
    return "、".join(known[name] for name in names.split(", ") if name)


def _lacking(result: Assessment) -> str:
    """Return which registers the pack does not bring, as a sentence."""
    return common.lacking(_topic(result).lacking)


def sentence(result: Assessment, run: Run) -> Prose:
    """Return how well the county protects, and what moved."""
    code = run.county_code
    whole, parts = _topic(result).table("composite"), _topic(result).rows_of(str(code), "parts")
    name = counties.name_zh(str(code))
    if code not in whole.index or pd.isna(whole.loc[code, "points"]):
        return Prose(
            f"{name}生态保护成效：{NO_SCORE} (too little is known for a score)。{_lacking(result)}"
        )
    own = whole.loc[code]
    moved = [
        f"{PART_ZH[row.part]}{VERDICT_ZH[row.verdict]}"
        for row in parts.itertuples()
        if row.verdict in (IMPROVED, DECLINED)
    ]
    missing = _missing(own["missing"], PART_ZH)
    judged = parts["verdict"].isin([IMPROVED, DECLINED, NOISE]).any()
    still = "各部分变化都在误差之内，不作判断" if judged else "历史不足，不作判断"
    return Prose(
        f"{name}生态保护成效综合分 **{own['points']:.1f}**（满分 100），在{GROUP_ZH[own['group']]}中列第 "
        f"{own['rank']:.0f} / {own['of']:.0f} 位，组内中位数 {own['peer_median']:.1f}，等次"
        f"“{LIGHT_ZH[own['light']]}”（{own['reason']}）。与自身历史相比，"
        f"{'、'.join(moved) or still}。"
        + (f"缺{missing}，其权重按比例转给其余部分。" if missing else "")
        + "Held against its own history, shown beside its peers; changes inside the noise are not judged."
    )


def part_table(result: Assessment, run: Run) -> Table | None:
    """Return the points of every part beside the group (分部分评估)."""
    rows = _topic(result).rows_of(str(run.county_code), "parts")
    if rows.empty:
        return None
    origins = _topic(result).rows_of(str(run.county_code), "indicators").groupby("part")["origin"]
    shown = origins.agg(ledger.weakest).map(ORIGIN_ZH)
    frame = pd.DataFrame(
        {
            "部分": rows["part"].map(PART_ZH),
            "权重": rows["part"].map(_rules(result).part_weights),
            "得分": rows["points"],
            "组内中位数": rows["peer_median"],
            "组内位次": [_place(*pair) for pair in zip(rows["rank"], rows["of"], strict=True)],
            "与自身历史相比": rows["verdict"].map(VERDICT_ZH),
            "等次": rows["light"].map(LIGHT_ZH) + "：" + rows["reason"],
            "性质": rows["part"].map(shown),
        }
    )
    rules = _rules(result)
    known = {name: indicator.name_zh for name, indicator in INDICATORS.items()}
    missing = "、".join(filter(None, (_missing(names, known) for names in rows["missing"])))
    return Table(
        frame,
        "生态保护成效分部分评估 Protection by part",
        {"权重": percent, "得分": _points, "组内中位数": _points},
        note="综合分 = Σ 权重 × 部分得分；部分得分 = Σ 指标权重 × 指标得分，指标得分由固定标尺得出，"
        f"明确的年变化另加减最多 {rules.change_points:g} 分。{rules.good_points:g} 分起良好、"
        f"{rules.poor_points:g} 分以下不佳，明确变差的不评良好。"
        + (f"缺：{missing}；缺项的权重按比例转给其余，不按零分计。" if missing else "")
        + PROPOSAL,
    )


def indicator_table(result: Assessment, run: Run) -> Table | None:
    """Return every indicator of the county over the years and beside its peers (指标与趋势)."""
    rows = _topic(result).rows_of(str(run.county_code), "indicators")
    rows = rows[rows["value"].notna()]
    if rows.empty:
        return None
    titles = [
        INDICATORS[name].name_zh
        + (f" {INDICATORS[name].unit_zh}" if INDICATORS[name].unit_zh else "")
        for name in rows["indicator"]
    ]
    frame = pd.DataFrame(
        {
            "指标": titles,
            "首年": _first(rows),
            "上年": rows["previous"],
            "本年": rows["value"],
            "每年变化": [_slope(row) for _, row in rows.iterrows()],
            "判断": rows["verdict"].map(VERDICT_ZH),
            "优于同组": rows["percentile"],
            "性质": rows["origin"].map(ORIGIN_ZH),
        }
    )
    rules = _rules(result)
    return Table(
        frame,
        "生态保护指标与趋势 Indicators and trends",
        {**dict.fromkeys(["上年", "本年"], significant), "优于同组": percent},
        note=f"满 {rules.least_years} 年的每年变化为 Theil–Sen 斜率，括号内为 "
        f"{rules.trend_probability:.0%} 区间；不足的为年均差，不作判断。变化小于噪声界限或区间含 0 的"
        "也不作判断。状况指数已含优良天数与断面水质，与水、气两部分有重复计入。优于同组：同组其他县中"
        "不及本县的比例，并列计半。" + PROPOSAL,
    )


def pollutant_table(result: Assessment, run: Run) -> Table | None:
    """Return the trends of concentrations in the county's sections (断面浓度趋势)."""
    rows = _topic(result).rows_of(str(run.county_code), "pollutants")
    if rows.empty:
        return None
    frame = pd.DataFrame(
        {
            "污染物 mg/L": rows["pollutant"].map(POLLUTANTS),
            "首年": _first(rows),
            "上年": rows["previous"],
            "本年": rows["value"],
            "每年变化": [_slope(row) for _, row in rows.iterrows()],
            "Ⅲ类限值": rows["pollutant"].map(_rules(result).class_3_limits_mg_l),
        }
    )
    origin = ORIGIN_ZH[result.evidence.origin("water_sections")]
    return Table(
        frame,
        "断面浓度趋势 Trends of concentrations",
        dict.fromkeys(["上年", "本年", "Ⅲ类限值"], significant),
        note="县内历年都有监测的断面的平均；断面增减不算水质变化。总氮在河流中无限值，只列不计分。"
        f"性质：{origin}。",
    )


def redline_table(result: Assessment, run: Run) -> Table | None:
    """Return what is known of the county's redline (红线完整性)."""
    state = _topic(result).table("redline")
    code = str(run.county_code)
    if code not in state.index:
        return None
    own = state.loc[code]
    part = _topic(result).rows_of(code, "parts").set_index("part").loc["redline"]
    known = {
        "红线面积 km²": own["area_km2"],
        "面积与首年之比 %": own["kept"] * 100,
        "红线内占用与损害地块 处": own["sites"],
        "红线内占用与损害面积 ha": own["occupied_ha"],
        "红线预警 条": own["alerts"],
    }
    frame = pd.DataFrame({"项目": list(known), "数值": list(known.values())})
    frame["性质"] = ORIGIN_ZH[
        ledger.weakest(
            _topic(result).rows_of(code, "indicators").query("part == 'redline'")["origin"]
        )
    ]
    return Table(
        frame,
        "生态保护红线完整性 Integrity of the redline",
        {"数值": significant},
        note=f"等次：{LIGHT_ZH[part['light']]}（{part['reason']}）。面积减少超过 "
        f"{_rules(result).redline_tolerance:.2%}、或有占用与损害地块位于红线内为不佳，仅有预警为关注。"
        f"经批准的红线调整（红线面积表中的“当年经批准的调整”）不算减少。{PROPOSAL}",
    )


def part_figure(result: Assessment, run: Run) -> Picture | None:
    """Return the county's points beside its group's, part by part."""
    code = str(run.county_code)
    parts, whole = _topic(result).table("parts"), _topic(result).table("composite")
    if code not in whole.index:
        return None
    group = parts[parts["group"] == whole.loc[code, "group"]]
    members = whole[whole["group"] == whole.loc[code, "group"]]
    rows = {"综合": members["points"]} | {
        PART_ZH[part]: own.set_index("county_code")["points"]
        for part, own in group.groupby("part", sort=False)
    }
    figure, axes = new_figure(6.4, 2.6)
    for height, points in enumerate(rows.values()):
        axes.plot(points, [height] * len(points), "|", color=QUIET, alpha=0.5, markersize=12)
        axes.plot([points.median()], [height], "o", color=ACCENT, markersize=6)
        axes.plot([points[code]], [height], "D", color=MARK, markersize=7)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlim(-2, 102)
    axes.set_xlabel(
        f"得分；◆ {counties.name_zh(code)}，● {GROUP_ZH[whole.loc[code, 'group']]}中位数"
    )
    return Picture(figure, alt="生态保护成效各部分得分 Points by part")


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return how protection stands in the province."""
    whole, parts = _topic(result).table("composite"), _topic(result).table("parts")
    scored = whole[whole["points"].notna()]
    if scored.empty:
        return Prose(
            f"生态保护成效：{NO_SCORE} (too little is known for scores)。{_lacking(result)}"
        )
    lights = scored["light"].value_counts()
    moved = parts["verdict"].value_counts()
    return Prose(
        f"{len(scored)} 个县（市、区）有生态保护成效综合分，中位数 {scored['points'].median():.1f}；良好 "
        f"{lights.get('good', 0)} 个、关注 {lights.get('watch', 0)} 个、不佳 {lights.get('poor', 0)} 个。"
        f"与自身历史相比，明确改善的有 {moved.get(IMPROVED, 0)} 项（县×部分），明确变差的有 "
        f"{moved.get(DECLINED, 0)} 项，其余变化在误差之内或历史不足。{_lacking(result)}"
        "Each county against its own history; no verdict inside the noise."
    )


def province_table(result: Assessment, run: Run) -> Table | None:
    """Return the parts by group: how they stand and how they moved (分组汇总)."""
    parts = _topic(result).table("parts")
    if parts.empty:
        return None
    rows = []
    for (group, part), own in parts.groupby(["group", "part"], sort=False):
        lights, moved = own["light"].value_counts(), own["verdict"].value_counts()
        rows.append(
            {
                "县组": GROUP_ZH[group],
                "部分": PART_ZH[part],
                "有分县数": f"{own['points'].notna().sum()} / {len(own)}",
                "中位数": own["points"].median(),
                "最低": own["points"].min(),
                "最高": own["points"].max(),
                "良好 / 关注 / 不佳": " / ".join(
                    str(lights.get(name, 0)) for name in ("good", "watch", "poor")
                ),
                "改善 / 变差": f"{moved.get(IMPROVED, 0)} / {moved.get(DECLINED, 0)}",
            }
        )
    frame = pd.DataFrame(rows).sort_values("县组", key=_first_group, kind="stable")
    return Table(
        frame,
        "生态保护成效分组汇总 Protection by group",
        dict.fromkeys(["中位数", "最低", "最高"], _points),
        note=f"改善与变差只计明确的变化。{PROPOSAL}性质：{_origin(result)}（取其输入中最弱者）。",
    )


def province_county_table(result: Assessment, run: Run) -> Table | None:
    """Return every county's composite and parts, by group (各县成效)."""
    whole, parts = _topic(result).table("composite"), _topic(result).table("parts")
    if whole.empty:
        return None
    wide = parts.pivot_table(
        index="county_code", columns="part", values="points", aggfunc="first", dropna=False
    )
    table = whole.join(wide).sort_values("rank", kind="stable")
    frame = pd.DataFrame(
        {
            "县组": table["group"].map(GROUP_ZH),
            "位次": table["rank"],
            "县（市、区）": table.index.map(counties.name_zh),
            "综合分": table["points"],
            **{PART_ZH[part]: table[part] for part in PART_ZH},
        }
    ).sort_values("县组", key=_first_group, kind="stable")
    return Table(
        frame,
        "各县生态保护成效 Protection by county",
        {"位次": "{:.0f}".format, **dict.fromkeys(["综合分", *PART_ZH.values()], _points)},
        note=f"位次在组内。{PROPOSAL}性质：{_origin(result)}（取其输入中最弱者）。",
    )


def province_figure(result: Assessment, run: Run) -> Picture | None:
    """Return the points of all counties by part and group."""
    parts = _topic(result).table("parts")
    if parts.empty or parts["points"].isna().all():
        return None
    figure, axes = new_figure(6.4, 3.0)
    for shift, (group, color) in enumerate(((FIRST, ACCENT), (OTHER, QUIET))):
        own = parts[parts["group"] == group]
        values = [own.loc[own["part"] == part, "points"].dropna() for part in PART_ZH]
        boxes = axes.boxplot(
            values,
            positions=[number + 0.35 * shift for number in range(len(PART_ZH))],
            widths=0.28,
            patch_artist=True,
            medianprops={"color": INK},
            flierprops={"marker": ".", "markersize": 4},
        )
        for box in boxes["boxes"]:
            box.set(facecolor=color, alpha=0.6)
        axes.plot([], [], "s", color=color, alpha=0.6, label=GROUP_ZH[group])
    axes.set_xticks([number + 0.175 for number in range(len(PART_ZH))], list(PART_ZH.values()))
    axes.set_ylabel("得分")
    axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return Picture(figure, alt="生态保护成效各部分得分分布 Points by part and group")


def _first_group(names: pd.Series) -> pd.Series:
    """Return an order in which the group assessed first comes first."""
    return names.ne(GROUP_ZH[FIRST])


def _origin(result: Assessment) -> str:
    """Return the weakest origin of all indicators in Chinese."""
    return ORIGIN_ZH[ledger.weakest(_topic(result).table("indicators")["origin"])]
