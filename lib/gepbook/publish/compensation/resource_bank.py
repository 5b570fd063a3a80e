"""The resource bank in the reports: what is collected, who asks, what goes where (资源运营平台)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties
from gepbook.compensation import Compensation, resource_bank
from gepbook.compensation.resource_bank.checks import BLOCKED, MATCHED, OFFERED
from gepbook.inputs.own_data import dictionary
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import WAN, Prose, Table, percent, wan
from gepbook.run import Run

HA = "{:,.1f}".format
SHOWN = 20
PROPOSAL = "撮合结果是建议方案，成交价位置与服务费率为本工具建议值，非已公布规则。"


def _labels(table: str, column: str) -> dict[str, str]:
    """Return the Chinese words of a column."""
    return dictionary.words(table, column)


def _origin(result: Compensation) -> str:
    """Return the origin of the registers in Chinese."""
    tables = resource_bank.SCHEME.tables
    return ORIGIN_ZH[result.province.origin(*tables)]


def _lacking(result: Compensation) -> str:
    """Return which registers the pack does not bring, as a sentence."""
    found = result.schemes[resource_bank.SECTION]
    return common.lacking(found.lacking, "，未核对争议" if found.tables else "，供需撮合未计算")


def _cut(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the first rows of a long table, and how many there are."""
    more = f"共 {len(frame)} 行，列出前 {SHOWN} 行。" if len(frame) > SHOWN else ""
    return frame.head(SHOWN), more


def _counted(book: pd.DataFrame, standing: str) -> str:
    """Return how many parcels stand somehow and what area they have."""
    own = book[book["standing"] == standing]
    return f"{len(own)} 块 {HA(own['area_ha'].sum())} ha"


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what the county has on offer, what was matched, and what is asked for in it."""
    name = counties.name_zh(run.county_code)
    if result.schemes[resource_bank.SECTION].table("parcels").empty and (
        lacking := _lacking(result)
    ):
        return Prose(f"{lacking} No registers of collected resources in the pack.")
    book, wanted = (
        result.schemes[resource_bank.SECTION].rows_of(run.county_code, "parcels"),
        result.schemes[resource_bank.SECTION].rows_of(run.county_code, "demands"),
    )
    if book.empty and wanted.empty:
        return Prose(f"{name}没有收储地块，也没有资源需求 (no parcels collected, none asked for)。")
    served = wanted[wanted["reason"] == resource_bank.SERVED]
    matched = book[book["standing"] == MATCHED]
    return Prose(
        f"{name}已收储地块 {len(book)} 块，其中撮合 {_counted(book, MATCHED)}、"
        f"未撮合 {_counted(book, OFFERED)}、因争议冻结 "
        f"{_counted(book, BLOCKED)}；成交 **{wan(matched['paid_cny'].sum())} 万元**。"
        f"本县需求 {len(wanted)} 项，满足 {len(served)} 项。{_lacking(result)}"
        "(parcels collected and matched, demands served)"
    )


def parcel_table(result: Compensation, run: Run) -> Table | None:
    """Return the ledger of the county's collected parcels (收储台账)."""
    book, more = _cut(result.schemes[resource_bank.SECTION].rows_of(run.county_code, "parcels"))
    if book.empty:
        return None
    frame = pd.DataFrame(
        {
            "地块": book["parcel_id"],
            "类型": book["resource"].map(_labels("resource_parcels", "resource")),
            "面积 ha": book["area_ha"],
            "收储方式": book["tenure"],
            "状态": book["standing"].map(resource_bank.STANDING_ZH),
            "去向": book["demand_id"],
            "收储成本 万元": book["cost_cny"],
            "成交价 万元": book["paid_cny"],
            "服务费 万元": book["fee_cny"],
            "差额 万元": book["margin_cny"],
        }
    )
    money = [name for name in frame if name.endswith("万元")]
    return Table(
        frame,
        "收储台账 Collected parcels",
        {"面积 ha": HA, **dict.fromkeys(money, wan)},
        note=f"{more}成交价 = 底价与出价之间的价格 × 面积，差额 = 成交价 − 服务费 − 收储成本；"
        f"权属争议未裁决的登记单元，其地块冻结。{PROPOSAL}性质：{_origin(result)}。",
    )


def demand_table(result: Compensation, run: Run) -> Table | None:
    """Return the demands for the county and what became of them (需求满足情况)."""
    wanted, more = _cut(result.schemes[resource_bank.SECTION].rows_of(run.county_code, "demands"))
    if wanted.empty:
        return None
    size = [f"{row.least_ha:g}–{row.most_ha:g}" for row in wanted.itertuples()]
    frame = pd.DataFrame(
        {
            "需求": wanted["demand_id"],
            "需求方": wanted["party"],
            "类型": wanted["resource"].map(_labels("resource_demands", "resource")),
            "范围": wanted["scope"].map(_labels("resource_demands", "scope")),
            "面积要求 ha": size,
            "出价 万元/ha": wanted["price_cny_ha"] / WAN,
            "得到 ha": wanted["area_ha"],
            "支付 万元": wanted["paid_cny"],
            "未满足原因": wanted["reason"].map(resource_bank.REASON_ZH).fillna("已满足"),
            "性质": _origin(result),
        }
    )
    forms = {"出价 万元/ha": "{:.2f}".format, "得到 ha": HA, "支付 万元": wan}
    return Table(frame, "资源需求 Demands", forms, note=f"{more}{PROPOSAL}")


def province_sentence(result: Compensation, run: Run) -> Prose:
    """Return what was matched in the whole province."""
    book, wanted = (
        result.schemes[resource_bank.SECTION].table("parcels"),
        result.schemes[resource_bank.SECTION].table("demands"),
    )
    lacking = _lacking(result)
    if book.empty and lacking:
        return Prose(f"{lacking} No registers of collected resources in the pack.")
    matched = book[book["standing"] == MATCHED]
    served = int((wanted["reason"] == resource_bank.SERVED).sum())
    slack = result.schemes[resource_bank.SECTION].table("search")["slack_cny"].sum()
    proof = f"与可能的最大值相差不超过 {wan(slack)} 万元" if slack else "已证明为最大"
    return Prose(
        f"全省收储地块 {len(book)} 块 {HA(book['area_ha'].sum())} ha，需求 {len(wanted)} 项；"
        f"按总盈余最大撮合 {len(matched)} 块、满足 {served} 项，"
        f"成交 **{wan(matched['paid_cny'].sum())} 万元**，"
        f"盈余（出价减底价）{wan(matched['surplus_cny'].sum())} 万元，{proof}。{lacking}"
        "(matched for the greatest surplus)"
    )


def province_table(result: Compensation, run: Run) -> Table | None:
    """Return supply, demand and matches by type of resource (供需对接)."""
    book, wanted = (
        result.schemes[resource_bank.SECTION].table("parcels"),
        result.schemes[resource_bank.SECTION].table("demands"),
    )
    if book.empty:
        return None
    words = _labels("resource_parcels", "resource")
    on_offer = book[book["standing"].isin([OFFERED, MATCHED])]
    matched = book[book["standing"] == MATCHED].groupby("resource")
    served = wanted[wanted["reason"] == resource_bank.SERVED]
    kinds = [kind for kind in words if kind in {*book["resource"], *wanted["resource"]}]
    table = pd.DataFrame(
        {
            "可流转 ha": on_offer.groupby("resource")["area_ha"].sum(),
            "需求 项": wanted.groupby("resource").size(),
            "满足 项": served.groupby("resource").size(),
            "撮合 ha": matched["area_ha"].sum(),
            "成交 万元": matched["paid_cny"].sum(),
            "服务费 万元": matched["fee_cny"].sum(),
            "盈余 万元": matched["surplus_cny"].sum(),
        }
    )
    frame = table.reindex(kinds).fillna(0.0).reset_index(names="类型")
    frame["类型"] = frame["类型"].map(words)
    frame["性质"] = _origin(result)
    whole = "{:,.0f}".format
    forms = {
        name: wan if name.endswith("万元") else HA if name.endswith("ha") else whole
        for name in table.columns
    }
    return Table(
        frame,
        "供需对接 Supply and demand of resources",
        forms,
        note=f"盈余 = (出价 − 底价) × 面积。{PROPOSAL}",
    )


def province_reason_table(result: Compensation, run: Run) -> Table | None:
    """Return why demands were not served (未满足原因)."""
    wanted = result.schemes[resource_bank.SECTION].table("demands")
    if wanted.empty:
        return None
    counts = wanted["reason"].value_counts().reindex(resource_bank.REASON_ZH).dropna()
    frame = pd.DataFrame(
        {
            "未满足原因": [resource_bank.REASON_ZH[reason] for reason in counts.index],
            "需求 项": counts.to_numpy(),
            "占需求": counts.to_numpy() / len(wanted),
        }
    )
    return Table(
        frame,
        "需求未满足的原因 Why demands stay unserved",
        {"需求 项": "{:,.0f}".format, "占需求": percent},
        note="按类型、范围、年限、价格、面积的次序检验，记第一个使其没有地块可选的条件。",
    )
