"""The departure audit in the reports: dossiers of the terms of office (离任审计)."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gepbook import counties
from gepbook.accounting import registry
from gepbook.accounting.change import PART_ZH, PARTS
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.assessment import Assessment, audit
from gepbook.assessment.audit import decline, scheme, terms
from gepbook.assessment.topic import GROUP_ZH, TopicResult
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH
from gepbook.publish.display import (
    YI,
    Blocks,
    Callout,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    yi,
)
from gepbook.run import Run

ITEM_ZH = {"gep": "GEP", **CATEGORY_ZH}
STATE_ZH = {
    terms.AUDITED: "已对照期初、期末账户",
    terms.ONE_YEAR: "应对照的年份只有一年有账户，无变化可考",
    terms.NOT_HELD: "应对照的年份都没有账户，未对照、不评分",
    terms.NOT_YET: "任期内尚无计入年份，暂不审计",
    terms.TOO_SHORT: "任期过短，没有计入的年份",
}
SITE_ZH = {"occupation": "占用", "offset": "补偿", "damage": "损害"}
NO_CHANGE = (
    "期内有年份没有变化分解（核算章未运行或缺上一年账户），分解从略，其余不受影响 "
    "(no yearly decomposition of some year)。"
)
#: Verdicts that ask for a reason.
FLAGGED = (decline.SERIOUS, decline.UNDECIDED)
#: Services that the opening and closing account names: those that changed most.
NAMED = 6
#: Panels of the figure side by side; more would not leave room for the names of the parts.
PANELS = 2
RISE, FALL, WHOLE = "#7a9e7e", "#c0705c", "#4a6d8c"


def _posts() -> dict[str, str]:
    """Return the Chinese names of the posts."""
    return dictionary.words(audit.TERMS, "post")


def _topic(result: Assessment) -> TopicResult:
    """Return the topic's result."""
    return result.topics[audit.ID]


def _rules(result: Assessment) -> audit.AuditParams:
    """Return the topic's rules."""
    return result.evidence.rules(audit.SECTION, audit.AuditParams)


def _lacking(result: Assessment) -> str:
    """Say that there is no register of terms, where there is none."""
    if audit.TERMS not in _topic(result).lacking:
        return ""
    return "数据包没有领导干部任期登记，离任审计未计算。No register of terms of office in the pack."


def _span(term: Any) -> str:
    """Return the years of a term's window."""
    return terms.span(term.opening, term.closing) if pd.notna(term.opening) else "—"


def _score(low: float, high: float) -> str:
    """Return points, or the interval of what is possible."""
    if pd.isna(low):
        return "—"
    return f"{low:.2f}" if low == high else f"{low:.2f}–{high:.2f}"


def _holder(term: Any) -> str:
    """Return post and name of who holds a term."""
    return f"{_posts()[term.post]} {term.official}"


def _accounts_origin(result: Assessment) -> str:
    """Return the origin of the accounts in Chinese."""
    return ORIGIN_ZH[result.evidence.origin(accounts=True)]


def sentence(result: Assessment, run: Run) -> Prose:
    """Return what is said of the terms in office of the county."""
    if missing := _lacking(result):
        return Prose(missing)
    own = _topic(result).rows_of(run.county_code, "terms")
    now = own[own["in_office"]] if len(own) else own
    name = counties.name_zh(run.county_code)
    if now.empty:
        return Prose(f"{name}没有登记在任的党政主要领导干部 (no term in office registered)。")
    said = [
        f"{_holder(term)}（{_span(term)}）得分 {_score(term.score_low, term.score_high)}"
        f"{f'，等级“{term.grade}”' if term.grade else '，不评等'}，{audit.VERDICT_ZH[term.verdict]}"
        f"{'' if term.audited else '，尚未审计'}"
        if pd.notna(term.score_low)
        else f"{_holder(term)}{STATE_ZH[term.state]}"
        for term in now.itertuples()
    ]
    return Prose(
        f"{name}现任：{'；'.join(said)}。结果只是离任审计的参考，不是审计结论 "
        "(a reference for the audit, not its conclusion)。"
    )


def term_table(result: Assessment, run: Run) -> Table | None:
    """Return all terms of the county with window, score and verdict (任期一览)."""
    own = _topic(result).rows_of(run.county_code, "terms")
    if own.empty:
        return None
    rows = [
        {
            "职务": _posts()[term.post],
            "领导干部": term.official,
            "任职": term.start_date,
            "离任": term.end_date if pd.notna(term.end_date) else "在任",
            "期初–期末": _span(term),
            "得分": _score(term.score_low, term.score_high),
            "等级": (term.grade or "不评等") + ("" if term.audited else "（未审计）"),
            "严重下降": audit.VERDICT_ZH[term.verdict],
        }
        for term in own.itertuples()
    ]
    share = percent(_rules(result).least_share_of_year)
    return Table(
        pd.DataFrame(rows),
        "任期与结论 Terms of office",
        note=f"在任天数超过 {share} 的年份计入任期；期初为首个计入年份的上一年，期末为最近的计入年份，"
        "同一职务的两任不重复计年（本工具建议值）。任期登记为"
        f"{ORIGIN_ZH[result.evidence.origin(audit.TERMS)]}数据。",
    )


def dossiers(result: Assessment, run: Run) -> Blocks | None:
    """Return accounts, scores and verdicts of all terms of the county, window by window (任期档案)."""
    own = _topic(result).rows_of(run.county_code, "terms")
    if own.empty:
        return None
    parts: list[Table | Prose | Callout] = []
    for span, held in own.groupby(own.apply(_span, axis=1), sort=False):
        if span == "—":
            parts += [Prose(_facts(term)) for term in held.itertuples()]
            continue
        parts.append(Prose(f"### 期初–期末 {span} 年"))
        parts += [Prose(_facts(term)) for term in held.itertuples()]
        if (held["state"] == terms.AUDITED).all():
            parts += _window_parts(result, str(held["term_id"].iloc[0]))
        parts += [_scheme_table(result, term) for term in held.itertuples()]
        parts.append(Prose(_unknown(result, held)))
    return Blocks(parts)


def _facts(term: Any) -> str:
    """Return the facts of a term as a sentence."""
    until = f"至 {term.end_date}" if pd.notna(term.end_date) else "至今"
    text = f"**{_holder(term)}**，{term.start_date} {until}，{STATE_ZH[term.state]}。"
    if pd.isna(term.wanted_opening):
        return text
    wanted = terms.span(term.wanted_opening, term.wanted_closing)
    if _span(term) != wanted:
        text += (
            f"按任期应对照 {wanted} 年，账户只有 {_span(term)} 年，其余年份不作判断 "
            "(only the years held are audited)。"
            if pd.notna(term.opening)
            else f"按任期应对照 {wanted} 年 (none of these years is held)。"
        )
    return text


def _window_parts(result: Assessment, term_id: str) -> list[Table | Prose | Callout]:
    """Return account, decomposition and verdict of a window, by one of its terms."""
    own = {
        name: frame[frame["term_id"] == term_id] if len(frame) else frame
        for name, frame in _topic(result).tables.items()
    }
    parts: list[Table | Prose | Callout] = [_account_table(result, own["accounts"])]
    if own["decomposition"].empty:
        parts.append(Prose(NO_CHANGE))
    else:
        parts.append(_decomposition_table(result, own["decomposition"], own["decline"]))
    verdict = own["terms"]["verdict"].iloc[0]
    if verdict == decline.SERIOUS:
        parts.append(_referral(own["circumstances"]))
    parts.append(_decline_table(result, own["decline"]))
    return parts


def _account_table(result: Assessment, account: pd.DataFrame) -> Table:
    """Return opening and closing account: GEP, categories, the services that changed most."""
    totals = account[account["item"].isin(ITEM_ZH)]
    services = account.drop(totals.index)
    most = services["change_cny"].abs().nlargest(NAMED).index
    shown = pd.concat([totals, services.loc[services.index.isin(most)]])
    specs = registry.services()
    names = [ITEM_ZH.get(item) or specs[item].name_zh for item in shown["item"]]
    frame = pd.DataFrame(
        {
            "项目": names,
            "期初 亿元": shown["opening_cny"],
            "期末 亿元": shown["closing_cny"],
            "变化 亿元": shown["change_cny"],
            "变化率": shown["change_share"],
            "长期气象下期初 亿元": shown["normal_opening_cny"],
            "长期气象下期末 亿元": shown["normal_closing_cny"],
            "性质": _accounts_origin(result),
        }
    )
    money = [name for name in frame if name.endswith("亿元")]
    return Table(
        frame,
        "期初与期末账户（可比价） Opening and closing account",
        {"变化率": percent, **dict.fromkeys(money, yi)},
        note=f"可比价，不含价格变动；变化最大的 {NAMED} 项服务列出，期初不为正的不算变化率。"
        "长期气象：降水、气温取多年平均，NPP、植被覆盖、水电等仍含当年气象。",
    )


def _decomposition_table(result: Assessment, rows: pd.DataFrame, fallen: pd.DataFrame) -> Table:
    """Return what changed GEP over a window at current prices, and each indicator that is not clear."""
    unclear = fallen.loc[fallen["verdict"].isin(FLAGGED), "indicator"]
    shown = rows[rows["item"].isin([decline.WHOLE, *unclear])].set_index("item")
    columns = {f"{ITEM_ZH[item]} 亿元": row for item, row in shown.iterrows()}
    frame = pd.DataFrame(
        {
            "项目": ["期初", *(PART_ZH[part] for part in PARTS), "期末"],
            **{
                name: row[["opening_cny", *PARTS, "closing_cny"]].astype("float64").to_numpy()
                for name, row in columns.items()
            },
            "性质": _accounts_origin(result),
        }
    )
    return Table(
        frame,
        "任期变化分解（当年价） What changed GEP",
        dict.fromkeys(columns, yi),
        note="逐年 Shapley 分解之和，期初 + 各部分 = 期末，无残差；严重下降或未决的指标另列。气象与价格"
        "不归于领导干部；产出与活动多随市场。",
    )


def _decline_table(result: Assessment, rows: pd.DataFrame) -> Table:
    """Return how likely each indicator fell seriously."""
    frame = pd.DataFrame(
        {
            "指标": rows["indicator"].map(ITEM_ZH),
            "期初 亿元": rows["opening_cny"],
            "期末 亿元": rows["closing_cny"],
            "变化率": rows["change_share"],
            "90% 区间": [
                f"{percent(low)} ~ {percent(high)}" if pd.notna(low) else None
                for low, high in zip(rows["low"], rows["high"], strict=True)
            ],
            "降幅阈值": rows["threshold"],
            "达到阈值的概率": rows["probability"],
            "判定": rows["verdict"].map(audit.VERDICT_ZH),
        }
    )
    sure = percent(_rules(result).least_confidence)
    errors = (
        "误差含参数、价格与各年数据，参数与价格各年同取一组，只有对两年影响相同的部分相消"
        if rows["account_draws"].all()
        else "误差只含各年数据，未含参数"
    )
    return Table(
        frame,
        "严重下降判定 Serious decline",
        {
            "期初 亿元": yi, "期末 亿元": yi, "变化率": percent, "降幅阈值": percent,
            "达到阈值的概率": "{:.2%}".format,
        },
        note="可比价、长期气象：涨跌价与降水、气温的年际变化不计，NPP、植被覆盖、水电等仍含当年气象。"
        f"概率 ≥ {sure} 判为严重下降，≤ {percent(1 - _rules(result).least_confidence)} 判为未见，"
        f"其间不下结论；{errors}。"
        f"阈值为本工具建议值，非已公布规则；各数为{_accounts_origin(result)}数据。",
    )  # fmt: skip


def _referral(circumstances: pd.DataFrame) -> Callout:
    """Return the box that says what a serious decline means, and what else happened."""
    sites = "；".join(
        f"{SITE_ZH[row.kind]}地块 {row.number} 处、{row.area_ha:,.1f} 公顷"
        for row in circumstances.itertuples()
    )
    return Callout(
        "warning",
        "发现严重下降，移送审计机关核查 Referred to the audit authority",
        "本判定是供审计机关依规依纪依法核查的线索，不是责任认定。经批准的占用、自然灾害等非本人责任的"
        f"原因，由审计机关核实。期内登记：{sites or '没有占用、补偿或损害地块'}。"
        "A referral, not a finding of guilt.",
    )


def _scheme_table(result: Assessment, term: Any) -> Table:
    """Return the points of a term, item by item, with what they rest on."""
    items = _topic(result).table("items")
    own = items[items["term_id"] == term.term_id]
    sections = scheme.read().query("rule == 'section'").set_index("section")["name_zh"]
    is_counted = own["rule"] == scheme.FINDINGS
    titles = own["section"].map(sections).where(~own["section"].duplicated(), "")
    missing = "缺发现事项登记" if term.audited else "尚未审计"
    basis = [
        (f"{row.count:.0f} 项" if pd.notna(row.count) else missing)
        if row.rule == scheme.FINDINGS
        else (percent(row.value) if pd.notna(row.value) else "缺数据")
        for row in own.itertuples(name="Row")
    ]
    frame = pd.DataFrame(
        {
            "板块": titles,
            "指标": own["name_zh"],
            "满分": own["points"],
            "得分": [
                _score(low, high) for low, high in own[["low", "high"]].itertuples(index=False)
            ],
            "事项或指标值": basis,
            "依据": own["evidence"]
            .replace("", "无发现事项")
            .where(own["count"].notna(), "—")
            .where(is_counted, "账户与统计"),
            "规则可信度": own["confidence"].map(CONFIDENCE_ZH),
            "性质": own["origin"].map(ORIGIN_ZH),
        }
    )
    grade = f"等级“{term.grade}”" if term.grade else "跨两个等级，不评等"
    return Table(
        frame,
        f"{_holder(term)}：得分 {_score(term.score_low, term.score_high)}，{grade} Score",
        {"满分": "{:.0f}".format},
        note="按发现事项：满分 − 项数 × 每项扣分，扣完为止；按账户：依零分与满分水平之间的比例。"
        "总分、五等、第一板块及其改革任务一项的分值见国家评价指标体系（省级用，市县可参考），其余为本工具"
        "建议值。缺数据或尚未审计的指标按 0 分到满分、账户变化按其 90% 区间给出得分区间。",
    )


def _unknown(result: Assessment, held: pd.DataFrame) -> str:
    """Say what is not known of some terms of one window."""
    gaps = sorted({term.unscored for term in held.itertuples() if term.unscored})
    text = f"**未知与局限**：{''.join(f'{gap}缺数据，按区间计分。' for gap in gaps)}"
    if not held["audited"].all():
        text += "本年底尚未审计的任期没有发现事项可依，相关指标按区间计分 (not audited yet)。"
    own = _topic(result).table("decline")
    own = own[own["term_id"].isin(held["term_id"])] if len(own) else own
    if len(own) and own["verdict"].eq(decline.NOT_ASSESSED).any():
        missing = "、".join(
            ITEM_ZH[i]
            for i in dict.fromkeys(own.loc[own["verdict"] == decline.NOT_ASSESSED, "indicator"])
        )
        text += f"{missing}没有长期气象下的期初值，未评估下降。"
    return text + (
        "账户不能分清哪些变化出自本人决策，也不含任期以外年份的后果 "
        "(the accounts cannot tell whose decision a change came from)。"
    )


def waterfall_figure(result: Assessment, run: Run) -> Picture | None:
    """Return what changed GEP over the county's windows, from opening to closing (任期变化瀑布图)."""
    changes = _topic(result).rows_of(run.county_code, "decomposition")
    if changes.empty:
        return None
    changes = changes[changes["item"] == decline.WHOLE]
    held = _topic(result).rows_of(run.county_code, "terms").set_index("term_id")
    spans = held.apply(_span, axis=1)
    windows = changes.groupby(changes["term_id"].map(spans), sort=False).first()
    across = min(PANELS, len(windows))
    down = math.ceil(len(windows) / across)
    figure, _ = new_figure(7.0, 2.6 * down)
    figure.clear()
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, (span, row) in zip(panels, windows.iterrows(), strict=False):
        _bridge(axes, row)
        holders = "、".join(_holder(term) for term in held[spans == span].itertuples())
        axes.set_title(f"{span}：{holders}", loc="left", fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in panels[len(windows) :]:
        axes.set_axis_off()
    figure.supylabel("亿元（当年价，不从零起）", fontsize=8)
    return Picture(figure, alt="任期 GEP 变化分解 What changed GEP over each term")


def _bridge(axes: Any, row: pd.Series) -> None:
    """Draw the parts of a change one on the other, from the opening to the closing GEP."""
    parts = row[list(PARTS)].astype("float64") / YI
    opening, closing = row["opening_cny"] / YI, row["closing_cny"] / YI
    heights = [opening, *parts, closing]
    bottoms = [0.0, *(opening + parts.cumsum() - parts), 0.0]
    colors = [WHOLE, *(RISE if part >= 0 else FALL for part in parts), WHOLE]
    names = [name.replace("与", "\n与") for name in PART_ZH.values()]
    axes.bar(["期初", *names, "期末"], heights, bottom=bottoms, color=colors)
    for place, (height, bottom) in enumerate(zip(heights, bottoms, strict=True)):
        whole = place in (0, len(heights) - 1)
        axes.annotate(
            f"{height:,.2f}" if whole else f"{height:+,.2f}",
            (place, max(bottom, bottom + height)),
            (0, 3), textcoords="offset points", ha="center", fontsize=6.5,
        )  # fmt: skip
    reached = [opening, closing, *(opening + parts.cumsum())]
    room = (max(reached) - min(reached)) or max(reached)
    axes.set_ylim(max(0.0, min(reached) - room), max(reached) + room * 0.4)


# The province


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return how many terms were looked at, and what came of them."""
    if missing := _lacking(result):
        return Prose(missing)
    held = _topic(result).table("terms")
    scored = held.dropna(subset="score_low")
    counts = held["verdict"].value_counts()
    one_year = scored["state"].eq(terms.ONE_YEAR)
    unsure = scored["grade"].eq("") & ~one_year
    return Prose(
        f"全省登记任期 {len(held)} 个，按百分制评分 {len(scored)} 个，其中 "
        f"{int(one_year.sum())} 个只有一年账户，另有 {int(unsure.sum())} 个得分区间跨两个等级，不评等；"
        f"评分任期中 {int((~scored['audited']).sum())} 个尚未审计；"
        f"{counts.get(decline.SERIOUS, 0)} 个任期发现 GEP 相关指标严重下降并移送审计机关核查，"
        f"{counts.get(decline.UNDECIDED, 0)} 个因不确定性跨越阈值不下结论 "
        "(terms, those scored, those without a grade, those referred, those undecided)。"
    )


def province_grades(result: Assessment, run: Run) -> Table | None:
    """Return the counts of grades by group and post (等级分布)."""
    held = _topic(result).table("terms")
    if held.empty:
        return None
    scored = held.dropna(subset="score_low")
    grades = {name: name for name in _rules(result).grades} | {"不评等": ""}
    least = "、".join(f"{name} {points:g}" for name, points in _rules(result).grades.items())
    rows = [
        {**keys, **{name: int(own["grade"].eq(grade).sum()) for name, grade in grades.items()}}
        for keys, own in _by_group(result, scored)
    ]
    return Table(
        pd.DataFrame(rows),
        "离任审计等级分布（任期数） Grades of terms",
        note=f"各等级最低分：{least}（国家评价指标体系）；得分区间跨两个等级的不评等。数据为"
        f"{ORIGIN_ZH[result.evidence.origin(audit.TERMS, audit.RECORDS)]}。",
    )


def province_verdicts(result: Assessment, run: Run) -> Table | None:
    """Return the counts of verdicts on serious decline by group and post (判定分布)."""
    held = _topic(result).table("terms")
    if held.empty:
        return None
    rows = [
        {
            **keys,
            **{
                zh: int(own["verdict"].eq(verdict).sum())
                for verdict, zh in audit.VERDICT_ZH.items()
            },
        }
        for keys, own in _by_group(result, held)
    ]
    falls = "、".join(f"{ITEM_ZH[i]} {percent(f)}" for i, f in _rules(result).serious_fall.items())
    sure = percent(_rules(result).least_confidence)
    return Table(
        pd.DataFrame(rows),
        "严重下降判定分布（任期数） Verdicts on serious decline",
        note=f"降幅阈值：{falls}（可比价、长期气象），概率须达 {sure}；均为本工具建议值，非已公布规则。",
    )


def _by_group(result: Assessment, held: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Return some terms by group of counties and post, with the cells that name them."""
    groups = held["county_code"].map(result.evidence.groups)
    return [
        ({"县组": GROUP_ZH[group], "职务": zh}, held[(groups == group) & (held["post"] == post)])
        for group in GROUP_ZH
        for post, zh in _posts().items()
    ]


def province_flagged(result: Assessment, run: Run) -> Table | None:
    """Return the terms with a serious decline, and those without a verdict (移送与未决)."""
    held = _topic(result).table("terms")
    if held.empty:
        return None
    fallen = _topic(result).table("decline")
    shown = fallen[fallen["verdict"].isin(FLAGGED)]
    shown = shown.merge(held[["term_id", "post", "official"]], on="term_id")
    shown = shown.sort_values(["probability", "term_id"], ascending=[False, True])
    frame = pd.DataFrame(
        {
            "县（市、区）": shown["county_code"].map(counties.name_zh),
            "职务": shown["post"].map(_posts()),
            "领导干部": shown["official"],
            "期初–期末": [
                f"{a}–{b}" for a, b in zip(shown["opening"], shown["closing"], strict=True)
            ],
            "指标": shown["indicator"].map(ITEM_ZH),
            "变化率": shown["change_share"],
            "达到阈值的概率": shown["probability"],
            "判定": shown["verdict"].map(audit.VERDICT_ZH),
        }
    )
    return Table(
        frame,
        "移送核查与未决的任期 Terms referred or undecided",
        {"变化率": percent, "达到阈值的概率": "{:.2%}".format},
        note="移送是线索，不是责任认定；是否出自经批准的占用、灾害或前任决策，由审计机关依规依纪依法核实。"
        f"账户为{_accounts_origin(result)}数据，领导干部为{ORIGIN_ZH[result.evidence.origin(audit.TERMS)]}。",
    )


def scheme_table(result: Assessment, run: Run) -> Table:
    """Return the scheme: sections, items, points and how they are earned (评价指标体系)."""
    listed, rules = scheme.read(), _rules(result)
    sections = listed[listed["rule"] == scheme.SECTION_ROW].set_index("section")
    items = listed[listed["rule"] != scheme.SECTION_ROW]
    how = [
        f"每项扣 {row.deduction_points:g} 分"
        if row.rule == scheme.FINDINGS
        else f"满分 {percent(rules.goalposts[row.item].good)}，零分 "
        f"{percent(rules.goalposts[row.item].poor)}"
        for row in items.itertuples()
    ]
    frame = pd.DataFrame(
        {
            "板块": [
                f"{sections.loc[s, 'name_zh']}（{sections.loc[s, 'points']:g}）"
                for s in items["section"]
            ],
            "指标": items["name_zh"],
            "满分": items["points"],
            "评分": how,
            "可信度": items["confidence"].map(CONFIDENCE_ZH),
            "来源": items["source"],
        }
    )
    return Table(
        frame, "离任审计评价指标体系 Scheme of the departure audit", {"满分": "{:.0f}".format}
    )
