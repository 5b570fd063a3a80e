"""Tables and figures of the provincial bulletin (公报)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ledger
from gepbook.accounting import registry
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.bulletin import Bulletin
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common, maps
from gepbook.publish.display import (
    YI,
    Callout,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    wan,
    yi,
)
from gepbook.publish.fonts import CATEGORY_COLORS
from gepbook.run import Run

HA_PER_KM2 = 100.0
PER_KM2 = 1e4  # CNY per km² → 万元/km²


def coverage_notice(result: Bulletin) -> Callout:
    """Return whether the province is complete; a partial one says so first of all."""
    expected = len(counties.read())
    if not result.missing and result.incomplete.empty:
        return Callout("sound", "全省完整 Complete", f"{expected} 个县（市、区）全部有核算结果。")
    whole = expected - len(result.missing) - len(result.incomplete)
    names = "、".join(counties.name_zh(code) for code in result.missing) or "无"
    parts = "、".join(f"{counties.name_zh(c)}（{w}）" for c, w in result.incomplete.items()) or "无"
    return Callout(
        "warning",
        f"不完整：{whole} / {expected} 县 Partial province",
        f"缺：{names}；核算不全：{parts}。本公报各合计数只含已有结果的县，不得作为全省数引用。",
    )


def headline(result: Bulletin, figures: pd.DataFrame, run: Run) -> Prose:
    """Return the bulletin's first paragraph."""
    gep = figures[(figures["account"] == "gep") & (figures["measure"] == "value")]
    gep = gep[gep["price_basis"] == "current"].set_index("item")["value"]
    growth = figures[(figures["account"] == "gep") & (figures["measure"] == "growth")]["value"]
    gdp = result.counties["gdp_cny"].sum()
    first = result.counties.iloc[0]
    scope = "全省" if not result.missing else f"有结果的 {len(result.counties)} 个县"
    text = (
        f"{run.year} 年{scope}生态系统生产总值（GEP）为 **{yi(gep['gep'])} 亿元**（当年价），"
        f"相当于 GDP 的 {gep['gep'] / gdp:.2f} 倍；其中"
        + "、".join(
            f"{CATEGORY_ZH[c]} {yi(gep[c])} 亿元（{percent(gep[c] / gep['gep'])}）"
            for c in CATEGORY_ZH
        )
        + "。"
    )
    rows = figures[(figures["account"] == "gep") & (figures["item"] == "gep")]
    band = rows[(rows["measure"] == "value") & (rows["price_basis"] == "current")].iloc[0]
    if pd.notna(band["low"]):
        text += f"90% 区间 {yi(band['low'])}–{yi(band['high'])} 亿元。"
    if len(growth):
        text += f"按可比价比上年变化 {percent(growth.iloc[0])}"
        normal = rows[rows["measure"] == "growth_normal_weather"]["value"]
        text += f"，扣除气象波动后 {percent(normal.iloc[0])}。" if len(normal) else "。"
    return Prose(
        text + f"GEP 最高的县（市、区）是{first['name_zh']}，{yi(first['gep_cny'])} 亿元。"
    )


def county_map(result: Bulletin, run: Run) -> Picture:
    """Return the province coloured by GEP per km² (全省 GEP 一张图)."""
    return maps.choropleth(
        run.pack.boundaries, result.counties["gep_per_km2_cny"] / PER_KM2, "万元/km²"
    )


def service_figure(result: Bulletin) -> Picture:
    """Return the province's value by service as bars."""
    specs = registry.services()
    values = result.services.sort_values()
    figure, axes = new_figure(6.8, 0.29 * len(values) + 0.8)
    bars = axes.barh(
        [specs[s].name_zh for s in values.index],
        values / YI,
        color=[CATEGORY_COLORS[specs[s].category] for s in values.index],
    )
    axes.bar_label(bars, [f"{v / YI:,.1f}" for v in values], padding=3, fontsize=8)
    axes.margins(x=0.14)
    axes.set_xlabel("亿元（当年价）")
    common.category_legend(axes)
    return Picture(figure)


def prefecture_figure(result: Bulletin) -> Picture:
    """Return GEP by prefecture, stacked by category."""
    table = result.prefectures
    figure, axes = new_figure(6.8, 3.6)
    base = pd.Series(0.0, index=table.index)
    for category, zh in CATEGORY_ZH.items():
        part = table[f"{category}_cny"] / YI
        axes.bar(table.index, part, bottom=base, color=CATEGORY_COLORS[category], label=zh)
        base = base + part
    axes.set_ylabel("亿元（当年价）")
    axes.legend(fontsize=8)
    return Picture(figure)


def service_table(figures: pd.DataFrame) -> Table:
    """Return the province's value by service with its band."""
    specs = registry.services()
    rows = figures[(figures["account"] == "services") & (figures["measure"] == "value")]
    rows = rows[rows["price_basis"] == "current"].sort_values("value", ascending=False)
    known = rows["low"].notna()
    frame = pd.DataFrame(
        {
            "类别": [CATEGORY_ZH[specs[s].category] for s in rows["item"]],
            "服务 Service": [f"{specs[s].name_zh} {specs[s].name_en}" for s in rows["item"]],
            "亿元": rows["value"],
            "90% 区间": (rows["low"].map(yi) + "–" + rows["high"].map(yi)).where(known, None),
            "占比": rows["value"] / rows["value"].sum(),
            "性质": rows["origin"].map(ORIGIN_ZH),
        }
    )
    return Table(frame, "各项服务价值 Value by service", {"亿元": yi, "占比": percent})


def _origin_note(result: Bulletin) -> str:
    """Return the sentence that says what the figures of a provincial table rest on."""
    origin = ORIGIN_ZH[ledger.weakest(result.pool["origin"])]
    return f"本表各数性质：{origin}（取其输入中最弱者 the weakest of their inputs）。"


def prefecture_table(result: Bulletin) -> Table:
    """Return GEP, GDP and compensation by prefecture."""
    table = result.prefectures
    frame = pd.DataFrame(
        {
            "设区市": table.index,
            "GEP 亿元": table["gep_cny"],
            "物质供给": table["provisioning_cny"],
            "调节服务": table["regulating_cny"],
            "文化服务": table["cultural_cny"],
            "GDP 亿元": table["gdp_cny"],
            "万元/km²": table["gep_per_km2_cny"] / PER_KM2,
            "补偿净额 万元": table["compensation_cny"],
        }
    )
    forms = dict.fromkeys(["GEP 亿元", "物质供给", "调节服务", "文化服务", "GDP 亿元"], yi)
    return Table(
        frame,
        "各设区市结果 Results by prefecture",
        {**forms, "万元/km²": "{:,.0f}".format, "补偿净额 万元": wan},
        note=_origin_note(result),
    )


def ranking_table(result: Bulletin) -> Table:
    """Return every county with GEP, density, growth, GDP and compensation."""
    table = result.counties
    frame = pd.DataFrame(
        {
            "位次": table["gep_rank"].astype(int),
            "县（市、区）": table["name_zh"],
            "设区市": table["prefecture"],
            "GEP 亿元": table["gep_cny"],
            "增长": table["gep_growth"],
            "万元/km²": table["gep_per_km2_cny"] / PER_KM2,
            "GDP 亿元": table["gdp_cny"],
            "GEP/GDP": table["gep_to_gdp"],
            "补偿净额 万元": table["compensation_cny"],
        }
    )
    forms = {
        "GEP 亿元": yi,
        "GDP 亿元": yi,
        "增长": percent,
        "万元/km²": "{:,.0f}".format,
        "GEP/GDP": "{:.2f}".format,
        "补偿净额 万元": wan,
    }
    return Table(frame, "各县（市、区）结果 Results by county", forms, note=_origin_note(result))


def coastal_table(result: Bulletin) -> Table | Prose:
    """Return the coastal account of the pilot counties, counted or shown beside (海岸带账户)."""
    specs = {name: spec for name, spec in registry.services().items() if spec.only_group}
    rows = result.pool[
        (result.pool["account"] == "services")
        & result.pool["item"].isin(specs)
        & result.pool["measure"].isin(["value", "value_excluded"])
        & (result.pool["price_basis"] == "current")
    ]
    if rows.empty:
        return Prose("本次核算标准不含海岸带项目。")
    wide = rows.pivot_table(index="county_code", columns="item", values="value", aggfunc="sum")
    wide = wide[[name for name in specs if name in wide]]
    counted = rows[rows["measure"] == "value"].groupby("county_code")["value"].sum()
    frame = wide.rename(columns={name: specs[name].name_zh for name in wide}).reset_index(drop=True)
    frame.insert(0, "县（市、区）", [counties.name_zh(code) for code in wide.index])
    frame["合计"] = wide.sum(axis=1).to_numpy()
    frame["其中计入 GEP"] = counted.reindex(wide.index, fill_value=0.0).to_numpy()
    return Table(
        frame,
        "十个试点县海岸带生态产品账户 Coastal account of the ten pilots, 亿元",
        dict.fromkeys(frame.columns[1:], yi),
        note=f"未计入部分为选算项，或已在渔业产值、旅游统计中计入。{_origin_note(result)}",
    )


def reference_table(result: Bulletin) -> Table:
    """Return published results beside those of this run, with its band and the reasons (回测)."""
    table = result.reference
    number = "{:,.1f}".format
    within = table["gep_cny_1e8"].between(table["low"], table["high"])
    frame = pd.DataFrame(
        {
            "地区": table["area"],
            "公布年份": table["year"].astype(str),
            "公布 亿元": table["gep_cny_1e8"],
            "本次 亿元": table["run_gep_cny_1e8"],
            "90% 区间": [
                f"{number(low)}–{number(high)}" if pd.notna(low) else None
                for low, high in zip(table["low"], table["high"], strict=True)
            ],
            "公布值在区间内": within.map({True: "是", False: "否"}).where(
                table["low"].notna(), None
            ),
            "本次/公布": table["ratio"],
            "差异原因": table["reason"],
            "出处": table["source"],
        }
    )
    return Table(
        frame,
        "与已公布结果对照（回测） Back-test against published results",
        {"公布 亿元": number, "本次 亿元": number, "本次/公布": "{:.2f}".format},
        note="年份、方法、边界与输入均不同，只看量级。Different year, method, boundary and inputs: "
        f"compare magnitudes only. {_origin_note(result)}",
    )


PLAUSIBLE_ZH = {
    "gep_per_km2_wan": "单位面积 GEP 万元/km²",
    "gep_to_gdp": "GEP/GDP",
    "regulating_share": "调节服务占比",
    "climate_share": "气候调节占比",
}


def plausibility_table(result: Bulletin) -> Table:
    """Return the expected bounds and the counties outside them (合理性检查)."""
    table = result.plausibility
    frame = pd.DataFrame(
        {
            "指标": [PLAUSIBLE_ZH[name] for name in table.index],
            "下限": table["low"].astype(float),
            "上限": table["high"].astype(float),
            "中位数": table["median"].astype(float),
            "低于下限": table["below"].replace("", "无"),
            "高于上限": table["above"].replace("", "无"),
        }
    )
    return Table(
        frame,
        "合理区间检查 Plausibility",
        dict.fromkeys(["下限", "上限", "中位数"], "{:,.2f}".format),
        note="区间据已公布结果拟定，超出只提示复核，不作为错误；平原与城区县森林少，密度与调节占比低于下限属预期。",
    )


def registration_table(result: Bulletin) -> Table:
    """Return what the registers of natural resources say, by prefecture (自然资源确权登记)."""
    table = result.registration
    frame = pd.DataFrame(
        {
            "设区市": table.index,
            "登记单元": table["units"].to_numpy(),
            "已登簿 km²": table["registered_ha"].to_numpy() / HA_PER_KM2,
            "重叠 km²": table["overlap_ha"].to_numpy() / HA_PER_KM2,
            "空白 km²": table["gap_ha"].to_numpy() / HA_PER_KM2,
            "重要资源单元": table["important"].to_numpy(),
            "其中已登簿": table["share"].to_numpy(),
            "未决争议": table["open_disputes"].to_numpy(),
        }
    )
    forms = dict.fromkeys(["登记单元", "重要资源单元", "未决争议"], "{:,.0f}".format)
    forms |= dict.fromkeys(["已登簿 km²", "空白 km²"], "{:,.0f}".format)
    return Table(
        frame,
        "自然资源确权登记 Registration of natural resources",
        {**forms, "重叠 km²": "{:,.1f}".format, "其中已登簿": percent},
        note="目标：2023 年底基本完成重要自然资源统一确权登记（浙委办发〔2021〕82号 二(一)）。",
    )
