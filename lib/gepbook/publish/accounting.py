"""Tables, figures and formulas of the accounting chapter (核算篇)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties
from gepbook.accounting import Account, registry
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.ledger import ORIGIN_ZH
from gepbook.params import CONFIDENCE_ZH, CONFIDENCES
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

BASIS_ZH = {"current": "当年价", "comparable": "可比价"}


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
    sentence = (
        f"{run.year} 年**{name}**生态系统生产总值（GEP）为 **{yi(gep.loc['gep', 'value'])} 亿元**"
        f"（当年价），其中"
        + "、".join(f"{CATEGORY_ZH[c]} {yi(gep.loc[c, 'value'])} 亿元" for c in CATEGORY_ZH)
        + f"；单位面积 GEP {gep.loc['gep', 'value'] / area / WAN:,.0f} 万元/km²"
    )
    if "gep" in growth.index:
        sentence += f"；按可比价比上年变化 {percent(growth.loc['gep', 'value'])}"
    return Prose(sentence + "。")


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
            f"可比价 ({year}) 亿元": comparable["value"],
            "可比价增长": growth,
            "性质": current["origin"].map(ORIGIN_ZH),
        }
    ).loc[list(names)]
    forms = {c: yi for c in frame.columns if c.endswith("亿元")} | {"可比价增长": percent}
    return Table(frame, "GEP 总表 GEP by category", forms)


def services_table(ledger: pd.DataFrame) -> Table:
    """Return every service with value, share, method, confidence and origin (分项表)."""
    value = _figures(ledger, "services", "value", "current")
    comparable = _figures(ledger, "services", "value", "comparable")["value"]
    share = _figures(ledger, "services", "share")["value"]
    absent = _figures(ledger, "services", "not_applicable")
    rows = []
    for name, spec in registry.services().items():
        if name in value.index:
            rows.append(
                {
                    "类别": CATEGORY_ZH[spec.category],
                    "服务": spec.name_zh,
                    "Service": spec.name_en,
                    "当年价 亿元": value.loc[name, "value"],
                    "可比价 亿元": comparable[name],
                    "占比": share.get(name),
                    "方法": value.loc[name, "method_id"].rpartition("/")[2],
                    "参数可信度": CONFIDENCE_ZH[value.loc[name, "quality"]],
                    "性质": ORIGIN_ZH[value.loc[name, "origin"]],
                }
            )
        elif name in absent.index:
            rows.append(
                {
                    "类别": CATEGORY_ZH[spec.category],
                    "服务": spec.name_zh,
                    "Service": spec.name_en,
                    "方法": absent.loc[name, "note"],
                    "性质": ORIGIN_ZH[absent.loc[name, "origin"]],
                }
            )
    order = {zh: i for i, zh in enumerate(CATEGORY_ZH.values())}
    frame = pd.DataFrame(rows).sort_values("类别", key=lambda c: c.map(order), kind="stable")
    return Table(
        frame,
        "各项服务价值 Value by service",
        {"当年价 亿元": yi, "可比价 亿元": yi, "占比": percent},
        note="参数可信度取该项所用参数与价格中最低者；性质取其输入中最弱者。",
    )


def physical_table(ledger: pd.DataFrame) -> Table:
    """Return physical quantities and values by component (实物量与价值量)."""
    physical = _figures(ledger, "components", "physical")
    value = _figures(ledger, "components", "value", "current")["value"]
    rows = []
    for item, row in physical.iterrows():
        service, _, name = str(item).partition(".")
        spec = registry.services()[service]
        component = next(c for c in spec.components if c.id == name)
        rows.append(
            {
                "服务": spec.name_zh,
                "分项": component.name_zh,
                "实物量": row["value"],
                "单位": row["unit"],
                "价值 万元": value[item] / WAN,
                "性质": ORIGIN_ZH[row["origin"]],
            }
        )
    return Table(
        pd.DataFrame(rows),
        "实物量与价值量 Physical quantity and value",
        {"实物量": significant, "价值 万元": "{:,.1f}".format},
    )


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


def value_map(account: Account, service: str) -> Picture:
    """Return the map of a service's density in its first component."""
    result = next(r for r in account.services if r.spec.id == service)
    component = result.spec.components[0]
    density = result.density[component.id].where(account.inputs.coverage > 0)
    unit = f"{component.name_zh}  {result.density[component.id].attrs['units']}"
    return maps.raster_map(density, account.inputs.geometry, unit)


def formula_list(account: Account) -> Prose:
    """Return each service's formula and source (公式与出处)."""
    lines = [
        f"- **{r.spec.name_zh}** {r.spec.name_en}：${r.spec.formula}$  \n"
        f"  出处 source：{r.spec.source}"
        for r in account.services
    ]
    factors = [
        f"- {f.name_zh} {f.name_en}（{f.units}）：${f.formula}$；{f.source}"
        for f in registry.factors().values()
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


def parameters_table(run: Run) -> Table:
    """Return every parameter of services and factors (核算参数)."""
    sections = {*registry.factors(), *(s.parameters for s in registry.services().values())}
    return common.parameter_table(run.params, *sections, caption="核算参数 Parameters")


def unverified(run: Run) -> Prose:
    """Return which parameters were not checked against their source, weakest first."""
    sections = {*registry.factors(), *(s.parameters for s in registry.services().values())}
    weak = [(k, p) for k, p in run.params.under(*sections).items() if not p.verified]
    weak.sort(key=lambda kp: -CONFIDENCES.index(kp[1].confidence))
    names = "、".join(f"`{k}`（{CONFIDENCE_ZH[p.confidence]}）" for k, p in weak)
    return Prose(
        f"本次核算用到 {len(weak)} 个未对照原文的参数 (parameters not verified against their source)："
        f"{names}。"
    )
