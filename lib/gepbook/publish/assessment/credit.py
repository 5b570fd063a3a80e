"""Ecological credit in the reports: protected numbers of subjects only (生态信用积分)."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from gepbook import counties
from gepbook.assessment import Assessment, credit
from gepbook.assessment.credit.registers import APPEALS, EVENTS, USES
from gepbook.assessment.credit.scoring import KIND_ZH as SUBJECT_ZH
from gepbook.assessment.credit.scoring import LEVELS, SECTION, CreditParams, read_rules
from gepbook.assessment.privacy import TOTAL
from gepbook.assessment.topic import FIRST, GROUP_ZH, OTHER, TopicResult
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import Picture, Prose, Table, new_figure
from gepbook.publish.fonts import ACCENT, QUIET
from gepbook.run import Run

#: What stands for a number that is withheld.
WITHHELD = "※"
MEAN = "平均分"
APPEAL_ZH = {
    "upheld": "申诉成立",
    "rejected": "维持原记录",
    "open": "办理中",
    "overdue": "逾期未办结",
    "late": "逾期提出",
}
KIND_ZH = {**SUBJECT_ZH, TOTAL: "合计"}
PLACE_ZH = {**GROUP_ZH, TOTAL: "全省"}
PROPOSAL = "计分、等级界限与有效期为本工具建议值，非已公布规则。"


def _topic(result: Assessment) -> TopicResult:
    """Return the topic's result."""
    return result.topics["credit"]


def _rules(result: Assessment) -> CreditParams:
    """Return the rules."""
    return result.evidence.rules(SECTION, CreditParams)


def _origin(result: Assessment) -> str:
    """Return the origin of the registers in Chinese."""
    return ORIGIN_ZH[result.evidence.origin(EVENTS, APPEALS)]


def _privacy(result: Assessment) -> str:
    """Return how numbers are protected, as a note."""
    return (
        f"{WITHHELD} 为保护隐私不公布：少于 {_rules(result).least_subjects} 个主体的数不公布，并隐去"
        "可由合计反推的数；全部主体都在 B、C 级的行整行不公布，其余行的 0 照常公布。同一张表的各级合计"
        f"一并保护，被隐去的数与已公布的数相容的取值不止一个。{PROPOSAL}"
    )


def _number(value: float) -> str:
    """Return a number of subjects as text."""
    return WITHHELD if pd.isna(value) else f"{value:,.0f}"


def _points(value: float) -> str:
    """Return points as text."""
    return WITHHELD if pd.isna(value) else f"{value:,.1f}"


def _protected(
    result: Assessment, frame: pd.DataFrame, caption: str, labels: Sequence[str], note: str = ""
) -> Table:
    """Return a table of protected numbers: what is withheld is marked, means have a decimal."""
    numbers = [name for name in frame if name not in labels]
    shown = frame.assign(
        **{name: frame[name].map(_points if name == MEAN else _number) for name in numbers}
    )
    return Table(
        shown,
        caption,
        dict.fromkeys(numbers, str),
        note=f"{note}性质：{_origin(result)}。{_privacy(result)}",
    )


def _lacking(result: Assessment) -> str:
    """Return which registers the pack does not bring, as a sentence."""
    return common.lacking(_topic(result).lacking)


def sentence(result: Assessment, run: Run) -> Prose:
    """Return what ecological credit says of the county."""
    levels = _topic(result).table("levels")
    if levels.empty:
        return Prose(f"{_lacking(result)}没有生态信用记录可考 (no register of ecological credit)。")
    name, own = counties.name_zh(run.county_code), _of_county(result, run.county_code)
    if own.empty:
        number = levels.loc[levels["county_code"] != TOTAL, "county_code"].nunique()
        return Prose(
            f"{name}没有生态信用积分记录；全省 {number} 个县有 (no ecological credit in this county)。"
        )
    sizes = "、".join(
        KIND_ZH[row.kind]
        + ("为保护隐私不公布" if pd.isna(row.subjects) else f" {row.subjects:,.0f} 个")
        for row in own.itertuples(index=False)
    )
    text = f"{name}纳入生态信用积分的主体：{sizes}。"
    share = credit.best_share(own).set_axis(own["kind"]).get(credit.CARD_KIND)
    if pd.notna(share):
        text += f"{KIND_ZH[credit.CARD_KIND]}中 AA 级及以上占 **{share:.1f}%**。"
    else:
        text += f"{KIND_ZH[credit.CARD_KIND]} AA 级及以上占比为保护隐私不公布。"
    return Prose(f"{text} (only protected numbers of subjects are published)")


def _of_county(result: Assessment, code: str) -> pd.DataFrame:
    """Return a county's rows of the levels in the order of the kinds."""
    own = _topic(result).rows_of(code, "levels")
    if own.empty:
        return own
    return own.sort_values("kind", key=lambda kinds: kinds.map(list(KIND_ZH).index))


def _level_frame(own: pd.DataFrame, labels: dict[str, list[str]]) -> pd.DataFrame:
    """Return levels as shown, after some columns of labels."""
    return pd.DataFrame(
        {
            **labels,
            **{f"{level} 级": own[level].to_numpy() for level in LEVELS},
            "主体数": own["subjects"].to_numpy(),
        }
    )


def level_table(result: Assessment, run: Run) -> Table | None:
    """Return how many subjects of the county stand at each level (等级分布)."""
    own = _of_county(result, run.county_code)
    if own.empty:
        return None
    frame = _level_frame(own, {"类别": [KIND_ZH[kind] for kind in own["kind"]]})
    return _protected(
        result,
        frame.assign(**{MEAN: own["mean_points"].to_numpy()}),
        "生态信用等级分布 Subjects by level of ecological credit",
        ["类别"],
        "平均分只在该类各等级均公布、且主体分属两个以上等级时给出。",
    )


def rule_table(result: Assessment, run: Run) -> Table:
    """Return the deeds with their points and caps (计分规则)."""
    rules, own = read_rules(), _rules(result)
    life = {True: own.positive_life_year, False: own.negative_life_year}
    frame = pd.DataFrame(
        {
            "行为": rules["name_zh"],
            "适用": ["、".join(KIND_ZH[kind] for kind in kinds) for kinds in rules["kinds"]],
            "每次分值": rules["points"],
            "每年上限": rules["cap_points"],
            "有效年数": [life[points > 0] for points in rules["points"]],
        }
    )
    limits = "、".join(f"{level} ≥ {points:g}" for level, points in own.level_points.items())
    return Table(
        frame,
        "生态信用计分规则 Scoring rules",
        {"每次分值": "{:+.0f}".format, "每年上限": "{:.0f}".format},
        note=f"基础分 {own.base_points:g}；等级：{limits}，其余为 C。记录起 {own.appeal_days} 日内"
        f"可申诉，未办结前不计分，申诉成立则记录作废；限 {own.decision_days} 日办结。{PROPOSAL}",
    )


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return how far ecological credit reaches in the province."""
    levels = _topic(result).table("levels")
    if levels.empty:
        return Prose(f"{_lacking(result)}没有生态信用记录可考 (no register of ecological credit)。")
    whole = levels[(levels["kind"] == TOTAL) & (levels["county_code"] == TOTAL)].iloc[0]
    number = levels.loc[levels["county_code"] != TOTAL, "county_code"].nunique()
    return Prose(
        f"{number} 个县有生态信用积分，纳入主体 {_number(whole['subjects'])} 个；只公布受保护的主体数，"
        "不公布任何单个主体 (no single subject is published)。"
    )


def province_level_table(result: Assessment, run: Run) -> Table | None:
    """Return how many subjects stand at each level, by kind and group of counties (等级分布)."""
    levels = _topic(result).table("levels")
    if levels.empty:
        return None
    own = levels[levels["county_code"] == TOTAL]
    order = [list(KIND_ZH).index(kind) for kind in own["kind"]]
    own = own.assign(order=order).sort_values(["order", "group"])
    labels = {
        "类别": [KIND_ZH[kind] for kind in own["kind"]],
        "县组": [PLACE_ZH[group] for group in own["group"]],
    }
    frame = _level_frame(own, labels)
    caption = "生态信用等级分布 Subjects by level, kind and group"
    return _protected(result, frame, caption, list(labels))


def province_county_table(result: Assessment, run: Run) -> Table | None:
    """Return the levels of individuals by county (个人等级分布)."""
    levels = _topic(result).table("levels")
    if levels.empty:
        return None
    own = levels[(levels["kind"] == credit.CARD_KIND) & (levels["county_code"] != TOTAL)]
    labels = {"县（市、区）": [counties.name_zh(str(code)) for code in own["county_code"]]}
    frame = _level_frame(own, labels)
    frame = frame.assign(**{MEAN: own["mean_points"].to_numpy()})
    caption = "各县个人生态信用等级 Individuals by level and county"
    return _protected(result, frame, caption, list(labels))


def _wide(table: pd.DataFrame, names: dict[str, str], title: str) -> pd.DataFrame:
    """Return numbers by word with a column for each group of counties, words nobody has left out."""
    numbers = table.set_index("group")[[*names, TOTAL]].T
    kept = numbers[(numbers != 0).any(axis=1)]
    groups = [group for group in (FIRST, OTHER, TOTAL) if group in kept]
    frame = kept[groups].rename(columns=PLACE_ZH)
    frame.insert(0, title, [{**names, TOTAL: "合计"}[word] for word in kept.index])
    return frame


def province_appeal_table(result: Assessment, run: Run) -> Table | None:
    """Return what became of the year's appeals (申诉办理)."""
    table = _topic(result).table("appeals")
    if table.empty:
        return None
    frame = _wide(table, APPEAL_ZH, "申诉结果")
    caption = f"{run.year} 年生态信用申诉 Appeals filed in the year"
    return _protected(result, frame, caption, ["申诉结果"], "截至年末。")


def province_use_table(result: Assessment, run: Run) -> Table | None:
    """Return what points were used for (积分使用)."""
    topic = _topic(result)
    table = topic.table("uses")
    if table.empty:
        return None
    titles = dictionary.words(USES, "use")
    words = {use: titles[use] for use in _rules(result).level_for_use}
    frame = _wide(table, words, "用途")
    uses = {title: use for use, title in words.items()}
    spent = topic.table("spent")["points"]
    frame = frame.assign(使用积分=[spent.get(uses.get(title, "")) for title in frame["用途"]])
    caption = f"{run.year} 年生态信用积分使用次数 Uses of points in the year"
    return _protected(
        result,
        frame,
        caption,
        ["用途"],
        "各用途的积分合计只在推不出单个主体用量时公布（p% 规则）。",
    )


def province_deed_table(result: Assessment, run: Run) -> Table | None:
    """Return for which deeds events were entered in the year (行为记录)."""
    table = _topic(result).table("deeds")
    if table.empty:
        return None
    frame = _wide(table, read_rules()["name_zh"].to_dict(), "行为")
    caption = f"{run.year} 年计分的行为记录 Events counted in the year"
    return _protected(result, frame, caption, ["行为"], "申诉中与已作废的记录不计。")


def province_figure(result: Assessment, run: Run) -> Picture | None:
    """Return the counties' shares of individuals at AA and above, where they may be shown."""
    levels = _topic(result).table("levels")
    if levels.empty:
        return None
    own = levels[(levels["kind"] == credit.CARD_KIND) & (levels["county_code"] != TOTAL)]
    own = own.assign(share=credit.best_share).dropna(subset="share").sort_values("share")
    if own.empty:
        return None
    figure, axes = new_figure(6.4, 1.0 + 0.3 * len(own))
    colors = [ACCENT if group == FIRST else QUIET for group in own["group"]]
    bars = axes.barh(range(len(own)), own["share"], color=colors)
    axes.bar_label(bars, [f"{share:.0f}%" for share in own["share"]], padding=3, fontsize=8)
    axes.set_yticks(range(len(own)), [counties.name_zh(str(code)) for code in own["county_code"]])
    axes.margins(x=0.12)
    axes.set_xlabel(
        "个人生态信用 AA 级及以上占比，%（绿色为山区26县；其余有积分的县为保护隐私不公布）"
    )
    return Picture(figure, alt="个人生态信用 AA 级及以上占比 Individuals at AA and above")
