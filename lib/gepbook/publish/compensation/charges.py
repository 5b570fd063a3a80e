"""Charges and taxes in the reports: what is due, at which rate, what it recovers (收费与税)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties
from gepbook.compensation import Compensation, charges
from gepbook.compensation.charges.tariffs import CHARGE_ZH, ENTERPRISES, HOUSEHOLDS, ITEMS
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH
from gepbook.publish import common
from gepbook.publish.display import Prose, Table, percent, wan, yi
from gepbook.run import Run

PAYER_ZH = {HOUSEHOLDS: "居民", ENTERPRISES: "企业"}
LEFT_OUT = "环境保护税法对低于排放标准 30%、50% 的减征因台账没有浓度，未计入。"


def _origin(result: Compensation) -> str:
    """Return the origin of the quantities in Chinese."""
    return ORIGIN_ZH[result.province.origin(charges.QUANTITIES)]


def _lacking(result: Compensation) -> str:
    """Return which registers the pack does not bring, as a sentence."""
    return common.lacking(result.schemes[charges.SECTION].lacking, "，收费与税未计算")


def _rates(row: pd.Series) -> str:
    """Return the rate in force, or the first and the last where it changed within the year."""
    first, last = (
        f"{rate * 100:g}%" if ITEMS[row["item"]].unit == "1" else f"{rate:g}"
        for rate in (row["first_rate"], row["last_rate"])
    )
    return first if first == last else f"{first} → {last}"


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what charges and taxes come to in the county, and what fees recover."""
    name, own = (
        counties.name_zh(run.county_code),
        result.schemes[charges.SECTION].rows_of(run.county_code, "charges"),
    )
    if lacking := _lacking(result):
        return Prose(f"{lacking} No register of quantities in the pack.")
    if own.empty:
        return Prose(f"{name}没有收费与税的计征量 (no quantities to levy on)。")
    sums = own.groupby("charge")["amount_cny"].sum().reindex(CHARGE_ZH).dropna()
    parts = "、".join(f"{CHARGE_ZH[charge]} {wan(amount)} 万元" for charge, amount in sums.items())
    recovered = "；".join(
        f"{CHARGE_ZH[row.charge]}约为处理成本的 {percent(row.ratio)}"
        for row in result.schemes[charges.SECTION].rows_of(run.county_code, "recovery").itertuples()
    )
    return Prose(
        f"{name}应征收费与税合计 **{wan(own['amount_cny'].sum())} 万元**：{parts}。{recovered} "
        "(charges and taxes due, and what fees recover of the cost of treatment)。"
    )


def charge_table(result: Compensation, run: Run) -> Table | None:
    """Return what is due in the county, item by item (应征收费与税)."""
    own = result.schemes[charges.SECTION].rows_of(run.county_code, "charges")
    if own.empty:
        return None
    order = {name: place for place, name in enumerate(ITEMS)}
    own = own.sort_values("item", key=lambda column: column.map(order))
    items = own["item"].map(ITEMS)
    frame = pd.DataFrame(
        {
            "收费或税": own["charge"].map(CHARGE_ZH),
            "项目": [item.name_zh for item in items],
            "计征量": own["quantity"],
            "标准": own.apply(_rates, axis=1),
            "折合单价 元": own["unit_rate_cny"],
            "应征 万元": own["amount_cny"],
            "付款方": [PAYER_ZH[item.payer] for item in items],
            "标准依据": own["confidence"].map(CONFIDENCE_ZH),
            "性质": _origin(result),
        }
    )
    return Table(
        frame,
        "应征收费与税 Charges and taxes due",
        {"计征量": "{:,.1f}".format, "折合单价 元": "{:,.2f}".format, "应征 万元": wan},
        note="应征 = 计征量 × 折合单价。污染物的标准以元/当量计，折合单价 = 标准 ÷ 当量值 × 1000；"
        f"年内调整的标准按日加权。{LEFT_OUT}",
    )


def recovery_table(result: Compensation, run: Run) -> Table | None:
    """Return what the county's fees recover of the cost of treatment (成本回收率)."""
    own = result.schemes[charges.SECTION].rows_of(run.county_code, "recovery")
    if own.empty:
        return None
    return _recovery(own, result, "收费成本回收率 Cost recovery of fees")


def _recovery(rows: pd.DataFrame, result: Compensation, caption: str) -> Table:
    """Return fees beside the cost of treatment."""
    frame = pd.DataFrame(
        {
            "收费": rows["charge"].map(CHARGE_ZH),
            "应征 万元": rows["amount_cny"],
            "处理成本 万元": rows["cost_cny"],
            "成本回收率": rows["amount_cny"] / rows["cost_cny"],
            "性质": _origin(result),
        }
    )
    forms = {"应征 万元": wan, "处理成本 万元": wan, "成本回收率": percent}
    note = "处理成本 = 计征量 × 单位运行成本；单位成本为本工具建议值，应换用成本监审结果。"
    return Table(frame, caption, forms, note=note)


def province_sentence(result: Compensation, run: Run) -> Prose:
    """Return what charges and taxes come to in the whole province."""
    if lacking := _lacking(result):
        return Prose(f"{lacking} No register of quantities in the pack.")
    due = result.schemes[charges.SECTION].table("charges")
    return Prose(
        f"全省应征收费与税 **{yi(due['amount_cny'].sum())} 亿元**，涉及 "
        f"{due['county_code'].nunique()} 个县（市、区）"
        " (charges and taxes due in the province)。"
    )


def province_table(result: Compensation, run: Run) -> Table | None:
    """Return what is due by charge, and in how many counties (收费与税一览)."""
    due = result.schemes[charges.SECTION].table("charges")
    if due.empty:
        return None
    by_charge = due.groupby("charge").agg(
        amount=("amount_cny", "sum"), number=("county_code", "nunique")
    )
    by_charge = by_charge.reindex(CHARGE_ZH).dropna()
    frame = pd.DataFrame(
        {
            "收费或税": by_charge.index.map(CHARGE_ZH),
            "应征 亿元": by_charge["amount"].to_numpy(),
            "涉及县": by_charge["number"].to_numpy(),
            "性质": _origin(result),
        }
    )
    return Table(
        frame,
        "收费与税一览 Charges and taxes",
        {"应征 亿元": yi, "涉及县": "{:,.0f}".format},
        note=LEFT_OUT,
    )


def province_recovery_table(result: Compensation, run: Run) -> Table | None:
    """Return what fees recover of the cost of treatment in the province (全省成本回收率)."""
    rows = result.schemes[charges.SECTION].table("recovery")
    if rows.empty:
        return None
    sums = rows.groupby("charge", as_index=False)[["amount_cny", "cost_cny"]].sum()
    return _recovery(sums, result, "全省收费成本回收率 Cost recovery of fees")
