"""Tables and figures of the report of a specific unit (特定地域单元篇)."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from gepbook import counties, ecosystems, zonal
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH
from gepbook.publish import common, maps
from gepbook.publish.display import (
    YI,
    Callout,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
    wan,
    yi,
)
from gepbook.publish.fonts import ACCENT, INK
from gepbook.run import Run
from gepbook.specific_units import Method, UnitAccount
from gepbook.specific_units.definition import (
    KIND_ZH,
    STATUS_ZH,
    Comparable,
    CostItem,
    Right,
    Statistic,
)
from gepbook.specific_units.valuation import RIGHT_ZH, SECTION

UNIT_LINE = "#b3361f"
HECTARES_PER_KM2 = 100.0
#: Slivers of cells along the boundary are not named among the ecosystem types.
SHOWN_SHARE = 0.001
COST_ZH = {"protection": "保护成本", "development": "开发成本"}


def headline(result: UnitAccount, run: Run) -> Prose:
    """Return the report's first sentence: the GEP of the unit and what the methods give."""
    gep, *others = result.methods
    given = [f"{m.name_zh} {_amount(m)}" for m in others if not m.not_applicable]
    absent = [m.name_zh for m in others if m.not_applicable]
    places = "、".join(counties.name_zh(code) for code in result.unit.definition.county_codes)
    sentence = (
        f"{run.year} 年**{result.unit.name_zh}**（{places}，"
        f"{result.unit.area_ha / HECTARES_PER_KM2:,.1f} km²）生态系统生产总值（GEP）为 "
        f"**{yi(gep.value_cny)} 亿元/年**（当年价）。"
    )
    if given:
        sentence += "市场化估价：" + "，".join(given) + "。"
    if absent:
        sentence += f"{'、'.join(absent)}不适用，原因见表。"
    return Prose(sentence + "各结果含义不同，不相加也不平均。")


def _amount(method: Method) -> str:
    """Return a method's value with its range."""
    text = f"**{yi(method.value_cny)} 亿元**"
    if pd.notna(method.lowest_cny):
        text += f"（{yi(method.lowest_cny)}–{yi(method.highest_cny)}）"
    return text


def boundary_notice(result: UnitAccount) -> Callout:
    """Return the box that says where the polygon comes from."""
    boundary = result.unit.definition.boundary
    text = f"{result.unit.definition.note} {boundary.source}。".strip()
    if boundary.origin == "illustrative":
        return Callout("warning", "示例范围，不是确权界线 Illustrative boundary, not a title", text)
    return Callout("sound", f"范围：{ORIGIN_ZH[boundary.origin]} Boundary", text)


def unit_table(result: UnitAccount) -> Table:
    """Return what the unit is: names, counties, area, ecosystems, sources (单元概况)."""
    definition = result.unit.definition
    areas = zonal.area_by_type(
        result.inputs.land_cover, result.inputs.coverage, result.inputs.cell_area_ha
    )
    names = ecosystems.read().set_index("id")["name_zh"]
    shares = areas.sort_values(ascending=False) / areas.sum()
    rows = {
        "编号 Id": definition.id,
        "名称 Name": f"{definition.name_zh} {definition.name_en}",
        "所在县 Counties": "、".join(
            f"{counties.name_zh(code)}（{code}）" for code in definition.county_codes
        ),
        "面积 Area": f"{result.unit.area_ha:,.1f} ha",
        "生态系统 Ecosystems": "、".join(
            f"{names[k]} {percent(v)}" for k, v in shares.items() if v >= SHOWN_SHARE
        ),
        "范围性质 Boundary": ORIGIN_ZH[definition.boundary.origin],
        "范围来源 Boundary source": definition.boundary.source,
        "单元资料来源 Source": definition.source,
    }
    frame = pd.DataFrame({"项目": list(rows), "内容": list(rows.values())})
    return Table(frame, "单元概况 The unit")


def unit_map(result: UnitAccount) -> Picture:
    """Return the ecosystem types of the unit's counties with the unit outlined."""
    codes = result.unit.definition.county_codes
    around = result.inputs.pack.boundaries.loc[codes].union_all()
    picture = maps.class_map(result.inputs.land_cover, around)
    axes = picture.figure.axes[0]
    outline = gpd.GeoSeries([result.unit.geometry.boundary])
    limits = axes.get_xlim(), axes.get_ylim()
    outline.plot(ax=axes, color="white", linewidth=3.2, aspect=None)
    outline.plot(ax=axes, color=UNIT_LINE, linewidth=1.6, aspect=None)
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])
    return picture


def account_table(ledger: pd.DataFrame) -> Table:
    """Return the unit's GEP by category at current and comparable prices (单元 GEP 账户)."""
    names = {**CATEGORY_ZH, "gep": "生态系统生产总值 GEP"}
    rows = ledger[(ledger["account"] == "gep") & (ledger["measure"] == "value")]
    current = rows[rows["price_basis"] == "current"].set_index("item")
    comparable = rows[rows["price_basis"] == "comparable"].set_index("item")
    year = int(comparable["price_year"].iloc[0])
    frame = pd.DataFrame(
        {
            "类别": pd.Series(names),
            "当年价 亿元": current["value"],
            f"可比价 ({year}) 亿元": comparable["value"],
            "性质": current["origin"].map(ORIGIN_ZH),
        }
    ).loc[list(names)]
    forms = {c: yi for c in frame.columns if c.endswith("亿元")}
    return Table(
        frame,
        "单元 GEP 总表 GEP of the unit",
        forms,
        note="与县域账户同一方法；缺数据的服务不适用，不取县的数，也不计 0。",
    )


def services_table(result: UnitAccount) -> Table:
    """Return every service with value and share, or why it does not count or apply (分项表)."""
    gep = result.methods[0].value_cny
    rows = []
    for r in result.services:
        rules = "；".join(dict.fromkeys(r.excluded.values()))
        rows.append(
            {
                "类别": CATEGORY_ZH[r.spec.category],
                "服务": r.spec.name_zh,
                "Service": r.spec.name_en,
                "当年价 亿元": r.counted("current") if r.counts else None,
                "占比": r.counted("current") / gep if r.counts and gep else None,
                "方法或不适用、不计入的原因": r.not_applicable
                or (rules if rules and not r.counts else r.spec.method),
                "可信度": None if r.not_applicable else CONFIDENCE_ZH[r.quality],
                "性质": None if r.not_applicable else ORIGIN_ZH[r.origin],
            }
        )
    return Table(
        common.in_category_order(rows),
        "各项服务价值 Value by service",
        {"当年价 亿元": yi, "占比": percent},
        note="可信度取参数、价格、范围与单元数据中最低者；性质取其输入与范围中最弱者。",
    )


def physical_table(result: UnitAccount) -> Table:
    """Return physical quantities and values by component (实物量与价值量)."""
    rows = []
    for r in result.services:
        units = {c.id: c for c in r.spec.components}
        rows += [
            {
                "服务": r.spec.name_zh,
                "分项": units[name].name_zh,
                "实物量": amount,
                "单位": units[name].units,
                "价值 万元": r.current_cny[name],
                "计入": "否" if name in r.excluded else "是",
                "性质": ORIGIN_ZH[r.origin],
            }
            for name, amount in r.quantities.items()
        ]
    return Table(
        pd.DataFrame(rows),
        "实物量与价值量 Physical quantity and value",
        {"实物量": significant, "价值 万元": wan},
    )


def valuation_table(result: UnitAccount) -> Table:
    """Return the GEP and the values by each method, and what each stands for (估价结果)."""
    rows = [
        {
            "方法": f"{m.name_zh} {m.name_en}",
            "结果 亿元": m.value_cny,
            "范围 亿元": f"{yi(m.lowest_cny)}–{yi(m.highest_cny)}"
            if pd.notna(m.lowest_cny)
            else None,
            "口径": "年流量" if m.per_year else "资产",
            "含义": m.not_applicable or f"{m.stands_for_zh} {m.stands_for_en}",
            "可信度": CONFIDENCE_ZH[m.quality],
            "性质": ORIGIN_ZH[m.origin],
        }
        for m in result.methods
    ]
    return Table(
        pd.DataFrame(rows),
        "市场化估价结果 Values by method",
        {"结果 亿元": yi},
        note="四个数回答四个不同的问题，并列给出；不相加、不平均，GEP 也不是估价的上限或下限。",
    )


def valuation_figure(result: UnitAccount) -> Picture:
    """Return the values of the asset by method as bars, with the range of the comparables."""
    shown = [m for m in result.methods if not m.per_year and not m.not_applicable][::-1]
    figure, axes = new_figure(6.8, 0.5 * len(shown) + 0.9)
    values = [m.value_cny / YI for m in shown]
    axes.barh([m.name_zh for m in shown], values, color=ACCENT, height=0.55)
    for place, method in enumerate(shown):
        end = method.value_cny
        if pd.notna(method.lowest_cny):
            end = max(end, method.highest_cny)
            axes.plot(
                [method.lowest_cny / YI, method.highest_cny / YI],
                [place, place],
                color=INK,
                linewidth=2.2,
            )
        axes.annotate(
            f"{method.value_cny / YI:,.2f}",
            (end / YI, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.margins(x=0.12)
    axes.set_xlabel("亿元（当年价）")
    return Picture(figure)


def rights_table(result: UnitAccount) -> Table:
    """Return the rights with income, its share and its capitalised value (权属清单)."""
    rows = [
        {
            "权属": RIGHT_ZH[r.right.right],
            "权利人": r.right.holder,
            "方式": KIND_ZH[r.right.kind],
            "状态": STATUS_ZH[r.right.status],
            "期限 年": str(r.right.term_year),
            "年收入 万元": r.right.income_cny_a,
            "收入占比": r.share,
            "生态部分现值 万元": r.value_cny,
            "性质": ORIGIN_ZH[r.right.origin],
        }
        for r in result.rights
    ]
    forms = {"年收入 万元": wan, "收入占比": percent, "生态部分现值 万元": wan}
    columns = ["权属", "权利人", "方式", "状态", "期限 年", *forms, "性质"]
    return Table(
        pd.DataFrame(rows, columns=columns),
        "权属与收益 Rights and their income",
        forms,
        note="抵押不产生收入，其收入列在被抵押的权属一行；"
        f"超过 {result.params.longest_term_year} 年的期限只计到该年限。",
    )


def comparables_table(result: UnitAccount) -> Table:
    """Return the comparable deals, their adjustment, and which were left out (可比案例)."""
    table = result.market.table
    origins = table["origin"].map(ORIGIN_ZH) if len(table) else table["origin"]
    frame = pd.DataFrame(
        {
            "案例": table["name"],
            "年份": table["year"].astype("str"),
            "单价 万元/ha": table["price_cny_ha"],
            "时间": table["time_factor"],
            "区位": table["location_factor"],
            "条件": table["condition_factor"],
            "修正后 万元/ha": table["adjusted_cny_ha"],
            "不采用的原因": table["left_out"],
            "性质": origins,
        }
    )
    forms = {"单价 万元/ha": wan, "修正后 万元/ha": wan}
    forms |= dict.fromkeys(["时间", "区位", "条件"], "{:.2f}".format)
    return Table(frame, "可比案例 Comparables", forms, note=result.market.not_applicable)


def costs_table(result: UnitAccount) -> Table:
    """Return the outlays with interest and profit (成本法明细)."""
    costs = result.unit.definition.costs
    rows = [
        {
            "项目": f"{item.name_zh} {item.name_en}",
            "类别": COST_ZH[item.kind],
            "金额 万元": item.amount_cny,
            "性质": ORIGIN_ZH[item.origin],
        }
        for item in (costs.items if costs else [])
    ]
    note = "单元未列成本。"
    if costs and result.cost:
        worst = ORIGIN_ZH[result.methods[-1].origin]
        parts = {
            "利息 Interest": result.cost.interest_cny,
            "利润 Profit": result.cost.profit_cny,
            "合计 Total": result.cost.total_cny,
        }
        rows += [
            {"项目": name, "类别": "计算", "金额 万元": amount, "性质": worst}
            for name, amount in parts.items()
        ]
        note = (
            f"投入期 {costs.period_year:g} 年；保护成本期初投入，开发成本均匀投入，"
            f"利息率 {percent(result.params.interest_rate)}，"
            f"利润率 {percent(result.params.profit_rate)}。"
        )
    columns = ["项目", "类别", "金额 万元", "性质"]
    frame = pd.DataFrame(rows, columns=columns)
    return Table(frame, "成本法明细 Cost in parts", {"金额 万元": wan}, note=note)


def formula_list(result: UnitAccount) -> Prose:
    """Return the formula and source of each method (公式与出处)."""
    lines = [
        f"- **{m.name_zh}** {m.name_en}：${m.formula}$  \n  出处 source：{m.source}"
        for m in result.methods
    ]
    signs = (
        "$E$ 年收入，$k$ 经营成本占比，$c$ 生态贡献率，$g$ 年增长率，$r$ 还原利率，$n$ 年限；"
        "$A$ 面积，$P_j$ 案例单价，$m$ 案例数，$k_t$、$k_l$、$k_c$ 时间、区位、条件修正；"
        "$E_p$ 保护成本，$E_d$ 开发成本，$i$ 利息率，$p$ 利润率。"
    )
    return Prose("\n".join(lines) + "\n\n" + signs)


def parameters_table(run: Run, result: UnitAccount) -> Table:
    """Return the parameters of the valuation, with tables by right spelt out (估价参数)."""
    used = list(dict.fromkeys(r.right.right for r in result.rights))
    rows = []
    for key, p in run.params.under(SECTION).items():
        value = common.shown_value(p.value)
        if isinstance(p.value, dict):
            value = "、".join(f"{RIGHT_ZH[name]} {p.value[name]:g}" for name in used) or value
        rows.append(
            {
                "参数": key,
                "值": value,
                "单位": p.unit,
                "可信度": CONFIDENCE_ZH[p.confidence],
                "来源": p.source,
                "设定层": p.layer,
            }
        )
    return Table(pd.DataFrame(rows), "估价参数 Parameters of the valuation")


def sources_table(result: UnitAccount) -> Table:
    """Return every figure that the unit brings with its source (单元自有数据)."""
    unit = result.unit
    costs = unit.definition.costs
    figures: list[tuple[str, float, str, Right | CostItem | Comparable | Statistic]] = [
        *(
            (
                ".".join(filter(None, (f.table, f.row, f.column)))
                + (f" {f.year}" if f.year else ""),
                f.value,
                f.unit,
                f,
            )
            for f in unit.statistics
        ),
        *(
            (f"收入 {RIGHT_ZH[r.right]}·{KIND_ZH[r.kind]}", r.income_cny_a, "CNY a-1", r)
            for r in unit.definition.rights
        ),
        *((f"成本 {i.name_zh}", i.amount_cny, "CNY", i) for i in (costs.items if costs else [])),
        *((f"案例 {c.name}", c.price_cny_ha, "CNY ha-1", c) for c in unit.comparables),
    ]
    rows = [
        {
            "数据": name,
            "值": value,
            "单位": units,
            "性质": ORIGIN_ZH[figure.origin],
            "可信度": CONFIDENCE_ZH[figure.confidence],
            "来源": figure.source,
        }
        for name, value, units, figure in figures
    ]
    return Table(
        pd.DataFrame(rows, columns=["数据", "值", "单位", "性质", "可信度", "来源"]),
        "单元自有数据 Figures of the unit",
        {"值": "{:,.15g}".format},
        note="未列的统计表即单元没有数据，相应服务不适用。",
    )


def layers_table(run: Run) -> Table:
    """Return the layers of the pack that the unit is accounted from; its tables are not used (图层)."""
    table = common.inputs_table(run)
    kind = table.names.index("类型")
    table.rows = [row for row in table.rows if row[kind] != common.KIND_ZH["table"]]
    table.caption = "所用图层 Layers of the pack"
    return table
