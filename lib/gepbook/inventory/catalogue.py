"""The catalogue of ecosystem products and what it lacks (生态产品目录清单).

浙委办发〔2021〕82号 二(二): a census of the products' make-up, quantity and quality. The survey's rows
come first; what only the statistics know is added with its fields empty, and every gap is named with
what to do.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import pandas as pd

from gepbook import ecosystems, ledger
from gepbook.inventory.monitoring import COLUMNS, MonitoringParams, checked

METHOD = "inventory/catalogue"
STATISTICS = "统计"
MATERIAL, REGULATING, CULTURAL = "物质供给", "调节服务", "文化服务"
CLASSES = {MATERIAL: "provisioning", REGULATING: "regulating", CULTURAL: "cultural"}
TOURISM = "生态旅游"
MANAGED = "managed"
LOW = "低"
#: Fields that every surveyed product must have.
REQUIRED = {
    "owner_type": "所有权",
    "quality_grade": "质量等级",
    "survey_date": "调查日期",
    "quantity": "数量",
}
#: What statistics add to a product.
STATISTICS_COLUMNS = (
    "statistics_quantity", "statistics_unit", "output_value_cny", "certified_percent",
)  # fmt: skip
#: Resource of a registration unit → groups or ids of the ecosystem types that its products stand on.
RESOURCE_TYPES = {
    "forest": ("森林", ("forest", "shrub")),
    "cropland": ("耕地", ("cropland",)),
    "grassland": ("草原", ("grassland",)),
    "wetland": ("湿地", ("marsh",)),
    "water": ("水流", ("water",)),
}
#: Kind of gap → what it is called, what to do.
GAPS = {
    "type_without_product": ("生态系统类型无产品", "补充调查该类型的生态产品，或说明没有"),
    "register_without_product": ("登记资源无产品", "补充调查该类资源的生态产品"),
    "statistics_without_census": ("统计有而普查无", "列入下次调查，补齐各项信息"),
    "census_without_statistics": ("普查有而统计无", "与统计部门核对名称和口径，或补统计"),
    "field_missing": ("信息缺项", "补填"),
    "survey_outdated": ("调查过期", "重新调查"),
    "not_in_latest_survey": ("最近一次调查未见", "核实产品是否仍在"),
    "type_lost": ("所依生态系统类型已不存在", "核实产品，或更正生态系统类型"),
    "low_confidence": ("可信度低", "实地复核"),
}
GAP_COLUMNS = ["product_id", "product", "kind", "gap", "missing", "remedy"]
NO_CENSUS = "未提供生态产品目录清单（product_catalogue），清单只含统计所知的产品。"
NO_AGRICULTURAL = "未提供主要农产品统计（agricultural_products），物质产品未与统计核对。"
NO_TOURISM = "未提供生态旅游统计（eco_tourism），文化服务产品未与统计核对。"
NO_UNITS = "未提供自然资源登记单元（resource_units），清单未与登记核对。"


@dataclass(frozen=True)
class Catalogue:
    """The product catalogue of one county and year (生态产品目录清单).

    Attributes
    ----------
    year : int
    products : DataFrame
        The columns of `product_catalogue`, each product's latest survey, then what only statistics know
        (`data_source` 统计); and `STATISTICS_COLUMNS`, empty where the statistics lack the product.
    gaps : DataFrame, columns `GAP_COLUMNS`
        `kind` is a key of `GAPS`; product columns are empty for gaps of the county.
    missing : tuple of str
        What was not to be had, as sentences.
    """

    year: int
    products: pd.DataFrame
    gaps: pd.DataFrame
    missing: tuple[str, ...] = ()


def build(
    catalogue: pd.DataFrame | None,
    agricultural: pd.DataFrame | None,
    eco_tourism: pd.DataFrame | None,
    units: gpd.GeoDataFrame | None,
    extent_ha: pd.Series,
    year: int,
    params: MonitoringParams,
) -> Catalogue:
    """Return the catalogue of a county and its gaps.

    Parameters
    ----------
    catalogue : DataFrame or None, columns of `product_catalogue`
        All surveys; those after the year are left out.
    agricultural, eco_tourism : DataFrame or None
        The county's rows of `agricultural_products` and `eco_tourism` for the year.
    units : GeoDataFrame or None
        The county's rows of `resource_units`; only their resources are read.
    extent_ha : Series, ha, indexed by ecosystem type id
    year : int
    params : MonitoringParams
    """
    surveys = checked(catalogue)
    surveys = surveys[surveys["year"] <= year]
    census = surveys.sort_values("year", kind="stable").drop_duplicates("product_id", keep="last")
    census = census.sort_values("product_id", ignore_index=True)
    known = _statistics(agricultural, eco_tourism)
    names = _Names(params.product_synonyms)
    known["in_census"] = names.match(known["product"], census)
    gaps = [
        *_types_without_product(census, extent_ha, params),
        *_resources_without_product(census, units),
        *_statistics_without_census(known),
        *_census_without_statistics(census, known, names, params),
        *_fields_missing(census),
        *_outdated(census, year, params.survey_age_years),
        *_types_lost(census, extent_ha),
        *_low_confidence(census),
    ]
    given = {
        NO_CENSUS: census.empty,
        NO_AGRICULTURAL: agricultural is None or agricultural.empty,
        NO_TOURISM: eco_tourism is None or eco_tourism.empty,
        NO_UNITS: units is None or units.empty,
    }
    return Catalogue(
        year=year,
        products=_products(census, known, names),
        gaps=pd.DataFrame(gaps, columns=GAP_COLUMNS),
        missing=tuple(sentence for sentence, absent in given.items() if absent),
    )


class _Names:
    """Names of products, those of one product taken as the same."""

    def __init__(self, synonyms: Iterable[Iterable[str]]) -> None:
        groups = [list(group) for group in synonyms]
        self._main = {name: group[0] for group in groups for name in group}

    def main(self, names: pd.Series) -> pd.Series:
        """Return the main name of each."""
        stripped = names.astype(str).str.strip()
        return stripped.map(self._main).fillna(stripped)

    def of_census(self, census: pd.DataFrame) -> pd.DataFrame:
        """Return the main names of the census' products and of their subjects."""
        return census[["product", "subject"]].apply(self.main)

    def match(self, names: pd.Series, census: pd.DataFrame) -> pd.Series:
        """Tell which names the census has, as product or as subject."""
        return self.main(names).isin(self.of_census(census).to_numpy().ravel())


def _statistics(
    agricultural: pd.DataFrame | None, eco_tourism: pd.DataFrame | None
) -> pd.DataFrame:
    """Return what statistics know of products, a row each."""
    columns = ["county_code", "year", "product", "product_class", *STATISTICS_COLUMNS]
    tables = []
    if agricultural is not None and len(agricultural):
        tables.append(
            agricultural.assign(
                product_class=MATERIAL,
                statistics_quantity=agricultural["quantity_t"],
                statistics_unit="t",
            )
        )
    if eco_tourism is not None and len(eco_tourism):
        tables.append(
            eco_tourism.assign(
                product=TOURISM,
                product_class=CULTURAL,
                statistics_quantity=eco_tourism["visitors_person"],
                statistics_unit="人次",
                output_value_cny=eco_tourism["income_cny"],
            )
        )
    rows = [row for table in tables for row in table.to_dict("records")]
    return pd.DataFrame(rows, columns=columns)


def _products(census: pd.DataFrame, known: pd.DataFrame, names: _Names) -> pd.DataFrame:
    """Return the catalogue's rows; see `Catalogue.products`."""
    figures = known.assign(main=names.main(known["product"])).drop_duplicates("main")
    figures = figures.set_index("main")[list(STATISTICS_COLUMNS)]
    keys = names.of_census(census)
    key = keys["product"].where(keys["product"].isin(figures.index), keys["subject"])
    # a total of several products, such as all visitors, belongs to none of them
    alone = key.where(~key.duplicated(keep=False))
    surveyed = census.join(figures.reindex(alone).set_axis(census.index))
    lacking = known[~known["in_census"]]
    added = lacking.reindex(columns=[*COLUMNS, *STATISTICS_COLUMNS]).assign(
        product_id=STATISTICS + "-" + lacking["product"].astype(str),
        unit=lacking["statistics_unit"],
        quantity=lacking["statistics_quantity"],
        data_source=STATISTICS,
    )
    rows = [*surveyed.to_dict("records"), *added.to_dict("records")]
    table = pd.DataFrame(rows, columns=[*COLUMNS, *STATISTICS_COLUMNS])
    numbers = ["quantity", "statistics_quantity", "output_value_cny", "certified_percent"]
    return table.astype(dict.fromkeys(numbers, float))


def _gap(kind: str, missing: str, product_id: str = "", product: str = "") -> dict[str, str]:
    """Return one gap."""
    name, remedy = GAPS[kind]
    return dict(zip(GAP_COLUMNS, (product_id, product, kind, name, missing, remedy), strict=True))


def _gaps(kind: str, products: pd.DataFrame, missing: pd.Series) -> list[dict[str, str]]:
    """Return a gap for each of some products."""
    return [
        _gap(kind, str(missing[row.Index]), row.product_id, row.product)
        for row in products.itertuples()
    ]


def _types_without_product(
    census: pd.DataFrame, extent_ha: pd.Series, params: MonitoringParams
) -> list[dict[str, str]]:
    """Return the ecosystem types of material extent that no product stands on, largest first."""
    share = (extent_ha / extent_ha.sum()).sort_values(ascending=False)
    material = share[(share >= params.material_extent_share) & (share > 0)]
    absent = material.drop(
        [*params.types_without_product, *census["ecosystem_type"].dropna()], errors="ignore"
    )
    title = ecosystems.read().set_index("id")["name_zh"]
    return [
        _gap("type_without_product", f"{title[kind]}（占全域 {part:.1%}）")
        for kind, part in absent.items()
    ]


def _resources_without_product(
    census: pd.DataFrame, units: gpd.GeoDataFrame | None
) -> list[dict[str, str]]:
    """Return the resources with registration units that no product stands on."""
    types = ecosystems.read().set_index("id")["group"]
    grounds = {*census["ecosystem_type"], *census["ecosystem_type"].map(types)}
    listed = set() if units is None else set(units["resource"])
    return [
        _gap("register_without_product", title)
        for resource, (title, kinds) in RESOURCE_TYPES.items()
        if resource in listed and grounds.isdisjoint(kinds)
    ]


def _statistics_without_census(known: pd.DataFrame) -> list[dict[str, str]]:
    """Return the products that statistics know and the census does not."""
    return [
        _gap(
            "statistics_without_census",
            f"统计数量 {row.statistics_quantity:,.10g} {row.statistics_unit}",
            f"{STATISTICS}-{row.product}",
            row.product,
        )
        for row in known[~known["in_census"]].itertuples()
    ]


def _census_without_statistics(
    census: pd.DataFrame, known: pd.DataFrame, names: _Names, params: MonitoringParams
) -> list[dict[str, str]]:
    """Return the managed products that the statistics should know; classes without any are left out."""
    expected = (
        census["subject"].isin(params.statistics_subjects)
        & (census["origin"] == MANAGED)
        & census["product_class"].isin(known["product_class"])
    )
    found = names.of_census(census).isin(names.main(known["product"]).tolist()).any(axis=1)
    unknown = census[expected & ~found]
    return _gaps("census_without_statistics", unknown, unknown["subject"])


def _fields_missing(census: pd.DataFrame) -> list[dict[str, str]]:
    """Return the products that lack a required field, with the fields."""
    empty = census[list(REQUIRED)].isna()
    lacking = census[empty.any(axis=1)]
    names = empty.apply(lambda row: "、".join(REQUIRED[c] for c in REQUIRED if row[c]), axis=1)
    return _gaps("field_missing", lacking, names)


def _outdated(census: pd.DataFrame, year: int, age_years: int) -> list[dict[str, str]]:
    """Return the products surveyed too long ago, and those that the latest survey does not list."""
    dates = pd.to_datetime(census["survey_date"], errors="coerce", format="ISO8601")
    surveyed = dates.dt.year.fillna(census["year"].astype(float)).astype(int)
    old = census[year - surveyed > age_years]
    unseen = census[census["year"] < census["year"].max()]
    return [
        *_gaps("survey_outdated", old, surveyed.map("最近调查 {} 年".format)),
        *_gaps("not_in_latest_survey", unseen, census["year"].map("见于 {} 年调查".format)),
    ]


def _types_lost(census: pd.DataFrame, extent_ha: pd.Series) -> list[dict[str, str]]:
    """Return the products on an ecosystem type that the county does not have."""
    present = extent_ha[extent_ha > 0].index
    lost = census[census["ecosystem_type"].notna() & ~census["ecosystem_type"].isin(present)]
    types = ecosystems.read().set_index("id")["name_zh"]
    return _gaps(
        "type_lost", lost, lost["ecosystem_type"].map(types).fillna(lost["ecosystem_type"])
    )


def _low_confidence(census: pd.DataFrame) -> list[dict[str, str]]:
    """Return the products whose record is little trusted."""
    low = census[census["confidence"] == LOW]
    return _gaps("low_confidence", low, low["data_source"].map("资料来源 {}".format))


def entries(catalogue: Catalogue, *, origin: str, quality: str = "") -> list[dict[str, Any]]:
    """Return the ledger rows: products, by class and known to statistics alone, and gaps by kind."""
    row = functools.partial(
        ledger.entry, "catalogue", unit="1", origin=origin, quality=quality, method_id=METHOD
    )
    products, gaps = catalogue.products, catalogue.gaps
    classes = products["product_class"].value_counts()
    kinds = gaps["kind"].value_counts()
    return [
        row("products", "number", float(len(products)), note="".join(catalogue.missing)),
        row("products", "statistics_only", float((products["data_source"] == STATISTICS).sum())),
        *(row(f"products.{c}", "number", float(classes.get(z, 0))) for z, c in CLASSES.items()),
        row("gaps", "number", float(len(gaps))),
        *(row(f"gaps.{kind}", "number", float(kinds.get(kind, 0))) for kind in GAPS),
    ]
