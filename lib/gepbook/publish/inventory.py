"""Tables and maps of the inventory chapter (调查篇)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ecosystems
from gepbook.inventory import Inventory
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import maps
from gepbook.publish.display import Picture, Prose, Table, significant, yi
from gepbook.run import Run

STATISTICS = {
    "land_area": ("土地面积 (界线内)", "km²", significant),
    "resident_population": ("常住人口", "人", "{:,.0f}".format),
    "gdp": ("地区生产总值", "亿元", yi),
    "budget_revenue": ("一般公共预算收入", "亿元", yi),
    "budget_expenditure": ("一般公共预算支出", "亿元", yi),
    "redline_area": ("生态保护红线面积", "km²", significant),
}
PRODUCT_COLUMNS = {
    "product": "产品",
    "product_class": "类别",
    "subject": "核算科目",
    "quantity": "数量",
    "unit": "单位",
    "quality_grade": "质量等级",
    "owner_type": "权属",
    "rights_status": "确权状态",
    "protection_status": "保护状态",
    "development_status": "开发状态",
}
HA = "{:,.0f}".format


def headline(ledger: pd.DataFrame, run: Run) -> Prose:
    """Return the chapter's first sentence."""
    name = counties.name_zh(run.county_code)
    figures = ledger[ledger["account"] == "statistics"].set_index(["item", "measure"])["value"]
    closing = ledger[(ledger["account"] == "extent") & (ledger["measure"] == "closing")]
    first = closing.sort_values("value", ascending=False).iloc[0]
    kind = ecosystems.read().set_index("id")["name_zh"][first["item"]]
    published = counties.read().loc[run.county_code, "area_km2"]
    return Prose(
        f"**{name}**（{run.county_code}）{run.year} 年界线内土地面积 "
        f"{figures['land_area', 'value']:,.0f} km²（公布面积约 {published:,.0f} km²；"
        f"沿海界线含部分滩涂与海面），面积最大的生态系统类型是{kind}，{first['value']:,.0f} ha。"
    )


def extent_table(ledger: pd.DataFrame) -> Table:
    """Return the extent account (范围账户)."""
    rows = ledger[ledger["account"] == "extent"]
    wide = rows.pivot_table(index="item", columns="measure", values="value")
    origin = rows.pivot_table(index="item", columns="measure", values="origin", aggfunc="first")
    types = ecosystems.read().set_index("id")
    ordered = [kind for kind in types.index if kind in wide.index]
    frame = pd.DataFrame(
        {"生态系统类型": types["name_zh"][ordered], "Type": types["name_en"][ordered]}
    )
    for measure, title in (("opening", "期初 ha"), ("change", "变化 ha"), ("closing", "期末 ha")):
        if measure in wide:
            frame[title] = wide[measure][ordered]
            frame[f"{title[:2]}性质"] = origin[measure][ordered].map(ORIGIN_ZH)
    forms = {title: HA for title in frame.columns if title.endswith(" ha")}
    return Table(
        frame,
        "生态系统范围账户 Ecosystem extent",
        forms,
        note="期初 + 变化 = 期末。无上年数据时只列期末。",
    )


def change_table(result: Inventory) -> Table | Prose:
    """Return the change matrix, or a sentence where there is no year before (转移矩阵)."""
    if result.changes is None:
        return Prose("数据包中没有上一年，无法计算变化。No previous year in the pack: no change.")
    names = ecosystems.read().set_index("id")["name_zh"]
    matrix = result.changes.rename(index=names, columns=names)
    frame = matrix.rename_axis("期初 ＼ 期末 (ha)").reset_index()
    frame.columns.name = None
    return Table(
        frame,
        "生态系统类型转移矩阵 Change matrix",
        dict.fromkeys(frame.columns[1:], HA),
        note="2019 年为实测；其后的变化按演示规则生成，性质为示例 (change since 2019 is illustrative)。",
    )


def extent_map(result: Inventory, run: Run) -> Picture:
    """Return the map of ecosystem types."""
    return maps.class_map(result.land_cover, run.pack.geometry(run.county_code))


def statistics_table(ledger: pd.DataFrame) -> Table:
    """Return the county's basic figures (基础数据)."""
    rows = ledger[(ledger["account"] == "statistics") & (ledger["measure"] == "value")]
    rows = rows.set_index("item")
    frame = pd.DataFrame(
        [
            {
                "指标": title,
                "数值": form(rows.loc[item, "value"]),
                "单位": unit,
                "性质": ORIGIN_ZH[rows.loc[item, "origin"]],
                "出处": rows.loc[item, "method_id"],
            }
            for item, (title, unit, form) in STATISTICS.items()
        ]
    )
    return Table(frame, "基础数据 Basic figures")


def catalogue_table(result: Inventory) -> Table:
    """Return the product list (生态产品目录清单)."""
    frame = result.catalogue[list(PRODUCT_COLUMNS)].rename(columns=PRODUCT_COLUMNS)
    frame["性质"] = ORIGIN_ZH[result.catalogue_origin]
    return Table(frame, "生态产品目录清单 Product catalogue", {"数量": HA})
