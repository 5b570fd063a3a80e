"""Public-welfare funds in the reports: books, and what projects achieved (公益性生态保护基金)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties
from gepbook.assessment import Assessment
from gepbook.assessment.funds.effects import BETTER, UNCHANGED, UNMEASURED, WORSE
from gepbook.assessment.funds.rules import (
    ACCEPTED,
    DRAWN,
    ENTRIES,
    PROJECTS,
    SECTION,
    SEED,
    WelfareFundsParams,
)
from gepbook.assessment.topic import TopicResult
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
    wan,
)
from gepbook.publish.fonts import ACCENT, INK, QUIET
from gepbook.run import Run

VERDICT_ZH = {
    BETTER: "改善",
    WORSE: "变差",
    UNCHANGED: "不变",
    UNMEASURED: "无法衡量",
}
KEPT_ZH = {True: "是", False: "否"}


def _topic(result: Assessment) -> TopicResult:
    """Return the topic's result."""
    return result.topics["funds"]


def _origin(result: Assessment) -> str:
    """Return the origin of the registers in Chinese."""
    return ORIGIN_ZH[result.evidence.origin(ENTRIES, PROJECTS)]


def _words(column: str, table: str = PROJECTS) -> dict[str, str]:
    """Return the Chinese words of a column."""
    return dictionary.words(table, column)


def _lacking(result: Assessment) -> str:
    """Return which registers the pack does not bring, as a sentence."""
    return common.lacking(_topic(result).lacking)


def _gap(value: float) -> str:
    """Return a change as percent with its sign."""
    return f"{value * 100:+z,.1f}%"


def sentence(result: Assessment, run: Run) -> Prose:
    """Return what the county's funds hold and achieved."""
    name, table = counties.name_zh(run.county_code), _topic(result).table("counties")
    if table.empty:
        return Prose(f"{_lacking(result)}没有基金台账可考 (no register of welfare funds)。")
    if run.county_code not in table.index:
        return Prose(
            f"{name}没有公益性生态保护基金；全省 {len(table)} 个县有 (no fund in this county)。"
        )
    own = table.loc[run.county_code]
    text = (
        f"{name}公益性生态保护基金 {own['funds']:.0f} 个：年初结存 {wan(own['opening_cny'])} 万元，"
        f"本年收入 {wan(own['income_cny'])} 万元、支出 {wan(own['expense_cny'])} 万元，年末结存 "
        f"**{wan(own['closing_cny'])} 万元**"
    )
    if pd.notna(own.get("completion")):
        text += (
            f"；已验收 {own['accepted']:.0f} 个项目，按预算加权完成 {percent(own['completion'])}，其中 "
            f"{own['measured']:.0f} 个有前后指标、{own['better']:.0f} 个改善"
        )
    return Prose(f"{text} (balances, completion of accepted projects, measured effect)。")


def _own(result: Assessment, run: Run, name: str) -> pd.DataFrame:
    """Return the county's rows of a table; empty where it has none."""
    return _topic(result).rows_of(run.county_code, name)


def statement_table(result: Assessment, run: Run) -> Table | None:
    """Return the yearly statements of the county's funds (收支结存)."""
    own = _own(result, run, "years")
    if own.empty:
        return None
    drawn = sum(own[f"{kind}_cny"] for kind in DRAWN)
    frame = pd.DataFrame(
        {
            "基金": own["fund"],
            "年份": own["year"].astype("str"),
            "年初结存": own["opening_cny"],
            "政府引导": own[f"{SEED}_cny"],
            "捐赠与企业投入": drawn,
            "利息": own["interest_cny"],
            "支出": own["expense_cny"],
            "年末结存": own["closing_cny"],
        }
    )
    money = [name for name in frame if name not in ("基金", "年份")]
    return Table(
        frame,
        "公益性生态保护基金收支结存 Statements of welfare funds, 万元",
        dict.fromkeys(money, wan),
        note="年末结存 = 年初结存 + 政府引导 + 捐赠与企业投入 + 利息 − 支出；逐笔复式记账，至分相符。"
        f"性质：{_origin(result)}。",
    )


def ratio_table(result: Assessment, run: Run) -> Table | None:
    """Return how the county's funds spend, beside the limits (支出结构与杠杆)."""
    own = _own(result, run, "years")
    if own.empty:
        return None
    rules = result.evidence.rules(SECTION, WelfareFundsParams)
    frame = pd.DataFrame(
        {
            "基金": own["fund"],
            "年份": own["year"].astype("str"),
            "管理费用占支出": own["administration_share"],
            "未超上限": own["administration_kept"].map(KEPT_ZH),
            "项目支出比上年收入": own["spending_share"],
            f"比前 {rules.mean_income_years} 年平均": own["spending_share_mean"],
            "达到下限": own["spending_kept"].map(KEPT_ZH),
            "引资倍数": own["leverage"],
        }
    )
    shares = [name for name in frame if name.endswith(("支出", "收入", "平均"))]
    return Table(
        frame,
        "公益性生态保护基金支出与杠杆 Spending and leverage",
        {**dict.fromkeys(shares, percent), "引资倍数": "{:.2f}".format},
        note=f"管理费用不超过当年总支出的 {percent(rules.administration_share_most)}；项目支出不低于"
        f"上年收入或前 {rules.mean_income_years} 年平均收入的 {percent(rules.spending_share_least)}，"
        "达到其一即可（慈善法第六十条，凭记忆，未核对原文）。引资倍数 = 累计社会捐赠与企业投入 / 累计政府"
        f"引导资金。性质：{_origin(result)}。",
    )


def _achievement(projects: pd.DataFrame) -> pd.DataFrame:
    """Return plan, achievement and cost of projects as shown."""
    return pd.DataFrame(
        {
            "项目": projects["name"],
            "措施": projects["measure"].map(_words("measure")),
            "状态": projects["status"].map(_words("status")),
            "计划": projects["planned_quantity"],
            "完成": projects["achieved_quantity"],
            "完成率": projects["completion"],
            "已用预算": projects["spent_share"],
            "单位成本 元": projects["unit_cost_cny"],
        }
    )


def project_table(result: Assessment, run: Run) -> Table | None:
    """Return what the county's projects planned, achieved and cost (项目执行)."""
    own = _own(result, run, "projects")
    if own.empty:
        return None
    return Table(
        _achievement(own),
        "公益基金项目执行 Projects: plan, achievement and cost",
        {
            **dict.fromkeys(["计划", "完成", "单位成本 元"], significant),
            **dict.fromkeys(["完成率", "已用预算"], percent),
        },
        note="数量单位见措施；单位成本 = 累计支出 / 完成数量。完成数量以验收为准，验收前为空。"
        f"已用预算超过 100% 的为超支。性质：{_origin(result)}。",
    )


def effect_table(result: Assessment, run: Run) -> Table | None:
    """Return what the county's accepted projects changed (项目成效)."""
    own = _own(result, run, "projects")
    own = own[own["status"] == ACCEPTED] if len(own) else own
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "项目": own["name"],
            "指标": own["indicator"],
            "实施前": own["indicator_before"],
            "实施后": own["indicator_after"],
            "向好变化": own["change"],
            "判断": own["verdict"].map(VERDICT_ZH),
            "新增调节服务 万元/年": own["value_cny"],
        }
    )
    return Table(
        frame,
        "公益基金项目成效 What accepted projects changed",
        {"向好变化": _gap, "新增调节服务 万元/年": wan},
        note="缺实施前或实施后指标的，成效“无法衡量”。新增调节服务只估指标改善的面积类措施 = 完成面积 × "
        "本县单位面积调节服务价值（可比价，按城镇与裸地以外的面积）× 措施比例；为量级估计，不知地块原来的"
        f"供给，比例为本工具建议值。性质：{_origin(result)}。",
    )


def balance_figure(result: Assessment, run: Run) -> Picture | None:
    """Return income, expense and closing balance of the county's funds over the years."""
    own = _own(result, run, "years")
    if own.empty:
        return None
    sums = own.groupby("year")[["income_cny", "expense_cny", "closing_cny"]].sum() / WAN
    return _books_figure(sums)


def _books_figure(sums: pd.DataFrame) -> Picture:
    """Return income, expense and closing balance by year, 万元."""
    figure, axes = new_figure(6.4, 3.2)
    places = range(len(sums))
    axes.bar([p - 0.2 for p in places], sums["income_cny"], 0.4, color=ACCENT, label="收入")
    axes.bar([p + 0.2 for p in places], sums["expense_cny"], 0.4, color=QUIET, label="支出")
    axes.plot(places, sums["closing_cny"], color=INK, marker="o", lw=1.2, label="年末结存")
    axes.set_xticks(places, [str(year) for year in sums.index])
    axes.set_ylabel("万元")
    axes.legend(fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return Picture(figure, alt="基金收入、支出与结存 Income, expense and balance of funds")


def province_sentence(result: Assessment, run: Run) -> Prose:
    """Return what all funds hold and achieved."""
    table = _topic(result).table("province")
    if table.empty:
        return Prose(f"{_lacking(result)}没有基金台账可考 (no register of welfare funds)。")
    own = table.iloc[0]
    text = (
        f"{len(_topic(result).table('counties'))} 个县有公益性生态保护基金 {own['funds']:.0f} 个，"
        f"本年收入 {wan(own['income_cny'])} 万元、支出 {wan(own['expense_cny'])} 万元，年末结存 "
        f"{wan(own['closing_cny'])} 万元；管理费用超上限的 {own['over_limit']:.0f} 个"
    )
    if pd.notna(own.get("completion")):
        text += (
            f"；已验收 {own['accepted']:.0f} 个项目，{own['measured']:.0f} 个可衡量成效，其中 "
            f"{own['better']:.0f} 个改善"
        )
    return Prose(f"{text} (funds, their books and the measured effect of projects)。")


def province_table(result: Assessment, run: Run) -> Table | None:
    """Return the funds of all counties (各县基金)."""
    table = _topic(result).table("counties")
    if table.empty:
        return None
    frame = pd.DataFrame(
        {
            "县（市、区）": [counties.name_zh(str(code)) for code in table.index],
            "收入 万元": table["income_cny"],
            "支出 万元": table["expense_cny"],
            "年末结存 万元": table["closing_cny"],
            "管理费用占支出": table["administration_share"],
        }
    )
    if "completion" in table:
        frame = frame.assign(
            **{
                "项目完成率": table["completion"],
                "可衡量/验收": [
                    f"{row.measured}/{row.accepted}" for row in table.itertuples(index=False)
                ],
                "新增调节服务 万元/年": table["value_cny"],
            }
        )
    money = [name for name in frame if "万元" in name]
    shares = [name for name in frame if name in ("管理费用占支出", "项目完成率")]
    return Table(
        frame,
        "各县公益性生态保护基金 Welfare funds by county",
        {**dict.fromkeys(money, wan), **dict.fromkeys(shares, percent)},
        note="完成率按已验收项目的预算加权，超额按完成计；新增调节服务为量级估计，公式见县级报告，比例为本工具"
        f"建议值。性质：{_origin(result)}。",
    )


def province_figure(result: Assessment, run: Run) -> Picture | None:
    """Return income, expense and closing balance of all funds over the years."""
    years = _topic(result).table("years")
    if years.empty:
        return None
    return _books_figure(
        years.groupby("year")[["income_cny", "expense_cny", "closing_cny"]].sum() / WAN
    )
