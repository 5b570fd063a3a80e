"""Targets in the reports: where they stand, what is needed, where the trend leads (目标跟踪)."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from gepbook import counties
from gepbook.assessment import Assessment, targets
from gepbook.assessment.targets.mechanism import COMPONENTS, component_names
from gepbook.assessment.targets.rules import SECTION, TargetParams
from gepbook.assessment.topic import FIRST, GROUP_ZH, OTHER, TopicResult
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH
from gepbook.publish import common
from gepbook.publish.display import (
    LIGHT_ZH,
    MISSING,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
)
from gepbook.publish.fonts import ACCENT, INK, LIGHT_COLORS, QUIET
from gepbook.run import Run

PANELS = 2  # side by side
PANEL_HEIGHT = 2.1  # inches
LARGEST = 5  # counties that a gap is mostly made of
PROPOSAL = "基准年、口径、状态与灯色规则为本工具建议值，目标值见目标来源表。"


def _topic(result: Assessment) -> TopicResult:
    """Return the results of the topic."""
    return result.topics[SECTION]


def _shown(value: float, unit: str) -> str:
    """Return a target's figure with its unit."""
    if pd.isna(value):
        return MISSING
    return f"{value:.1f}%" if unit == "percent" else f"{significant(value)} {unit}"


def _goal(row: Any) -> str:
    """Return a target's value and due year."""
    side = "≥" if row.direction == "up" else "≤"
    return f"{side}{_shown(row.goal, row.unit)}（{row.due_year}）"


def _states(states: pd.Series) -> str:
    """Return how many targets are in which state."""
    counts = states.value_counts()
    return "、".join(f"{zh} {counts[s]} 项" for s, zh in targets.STATE_ZH.items() if s in counts)


def sentence(result: Assessment, run: Run) -> Prose:
    """Return how the county stands to the province's targets."""
    own = _topic(result).rows_of(run.county_code, "counties")
    name = counties.name_zh(run.county_code)
    if own.empty:
        return Prose(f"数据包没有可判定{name}目标进度的数据 (no data on the county's targets)。")
    text = (
        f"对照全省 {len(_topic(result).table('tracker'))} 项目标，{name}有数 {len(own)} 项："
        f"{_states(own['state'])}"
    )
    placed = _topic(result).rows_of(run.county_code, "components")
    if len(placed):
        text += f"；机制 {len(placed)} 项任务中已建立 **{placed['in_place'].sum()} 项**"
    return Prose(
        f"{text}。目标为全省而设，县级灯色仅作对照 (targets are set for the whole province)。"
    )


def county_table(result: Assessment, run: Run) -> Table | None:
    """Return the county beside every target, and its part in what the province lacks (本县目标进度)."""
    own = _topic(result).rows_of(run.county_code, "counties")
    if own.empty:
        return None
    tracker = _topic(result).table("tracker")
    rows = []
    for row in own.itertuples():
        of = tracker.loc[row.target]
        rows.append(
            {
                "目标": of["name_zh"],
                "全省目标": _goal(of),
                "基准 → 最新": f"{_shown(row.baseline, of['unit'])} → {_shown(row.latest, of['unit'])}"
                + ("" if row.latest_year == run.year else f"（{row.latest_year:.0f}）"),
                "组内位次": f"{row.rank} / {row.of}",
                "占全省缺口": row.gap_share,
                "状态": targets.STATE_ZH[row.state],
                "灯": LIGHT_ZH[row.light],
                "性质": ORIGIN_ZH[of["origin"]],
            }
        )
    group = GROUP_ZH[own["group"].iloc[0]]
    return Table(
        pd.DataFrame(rows),
        "本县目标进度 The county beside the targets",
        {"占全省缺口": percent},
        note=f"基准为 {', '.join(sorted({str(y) for y in tracker['baseline_year']}))} 年。"
        f"位次在{group}中排，显示数值相同的并列取优。占全省缺口 = 本县离目标的距离按权重"
        "折算，占全部未达县之和；已达者为 0，各县均已达到的不计。到期前以趋势外推的区间判定。"
        + PROPOSAL,
    )


def component_table(result: Assessment, run: Run) -> Table | None:
    """Return which components of the mechanism the county has (本县机制建立情况)."""
    own = _topic(result).rows_of(run.county_code, "components")
    if own.empty:
        return None
    own = own.set_index("component")
    shares = _topic(result).table("component_shares")
    group = result.evidence.groups[run.county_code]
    names = [name for name in component_names() if name in own.index]
    frame = pd.DataFrame(
        {
            "任务": [component_names()[name] for name in names],
            "本县": [
                f"已建立（{own.loc[n, 'since_year']:.0f} 年）"
                if own.loc[n, "in_place"]
                else "尚未建立"
                for n in names
            ],
            f"{GROUP_ZH[group]}已建立": shares.loc[names, group].to_numpy(),
            "全省已建立": shares.loc[names, "all"].to_numpy(),
            "性质": _origin(result, COMPONENTS),
        }
    )
    return Table(
        frame,
        "机制建立情况 Components of the mechanism",
        dict.fromkeys([name for name in frame if name.endswith("已建立")], percent),
        note="任务按浙委办发〔2021〕82号列出；比例为已建立的县占有登记的县。2035 年全面建立为全省目标。",
    )


def _origin(result: Assessment, *tables: str) -> str:
    """Return the origin of some registers in Chinese."""
    return ORIGIN_ZH[result.evidence.origin(*tables)]


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return how the province stands to its targets."""
    tracker = _topic(result).table("tracker")
    text = f"全省 {len(tracker)} 项目标：{_states(tracker['state'])}"
    return Prose(
        f"{text} (targets of the province by state)。{common.lacking(_topic(result).lacking)}"
    )


def province_table(result: Assessment, run: Run) -> Table:
    """Return every target: baseline, latest, path, forecast, light (目标跟踪表)."""
    tracker = _topic(result).table("tracker")
    frame = pd.DataFrame(
        [
            {
                "目标": row.name_zh,
                "目标值": _goal(row),
                "基准": f"{_shown(row.baseline, row.unit)}（{row.baseline_year}）",
                "最新": MISSING
                if pd.isna(row.latest_year)
                else f"{_shown(row.latest, row.unit)}（{row.latest_year:.0f}）",
                "应达进度": _shown(row.path, row.unit),
                "每年需 / 已年均": f"{_shown(row.needed_per_year, row.unit)} / "
                f"{_shown(row.pace_per_year, row.unit)}",
                "到期预测": _forecast(row),
                "灯": LIGHT_ZH[row.light],
            }
            for row in tracker.itertuples()
        ]
    )
    states = "；".join(
        f"{row.short_zh}：{_state(row)}（{ORIGIN_ZH[row.origin]}）" for row in tracker.itertuples()
    )
    rules = result.evidence.rules(SECTION, TargetParams)
    return Table(
        frame,
        "浙委办发〔2021〕82号 目标跟踪 Tracker of the targets",
        note=f"{states}。应达进度为基准与目标之间的直线；每年需、已年均均向目标计，百分比以百分点计。预测为线性"
        f"趋势外推（比例按对数几率），括号内为 {rules.interval_level:.0%} 区间，不足 {rules.least_years} "
        f"年不预测，到期后不再预测。灯：{_lights(rules)}。{PROPOSAL}",
    )


def _state(row: Any) -> str:
    """Return a target's state, and why it is not measured."""
    why = f"，{targets.MISSING_ZH[row.missing]}" if row.missing else ""
    return targets.STATE_ZH[row.state] + why


def _lights(rules: TargetParams) -> str:
    """Return which states have which light."""
    named = {
        zh: "、".join(targets.STATE_ZH[s] for s, own in rules.lights.items() if own == light)
        for light, zh in LIGHT_ZH.items()
    }
    return "；".join(f"“{zh}”为{states}" for zh, states in named.items() if states)


def _forecast(row: Any) -> str:
    """Return a forecast with its interval, or why there is none."""
    if pd.notna(row.forecast):
        return (
            f"{_shown(row.forecast, row.unit)}（{_shown(row.low, row.unit)} ~ "
            f"{_shown(row.high, row.unit)}）"
        )
    if row.state in ("met", "late", "missed") and row.latest_year >= row.due_year:
        return "已到期"
    return MISSING if row.state == "unmeasured" else "年数不足"


def province_figure(result: Assessment, run: Run) -> Picture | None:
    """Return a panel for every target with a history: figures, path, forecast (路径与预测)."""
    series = _topic(result).table("series")
    counted = series.groupby("target")["year"].transform("size")
    series = series[counted > 1]
    tracker = _topic(result).table("tracker")
    shown = [name for name in tracker.index if name in set(series["target"])]
    if not shown:
        return None
    rows = math.ceil(len(shown) / PANELS)
    figure, axes = new_figure(7.0, PANEL_HEIGHT * rows)
    axes.remove()
    panels = figure.subplots(rows, PANELS, squeeze=False).ravel()
    for panel, name in zip(panels, shown, strict=False):
        own = series[series["target"] == name]
        _panel(panel, own, tracker.loc[name])
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    panels[0].legend(fontsize=7, loc="best")
    return Picture(figure, alt="目标路径与预测 Paths to the targets and forecasts")


def _panel(axes: Any, own: pd.DataFrame, row: pd.Series) -> None:
    """Draw one target: its figures, the straight line to it, the forecast at the due year."""
    ends = [row["baseline_year"], row["due_year"]], [row["baseline"], row["goal"]]
    axes.plot(*ends, "--", color=QUIET, linewidth=1, label="直线路径")
    axes.plot(
        own["year"], own["value"], "-o", color=ACCENT, markersize=3, linewidth=1.2, label="实际"
    )
    axes.plot(row["due_year"], row["goal"], "*", color=INK, markersize=8, label="目标")
    if pd.notna(row["forecast"]):
        below, above = row["forecast"] - row["low"], row["high"] - row["forecast"]
        axes.errorbar(
            row["due_year"], row["forecast"], yerr=[[below], [above]], fmt="s", color="#b3361f",
            markersize=4, capsize=3, label="预测与区间",
        )  # fmt: skip
    front, _ = LIGHT_COLORS[row["light"]]
    axes.set_title(
        f"{row['short_zh']}：{targets.STATE_ZH[row['state']]}",
        fontsize=8.5,
        color=front,
        loc="left",
    )
    axes.set_ylabel("%" if row["unit"] == "percent" else row["unit"], fontsize=7)
    axes.tick_params(labelsize=7)
    axes.xaxis.get_major_locator().set_params(integer=True)


def province_group_table(result: Assessment, run: Run) -> Table | None:
    """Return how many counties of each group have reached each target, and who lacks most (分组进度)."""
    looks, tracker = _topic(result).table("counties"), _topic(result).table("tracker")
    if looks.empty:
        return None
    rows = []
    for name, own in looks.groupby("target", sort=False):
        reached = own["state"].isin(["met", "late"])
        most = own[own["gap_share"] > 0].nlargest(LARGEST, "gap_share")
        rows.append(
            {
                "目标": tracker.loc[name, "name_zh"],
                **{
                    GROUP_ZH[group]: f"{reached[own['group'] == group].sum()} / "
                    f"{(own['group'] == group).sum()}"
                    for group in (FIRST, OTHER)
                },
                "缺口最大的县": "、".join(
                    f"{counties.name_zh(row.county_code)} {percent(row.gap_share)}"
                    for row in most.itertuples()
                )
                or MISSING,
                "性质": ORIGIN_ZH[tracker.loc[name, "origin"]],
            }
        )
    return Table(
        pd.DataFrame(rows),
        "各组达到目标的县数与缺口 Counties that reached the targets, by group",
        note="已达到的县 / 有数的县；目标为全省而设，县级仅作对照。"
        f"缺口 = 各县离目标的距离按权重折算，占全部未达县之和，列前 {LARGEST} 县。",
    )


def province_component_table(result: Assessment, run: Run) -> Table | None:
    """Return in which share of counties each component is in place, by group (机制建立情况)."""
    shares = _topic(result).table("component_shares")
    if shares.empty:
        return None
    groups = [group for group in (FIRST, OTHER) if group in shares]
    frame = pd.DataFrame(
        {
            "任务": [component_names()[name] for name in shares.index],
            **{GROUP_ZH[group]: shares[group].to_numpy() for group in groups},
            "全省": shares["all"].to_numpy(),
            "性质": _origin(result, COMPONENTS),
        }
    )
    return Table(
        frame,
        "机制建立情况 Components of the mechanism in place",
        dict.fromkeys([*(GROUP_ZH[group] for group in groups), "全省"], percent),
        note=f"{run.year} 年末已建立的县占有登记的县；任务按浙委办发〔2021〕82号列出。",
    )


def source_table(result: Assessment, run: Run) -> Table:
    """Return where each target comes from and what measures it (目标来源)."""
    tracker = _topic(result).table("tracker")
    frame = pd.DataFrame(
        {
            "目标": tracker["name_zh"].to_numpy(),
            "Target": tracker["name_en"].to_numpy(),
            "目标值": [_goal(row) for row in tracker.itertuples()],
            "数据": [dictionary.tables()[name].title for name in tracker["table"]],
            "目标可信度": tracker["confidence"].map(CONFIDENCE_ZH).to_numpy(),
            "口径可信度": tracker["measure_confidence"].map(CONFIDENCE_ZH).to_numpy(),
            "来源": tracker["source"].to_numpy(),
        }
    )
    return Table(
        frame,
        "目标来源与口径 Where the targets come from",
        note="目标在 params/policy/targets.yaml 中逐条列出；增加一项目标只需在该文件增写一条。",
    )
