"""Offsetting in the reports: what was occupied, by what it was offset, what is left (占补平衡)."""

from __future__ import annotations

import pandas as pd

from gepbook import counties, ecosystems
from gepbook.accounting import registry, sites
from gepbook.compensation import Compensation, offset
from gepbook.compensation.offset.rules import SECTION, TIERS, OffsetParams
from gepbook.ledger import ORIGIN_ZH
from gepbook.publish import common
from gepbook.publish.display import WAN, Prose, Table, significant, wan
from gepbook.run import Run

HA = "{:,.2f}".format
RATIO = "{:.2f}".format
PROPOSAL = "系数、折现率与年数为本工具建议值，非已公布规则。"


def _origin(result: Compensation) -> str:
    """Return the note on the origin of the figures."""
    return f"性质：{ORIGIN_ZH[result.province.origin(sites.LAYER)]}（地块）。"


def _quantity(service: str, quantity: str) -> str:
    """Return the Chinese name of what is balanced."""
    spec = registry.services()[service]
    component = quantity.partition(".")[2]
    names = {c.id: c.name_zh for c in spec.components}
    return f"{spec.name_zh}·{names[component]}" if component in names else spec.name_zh


def _rules(result: Compensation) -> OffsetParams:
    """Return the scheme's rules."""
    return result.province.rules(SECTION, OffsetParams)


def sentence(result: Compensation, run: Run) -> Prose:
    """Return what offsetting means for the county."""
    name = counties.name_zh(run.county_code)
    if lacking := common.lacking(result.schemes[offset.ID].lacking, "，未核算占补平衡"):
        return Prose(f"{lacking} No sites, no balance.")
    projects = result.schemes[offset.ID].rows_of(run.county_code, "projects")
    projects = projects[projects["year"] == run.year] if len(projects) else projects
    supply = result.schemes[offset.ID].rows_of(run.county_code, "supply")
    if projects.empty and supply.empty:
        return Prose(
            f"{run.year} 年{name}没有登记的占用项目，也没有补偿地块。"
            "Neither occupations nor offset sites are registered here."
        )
    text = ""
    if len(projects):
        text += (
            f"{run.year} 年{name}登记占用项目 {len(projects)} 个、{HA(projects['area_ha'].sum())} ha，"
            f"每年减少生态产品价值 {wan(projects['loss_cny'].sum())} 万元；以 "
            f"{HA(projects['offset_ha'].sum())} ha 补偿地块补足，费用 "
            f"**{wan(projects['cost_cny'].sum())} 万元**，地块补不足的部分缴纳 "
            f"**{wan(projects['money_cny'].sum())} 万元**。"
        )
    if len(supply):
        text += (
            f"{name}有补偿地块 {len(supply)} 处、{HA(supply['area_ha'].sum())} ha，已用 "
            f"{HA(supply['used_ha'].sum())} ha，尚余 {HA(supply['free_ha'].sum())} ha。"
        )
    english = f"Occupations this year: {len(projects)}; offset sites: {len(supply)}."
    return Prose(f"{text}{english}")


def site_table(result: Compensation, run: Run) -> Table | None:
    """Return what the county's sites yield before and after their change (地块核算)."""
    own = result.schemes[offset.ID].rows_of(run.county_code, "sites")
    if own.empty:
        return None
    types = ecosystems.read().set_index("id")["name_zh"]
    frame = pd.DataFrame(
        {
            "地块": own["site_id"],
            "名称": own["name"],
            "类别": own["kind"].map(sites.KINDS),
            "年份": own["year"].astype("str"),
            "变为": own["after_type"].map(types),
            "面积 ha": own["area_ha"],
            "变化前 万元/年": own["value_before"],
            "变化后 万元/年": own["value_after"],
        }
    )
    return Table(
        frame,
        "项目地块核算 Accounts of project sites",
        {"面积 ha": HA, "变化前 万元/年": wan, "变化后 万元/年": wan},
        note=f"同一参数、价格与气象（{run.year} 年）；只含以图层核算的服务，不计入县 GEP。"
        + _origin(result),
    )


def balance_table(result: Compensation, run: Run) -> Table | None:
    """Return the balance of the county's occupations of the year by service (占补平衡表)."""
    own = result.schemes[offset.ID].rows_of(run.county_code, "balance")
    own = own[own["year"] == run.year] if len(own) else own
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "项目": own["project_id"],
            "功能量": [
                _quantity(s, q) for s, q in zip(own["service"], own["quantity"], strict=True)
            ],
            "单位": own["unit"],
            "损失": own["loss"],
            "系数 ρ": own["sensitivity_ratio"],
            "应补": own["required"],
            "已补": own["credited"],
            "未补": own["shortfall"],
            "折价 万元": own["money_cny"],
        }
    )
    rules = _rules(result)
    return Table(
        frame,
        "占补平衡表 Balance by service",
        {
            **dict.fromkeys(["损失", "应补", "已补", "未补"], significant),
            "系数 ρ": RATIO,
            "折价 万元": wan,
        },
        note="应补 = ρ × 损失；已补 = 补偿地块每公顷增量 × 公顷数 × 成效时间折现 ÷ 区位系数；"
        f"折价 = 未补 × 单价 × {rules.fallback_years} 年。先逐项平衡功能量，互不抵扣。" + PROPOSAL,
    )


def registry_table(result: Compensation, run: Run) -> Table | None:
    """Return which site offsets which project, of the county's projects and sites (占补台账)."""
    own = result.schemes[offset.ID].rows_of(
        run.county_code, "registry", "county_code", "offset_county_code"
    )
    return None if own.empty else _registry(result, own, "占补台账 Registry of offsets")


def supply_table(result: Compensation, run: Run) -> Table | None:
    """Return the county's offset sites and what is left of them (补偿地块)."""
    own = result.schemes[offset.ID].rows_of(run.county_code, "supply")
    return None if own.empty else _supply(result, own, "补偿地块 Offset sites")


def province_sentence(result: Compensation, run: Run) -> Prose:
    """Return the bulletin's sentence on offsetting."""
    projects, supply = (
        result.schemes[offset.ID].table("projects"),
        result.schemes[offset.ID].table("supply"),
    )
    if projects.empty:
        return Prose("全省没有可核算的占用项目。No occupation could be accounted for.")
    own = projects[projects["year"] == run.year]
    home = (own["money_cny"] == 0).sum()
    return Prose(
        f"{run.year} 年全省 {len(own)} 个占用项目占用 {HA(own['area_ha'].sum())} ha，"
        f"每年减少生态产品价值 {wan(own['loss_cny'].sum())} 万元；"
        f"以 {HA(own['offset_ha'].sum())} ha 补偿地块补足，费用 "
        f"{wan(own['cost_cny'].sum())} 万元，缴纳 {wan(own['money_cny'].sum())} 万元；"
        f"{home} 个项目全部以地块平衡。补偿地块尚余 {HA(supply['free_ha'].sum())} ha，"
        "每公顷只用一次 (no hectare is used twice)。" + PROPOSAL
    )


def province_projects(result: Compensation, run: Run) -> Table | None:
    """Return the occupations of the year with what offsets them and what is paid (占用项目)."""
    projects = result.schemes[offset.ID].table("projects")
    own = projects[projects["year"] == run.year] if len(projects) else projects
    if own.empty:
        return None
    frame = pd.DataFrame(
        {
            "项目": own["project_id"],
            "名称": own["name"],
            "占用 ha": own["area_ha"],
            "补偿 ha": own["offset_ha"],
            "年损失 万元": own["loss_cny"],
            "地块费用 万元": own["cost_cny"],
            "缴纳 万元": own["money_cny"],
        }
    )
    money = dict.fromkeys(["年损失 万元", "地块费用 万元", "缴纳 万元"], wan)
    skipped = result.schemes[offset.ID].table("unaccounted")
    note = f"没有地块核算而未平衡：{'、'.join(skipped['site_id'])}。" if len(skipped) else ""
    return Table(
        frame,
        "占用项目 Occupations of the year",
        {"占用 ha": HA, "补偿 ha": HA, **money},
        note=note + _origin(result),
    )


def province_registry(result: Compensation, run: Run) -> Table | None:
    """Return the registry of the whole province, all years (全省占补台账)."""
    table = result.schemes[offset.ID].table("registry")
    return None if table.empty else _registry(result, table, "全省占补台账 Registry of offsets")


def province_supply(result: Compensation, run: Run) -> Table | None:
    """Return all offset sites and what is left of them (全省补偿地块)."""
    table = result.schemes[offset.ID].table("supply")
    return None if table.empty else _supply(result, table, "全省补偿地块 Offset sites")


def _registry(result: Compensation, rows: pd.DataFrame, caption: str) -> Table:
    """Return rows of the registry as a table."""
    frame = pd.DataFrame(
        {
            "年份": rows["year"].astype("str"),
            "占用项目": rows["project_id"],
            "补偿地块": rows["offset_id"],
            "地块所在县": [counties.name_zh(code) for code in rows["offset_county_code"]],
            "区位": rows["tier"].map(TIERS),
            "公顷": rows["area_ha"],
            "区位系数": rows["ratio"],
            "时间折现": rows["discount"],
            "费用 万元": rows["cost_cny"],
        }
    )
    return Table(
        frame,
        caption,
        {
            "公顷": "{:,.4f}".format,
            "区位系数": RATIO,
            "时间折现": "{:.3f}".format,
            "费用 万元": wan,
        },
        note="先用本县地块，再用同流域，最后用省内；一公顷只在补足的价值高于其费用时使用，"
        "用过的公顷不再使用。" + _origin(result),
    )


def _supply(result: Compensation, rows: pd.DataFrame, caption: str) -> Table:
    """Return rows of the supply as a table."""
    types = ecosystems.read().set_index("id")["name_zh"]
    frame = pd.DataFrame(
        {
            "补偿地块": rows["offset_id"],
            "名称": rows["name"],
            "恢复为": rows["after_type"].map(types),
            "面积 ha": rows["area_ha"],
            "已用 ha": rows["used_ha"],
            "尚余 ha": rows["free_ha"],
            "成效年数": rows["maturity_year"],
            "单位费用 万元/ha": rows["unit_cost_cny_ha"] / WAN,
        }
    )
    form = {
        **dict.fromkeys(["面积 ha", "已用 ha", "尚余 ha"], HA),
        "成效年数": "{:g}".format,
        "单位费用 万元/ha": RATIO,
    }
    return Table(frame, caption, form, note=_origin(result))
