"""Checks of the registers that occupations and offsets rest on (占补登记检查)."""

from __future__ import annotations

from collections.abc import Iterator

import geopandas as gpd

from gepbook.accounting import sites
from gepbook.accounting.registry import services
from gepbook.compensation.horizontal import basin
from gepbook.compensation.offset.rules import SECTION, OffsetParams
from gepbook.errors import GepbookError, near
from gepbook.grid import HECTARE_M2
from gepbook.params import ParameterSet
from gepbook.province import Registers

ZONES = "redline_zones"


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in the rules, the sites and the redline zones, a sentence each."""
    try:
        rules = params.section(SECTION, OffsetParams)
        basin.read_links()
    except GepbookError as error:
        return error.problems
    problems = _unknown_services(rules)
    if registers.has(sites.LAYER):
        problems += sites.problems(registers.pack, params)
        frame = registers.vector(sites.LAYER)
        frame = frame[frame.geometry.notna() & frame.geometry.is_valid]
        problems += _numbers(registers, frame)
        problems += _overlaps(registers, frame, rules)
        if registers.has(ZONES):
            problems += _in_redline(registers, frame, rules)
    return problems


def _unknown_services(rules: OffsetParams) -> list[str]:
    """Return the services in the rules that are none."""
    known = services()
    return [
        f"{SECTION}: {name!r} is no service.{near(name, known)} "
        f"Correct it in params/policy/{SECTION}.yaml."
        for name in dict.fromkeys([*rules.sensitivity_ratio, *rules.one_quantity])
        if name not in known
    ]


def _numbers(registers: Registers, frame: gpd.GeoDataFrame) -> list[str]:
    """Return costs and years of offset sites that cannot be."""
    problems = []
    for row in frame[frame["kind"] == "offset"].itertuples():
        where = registers.place(sites.LAYER, row.site_id)
        if not row.unit_cost_cny_ha > 0:
            problems.append(
                f"{where}: unit_cost_cny_ha is {row.unit_cost_cny_ha:g}. An offset costs something; "
                "write what a hectare of restoration costs."
            )
        if not row.maturity_year >= 0:
            problems.append(
                f"{where}: maturity_year is {row.maturity_year:g}. "
                "Write the years until the site gives what it is to give, 0 or more."
            )
    return problems


def _pairs(
    left: gpd.GeoDataFrame, right: gpd.GeoDataFrame, tolerance_ha: float
) -> Iterator[tuple[int, int, float]]:
    """Give the pairs of features that share more hectares than a tolerance."""
    found = right.sindex.query(left.geometry, predicate="intersects")
    for a, b in sorted(zip(*found.tolist(), strict=True)):
        shared = left.geometry.iloc[a].intersection(right.geometry.iloc[b]).area / HECTARE_M2
        if shared > tolerance_ha:
            yield a, b, shared


def _overlaps(registers: Registers, frame: gpd.GeoDataFrame, rules: OffsetParams) -> list[str]:
    """Return occupations and offsets that share hectares: each hectare is taken or given once."""
    own = frame[frame["kind"].isin(("occupation", "offset"))].reset_index(drop=True)
    return [
        f"{registers.place(sites.LAYER, own['site_id'][a])}: shares {shared:,.2f} ha with "
        f"{own['site_id'][b]} ({sites.KINDS[own['kind'][a]]} and {sites.KINDS[own['kind'][b]]}), "
        f"more than {rules.overlap_tolerance_ha:g} ha. A hectare counts once; correct one outline."
        for a, b, shared in _pairs(own, own, rules.overlap_tolerance_ha)
        if a < b
    ]


def _in_redline(registers: Registers, frame: gpd.GeoDataFrame, rules: OffsetParams) -> list[str]:
    """Return the occupations that lie in redline zones: these are refused, not offset."""
    own = frame[frame["kind"] == "occupation"].reset_index(drop=True)
    zones = registers.vector(ZONES).reset_index(drop=True)
    return [
        f"{registers.place(sites.LAYER, own['site_id'][a])}: occupies {shared:,.2f} ha of redline "
        f"zone {zones['zone_id'][b]} ({zones['name'][b]}), more than {rules.redline_tolerance_ha:g} ha. "
        "What lies under the redline cannot be offset; move the project or correct its outline."
        for a, b, shared in _pairs(own, zones, rules.redline_tolerance_ha)
    ]
