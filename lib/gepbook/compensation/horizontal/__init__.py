"""Horizontal compensation between those who supply and those who benefit (横向生态保护补偿).

Four parts: the cross-province agreement on the 新安江, agreements between neighbours within the province,
whole rivers, and purchases of ecological products by their accounted value.
"""

from __future__ import annotations

from typing import Any

from gepbook.compensation.horizontal import (
    agreements,
    basin,
    cross_province,
    purchase,
    water_quality,
)
from gepbook.compensation.horizontal.agreements import AgreementParams
from gepbook.compensation.horizontal.basin import BasinParams
from gepbook.compensation.horizontal.cross_province import CrossProvinceParams
from gepbook.compensation.horizontal.purchase import PurchaseParams
from gepbook.compensation.horizontal.water_quality import WaterQualityParams
from gepbook.compensation.scheme import Scheme, SchemeResult
from gepbook.errors import GepbookError
from gepbook.params import ParameterSet, Params
from gepbook.province import Province, Registers

SECTIONS: dict[str, type[Params]] = {
    cross_province.SECTION: CrossProvinceParams,
    water_quality.SECTION: WaterQualityParams,
    agreements.SECTION: AgreementParams,
    basin.SECTION: BasinParams,
    purchase.SECTION: PurchaseParams,
}


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the rules, the lists of agreements and rivers, and the registers."""
    problems: list[str] = []

    def opened(read: Any, *given: Any) -> Any:
        try:
            return read(*given)
        except GepbookError as error:
            problems.extend(error.problems)
            return None

    rules = {name: opened(params.section, name, model) for name, model in SECTIONS.items()}
    pairs, links = opened(agreements.read), opened(basin.read_links)
    if (cross := rules[cross_province.SECTION]) is not None:
        problems += cross_province.check(registers, cross)
    if (pair_rules := rules[agreements.SECTION]) is not None and pairs is not None:
        problems += agreements.check(registers, pair_rules, pairs)
    if (basin_rules := rules[basin.SECTION]) is not None and links is not None:
        current = [] if pairs is None else agreements.in_force(pairs, registers.year)
        problems += basin.check(registers, basin_rules, links, current)
    return list(dict.fromkeys([*problems, *purchase.check(registers)]))


def compute(province: Province) -> SchemeResult:
    """Return the payments, tables and figures of the four parts."""
    quality = province.rules(water_quality.SECTION, WaterQualityParams)
    parts = (
        cross_province.compute(
            province, province.rules(cross_province.SECTION, CrossProvinceParams)
        ),
        agreements.compute(
            province,
            province.rules(agreements.SECTION, AgreementParams),
            quality,
            agreements.read(),
        ),
        basin.compute(
            province, province.rules(basin.SECTION, BasinParams), quality, basin.read_links()
        ),
        purchase.compute(province, province.rules(purchase.SECTION, PurchaseParams)),
    )
    return SchemeResult(
        flows=[row for part in parts for row in part.flows],
        tables={name: table for part in parts for name, table in part.tables.items()},
        figures=[figure for part in parts for figure in part.figures],
        lacking=tuple(dict.fromkeys(name for part in parts for name in part.lacking)),
    )


SCHEME = Scheme(
    id="horizontal",
    name_zh="横向生态保护补偿",
    name_en="Horizontal compensation",
    source="浙委办发〔2021〕82号 五(二) 完善横向生态保护补偿机制",
    sections=SECTIONS,
    tables=("boundary_sections", "water_sections", "water_use", "economy", "gep_purchases"),
    compute=compute,
    check=check,
)
