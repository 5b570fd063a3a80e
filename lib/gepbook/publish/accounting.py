"""Tables, figures and formulas of the accounting chapter (核算篇)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ecosystems
from gepbook.accounting import Account, completeness, registry, seea
from gepbook.accounting.change import PART_ZH, PARTS, groups
from gepbook.accounting.comparison import SAME
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.inventory import asset_account
from gepbook.inventory.condition import INDICATORS
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH, CONFIDENCES
from gepbook.prices import BASIS_ZH
from gepbook.publish import common, maps
from gepbook.publish.display import (
    WAN,
    YI,
    Picture,
    Prose,
    Table,
    new_figure,
    percent,
    significant,
    yi,
)
from gepbook.publish.fonts import CATEGORY_COLORS
from gepbook.run import Run

BASIS_NAME = {"cost": "保护和开发成本", "market": "市场供需"}
SHOWN_VARIABLES = 10
WEAK = ("low", "design")
#: What is said where counties were computed for their ledgers alone.
BRIEF = "部分县只有简算台账，没有区间、敏感性与变化分解；对全省运行 run_all.py 后才有。"
KIND_ZH = {"price": "价格", "layer": "图层误差", "shift": "图层误差", "table": "统计误差"}


def _figures(ledger: pd.DataFrame, account: str, measure: str, basis: str = "") -> pd.DataFrame:
    """Return the rows of an account and measure, indexed by item."""
    rows = ledger[(ledger["account"] == account) & (ledger["measure"] == measure)]
    return rows[rows["price_basis"] == basis].set_index("item")


def headline(ledger: pd.DataFrame, run: Run) -> Prose:
    """Return the chapter's first sentence, with its growth where there is a year before."""
    name = counties.name_zh(run.county_code)
    gep = _figures(ledger, "gep", "value", "current")
    growth = _figures(ledger, "gep", "growth", "comparable")
    area = run.pack.geometry(run.county_code).area / 1e6
    lacking = _figures(ledger, "services", completeness.MEASURE)
    sentence = f"**不完整，缺 {len(lacking)} 项服务。** " if len(lacking) else ""
    sentence += (
        f"{run.year} 年**{name}**生态系统生产总值（GEP）为 **{yi(gep.loc['gep', 'value'])} 亿元**"
        f"（当年价），其中"
        + "、".join(f"{CATEGORY_ZH[c]} {yi(gep.loc[c, 'value'])} 亿元" for c in CATEGORY_ZH)
        + f"；单位面积 GEP {gep.loc['gep', 'value'] / area / WAN:,.0f} 万元/km²"
    )
    low, high = gep.loc["gep", ["low", "high"]]
    sentence += f"；90% 区间 {yi(low)}–{yi(high)} 亿元"
    if "gep" in growth.index:
        sentence += f"；按可比价比上年变化 {percent(growth.loc['gep', 'value'])}"
    normal = _figures(ledger, "gep", "growth_normal_weather", "comparable")
    if "gep" in normal.index:
        sentence += f"，扣除气象波动后 {percent(normal.loc['gep', 'value'])}"
    return Prose(sentence + "。")


def missing_table(ledger: pd.DataFrame) -> Table | Prose:
    """Return the services that could not be computed and what the pack lacks for them (缺失项)."""
    lacking = _figures(ledger, "services", completeness.MEASURE)
    if lacking.empty:
        return Prose("数据包齐全，本标准各项服务均已核算。Nothing is missing.")
    specs = registry.services()
    frame = pd.DataFrame(
        {
            "服务 Service": [f"{specs[n].name_zh} {specs[n].name_en}" for n in lacking.index],
            "类别": [CATEGORY_ZH[specs[n].category] for n in lacking.index],
            "缺什么 What lacks": lacking["note"].to_list(),
        }
    )
    return Table(
        frame,
        "未能核算的服务 Services that could not be computed",
        note="以上各项不在 GEP 合计内；合计不完整，不得与完整的 GEP 相比，也不用于全省排名与分配。",
    )


def _band(rows: pd.DataFrame) -> pd.Series:
    """Return the 90 % interval of CNY as text in 亿元."""
    return pd.Series(
        [f"{yi(low)}–{yi(high)}" for low, high in zip(rows["low"], rows["high"], strict=True)],
        index=rows.index,
    )


def summary_table(ledger: pd.DataFrame) -> Table:
    """Return GEP and its categories at current and comparable prices (总表)."""
    names = {**CATEGORY_ZH, "gep": "生态系统生产总值 GEP"}
    current = _figures(ledger, "gep", "value", "current")
    comparable = _figures(ledger, "gep", "value", "comparable")
    growth = _figures(ledger, "gep", "growth", "comparable")["value"]
    year = int(comparable["price_year"].iloc[0])
    frame = pd.DataFrame(
        {
            "类别": pd.Series(names),
            "当年价 亿元": current["value"],
            "90% 区间 亿元": _band(current),
            f"可比价 ({year}) 亿元": comparable["value"],
            "可比价增长": growth,
            "性质": current["origin"].map(ORIGIN_ZH),
        }
    ).loc[list(names)]
    forms = dict.fromkeys(["当年价 亿元", f"可比价 ({year}) 亿元"], yi) | {"可比价增长": percent}
    return Table(frame, "GEP 总表 GEP by category", forms)


def services_table(ledger: pd.DataFrame) -> Table:
    """Return every service with value, band, share, method, confidence and origin (分项表)."""
    value = _figures(ledger, "services", "value", "current")
    share = _figures(ledger, "services", "share")["value"]
    bands = _band(value)
    rows = []
    for name, spec in registry.services().items():
        if name in value.index:
            rows.append(
                {
                    "类别": CATEGORY_ZH[spec.category],
                    "服务 Service": f"{spec.name_zh} {spec.name_en}",
                    "当年价 亿元": value.loc[name, "value"],
                    "90% 区间 亿元": bands[name],
                    "占比": share.get(name),
                    "方法": value.loc[name, "method_id"].rpartition("/")[2],
                    "参数可信度": CONFIDENCE_ZH[value.loc[name, "quality"]],
                    "性质": ORIGIN_ZH[value.loc[name, "origin"]],
                }
            )
    return Table(
        common.in_category_order(rows),
        "各项服务价值 Value by service",
        {"当年价 亿元": yi, "占比": percent},
        note="参数可信度取该项所用参数与价格中最低者；性质取其输入中最弱者；区间为 5%–95% 分位。",
    )


def beside_table(ledger: pd.DataFrame) -> Table:
    """Return services that are computed but not counted, and those that do not apply (表外项)."""
    excluded = _figures(ledger, "services", "value_excluded", "current")
    absent = _figures(ledger, "services", "not_applicable")
    specs = registry.services()
    rows = [
        {
            "服务 Service": f"{specs[name].name_zh} {specs[name].name_en}",
            "当年价 亿元": row["value"],
            "不计入总值的原因": row["note"],
            "性质": ORIGIN_ZH[row["origin"]],
        }
        for name, row in excluded.iterrows()
    ]
    rows += [
        {
            "服务 Service": f"{specs[name].name_zh} {specs[name].name_en}",
            "不计入总值的原因": f"不适用：{row['note']}",
        }
        for name, row in absent.iterrows()
    ]
    columns = ["服务 Service", "当年价 亿元", "不计入总值的原因", "性质"]
    return Table(
        pd.DataFrame(rows, columns=columns),
        "选算、避免重复与不适用项 Computed beside GEP, or not applicable",
        {"当年价 亿元": yi},
    )


def coastal_table(ledger: pd.DataFrame) -> Table | Prose:
    """Return the coastal account of a pilot county: all its items, counted or not (海岸带账户)."""
    specs = {n: s for n, s in registry.services().items() if s.only_group}
    rows = []
    for item, row in ledger[ledger["account"] == "components"].set_index("item").iterrows():
        service, _, name = str(item).partition(".")
        if service not in specs or row["measure"] != "physical":
            continue
        money = ledger[
            (ledger["account"] == "components")
            & (ledger["item"] == item)
            & (ledger["price_basis"] == "current")
        ].iloc[0]
        rows.append(
            {
                "服务": specs[service].name_zh,
                "分项": next(c.name_zh for c in specs[service].components if c.id == name),
                "实物量": row["value"],
                "单位": row["unit"],
                "价值 万元": money["value"] / WAN,
                "计入 GEP": "是" if money["measure"] == "value" else f"否：{money['note']}",
                "性质": ORIGIN_ZH[row["origin"]],
            }
        )
    if not rows:
        return Prose("本县不在海岸带核算试点范围。Not a coastal pilot county.")
    return Table(
        pd.DataFrame(rows),
        "海岸带生态产品账户 Coastal and marine account",
        {"实物量": significant, "价值 万元": "{:,.1f}".format},
    )


def physical_table(ledger: pd.DataFrame) -> Table:
    """Return physical quantities and values by component (实物量与价值量)."""
    physical = _figures(ledger, "components", "physical")
    value = _figures(ledger, "components", "value", "current")["value"]
    rows = []
    for item, row in physical[physical.index.isin(value.index)].iterrows():
        service, _, name = str(item).partition(".")
        spec = registry.service_methods()[service][row["method_id"].rpartition("/")[2]]
        rows.append(
            {
                "服务": spec.name_zh,
                "分项": next(c.name_zh for c in spec.components if c.id == name),
                "实物量": row["value"],
                "90% 区间": f"{significant(row['low'])}–{significant(row['high'])}",
                "单位": row["unit"],
                "价值 万元": value[item] / WAN,
                "性质": ORIGIN_ZH[row["origin"]],
            }
        )
    return Table(
        pd.DataFrame(rows),
        "实物量与价值量 Physical quantity and value",
        {"实物量": significant, "价值 万元": "{:,.1f}".format},
        note=_negative_note(ledger),
    )


def _negative_note(ledger: pd.DataFrame) -> str:
    """Return where quantities are below 0, which is kept and not set to 0."""
    areas = _figures(ledger, "components", "negative_area")["value"]
    shown = "；".join(f"{_item_name(str(item))} {area:,.0f} ha" for item, area in areas.items())
    return f"密度为负的面积（蒸散与径流大于降水等，按负值计入）：{shown}。" if shown else ""


def composition_figure(ledger: pd.DataFrame) -> Picture:
    """Return the services' values as bars, largest first, coloured by category."""
    value = _figures(ledger, "services", "value", "current")["value"].sort_values()
    specs = registry.services()
    figure, axes = new_figure(6.8, 0.32 * len(value) + 0.9)
    colors = [CATEGORY_COLORS[specs[name].category] for name in value.index]
    bars = axes.barh([specs[name].name_zh for name in value.index], value / YI, color=colors)
    axes.bar_label(bars, [f"{v / YI:,.2f}" for v in value], padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.set_xlabel("亿元（当年价）")
    common.category_legend(axes)
    return Picture(figure)


def value_map(account: Account, service: str) -> Picture | Prose:
    """Return the map of a service's density in its first component, or why there is none."""
    result = next((r for r in account.services if r.spec.id == service), None)
    if result is None or not result.density:
        name = registry.services()[service].name_zh
        reason = account.absent.get(service, "本标准不核算或没有空间分布")
        return Prose(f"{name}没有地图：{reason}。")
    component = result.spec.components[0]
    density = result.density[component.id].where(account.inputs.coverage > 0)
    unit = f"{component.name_zh}  {result.density[component.id].attrs['units']}"
    return maps.raster_map(density, account.inputs.geometry, unit)


def formula_list(account: Account) -> Prose:
    """Return each service's formula and source (公式与出处)."""
    lines = [
        f"- **{r.spec.name_zh}** {r.spec.name_en}（`{r.spec.method}`）：${r.spec.formula}$  \n"
        f"  出处 source：{r.spec.source}"
        for r in account.services
        if not r.not_applicable
    ]
    factors = [
        f"- {f.name_zh} {f.name_en}（{f.units}，`{f.method}`）：${f.formula}$；{f.source}"
        for methods in registry.factor_methods().values()
        for f in methods.values()
        if f.parameters in account.sections
        and f.method == account.standard.factors.get(f.id, next(iter(methods)))
    ]
    return Prose("\n".join(lines) + "\n\n**因子 Factors**\n\n" + "\n".join(factors))


def rules_table(account: Account) -> Table:
    """Return how the standard treats overlaps, and what it leaves out (重复计算规则)."""
    services = registry.services()

    def shown(items: tuple[str, ...]) -> str:
        return "、".join(_item_name(item) for item in items)

    rows = [
        {
            "规则": d.rule,
            "重叠项": shown(d.overlap),
            "处理": f"不计入 {shown(d.exclude)}" if d.exclude else "都计入",
            "理由": d.reason,
        }
        for d in account.standard.double_counting
    ]
    for name, rule in account.standard.services.items():
        if not rule.include:
            rows.append({"规则": services[name].name_zh, "处理": "未核算", "理由": rule.note})
        elif rule.optional:
            handled = "计入" if account.standard.count_optional else "选算，不计入总值"
            rows.append({"规则": services[name].name_zh, "处理": handled, "理由": rule.note})
    rows += [
        {"规则": n.item, "处理": "未核算", "理由": n.reason} for n in account.standard.not_computed
    ]
    text = "已对照原文" if account.standard.text_verified else "未能对照标准原文"
    return Table(
        pd.DataFrame(rows),
        "重复计算、选算与未核算项 Double counting, optional items, items left out",
        note=f"{account.standard.name_zh}；{text}。",
    )


def _item_name(item: str) -> str:
    """Return the Chinese name of a service or of `service.component`."""
    service, _, component = item.partition(".")
    methods = registry.service_methods()[service]
    name = next(iter(methods.values())).name_zh
    parts = [c.name_zh for spec in methods.values() for c in spec.components if c.id == component]
    return f"{name}·{parts[0]}" if parts else name


def price_table(account: Account) -> Table:
    """Return unit prices at base year, accounting year and comparable year (价格表)."""
    year = account.inputs.year
    now = account.prices.at(year, year)
    fixed = account.prices.at(account.comparable_year, year)
    rows = [
        {
            "价格": p.name_zh,
            "依据": BASIS_ZH[p.basis],
            "单位": p.unit,
            "基准价": p.value,
            "基准年": "当年" if p.base_year == "accounting" else str(p.base_year),
            f"{year} 年价": now[key],
            f"可比价 {account.comparable_year}": fixed[key],
            "指数": p.index,
            "可信度": CONFIDENCE_ZH[p.confidence],
            "来源": p.source,
        }
        for key, p in account.prices.prices.items()
    ]
    forms = dict.fromkeys(
        ["基准价", f"{year} 年价", f"可比价 {account.comparable_year}"], "{:,.3f}".format
    )
    return Table(pd.DataFrame(rows), "单位价格 Unit prices", forms)


def price_choices(account: Account) -> Table:
    """Return prices known both by cost and by market, and which is taken and why (定价依据)."""
    year = account.inputs.year
    rows = []
    for key, options in account.prices.choices.items():
        taken = account.prices.prices[key].basis
        for basis in options:
            at = account.prices.choosing({key: basis}).at(year, year)[key]
            rows.append(
                {
                    "价格": options[basis].name_zh,
                    "依据": f"{BASIS_ZH[basis]} {BASIS_NAME[basis]}",
                    f"{year} 年价": at,
                    "单位": options[basis].unit,
                    "采用": "是" if basis == taken else "",
                    "理由": account.prices.reasons.get(key, "") if basis == taken else "",
                }
            )
    return Table(
        pd.DataFrame(rows),
        "成本定价与市场定价 Prices by cost and by market",
        {f"{year} 年价": "{:,.2f}".format},
        note="以保护和开发成本、市场供需两种依据定价，采用其一并说明理由。",
    )


def parameters_table(account: Account, run: Run) -> Table:
    """Return every parameter that the account read (核算参数)."""
    return common.parameter_table(run.params, *account.sections, caption="核算参数 Parameters")


def unverified(account: Account, run: Run) -> Prose:
    """Return which parameters were not checked against their source, weakest first."""
    weak = [(k, p) for k, p in run.params.under(*account.sections).items() if not p.verified]
    weak.sort(key=lambda kp: -CONFIDENCES.index(kp[1].confidence))
    names = "、".join(f"`{k}`（{CONFIDENCE_ZH[p.confidence]}）" for k, p in weak)
    return Prose(
        f"本次核算用到 {len(weak)} 个未对照原文的参数 (parameters not verified against their source)："
        f"{names}。"
    )


def sensitivity(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return what moves GEP, most first: swing in CNY, Sobol indices, confidence, by variable."""
    rows = ledger[ledger["account"] == "sensitivity"]
    if rows.empty:
        return pd.DataFrame()
    table = rows.pivot_table(index="item", columns="measure", values="value")
    table["quality"] = rows.groupby("item")["quality"].first()
    table["swing"] = (table["gep_high"] - table["gep_low"]).abs()
    return table.sort_values("swing", ascending=False)


def _variable_name(name: str) -> str:
    """Return a variable as shown: its kind, where it is no parameter, and its id."""
    kind, _, rest = name.partition(".")
    return f"{KIND_ZH[kind]} {rest}" if kind in KIND_ZH else name


def tornado_figure(ledger: pd.DataFrame) -> Picture | None:
    """Return GEP with each of the ten variables that move it most at its 5 % and 95 % quantile."""
    table = sensitivity(ledger).head(SHOWN_VARIABLES)[::-1]
    if table.empty:
        return None
    centre = _figures(ledger, "gep", "value", "current").loc["gep", "value"] / YI
    figure, axes = new_figure(6.8, 3.9)
    names = [_variable_name(str(name)) for name in table.index]
    for column, color in (("gep_low", "#8fb3c9"), ("gep_high", "#d99a6c")):
        axes.barh(names, table[column] / YI - centre, left=centre, color=color, height=0.6)
    axes.axvline(centre, color="#333333", linewidth=0.8)
    axes.set_xlabel("GEP 亿元；蓝：该项取 5% 分位，橙：取 95% 分位")
    axes.tick_params(axis="y", labelsize=7.5)
    return Picture(figure)


def sensitivity_table(ledger: pd.DataFrame) -> Table | Prose:
    """Return the ten variables that move GEP most, with their Sobol indices (敏感性)."""
    table = sensitivity(ledger).head(SHOWN_VARIABLES)
    if table.empty:
        return Prose(BRIEF)
    frame = pd.DataFrame(
        {
            "变量": [_variable_name(str(name)) for name in table.index],
            "取低时 GEP 亿元": table["gep_low"],
            "取高时 GEP 亿元": table["gep_high"],
            "一阶 Sobol": table["first"].clip(lower=0),
            "总 Sobol": table["total"].clip(lower=0),
            "可信度": [CONFIDENCE_ZH.get(q, "—") for q in table["quality"]],
        }
    )
    number = "{:.2f}".format
    return Table(
        frame,
        "最影响 GEP 的十个变量 The ten variables that move GEP most",
        {"取低时 GEP 亿元": yi, "取高时 GEP 亿元": yi, "一阶 Sobol": number, "总 Sobol": number},
        note="低、高为各变量的 5% 与 95% 分位，其余变量取标称值。指数为方差份额的估计，误差约 0.1。",
    )


def weak_parameters(ledger: pd.DataFrame) -> Prose | None:
    """Return how much of GEP's variance the weakest parameters carry (低可信参数的方差份额)."""
    table = sensitivity(ledger)
    if table.empty:
        return None
    weak = table[table["quality"].isin(WEAK)].sort_values("total", ascending=False)
    share = weak["first"].clip(lower=0).sum()
    shown = weak[weak["total"] >= 0.005]
    names = "、".join(f"`{name}` {row['total']:.2f}" for name, row in shown.iterrows())
    return Prose(
        f"可信度为“低”或“建议值”的 {len(weak)} 个参数合计约占 GEP 方差的 {percent(min(share, 1.0))}"
        f"（一阶指数之和）。其中总指数不低于 0.005 的：{names or '无'}。先核实这些参数，区间缩小最多。"
    )


def change_table(ledger: pd.DataFrame) -> Table | Prose:
    """Return the change on the year before by service and part (变化分解)."""
    rows = ledger[ledger["account"] == "change"]
    if rows.empty:
        return Prose(f"数据包中没有上一年，或{BRIEF}")
    table = rows.pivot_table(index="item", columns="measure", values="value", sort=False)
    specs = registry.services()
    table = table.loc[[name for name in (*specs, "gep") if name in table.index]]
    names = [specs[i].name_zh if i in specs else "GEP 合计" for i in table.index]
    parts = {f"{PART_ZH[part]} 万元": table[part].to_numpy() / WAN for part in PARTS}
    frame = pd.DataFrame({"服务": names, **parts, "合计 万元": table["total"].to_numpy() / WAN})
    number = "{:,.0f}".format
    return Table(
        frame,
        f"GEP 变化分解 {rows['note'].iloc[0]} Change of GEP explained",
        dict.fromkeys(frame.columns[1:], number),
        note="当年价。各部分为 Shapley 值，相加等于变化，无残差。面积：生态系统类型变化；"
        "质量：植被等图层；气象：降水、气温；产出与活动：统计数据；价格：价格水平。",
    )


def change_figure(ledger: pd.DataFrame) -> Picture | None:
    """Return the change on the year before as a bridge from part to part."""
    rows = ledger[(ledger["account"] == "change") & (ledger["item"] == "gep")]
    if rows.empty:
        return None
    values = rows.set_index("measure")["value"].reindex([*PARTS, "total"]).fillna(0.0) / YI
    starts = [0.0, *values[list(PARTS)].cumsum()[:-1], 0.0]
    colors = ["#7a9e7e" if v >= 0 else "#c0705c" for v in values[list(PARTS)]] + ["#4a6d8c"]
    figure, axes = new_figure(6.4, 3.0)
    axes.bar([*PART_ZH.values(), "合计"], values, bottom=starts, color=colors)
    for place, (start, value) in enumerate(zip(starts, values, strict=True)):
        top = max(start, start + value)
        axes.annotate(
            f"{value:+,.2f}",
            (place, top),
            (0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.axhline(0, color="#333333", linewidth=0.8)
    axes.margins(y=0.15)
    axes.set_ylabel("亿元（当年价）")
    return Picture(figure)


def standards_table(ledger: pd.DataFrame) -> Table | Prose:
    """Return services by the standards that were run side by side (核算标准对照)."""
    rows = ledger[ledger["account"] == "standards"]
    if rows.empty:
        return Prose(
            "本次只按一个标准核算；`--standard a,b` 可并列多个。Only one standard was run."
        )
    split = rows["item"].str.partition(".")
    wide = rows.assign(standard=split[0], service=split[2]).pivot_table(
        index="service", columns="standard", values="value", sort=False
    )
    first = next(s for s in wide.columns if (rows["note"][split[0] == s] == "").all())
    order = [first, *(c for c in wide.columns if c != first)]
    specs = registry.services()
    index = [name for name in [*specs, ""] if name in wide.index]
    frame = wide.loc[index, order].reset_index(drop=True)
    frame.insert(0, "服务", [specs[n].name_zh if n else "GEP" for n in index])
    return Table(
        frame,
        "几种核算标准并列 Standards side by side, 亿元（当年价）",
        dict.fromkeys(order, yi),
        note="同一套输入；差异原因见下表。空格为该标准不核算或不适用。",
    )


def causes_table(ledger: pd.DataFrame) -> Table | Prose:
    """Return why services differ between the standards (差异原因)."""
    rows = ledger[(ledger["account"] == "standards") & ~ledger["note"].isin(["", SAME])]
    if rows.empty:
        return Prose("没有差异。No differences.")
    split = rows["item"].str.partition(".")
    specs = registry.services()
    frame = pd.DataFrame(
        {
            "标准": split[0],
            "服务": [specs[name].name_zh for name in split[2]],
            "原因": rows["note"],
        }
    )
    return Table(frame, "与主标准的差异原因 What causes each difference")


def seea_extent(ledger: pd.DataFrame) -> Table | Prose:
    """Return the extent account with additions and reductions (范围账户)."""
    table = seea.tables(ledger).get("seea_extent")
    if table is None:
        return Prose("数据包中没有上一年，不编制 SEEA 账户。")
    types = ecosystems.read().set_index("id")["name_zh"]
    frame = pd.DataFrame(
        {
            "生态系统": [types[i] for i in table["item"]],
            "期初 ha": table["opening"],
            "增加 ha": table["additions"],
            "减少 ha": table["reductions"],
            "期末 ha": table["closing"],
        }
    )
    return Table(
        frame, "范围账户 Extent account", dict.fromkeys(frame.columns[1:], "{:,.1f}".format)
    )


def seea_condition(ledger: pd.DataFrame) -> Table | Prose:
    """Return the condition account (状况账户)."""
    table = seea.tables(ledger).get("seea_condition")
    if table is None:
        return Prose("没有状况变量。")
    wide = table.groupby("item", sort=False).first()
    split = [str(item).partition(".") for item in wide.index]
    frame = pd.DataFrame(
        {
            "生态系统": [common.GROUP_ZH[s[0]] for s in split],
            "变量": [INDICATORS[s[2]].name_zh for s in split],
            "参照水平": wide["reference"].to_numpy(),
            "期初": wide["opening"].to_numpy(),
            "期末": wide["closing"].to_numpy(),
            "期初指标": wide["indicator_opening"].to_numpy(),
            "期末指标": wide["indicator_closing"].to_numpy(),
        }
    )
    forms = dict.fromkeys(["参照水平", "期初", "期末"], "{:,.1f}".format)
    indicator = dict.fromkeys(["期初指标", "期末指标"], "{:.3f}".format)
    return Table(
        frame,
        "状况账户 Condition account",
        {**forms, **indicator},
        note="与调查篇的状况账户同源；指标为值在参照水平下限与上限之间的位置，0–1。",
    )


def seea_flows(ledger: pd.DataFrame, account: str) -> Table | Prose:
    """Return supply by ecosystem or use by user in money, a row a service (供给表、使用表)."""
    rows = ledger[(ledger["account"] == account) & (ledger["price_basis"] == "current")]
    if rows.empty:
        return Prose("没有供给使用表。")
    service = rows["item"].str.partition(".")[0]
    wide = (
        rows.assign(service=service)
        .pivot_table(index="service", columns="measure", values="value", aggfunc="sum", sort=False)
        .fillna(0.0)
    )
    names = common.GROUP_ZH if account == "seea_supply" else seea.USER_ZH
    order = [c for c in (groups() if account == "seea_supply" else seea.USERS) if c in wide]
    wide.loc[""] = wide.sum()
    specs = registry.services()
    frame = wide[order].rename(columns=names).reset_index(drop=True)
    frame.insert(0, "服务", [specs[n].name_zh if n else "合计" for n in wide.index])
    frame["合计"] = wide.sum(axis=1).to_numpy()
    title = "供给表 Supply" if account == "seea_supply" else "使用表 Use"
    return Table(
        frame,
        f"货币型{title}, 亿元",
        dict.fromkeys(frame.columns[1:], yi),
        note="实物型供给使用表见同名 XLSX；每项服务供给等于使用。",
    )


def bridge_table(ledger: pd.DataFrame) -> Table | Prose:
    """Return resource assets beside the capitalised services of the same ecosystems (资产衔接表)."""
    rows = ledger[ledger["account"] == "asset_bridge"]
    if rows.empty:
        return Prose("没有上一年，无资产账户衔接表。No year before: no bridge of assets.")
    wide = rows.pivot_table(index="item", columns="measure", values="value")
    notes = rows.pivot_table(index="item", columns="measure", values="note", aggfunc="first")
    wide = wide.sort_index(key=lambda lines: lines == asset_account.TOTAL, kind="stable")
    frame = pd.DataFrame(
        {
            "生态系统": notes["market_value"][wide.index].to_numpy(),
            "资源资产市场价值 亿元": wide["market_value"].to_numpy(),
            "差额 亿元": wide["difference"].to_numpy(),
            "服务资本化价值 亿元": wide["capitalised_value"].to_numpy(),
            "差额的原因": notes["difference"][wide.index].to_numpy(),
        }
    )
    return Table(
        frame,
        "资源资产与生态系统资产的衔接 Bridge between resource and ecosystem assets",
        dict.fromkeys([c for c in frame if c.endswith("亿元")], yi),
        note="同一片土地与水的两种价值并列，不相加；市场价值见调查篇的资产账户。",
    )


def seea_assets(ledger: pd.DataFrame) -> Table | Prose:
    """Return the monetary asset account by ecosystem group (货币资产账户)."""
    table = seea.tables(ledger).get("seea_asset")
    if table is None:
        return Prose("没有资产账户。")
    names = dict(
        zip(
            seea.ASSET,
            ["期初", "质量提升", "质量下降", "面积增加", "面积减少", "其他变化", "重估", "期末"],
            strict=True,
        )
    )
    frame = table[list(seea.ASSET)].rename(columns=names)
    frame.insert(0, "生态系统", [common.GROUP_ZH[i] for i in table["item"]])
    return Table(
        frame,
        "货币资产账户 Monetary asset account, 亿元（净现值）",
        dict.fromkeys(names.values(), yi),
        note="期初加各项变化等于期末。资产值为服务年值按贴现率折现的净现值；气象与质量合计为提升或下降。",
    )
