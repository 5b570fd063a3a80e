"""What a statistical form holds: its heading, its figures, and the rules that judge them."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict

from gepbook import counties, ecosystems, ledger
from gepbook.accounting import registry
from gepbook.accounting.spec import CATEGORY_ZH, ServiceSpec
from gepbook.errors import CoverageError, GepbookError
from gepbook.inputs.county import CountyInputs
from gepbook.params import CONFIDENCES, Params, parameter
from gepbook.prices import PriceBook

SECTION = "statistical_forms"
Level = Literal["county", "prefecture", "province"]
LEVEL_ZH = {"county": "县级", "prefecture": "设区市级", "province": "省级"}
PROVINCE_ZH = "浙江省"

BASIC, PHYSICAL, PRICES, VALUE = "基础数据", "实物量", "价格", "价值量"
#: The sheets of figures, in order.
SHEETS = (BASIC, PHYSICAL, PRICES, VALUE)
TABLES = "tables"
PRICE_ACCOUNT = "prices"

KEY = ["account", "item", "measure", "price_basis"]
#: Column → pandas type. `group`, `label` and `part` are the Chinese words that stand before a figure.
COLUMNS = {
    **dict.fromkeys(KEY, "str"),
    "price_year": "Int64",
    "unit": "str",
    "value": "float64",
    "origin": "str",
    "quality": "str",
    "method_id": "str",
    "note": "str",
    "group": "str",
    "label": "str",
    "part": "str",
}
MEASURES = {
    "statistics": ("value",),
    "extent": ("opening", "change", "closing"),
    "components": ("physical", "value", "value_excluded"),
    "services": ("value", "value_excluded"),
    "gep": ("value",),
}
BASES = ("", "current", "comparable")
BASIS_ZH = {"current": "当年价", "comparable": "可比价"}
EXTENT_ZH = {"opening": "年初面积", "change": "净变化", "closing": "年末面积"}
STATISTICS_ZH = {
    "resident_population": "常住人口",
    "gdp": "地区生产总值",
    "budget_revenue": "一般公共预算收入",
    "budget_expenditure": "一般公共预算支出",
    "land_area": "陆域面积",
    "redline_area": "生态保护红线面积",
}
COLUMN_ZH = {
    "output_value_cny": "产值",
    "hydropower_kwh": "水力发电量",
    "biomass_energy_kwh": "生物质发电量",
    "domestic_m3": "生活用水量",
    "industrial_m3": "工业用水量",
    "agricultural_m3": "农业用水量",
    "visitors_person": "游客人次",
    "spending_cny": "旅游花费",
    "mean_stay_day": "平均停留时间",
    "natural_share_percent": "自然景观旅游占比",
    "ornamental_cny": "观赏植物产值",
    "germplasm_cny": "种质资源产值",
    "agriculture_percent": "农业外来投入占比",
    "forestry_percent": "林业外来投入占比",
    "animal_husbandry_percent": "畜牧业外来投入占比",
    "fishery_percent": "渔业外来投入占比",
    "inflow_m3": "入境水量",
    "outflow_m3": "出境水量",
    "consumption_m3": "耗水量",
    "biomass_start_t": "年初生物量",
    "biomass_end_t": "年末生物量",
    "users_person": "休闲游憩人数",
    "hours_per_user_hour": "人均休闲时间",
    "landscape_floor_area_m2": "景观住宅面积",
    "landscape_nights_night": "景观酒店间夜数",
    "green_belt_km": "道路绿带长度",
    "recovered_forest_ha": "森林病虫害自愈面积",
    "recovered_grass_ha": "草地病虫害自愈面积",
    "sea_area_km2": "海域面积",
    "protected_shore_km": "受护岸线长度",
    "seafood_output_cny": "海水产品产值",
    "shellfish_algae_t": "贝藻类产量",
    "marine_nitrogen_t": "海域净化氮",
    "marine_phosphorus_t": "海域净化磷",
    "seaside_visitors_person": "滨海游客人次",
    "seaside_spending_cny": "滨海旅游花费",
    "seaview_floor_area_m2": "海景住宅面积",
    "so2_t": "二氧化硫排放量",
    "nox_t": "氮氧化物排放量",
    "dust_t": "烟粉尘排放量",
    "cod_t": "化学需氧量排放量",
    "ammonia_nitrogen_t": "氨氮排放量",
    "total_nitrogen_t": "总氮排放量",
    "total_phosphorus_t": "总磷排放量",
    "total_capacity_m3": "总库容",
    "flood_control_capacity_m3": "防洪库容",
    "agriculture": "农业",
    "forestry": "林业",
    "animal_husbandry": "畜牧业",
    "fishery": "渔业",
}
UNIT_ZH = {
    "CNY": "元",
    "a": "年",
    "d": "天",
    "h": "小时",
    "ha": "公顷",
    "m2": "平方米",
    "km": "千米",
    "km2": "平方千米",
    "m3": "立方米",
    "t": "吨",
    "kWh": "千瓦时",
    "person": "人",
    "percent": "%",
    "1": "个",
}
#: A cell that starts with one of these may be taken for a formula, or for one made safe.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
#: A unit in the denominator: its name and power.
PER = re.compile(r"([A-Za-z]+)-(\d)")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f]")


class FormError(GepbookError):
    """A form was changed where it must not be, or holds figures that cannot stand."""


class FormsParams(Params):
    """Rules of the statistical forms (统计报表规则).

    Patterns are matched against `account/item/measure`; `*` stands for anything.
    """

    relative_tolerance: float = parameter("1", "核对允许的相对误差", ge=0, lt=1)
    value_tolerance_cny: float = parameter("CNY", "价值核对允许的绝对误差", ge=0)
    may_be_negative: tuple[str, ...] = parameter("1", "允许为负的指标")
    summed_units: tuple[str, ...] = parameter("1", "可逐级相加的单位")
    not_summed: tuple[str, ...] = parameter("1", "单位可加而含义不可加的指标")
    largest_file_mb: float = parameter("MB", "一份报表解压后的最大字节数", gt=0)

    def allows_negative(self, account: str, item: str, measure: str) -> bool:
        """Tell whether a figure may be below zero."""
        return _matches(f"{account}/{item}/{measure}", self.may_be_negative)

    def is_summed(self, account: str, item: str, measure: str, unit: str) -> bool:
        """Tell whether a figure of counties is summed for the prefecture and the province."""
        name = f"{account}/{item}/{measure}"
        return (
            account != PRICE_ACCOUNT
            and unit in self.summed_units
            and not _matches(name, self.not_summed)
        )

    def tolerance(self, unit: str, *figures: float) -> float:
        """Return how far two figures may be apart, in their unit."""
        relative = self.relative_tolerance * max((abs(f) for f in figures), default=0.0)
        return max(relative, self.value_tolerance_cny) if unit.startswith("CNY") else relative


class Heading(BaseModel):
    """Whom a form concerns. `missing` names the counties that a sum lacks; `expected` counts all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level
    code: str
    name: str
    year: int
    standard: str
    release: str
    expected: int = 1
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether no county is missing."""
        return not self.missing

    @property
    def status(self) -> str:
        """Return in Chinese whether the form covers all that it must."""
        if self.complete:
            return "完整" if self.level == "county" else f"完整：{self.expected} 个县（市、区）"
        names = "、".join(counties.name_zh(code) for code in self.missing)
        return (
            f"不完整：应报 {self.expected} 个县（市、区），缺 {len(self.missing)} 个（{names}），"
            f"合计数不得作为全{'省' if self.level == 'province' else '市'}数引用"
        )


@dataclass(frozen=True)
class Form:
    """A form as written or as read.

    `figures` has the columns of `COLUMNS`; when read also `remark`, `sheet` and `cell`. `answers` holds
    what was filled in on the cover.
    """

    heading: Heading
    figures: pd.DataFrame
    answers: Mapping[str, str] = field(default_factory=dict)
    path: Path | None = None


def safe_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe goes before it."""
    clean = UNPRINTABLE.sub("", text)
    return f"'{clean}" if clean.startswith(FORMULA_STARTS) else clean


def plain_text(text: str) -> str:
    """Return what `safe_text` was given."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA_STARTS) else text


def unit_zh(unit: str) -> str:
    """Return a unit in Chinese, `元/吨` for `CNY t-1`; one that is not known stays as it is."""
    shown = ""
    for position, token in enumerate(unit.split()):
        per = PER.fullmatch(token)
        name = UNIT_ZH.get(per[1] + per[2].removeprefix("1") if per else token)
        if name is None or bool(per) != (position > 0):
            return unit
        shown += f"/{name}" if per else name
    return shown or "—"


def prefecture_code(county_code: str) -> str:
    """Return the code of the prefecture that a county belongs to."""
    return f"{county_code[:4]}00"


def ledger_figures(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of a form that stand in the ledger of a county and year.

    Parameters
    ----------
    rows : DataFrame
        Ledger rows of one county and year, stages inventory and accounting.

    Returns
    -------
    DataFrame, columns of `COLUMNS`
    """
    wanted = pd.Series(False, index=rows.index)
    for account, measures in MEASURES.items():
        wanted |= (rows["account"] == account) & rows["measure"].isin(measures)
    found = rows.loc[wanted, [name for name in COLUMNS if name in rows.columns]].copy()
    words = [
        _words(str(r["account"]), str(r["item"]), str(r["measure"]), str(r["price_basis"]),
               r["price_year"])
        for r in found.to_dict("records")
    ]  # fmt: skip
    found[["group", "label", "part"]] = pd.DataFrame(
        words, columns=["group", "label", "part"], index=found.index
    )
    return found.astype(COLUMNS)


def table_figures(inputs: CountyInputs) -> pd.DataFrame:
    """Return the county's figures in the tables of the pack that services rest on (基础数据).

    Returns
    -------
    DataFrame, columns of `COLUMNS`
        Account `tables`, item `table.column`, or `table.row.column` where a county has several rows.
        A table that the pack lacks, or that has no row of the county, gives none.
    """
    rows = []
    for table, columns in _wanted_tables().items():
        if not inputs.has(table):
            continue
        resource = inputs.pack.resource(table, inputs.year)
        fields = resource.table_schema.fields if resource.table_schema else []
        units = {f.name: f.unit for f in fields if f.type in ("number", "integer")}
        names = [f.name for f in fields if f.type == "string" and f.name != "county_code"]
        for record in inputs.table(table).to_dict("records"):
            own = [str(record[name]) for name in names]
            for column in columns:
                if column not in units or pd.isna(record[column]):
                    continue
                rows.append(
                    {
                        "account": TABLES,
                        "item": ".".join([table, *own, column]),
                        "measure": "value",
                        "price_basis": "",
                        "price_year": None,
                        "unit": units[column],
                        "value": float(record[column]),
                        "origin": inputs.origin(table),
                        "quality": "",
                        "method_id": f"pack/{table}.{column}",
                        "note": "",
                        "group": resource.title or table,
                        "label": COLUMN_ZH.get(column, column),
                        "part": " ".join(COLUMN_ZH.get(name, name) for name in own),
                    }
                )
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def price_figures(prices: PriceBook, year: int) -> pd.DataFrame:
    """Return every unit price at the prices of a year.

    Returns
    -------
    DataFrame, columns of `COLUMNS`
        Account `prices`, item the price's id, measure `price`.
    """
    now = prices.at(year, year)
    rows = [
        {
            "account": PRICE_ACCOUNT,
            "item": key,
            "measure": "price",
            "price_basis": "current",
            "price_year": year,
            "unit": price.unit,
            "value": now[key],
            "origin": "",
            "quality": price.confidence,
            "method_id": f"index/{price.index}",
            "note": price.source,
            "group": f"{year} 年价",
            "label": price.name_zh,
            "part": "",
        }
        for key, price in prices.prices.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def arrange(figures: pd.DataFrame) -> pd.DataFrame:
    """Return figures in the order in which a form shows them.

    Raises
    ------
    CoverageError
        When a key stands twice.
    """
    twice = figures.loc[figures.duplicated(KEY), KEY]
    if len(twice):
        raise CoverageError(
            [f"form: {' / '.join(row)} stands twice. Keep one." for row in twice.to_numpy()]
        )
    keys = list(figures[KEY].itertuples(index=False, name=None))
    order = sorted(range(len(keys)), key=lambda i: _rank(*keys[i]))
    return figures.iloc[order].reset_index(drop=True)


def sheet_of(account: str, measure: str) -> str:
    """Return the sheet that a figure stands on."""
    if account == PRICE_ACCOUNT:
        return PRICES
    if account in ("components", "services", "gep"):
        return PHYSICAL if measure == "physical" else VALUE
    return BASIC


def category_of(item: str) -> str:
    """Return the category of a service, component or category; empty where it has none."""
    service = item.partition(".")[0]
    methods = registry.service_methods().get(service)
    if methods:
        return next(iter(methods.values())).category
    return item if item in CATEGORY_ZH else ""


def service_zh(service: str) -> str:
    """Return a service's Chinese name, or its id when it is not known."""
    methods = registry.service_methods().get(service)
    return next(iter(methods.values())).name_zh if methods else service


def worst(qualities: Iterable[str]) -> str:
    """Return the lowest of some confidences; empty ones say nothing."""
    known = [q for q in qualities if q in CONFIDENCES]
    return max(known, key=lambda q: [*CONFIDENCES].index(q), default="")


def sum_figures(frames: list[pd.DataFrame], rules: FormsParams, level: Level) -> pd.DataFrame:
    """Return the sum of the figures that may be summed; prices and shares are left out.

    Parameters
    ----------
    frames : list of DataFrame, columns of `COLUMNS` and `counties`
        One a county, or one a prefecture; `counties` counts the counties behind a figure.
    rules : FormsParams
    level : {"prefecture", "province"}

    Returns
    -------
    DataFrame, columns of `COLUMNS` and `counties`
    """
    rows = pd.concat(frames, ignore_index=True)
    summed = [
        rules.is_summed(a, i, m, u)
        for a, i, m, u in zip(
            rows["account"], rows["item"], rows["measure"], rows["unit"], strict=True
        )
    ]
    made = []
    for key, group in rows[summed].groupby(KEY, sort=False):
        first = group.iloc[0]
        made.append(
            {
                **dict(zip(KEY, key, strict=True)),
                "price_year": first["price_year"],
                "unit": first["unit"],
                "value": exact_sum(group["value"]),
                "origin": ledger.weakest(o for o in group["origin"] if o),
                "quality": worst(group["quality"]),
                "method_id": f"{level}/sum",
                "note": "",
                "group": first["group"],
                "label": first["label"],
                "part": first["part"],
                "counties": int(group["counties"].sum()),
            }
        )
    frame = pd.DataFrame(made, columns=[*COLUMNS, "counties"])
    return arrange(frame.astype({**COLUMNS, "counties": "int64"}))


def exact_sum(values: Iterable[float]) -> float:
    """Return a sum that does not depend on the order of its terms."""
    return math.fsum(values)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name fits one of some patterns."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _wanted_tables() -> dict[str, list[str]]:
    """Return the columns of each table that any method of any service reads."""
    wanted: dict[str, list[str]] = {}
    for spec in _specs():
        for table in spec.tables:
            known = wanted.setdefault(table.name, [])
            known += [column for column in table.columns if column not in known]
    return dict(sorted(wanted.items()))


def _specs() -> list[ServiceSpec]:
    """Return every method of every service."""
    return [s for methods in registry.service_methods().values() for s in methods.values()]


def _words(
    account: str, item: str, measure: str, basis: str, price_year: Any
) -> tuple[str, str, str]:
    """Return the Chinese words that stand before a figure of the ledger: group, label, part."""
    if account == "statistics":
        return "基本统计", STATISTICS_ZH.get(item, item), ""
    if account == "extent":
        types = ecosystems.read().set_index("id")["name_zh"]
        return "生态系统面积", str(types.get(item, item)), EXTENT_ZH[measure]
    group = CATEGORY_ZH.get(category_of(item), "")
    if measure != "physical":
        group = BASIS_ZH.get(basis, basis) + ("" if pd.isna(price_year) else f"（{price_year}）")
        if measure == "value_excluded":
            group += " 不计入总值"
    if account == "gep":
        return (
            group,
            CATEGORY_ZH.get(item, "生态系统生产总值（GEP）"),
            "类别合计" if item in CATEGORY_ZH else "总计",
        )
    service, _, name = item.partition(".")
    specs = registry.service_methods().get(service, {}).values()
    label = service_zh(service)
    parts = {c.id: c.name_zh for spec in specs for c in spec.components}
    return group, label, parts.get(name, name) if name else "小计"


def _rank(account: str, item: str, measure: str, basis: str) -> tuple[Any, ...]:
    """Return where a figure stands in a form."""
    sheet = SHEETS.index(sheet_of(account, measure))
    if account in MEASURES and account not in ("statistics", "extent"):
        categories, services = list(CATEGORY_ZH), list(registry.service_methods())
        category = category_of(item)
        service, _, name = item.partition(".")
        parts = [c.id for s in registry.service_methods().get(service, {}).values()
                 for c in s.components]  # fmt: skip
        return (
            sheet,
            measure == "value_excluded",
            BASES.index(basis),
            categories.index(category) if category else len(categories),
            account == "gep",
            services.index(service) if service in services else len(services),
            account == "services",
            parts.index(name) if name in parts else len(parts),
            item,
        )
    if account == "extent":
        types = list(ecosystems.read()["id"])
        place = types.index(item) if item in types else len(types)
        return sheet, 1, place, item, MEASURES["extent"].index(measure)
    if account == "statistics":
        known = list(STATISTICS_ZH)
        return sheet, 0, known.index(item) if item in known else len(known), item, 0
    table, column = item.partition(".")[0], item.rpartition(".")[2]
    columns = list(COLUMN_ZH)
    place = columns.index(column) if column in columns else len(columns)
    return sheet, 2, table, place, item
