"""Products, rights and their monitoring in the inventory chapter (目录清单、确权登记、动态监测)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gepbook.inputs.own_data import dictionary
from gepbook.inventory import Inventory, catalogue, monitoring, registration
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import maps
from gepbook.publish.display import Picture, Prose, Table, new_figure, percent, yi
from gepbook.publish.fonts import INK, QUIET
from gepbook.run import Run

PRODUCT_COLUMNS = (
    "product", "product_class", "subject", "origin", "ecosystem_type", "quantity", "unit",
    "quality_grade", "function",
)  # fmt: skip
STANDING_COLUMNS = (
    "product", "owner_type", "rights_status", "protection_status", "development_status",
    "data_source", "survey_date", "confidence",
)  # fmt: skip
HA = "{:,.0f}".format
SHOWN = 20
SERIES_SHOWN = 9
RESOURCE_COLORS = {
    "forest": "#2f8f5b", "cropland": "#f2d16b", "grassland": "#cfe39a",
    "wetland": "#7fc4c4", "water": "#4a90c8", "sea": "#2c6aa0",
}  # fmt: skip


def _titles(table: str) -> dict[str, str]:
    """Return the Chinese titles of a table's columns."""
    return {name: field.title for name, field in dictionary.tables()[table].fields.items()}


def _labels(table: str, column: str) -> dict[str, str]:
    """Return the Chinese labels of a column's words."""
    return dictionary.words(table, column)


def _lacking(sentences: tuple[str, ...]) -> str:
    """Return what was not to be had, as one note."""
    return "".join(sentences)


def catalogue_table(result: Inventory, run: Run) -> Table:
    """Return the product list: what there is, how much and how good (生态产品目录清单)."""
    frame = _products(result, PRODUCT_COLUMNS)
    if run.pack.has("product_catalogue"):
        frame["性质"] = ORIGIN_ZH[run.pack.origin("product_catalogue")]
    return Table(
        frame,
        "生态产品目录清单 Product catalogue",
        {"数量": HA},
        note="每种产品取最近一次调查；统计所知而清单所无的产品列在后面。"
        + _lacking(result.catalogue.missing),
    )


def standing_table(result: Inventory) -> Table:
    """Return whose the products are, and how protected and used (权属、保护与利用)."""
    frame = _products(result, STANDING_COLUMNS)
    frame.insert(2, "叠加核对", result.products["owner_check"])
    return Table(
        frame,
        "产品的权属、保护与利用 Rights, protection and use of products",
        note="“叠加核对”：登记单元与该类生态系统叠加所得的主要所有权，与清单所载是否一致。",
    )


def _products(result: Inventory, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return columns of the products under their Chinese titles and words."""
    frame = result.products[list(columns)].copy()
    for column in columns:
        words = _labels("product_catalogue", column)
        frame[column] = frame[column].map(lambda word, words=words: words.get(word, word))
    return frame.rename(columns=_titles("product_catalogue"))


def gaps_table(result: Inventory) -> Table | Prose:
    """Return the gaps of the catalogue, by kind (清单缺口)."""
    gaps = result.catalogue.gaps
    if gaps.empty:
        return Prose("清单没有发现缺口。No gaps were found.")
    rows = [
        {
            "缺口": name,
            "数量": len(own),
            "哪些": "、".join(
                dict.fromkeys(own["product"].where(own["product"] != "", own["missing"]))
            ),
            "处理": remedy,
        }
        for kind, (name, remedy) in catalogue.GAPS.items()
        if len(own := gaps[gaps["kind"] == kind])
    ]
    return Table(pd.DataFrame(rows), "清单缺口 Gaps of the catalogue")


def agricultural_table(result: Inventory) -> Table | Prose:
    """Return the agricultural statistics (农业统计)."""
    if result.agricultural is None:
        return Prose("数据包没有主要农产品统计。")
    table = result.agricultural
    frame = pd.DataFrame(
        {
            "产品": table["product"],
            "产量 t": table["quantity_t"],
            "面积 ha": table["area_ha"],
            "产值 亿元": table["output_value_cny"],
            "三品一标 %": table["certified_percent"],
        }
    )
    forms = {"产量 t": HA, "面积 ha": HA, "产值 亿元": yi, "三品一标 %": "{:.1f}".format}
    return Table(frame, "主要农产品 Agricultural products", forms)


def eco_tourism_table(result: Inventory) -> Table | Prose:
    """Return the statistics of eco-tourism (生态旅游统计)."""
    if result.eco_tourism is None:
        return Prose("数据包没有生态旅游统计。")
    table = result.eco_tourism
    frame = pd.DataFrame(
        {
            "生态旅游区": table["sites"],
            "人次 万": table["visitors_person"] / 1e4,
            "收入 亿元": table["income_cny"],
            "增加值 亿元": table["value_added_cny"],
        }
    )
    forms = {"人次 万": "{:,.1f}".format, "收入 亿元": yi, "增加值 亿元": yi}
    return Table(frame, "生态旅游 Eco-tourism", forms)


def registration_headline(result: Inventory) -> Prose:
    """Return how much of the county is registered, and how important units stand to the target."""
    state = result.registers.registration
    if state.balance is None:
        return Prose(f"无法分析确权登记：{_lacking(state.missing)}")
    b = state.balance
    held = (b.one_unit_ha + b.several_units_ha) / b.county_ha
    text = (
        f"登记单元 {state.units} 个，占全县面积 {percent(held)}，"
        f"其中已登簿 **{percent(b.registered_share)}**；重叠 {b.several_units_ha:,.0f} ha，"
        f"空白 {b.gap_ha:,.0f} ha，越界 {b.outside_ha:,.0f} ha。"
    )
    for row in state.important.itertuples():
        if not np.isnan(row.share):
            text += (
                f"重要自然资源按{row.basis}登记 {percent(row.share)}"
                f"（2023 年底目标 {percent(row.target)}：{registration.STATE_ZH[row.state]}）。"
            )
    return Prose(text)


def registration_table(result: Inventory) -> Table:
    """Return area by resource and status; with overlap and gap it adds up to the county."""
    table = result.registers.registration.coverage
    names = _labels("resource_units", "resource")
    frame = pd.DataFrame(
        {
            "资源": [names.get(str(r), str(r)) for r in table["resource"]],
            "登记状态": table["status"],
            "单元数": table["units"],
            "面积 ha": table["area_ha"],
            "占全县": table["share"],
        }
    )
    return Table(
        frame,
        "确权登记 Registration",
        {"面积 ha": HA, "占全县": percent, "单元数": "{:.0f}".format},
        note="只在一个单元内的面积按资源与状态列出，加“重叠”与“未登记”等于全县面积。",
    )


def registration_map(result: Inventory, run: Run) -> Picture | Prose:
    """Return the map of the units by resource, with their overlaps and the gaps."""
    units = result.registers.units
    if units is None or units.empty:
        return Prose("没有登记单元图形。")
    state = result.registers.registration
    layers = {
        label: (units[units["resource"] == resource].geometry, RESOURCE_COLORS[resource])
        for resource, label in _labels("resource_units", "resource").items()
    }
    marks = {"重叠": (state.overlaps.geometry, "#b3361f"), "空白": (state.gaps.geometry, "#dddddd")}
    return maps.parts_map({**layers, **marks}, run.pack.geometry(run.county_code))


def conflicts_table(result: Inventory) -> Table | Prose:
    """Return overlaps between units, and whether a dispute was filed (界线重叠)."""
    overlaps = result.registers.registration.overlaps
    if overlaps.empty:
        return Prose("登记单元之间没有超过容差的重叠。")
    disputed = result.registers.disputes
    ids = ["unit_id", "other_unit_id"]
    lacking = set(disputed.unfiled[ids].itertuples(index=False, name=None))
    frame = pd.DataFrame(
        {
            "登记单元": overlaps["unit_id"],
            "对方单元": overlaps["other_unit_id"],
            "重叠 ha": overlaps["area_ha"],
            "同一所有者": overlaps["same_owner"].map({True: "是", False: "否"}),
            "争议受理": [
                "未受理" if pair in lacking else "已受理"
                for pair in overlaps[ids].itertuples(index=False, name=None)
            ],
        }
    )
    return Table(frame, "界线重叠 Overlapping units", {"重叠 ha": "{:,.1f}".format})


def defects_table(result: Inventory) -> Table | Prose:
    """Return what is wrong in the registers of units and rights (登记缺陷)."""
    found = [result.registers.registration.defects, result.registers.rights.defects]
    defects = pd.concat([d for d in found if len(d)]) if any(map(len, found)) else pd.DataFrame()
    if defects.empty:
        return Prose("登记簿没有发现缺陷。")
    frame = pd.DataFrame(
        {
            "权利": defects["right_id"],
            "登记单元": defects["unit_id"],
            "缺陷": defects["finding"],
            "所见": defects["value"],
            "处理": defects["remedy"],
        }
    )
    return _cut(frame, "登记缺陷 Defects of the registers")


def rights_table(result: Inventory) -> Table:
    """Return use rights by kind (使用权)."""
    table = result.registers.rights.by_kind
    frame = pd.DataFrame(
        {
            "方式": table["kind"],
            "件数": table["number"],
            "面积 ha": table["area_ha"],
            "金额 亿元": table["amount_cny"],
            "年末有效": table["in_force"],
            "有效面积 ha": table["in_force_area_ha"],
        }
    )
    forms = {"面积 ha": HA, "金额 亿元": yi, "有效面积 ha": HA}
    forms |= dict.fromkeys(["件数", "年末有效"], "{:.0f}".format)
    note = _lacking(result.registers.rights.missing)
    return Table(frame, "使用权 Use rights", forms, note=note)


def disputes_table(result: Inventory) -> Table | Prose:
    """Return the disputes (权属争议)."""
    listed = result.registers.disputes.listed
    if listed.empty:
        return Prose(f"没有权属争议记录。{_lacking(result.registers.disputes.missing)}")
    titles = _titles("resource_disputes")
    columns = ["dispute_id", "unit_id", "other_unit_id", "subject", "area_ha", "filed_on", "status"]
    frame = listed[columns].rename(columns=titles)
    frame["未决天数"] = listed["days_open"]
    forms = {titles["area_ha"]: "{:,.1f}".format, "未决天数": "{:.0f}".format}
    return Table(frame, "权属争议 Disputes", forms)


def alerts_table(result: Inventory) -> Table | Prose:
    """Return the alerts between the last two surveys (动态监测预警)."""
    found = result.monitoring
    if found.missing:
        return Prose(f"无法比较两次调查：{_lacking(found.missing)}")
    span = "–".join(map(str, found.years))
    if found.alerts.empty:
        return Prose(f"{span} 两次调查之间没有触发预警。")
    frame = pd.DataFrame(
        {
            "级别": found.alerts["level"],
            "规则": found.alerts["rule"].map(monitoring.RULE_ZH),
            "产品": found.alerts["product"],
            "依据": found.alerts["evidence"],
        }
    )
    return _cut(frame, f"动态监测预警 Alerts {span}")


def changes_table(result: Inventory) -> Table | Prose:
    """Return what changed between the last two surveys, by aspect (变化清单)."""
    changes = result.monitoring.changes
    if changes.empty:
        return Prose("两次调查之间没有变化，或不足两次调查。")
    shown = changes[changes["aspect"] != "quantity"]
    number = (changes["aspect"] == "quantity").sum()
    frame = pd.DataFrame(
        {
            "产品": shown["product"],
            "方面": shown["aspect"].map(monitoring.ASPECT_ZH),
            "前次": shown["before"],
            "本次": shown["after"],
        }
    )
    note = f"另有 {number} 种产品数量变化，见时间序列。"
    return _cut(frame, "两次调查之间的变化 Changes between surveys", note)


def series_figure(result: Inventory) -> Picture | Prose:
    """Return each product's quantity over its surveys, the first survey being 100 (时间序列)."""
    wide = result.series.pivot_table(index="year", columns="product", values="quantity")
    wide = wide.loc[:, wide.notna().sum() > 1]
    if wide.empty:
        return Prose("不足两次调查，没有时间序列。")
    index = 100 * wide / wide.bfill().iloc[0]
    far = (index.iloc[-1] - 100).abs().sort_values(ascending=False).index
    figure, axes = new_figure(6.4, 3.2)
    for place, name in enumerate(far):
        told = place < SERIES_SHOWN
        line = axes.plot(
            index.index, index[name], lw=1.6 if told else 0.7, color=None if told else QUIET
        )
        if told:
            axes.annotate(
                str(name), (index.index[-1], index[name].iloc[-1]), xytext=(4, 0),
                textcoords="offset points", fontsize=7, va="center", color=line[0].get_color(),
            )  # fmt: skip
    axes.axhline(100, color=INK, lw=0.6)
    axes.set_xticks(list(index.index))
    axes.set_ylabel("数量（首次调查 = 100）")
    return Picture(figure)


def _cut(frame: pd.DataFrame, caption: str, note: str = "") -> Table:
    """Return the first rows of a long table, and how many there are."""
    more = f"共 {len(frame)} 行，列出前 {SHOWN} 行。" if len(frame) > SHOWN else ""
    return Table(frame.head(SHOWN), caption, note=more + note)
