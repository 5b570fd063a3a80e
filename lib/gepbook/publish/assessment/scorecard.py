"""The scorecard: what a county is told on one page, before the evidence (成绩单)."""

from __future__ import annotations

import pandas as pd

from gepbook import assessment, counties
from gepbook.accounting.uncertainty import INTERVAL_LEVEL
from gepbook.assessment import Assessment
from gepbook.assessment.topic import GROUP_ZH
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH, WHAT_IF, worst
from gepbook.publish import common
from gepbook.publish.display import LIGHT_ZH, WAN, Prose, Table, yi
from gepbook.run import Run

ENOUGH_YI = 1e7  # CNY from which money is shown in 亿元


def shown(value: float | None, unit: str) -> str | None:
    """Return a figure of the scorecard as short text; None where there is none."""
    if value is None or pd.isna(value):
        return None
    if unit == "CNY":
        return f"{yi(value)} 亿元" if abs(value) >= ENOUGH_YI else f"{value / WAN:z,.1f} 万元"
    if unit == "percent":
        return f"{value:z,.1f}%"
    if unit == "points":
        return f"{value:z,.1f} 分"
    return f"{value:z,.2f}"


def sentence(result: Assessment, run: Run) -> Prose:
    """Return how many indicators shine in which light."""
    own = result.cards[result.cards["county_code"] == run.county_code]
    counts = own["light"].value_counts().reindex(list(LIGHT_ZH), fill_value=0)
    lights = "、".join(f"{LIGHT_ZH[light]} {n} 项" for light, n in counts.items())
    return Prose(
        f"**{counties.name_zh(run.county_code)}** {run.year} 年共列 {len(own)} 项，"
        f"评 {(own['light'] != 'none').sum()} 项：{lights}。"
        "不确定性跨过界限的不下结论，记“不评”或“关注”；依据见考核篇各节 "
        "(no verdict where uncertainty spans the limit; the evidence stands in the assessment chapter)。"
    )


def _tied(result: Assessment) -> pd.Series:
    """Tell which lines share their place with another county of the group."""
    cards = result.cards.assign(group=result.cards["county_code"].map(result.evidence.groups))
    return cards.duplicated(["topic", "label_zh", "group", "rank"], keep=False)


def _interval(row: pd.Series) -> str | None:
    """Return the interval of a line; None where it has none."""
    if pd.isna(row["low"]):
        return None
    return f"{shown(row['low'], row['unit'])}–{shown(row['high'], row['unit'])}"


def _peer(row: pd.Series) -> str | None:
    """Return what a line is held against; None where that is nothing."""
    return " ".join(filter(None, (row["peer_zh"], shown(row["peer"], row["unit"])))) or None


def _faced(row: pd.Series) -> str | None:
    """Return a line's figure, interval and what it is held against; None where it is not listed."""
    if pd.isna(row["value"]):
        return None
    more = "；".join(filter(None, (_interval(row), _peer(row))))
    return (
        f"{shown(row['value'], row['unit'])}（{more}）"
        if more
        else shown(row["value"], row["unit"])
    )


def table(result: Assessment, run: Run) -> Table:
    """Return the county's scorecard, a line an indicator (成绩单)."""
    tied = _tied(result)
    own = result.cards[result.cards["county_code"] == run.county_code].assign(tied=tied)
    frame = pd.DataFrame(
        {
            "指标": own["label_zh"].to_numpy(),
            "本县": [shown(v, u) for v, u in zip(own["value"], own["unit"], strict=True)],
            f"{INTERVAL_LEVEL:.0%} 区间": [_interval(row) for _, row in own.iterrows()],
            "对照": [_peer(row) for _, row in own.iterrows()],
            "位次": [
                f"{'并列 ' * tied}{int(place)} / {int(of)}" if pd.notna(place) else None
                for place, of, tied in own[["rank", "of", "tied"]].itertuples(index=False)
            ],
            "评判": own["light"].map(LIGHT_ZH).to_numpy(),
            "依据": own["reason"].to_numpy(),
            "性质": own["origin"].map(ORIGIN_ZH).to_numpy(),
        }
    )
    weakest = CONFIDENCE_ZH[worst(own["quality"])]
    return Table(
        frame,
        "成绩单 Scorecard",
        note=f"位次在本县组（山区26县或其他县）内。规则的可信度最低为“{weakest}”：没有公布规则的用本工具"
        "建议值，全文与出处见公报附录。",
    )


def what_if_table(result: Assessment, changed: Assessment | None, run: Run) -> Table | None:
    """Return the scorecard under changed rules beside that in force; None without changed rules."""
    if changed is None:
        return None
    keys = ["topic", "label_zh"]
    now, then = (
        r.cards[r.cards["county_code"] == run.county_code].set_index(keys)
        for r in (result, changed)
    )
    both = now.join(then.add_suffix("_if"), how="outer")
    faces = [name for name in now if name not in ("county_code", "origin", "quality")]
    other = both[[f"{name}_if" for name in faces]].set_axis(faces, axis=1)
    both = both[((both[faces] != other) & (both[faces].notna() | other.notna())).any(axis=1)]
    if both.empty:
        return Table(
            pd.DataFrame({"指标": ["没有变化"]}), f"{WHAT_IF} What if", note="各项均与现行相同。"
        )
    frame = pd.DataFrame(
        {
            "指标": both.index.get_level_values("label_zh"),
            "现行": [_faced(row) for _, row in both[now.columns].iterrows()],
            "情景": [
                _faced(row)
                for _, row in both[then.columns + "_if"].set_axis(then.columns, axis=1).iterrows()
            ],
            "现行位次": both["rank"].to_numpy(),
            "情景位次": both["rank_if"].to_numpy(),
            "现行评判": both["light"].map(LIGHT_ZH).to_numpy(),
            "情景评判": both["light_if"].map(LIGHT_ZH).to_numpy(),
            "情景依据": both["reason_if"].to_numpy(),
        }
    )
    forms = dict.fromkeys(["现行位次", "情景位次"], "{:.0f}".format)
    return Table(frame, f"{WHAT_IF} What if", forms, note="只列有变化的指标；括号内为区间与对照。")


def province_table(result: Assessment, run: Run) -> Table:
    """Return the lights of all counties by topic and group (全省成绩单汇总)."""
    cards = result.cards.assign(group=result.cards["county_code"].map(result.evidence.groups))
    wide = cards.pivot_table(
        index=["topic", "label_zh", "group"], columns="light", values="county_code",
        aggfunc="count", fill_value=0, sort=False,
    ).reindex(columns=list(LIGHT_ZH), fill_value=0)  # fmt: skip
    frame = wide.rename(columns=LIGHT_ZH).reset_index()
    frame["group"] = frame["group"].map(GROUP_ZH)
    frame = frame.drop(columns="topic").rename(columns={"label_zh": "指标", "group": "县组"})
    return Table(
        frame,
        "各项指标的评判 Lights by indicator and group, 县数",
        note="各县成绩单见县级报告首页。",
    )


def province_rules(result: Assessment, run: Run) -> Table:
    """Return the rules of all topics with source and confidence (考核规则)."""
    sections = [name for topic in assessment.TOPICS for name in topic.sections]
    return common.parameter_table(run.params, *sections, caption="考核规则 Rules of assessment")
