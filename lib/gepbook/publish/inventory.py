"""Tables and maps of the inventory chapter (调查篇)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gepbook import counties, ecosystems
from gepbook.inventory import Inventory, asset_account, condition
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common, maps
from gepbook.publish.display import (
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
    yi,
)
from gepbook.run import Run

STATISTICS = {
    "land_area": ("土地面积 (界线内)", "km²", significant),
    "resident_population": ("常住人口", "人", "{:,.0f}".format),
    "gdp": ("地区生产总值", "亿元", yi),
    "budget_revenue": ("一般公共预算收入", "亿元", yi),
    "budget_expenditure": ("一般公共预算支出", "亿元", yi),
    "redline_area": ("生态保护红线面积", "km²", significant),
}
HA = "{:,.0f}".format
ASSET_COLUMNS = {
    "opening": "期初",
    "natural_addition": "自然增加",
    "managed_addition": "人为增加",
    "natural_reduction": "自然减少",
    "managed_reduction": "人为减少",
    "closing": "期末",
}
NO_YEAR_BEFORE = Prose("数据包中没有上一年，无法计算变化。No previous year in the pack: no change.")
WIDTH, GAP = 0.06, 0.04  # of bars and between them in the figure of change


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
    if result.extent.changes is None:
        return NO_YEAR_BEFORE
    names = ecosystems.read().set_index("id")["name_zh"]
    matrix = result.extent.changes.rename(index=names, columns=names)
    frame = matrix.rename_axis("期初 ＼ 期末 (ha)").reset_index()
    frame.columns.name = None
    return Table(
        frame,
        "生态系统类型转移矩阵 Change matrix",
        dict.fromkeys(frame.columns[1:], HA),
        note="行为期初，列为期末；对角线为未变化的面积。",
    )


def change_figure(result: Inventory) -> Picture | Prose:
    """Return which types went to which, as bands from left to right (转移桑基图)."""
    if result.extent.changes is None:
        return NO_YEAR_BEFORE
    types = ecosystems.read().set_index("id")
    matrix = result.extent.changes
    flows = pd.Series({(a, b): matrix.loc[a, b] for a in matrix.index for b in matrix if a != b})
    flows = flows[flows > 0]
    if flows.empty:
        return Prose("两年之间生态系统类型没有变化。No change of type between the two years.")
    figure, axes = new_figure(6.2, 3.6)
    gap = GAP * flows.sum()
    left, right = (
        _stacked(flows.groupby(level=0).sum(), gap),
        _stacked(flows.groupby(level=1).sum(), gap),
    )
    for side, (places, align) in enumerate(((left, "right"), (right, "left"))):
        for kind, (start, amount, _) in places.items():
            color = types.loc[kind, "color"]
            axes.bar(side, amount, WIDTH, bottom=start, color=color, edgecolor="white")
            shift = (side - 0.5) * 2 * (WIDTH / 2 + 0.02)
            text = f"{types.loc[kind, 'name_zh']} {amount:,.0f} ha"
            axes.text(side + shift, start + amount / 2, text, ha=align, va="center", fontsize=8)
    for (a, b), amount in flows.items():
        start, end = left[a][2], right[b][2]
        left[a][2], right[b][2] = start + amount, end + amount
        x = np.linspace(WIDTH / 2, 1 - WIDTH / 2, 40)
        bend = (1 - np.cos(np.pi * np.linspace(0, 1, 40))) / 2
        lower = start + (end - start) * bend
        axes.fill_between(x, lower, lower + amount, color=types.loc[a, "color"], alpha=0.55, lw=0)
    axes.set_xlim(-0.7, 1.7)
    axes.set_axis_off()
    return Picture(figure)


def _stacked(amounts: pd.Series, gap: float) -> dict[str, list[float]]:
    """Return for each type where its bar starts, its amount, and where its next band begins."""
    places, start = {}, 0.0
    for kind, amount in amounts.sort_values().items():
        places[str(kind)] = [start, float(amount), start]
        start += float(amount) + gap
    return places


def extent_map(result: Inventory, run: Run) -> Picture:
    """Return the map of ecosystem types."""
    return maps.class_map(result.extent.land_cover, run.pack.geometry(run.county_code))


def condition_sentence(result: Inventory) -> Prose:
    """Return the county's index of condition, and what it does not rest on (状况指数)."""
    index = result.condition.index.loc[condition.COUNTY]
    text = (
        f"生态系统状况指数 **{index['score']:.3f}**（0–1），"
        f"依据的指标占权重的 {percent(index['weight_covered'])}"
    )
    if result.former is not None:
        change = condition.change(result.former, result.condition)
        row = change[change["group"] == condition.COUNTY].iloc[0]
        if not np.isnan(row["score_change"]):
            text += f"，比上年变化 {row['score_change']:+.3f}"
        elif row["note"]:
            text += f"；{row['note']}"
    lacking = result.condition.indicators
    names = lacking[lacking["score"].isna()]["indicator"].unique()
    if len(names):
        text += f"。缺指标：{'、'.join(condition.INDICATORS[n].name_zh for n in names)}"
    return Prose(text + "。")


def condition_table(result: Inventory) -> Table:
    """Return every indicator against its reference levels, by ecosystem group (状况账户)."""
    table = result.condition.indicators
    frame = pd.DataFrame(
        {
            "生态系统": table["group"].map(common.GROUP_ZH),
            "指标": [condition.INDICATORS[n].name_zh for n in table["indicator"]],
            "数值": table["value"],
            "单位": table["unit"],
            "参照下限": table["low"],
            "参照上限": table["high"],
            "得分": table["score"],
            "权重": table["weight"],
            "性质": table["origin"].map(ORIGIN_ZH),
            "说明": table["note"],
        }
    )
    forms = dict.fromkeys(["数值", "参照下限", "参照上限"], significant)
    return Table(
        frame,
        "生态系统状况 Condition against reference levels",
        {**forms, "得分": "{:.3f}".format, "权重": "{:.2f}".format},
        note="得分 = (数值 − 下限) / (上限 − 下限)，限于 0–1；参照水平为建议值。",
    )


def condition_index_table(result: Inventory) -> Table:
    """Return the index of condition by ecosystem group and of the county."""
    names = {**common.GROUP_ZH, condition.COUNTY: "全县"}
    table = result.condition.index
    frame = pd.DataFrame(
        {
            "生态系统": [names[str(group)] for group in table.index],
            "面积 ha": table["area_ha"].to_numpy(),
            "状况指数": table["score"].to_numpy(),
            "权重覆盖": table["weight_covered"].to_numpy(),
        }
    )
    if result.former is not None:
        change = condition.change(result.former, result.condition)
        change = change[change["indicator"] == condition.INDEX].set_index("group")
        frame["上年"] = change["score_opening"].reindex(table.index).to_numpy()
        frame["变化"] = change["score_change"].reindex(table.index).to_numpy()
    forms = {"面积 ha": HA, "状况指数": "{:.3f}".format, "权重覆盖": percent}
    forms |= {"上年": "{:.3f}".format, "变化": "{:+.3f}".format}
    return Table(frame, "状况指数 Index of condition", forms)


def condition_map(result: Inventory, run: Run) -> Picture:
    """Return the map of the index of condition of each cell."""
    return maps.raster_map(
        result.condition.score, run.pack.geometry(run.county_code), "状况指数 0–1"
    )


def asset_table(result: Inventory) -> Table:
    """Return the resource assets in physical units: opening + additions − reductions = closing."""
    table = result.assets.table
    frame = pd.DataFrame(_assets(table) | {"单位": table["unit"]})
    for column, title in ASSET_COLUMNS.items():
        frame[title] = table[column]
    return Table(
        frame,
        "生态资源资产账户（实物量） Resource assets, physical",
        dict.fromkeys(ASSET_COLUMNS.values(), significant),
        note="期初 + 增加 − 减少 = 期末；面积来自范围账户的转移矩阵，存量来自资源登记。"
        "其中人为：一方为农田或城镇的转换，及登记的人为增减。",
    )


def asset_value_table(result: Inventory) -> Table:
    """Return the resource assets in money, with revaluation (资产账户价值量)."""
    table = result.assets.table
    valued = table[table["value_closing"].notna()]
    frame = pd.DataFrame(_assets(valued))
    for column, title in {**ASSET_COLUMNS, "revaluation": "重估价"}.items():
        if f"value_{column}" in valued:
            frame[f"{title} 亿元"] = valued[f"value_{column}"]
    return Table(
        frame,
        "生态资源资产账户（价值量） Resource assets, money",
        dict.fromkeys([c for c in frame if c.endswith("亿元")], yi),
        note="期初按期初价，期末按期末价，差额列为重估价。单价多为建议值；"
        "与 GEP 资产账户的衔接见核算篇，两种价值并列，不相加。",
    )


def _assets(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the names of assets and stocks."""
    return {
        "资产": [asset_account.ASSET_ZH[a] for a in table["asset"]],
        "存量": [asset_account.STOCK_ZH[s] for s in table["stock"]],
    }


def grading_table(result: Inventory) -> Table | Prose:
    """Return area and benchmark price of every grade, by ecosystem group (分等定级与基准价)."""
    if result.grading is None:
        return Prose("没有单位面积 GEP，未分等定级。Not graded without a map of GEP.")
    table = result.grading.prices
    frame = pd.DataFrame(
        {
            "生态系统": table["group"].map(common.GROUP_ZH),
            "等级": table["grade"].astype(int),
            "面积 ha": table["area_ha"],
            "单位面积 GEP 元/ha": table["gep_density_cny_ha"],
            "基准价 元/ha": table["price_cny_ha"],
        }
    )
    forms = dict.fromkeys(["面积 ha", "单位面积 GEP 元/ha", "基准价 元/ha"], HA)
    return Table(
        frame,
        "分等定级与基准价 Grades and benchmark prices",
        forms,
        note="得分由单位面积 GEP、状况、可达性加权，1 等最好；基准价 = 净收益 / 还原率，"
        "较好等级不低于较差等级。权重、份额与还原率均为建议值，不替代公布的基准地价。",
    )


def grading_map(result: Inventory, run: Run) -> Picture | Prose:
    """Return the map of grades."""
    if result.grading is None:
        return Prose("没有单位面积 GEP，未分等定级。Not graded without a map of GEP.")
    return maps.grade_map(result.grading.grades, run.pack.geometry(run.county_code))


def statistics_table(ledger: pd.DataFrame) -> Table:
    """Return the county's basic figures (基础数据)."""
    rows = ledger[(ledger["account"] == "statistics") & (ledger["measure"] == "value")]
    rows = rows.set_index("item")
    lacking = ledger[(ledger["account"] == "statistics") & (ledger["measure"] == "missing")]
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
            if item in rows.index
        ]
        + [
            {"指标": STATISTICS[row["item"]][0], "数值": "缺", "出处": row["note"]}
            for _, row in lacking.iterrows()
        ]
    )
    return Table(frame, "基础数据 Basic figures")
