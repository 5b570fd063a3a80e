"""The comprehensive performance evaluation in the reports: scores, ranks, sensitivity (综合绩效评价)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gepbook import counties, ledger
from gepbook.assessment import Assessment
from gepbook.assessment.evaluation import ID
from gepbook.assessment.evaluation.rules import (
    FROM_REGISTER,
    FROM_TABLE,
    METHOD_ZH,
    NORMALISATION_ZH,
    REGISTER,
    SECTION,
    EvaluationParams,
)
from gepbook.assessment.topic import FIRST, GROUP_ZH, OTHER, TopicResult
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import (
    WAN,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
)
from gepbook.publish.fonts import ACCENT, QUIET
from gepbook.run import Run

MARK = "#b3361f"
GAP = 3  # between groups in a figure, counties
#: How a unit is shown, and how much of it that is.
UNITS = {
    "CNY person-1": ("元/人", 1.0),
    "CNY km2-1": ("万元/km²", WAN),
    "percent": ("%", 1.0),
    "1": ("", 1.0),
}
PROPOSAL = "指标、权重与标尺为本工具建议值，非已公布规则。"


def _topic(result: Assessment) -> TopicResult:
    """Return the topic's result."""
    return result.topics[ID]


def _rules(result: Assessment) -> EvaluationParams:
    """Return the topic's rules."""
    return result.evidence.rules(SECTION, EvaluationParams)


def _points(value: float) -> str:
    """Return points with one decimal."""
    return f"{value:.1f}"


def _origin(result: Assessment) -> str:
    """Return the weakest origin of all indicators in Chinese."""
    return ORIGIN_ZH[ledger.weakest(_topic(result).table("leaves")["origin"])]


def _title(rules: EvaluationParams, name: str) -> str:
    """Return an indicator's name with its unit."""
    return f"{rules.indicators[name].name_zh} {_unit(rules, name)[0]}".strip()


def _unit(rules: EvaluationParams, name: str) -> tuple[str, float]:
    """Return the unit that an indicator is shown in, and how much of its own unit that is."""
    leaf = rules.indicators[name]
    return ("%", 0.01) if leaf.as_percent else UNITS.get(leaf.unit, (leaf.unit, 1.0))


def _amount(rules: EvaluationParams, name: str, value: float) -> str:
    """Return an indicator's figure in the unit that it is shown in."""
    return "—" if pd.isna(value) else significant(value / _unit(rules, name)[1])


def _names(rules: EvaluationParams, names: str) -> str:
    """Return the Chinese names of indicators or dimensions."""
    known = {name: leaf.name_zh for name, leaf in rules.indicators.items()} | rules.dimensions
    return "、".join(known[name] for name in names.split(", ") if name)


def _interval(low: float, high: float, digits: int = 0) -> str:
    """Return an interval, a dash where there is none."""
    return "—" if pd.isna(low) else f"{low:.{digits}f}–{high:.{digits}f}"


def _lacking(result: Assessment) -> str:
    """Return that the pack does not bring the register, as a sentence."""
    return common.lacking(_topic(result).lacking, "，由其提供的指标按缺项处理")


def sentence(result: Assessment, run: Run) -> Prose:
    """Return the county's score and place, how sure it is, and what is missing."""
    code, rules = str(run.county_code), _rules(result)
    name, ranking = counties.name_zh(code), _topic(result).table("ranking")
    if code not in ranking.index:
        return Prose(f"{name}没有账户，未作综合绩效评价 (no account, not evaluated)。")
    own = ranking.loc[code]
    missing = f"缺：{_names(rules, own['missing'])}。" if own["missing"] else ""
    if pd.isna(own["points"]):
        return Prose(
            f"{name}可计分维度的权重只有 {percent(own['covered_weight'])}，低于规则要求的 "
            f"{percent(rules.least_covered_dimensions)}，不计综合分、不排位次。{missing}{_lacking(result)}"
            "Too little is known for a score; what is missing is not taken for 0."
        )
    bounds = (
        "缺项的权重按比例转给同维度其余指标，整个维度缺项的转给其余维度；若缺项全按 0 分或 100 分，综合"
        f"分在 {_interval(own['bound_low'], own['bound_high'], 1)} 之间，按 0 分则居第 "
        f"{own['rank_at_low']:.0f} 位。"
        if missing
        else ""
    )
    return Prose(
        f"{name}综合绩效得分 **{own['points']:.1f}**（满分 100），在{GROUP_ZH[own['group']]}中列第 "
        f"{own['rank']:.0f} / {own['of']:.0f} 位，组内中位数 {own['peer_median']:.1f}。权重在建议值附近"
        f"抽样 {rules.draws} 次，位次九成在 {_interval(own['rank_low'], own['rank_high'])}，"
        f"{percent(own['leads'])} 的抽样居前列；"
        f"对位次影响最大的是“{_names(rules, own['mover'])}”的权重，"
        f"增减 {percent(rules.weight_step)} 最多移动 {own['mover_places']:.0f} 位。{missing}{bounds}"
        f"{_lacking(result)}Rank within the group, with its range over drawn weights."
    )


def dimension_table(result: Assessment, run: Run) -> Table | None:
    """Return the county's points by dimension beside its group (维度得分)."""
    rows = _topic(result).rows_of(str(run.county_code), "dimensions")
    if rows.empty:
        return None
    rules = _rules(result)
    leaves = _topic(result).rows_of(str(run.county_code), "leaves").groupby("dimension")
    frame = pd.DataFrame(
        {
            "维度": rows["dimension"].map(rules.dimensions),
            "权重": rows["weight"],
            "已知指标权重": rows["covered_weight"],
            "得分": rows["points"],
            "组内中位数": rows["peer_median"],
            "组内位次": rows["rank"],
            "对综合分的贡献": rows["dimension"].map(leaves["contribution"].sum()),
            "性质": rows["dimension"].map(leaves["origin"].agg(ledger.weakest)).map(ORIGIN_ZH),
        }
    )
    return Table(
        frame,
        "综合绩效评价维度得分 Points by dimension",
        {
            **dict.fromkeys(["权重", "已知指标权重"], percent),
            **dict.fromkeys(["得分", "组内中位数", "对综合分的贡献"], _points),
            "组内位次": "{:.0f}".format,
        },
        note="综合分 = Σ 维度权重 × 维度得分；贡献之和为综合分。已知指标权重不足 "
        f"{percent(rules.least_covered_indicators)} 的维度不计分，其权重转给其余维度。{PROPOSAL}",
    )


def indicator_table(result: Assessment, run: Run) -> Table | None:
    """Return the county's indicators, marks and points (指标得分)."""
    rows = _topic(result).rows_of(str(run.county_code), "leaves")
    if rows.empty:
        return None
    rules = _rules(result)
    frame = pd.DataFrame(
        {
            "维度": rows["dimension"].map(rules.dimensions),
            "指标": [_title(rules, name) for name in rows["indicator"]],
            "本县": [_amount(rules, r.indicator, r.value) for r in rows.itertuples()],
            "组内中位数": [_amount(rules, r.indicator, r.peer_median) for r in rows.itertuples()],
            "标尺 0→100 分": [_marks(rules, name) for name in rows["indicator"]],
            "得分": rows["points"],
            "在综合分中的权重": rows["weight"],
            "性质": rows["origin"].map(ORIGIN_ZH),
        }
    )
    method = NORMALISATION_ZH[rules.normalisation]
    return Table(
        frame,
        "综合绩效评价指标得分 Points by indicator",
        {"得分": _points, "在综合分中的权重": percent},
        note=f"标准化：{method}。得分 = 100 ×（本县 − 0 分值）÷（100 分值 − 0 分值），限于 0–100；"
        f"标尺固定，他县增减不改变两县的先后。“—”为缺项，不按零分计。{PROPOSAL}",
    )


def _marks(rules: EvaluationParams, name: str) -> str:
    """Return an indicator's goalposts."""
    return " → ".join(_amount(rules, name, mark) for mark in rules.goalposts[name])


def sensitivity_table(result: Assessment, run: Run) -> Table | None:
    """Return how far the county's place depends on the weights (权重敏感性)."""
    ranking, rules = _topic(result).table("ranking"), _rules(result)
    code = str(run.county_code)
    if code not in ranking.index or pd.isna(ranking.loc[code, "points"]):
        return None
    own = ranking.loc[code]
    known = {
        "现行权重下的位次": f"{own['rank']:.0f} / {own['of']:.0f}",
        f"位次区间（{rules.interval_probability:.0%}）": _interval(
            own["rank_low"], own["rank_high"]
        ),
        f"得分区间（{rules.interval_probability:.0%}）": _interval(
            own["points_low"], own["points_high"], 1
        ),
        "位次不变的抽样比例": percent(own["stays"]),
        "居前列的抽样比例": percent(own["leads"]),
        "居后列的抽样比例": percent(own["trails"]),
        "影响最大的权重": _names(rules, own["mover"]),
        f"该权重增减 {percent(rules.weight_step)} 的最大位次变动": f"{own['mover_places']:.0f}",
    }
    return Table(
        pd.DataFrame({"项目": list(known), "结果": list(known.values())}),
        "综合绩效位次对权重的敏感性 Sensitivity of the rank to weights",
        note=f"两级权重按 Dirichlet 分布在建议值附近抽样 {rules.draws} 次"
        f"（集中度 {rules.concentration:g}，固定种子）；前列、后列各为组内 "
        f"{percent(rules.leading_share)}。位次区间跨度大，说明先后取决于权重的选择，不宜据以奖惩。性质：{_origin(result)}。",
    )


def rank_figure(result: Assessment, run: Run) -> Picture | None:
    """Return the ranks of the county's group with their range over weights, the county marked."""
    ranking, code = _topic(result).table("ranking"), str(run.county_code)
    if code not in ranking.index:
        return None
    group = ranking[ranking["group"] == ranking.loc[code, "group"]].dropna(subset="points")
    return _rank_picture([group], _rules(result), code) if len(group) else None


def _rank_picture(groups: list[pd.DataFrame], rules: EvaluationParams, mark: str = "") -> Picture:
    """Return ranks with their range, groups side by side."""
    figure, axes = new_figure(6.6, 2.8)
    start = 0
    for group in groups:
        own = group.sort_values(["rank", "points"], kind="stable")
        places = np.arange(start, start + len(own))
        axes.vlines(places, own["rank_low"], own["rank_high"], color=QUIET, linewidth=1.2)
        axes.plot(places, own["rank"], ".", color=ACCENT, markersize=4)
        axes.text(
            start, own["rank_high"].max(), GROUP_ZH[own["group"].iloc[0]], fontsize=8, va="top"
        )
        if mark in own.index:
            point = (float(places[own.index == mark][0]), float(own.loc[mark, "rank"]))
            axes.plot(*point, "D", color=MARK)
            axes.annotate(
                counties.name_zh(mark), point, xytext=(8, 6), textcoords="offset points", fontsize=8
            )
        start += len(own) + GAP
    axes.set_xticks([])
    axes.invert_yaxis()
    axes.set_ylabel("组内位次")
    axes.set_xlabel(
        f"各县（市、区）按位次排列；竖线为权重抽样的 {rules.interval_probability:.0%} 位次区间"
    )
    return Picture(figure, alt="综合绩效位次及其区间 Ranks and their range over weights")


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return how many counties are evaluated, and how sure places are."""
    ranking, rules = _topic(result).table("ranking"), _rules(result)
    scored = ranking[ranking["points"].notna()]
    if scored.empty:
        return Prose(f"没有县（市、区）可计综合绩效分 (no county has a score)。{_lacking(result)}")
    sure = (scored["leads"] >= rules.sure_share) | (scored["trails"] >= rules.sure_share)
    width = (scored["rank_high"] - scored["rank_low"]).groupby(scored["group"]).median()
    spans = "、".join(f"{GROUP_ZH[group]} {value:.0f} 位" for group, value in width.items())
    return Prose(
        f"{len(ranking)} 个县（市、区）中 {len(scored)} 个有综合绩效分，"
        f"{len(ranking) - len(scored)} 个数据不足不排位次，另有 "
        f"{int((scored['missing'] != '').sum())} 个带缺项排位。权重抽样下位次区间宽度的中位数：{spans}；"
        f"只有 {int(sure.sum())} 个县稳居组内前列或后列。{_lacking(result)}"
        "Most places depend on the weights; only sure thirds are marked."
    )


def province_ranking(result: Assessment, run: Run) -> Table | None:
    """Return the counties by group and rank with the range of the rank (分组排名)."""
    ranking, rules = _topic(result).table("ranking"), _rules(result)
    if ranking.empty:
        return None
    table = ranking.assign(order=ranking["group"] != FIRST).sort_values(["order", "rank"])
    frame = pd.DataFrame(
        {
            "县组": table["group"].map(GROUP_ZH),
            "位次": table["rank"],
            "县（市、区）": table.index.map(counties.name_zh),
            "综合分": table["points"],
            "位次区间": [
                _interval(*p) for p in zip(table["rank_low"], table["rank_high"], strict=True)
            ],
            "居前列": table["leads"],
            "全省位次": table["rank_province"],
            "缺项": [_names(rules, names) for names in table["missing"]],
        }
    )
    return Table(
        frame,
        "综合绩效评价分组排名 Evaluation by group",
        {
            **dict.fromkeys(["位次", "全省位次"], "{:.0f}".format),
            "综合分": _points,
            "居前列": percent,
        },
        note=f"位次区间为权重抽样的 {rules.interval_probability:.0%} 区间；前列为组内 "
        f"{percent(rules.leading_share)}。两组维度权重不同，全省位次仅供参考。"
        f"缺项不按零分计，可计分维度权重不足 {percent(rules.least_covered_dimensions)} 的不排位次。"
        f"{PROPOSAL}性质：{_origin(result)}（取其输入中最弱者）。",
    )


def province_dimension_table(result: Assessment, run: Run) -> Table | None:
    """Return the dimensions by group (分组维度得分)."""
    rows, rules = _topic(result).table("dimensions"), _rules(result)
    if rows.empty:
        return None
    grouped = rows.groupby(["group", "dimension"], sort=False)
    table = grouped["points"].agg(["count", "median", "min", "max"]).reset_index()
    frame = pd.DataFrame(
        {
            "县组": table["group"].map(GROUP_ZH),
            "维度": table["dimension"].map(rules.dimensions),
            "权重": grouped["weight"].first().to_numpy(),
            "有分县数": table["count"],
            "缺分县数": grouped.size().to_numpy() - table["count"],
            "中位数": table["median"],
            "最低": table["min"],
            "最高": table["max"],
        }
    )
    return Table(
        frame,
        "综合绩效评价维度得分分组汇总 Dimensions by group",
        {"权重": percent, **dict.fromkeys(["中位数", "最低", "最高"], _points)},
        note=f"{PROPOSAL}性质：{_origin(result)}（取其输入中最弱者）。",
    )


def province_cross_check(result: Assessment, run: Run) -> Table | None:
    """Return how the ranks agree with other methods (方法核对)."""
    rows = _topic(result).table("cross_checks")
    if rows.empty:
        return None
    frame = pd.DataFrame(
        {
            "县组": rows["group"].map(GROUP_ZH),
            "方法": rows["method"].map(METHOD_ZH),
            "标准化": rows["normalisation"].map(NORMALISATION_ZH),
            "可比县数": rows["counties"],
            "Spearman": rows["spearman"],
            "加权 Spearman": rows["weighted_spearman"],
            "WS": rows["ws"],
            "最大位次变动": rows["moved_most"],
        }
    )
    return Table(
        frame,
        "综合绩效位次的方法核对 Ranks by other methods",
        {
            **dict.fromkeys(["可比县数", "最大位次变动"], "{:.0f}".format),
            **dict.fromkeys(["Spearman", "加权 Spearman", "WS"], "{:.3f}".format),
        },
        note="指标齐全的县在现行方法与所列方法下的位次相关：1 为完全一致；加权 Spearman "
        f"与 WS 更看重前列。核对方法不参与计分。性质：{_origin(result)}（取其输入中最弱者）。",
    )


def province_tree_table(result: Assessment, run: Run) -> Table:
    """Return the tree of indicators with weights, marks and sources (评价指标体系)."""
    rules = _rules(result)
    rows = [
        {
            "维度": rules.dimensions[dimension],
            f"{GROUP_ZH[FIRST]}权重": rules.dimension_weights[FIRST][dimension],
            f"{GROUP_ZH[OTHER]}权重": rules.dimension_weights[OTHER][dimension],
            "指标": _title(rules, name),
            "维度内权重": rules.weights[dimension][name],
            "标尺 0→100 分": _marks(rules, name),
            "数据来源": _source(rules, name),
        }
        for name, dimension in rules.leaves.items()
    ]
    frame = pd.DataFrame(rows)
    weights = [column for column in frame if column.endswith("权重")]
    return Table(
        frame,
        "综合绩效评价指标体系 The tree of indicators",
        dict.fromkeys(weights, percent),
        note=PROPOSAL,
    )


def _source(rules: EvaluationParams, name: str) -> str:
    """Return where an indicator comes from."""
    leaf = rules.indicators[name]
    if leaf.source == FROM_REGISTER:
        return dictionary.tables()[REGISTER].title
    start, table, *_ = leaf.source.split("/")
    if start == FROM_TABLE:
        return dictionary.tables()[table].title
    return f"{leaf.source} ÷ {leaf.per}" if leaf.per else leaf.source


def province_figure(result: Assessment, run: Run) -> Picture | None:
    """Return the ranks of all counties with their range over weights, by group."""
    ranking = _topic(result).table("ranking")
    groups = [ranking[ranking["group"] == g].dropna(subset="points") for g in (FIRST, OTHER)]
    known = [group for group in groups if len(group)]
    return _rank_picture(known, _rules(result)) if known else None
