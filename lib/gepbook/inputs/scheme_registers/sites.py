"""Sites of occupation, offset and damage, redline zones, cases of damage (占补地块、红线区与损害案件)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from gepbook import ecosystems, zonal
from gepbook.errors import GepbookError
from gepbook.grid import HECTARE_M2
from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import LONLAT, between, partition, polygons, within
from gepbook.inputs.registers import config as register_numbers
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

M2_PER_KM2 = 1e6
HALVINGS = 20
KINDS = {"offset": ("offsets", "B"), "occupation": ("occupations", "Z"), "damage": ("damages", "S")}
PARTY = {"offset": "村经济合作社", "occupation": "建设单位", "damage": "（见案件）"}


def make(basis: Basis) -> Tables:
    """Return sites, redline zones and cases of damage."""
    zones = redline_zones(basis)
    sites = project_sites(basis, shapely.union_all(zones.geometry.to_numpy()))
    return {
        "redline_zones": _lonlat(zones),
        "project_sites": _lonlat(sites),
        "damage_cases": cases(basis),
        "damage_discharges": discharges(),
    }


def _lonlat(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a layer in WGS 84, coordinates rounded."""
    frame = frame.to_crs(LONLAT)
    step = register_numbers()["coordinate_step_degree"]
    frame.geometry = shapely.set_precision(frame.geometry.to_numpy(), step)
    return frame


def redline_zones(basis: Basis) -> gpd.GeoDataFrame:
    """Return zones about as large as each county's redline area, in the grid's coordinates."""
    rule = numbers("sites")["redline"]
    wanted = basis.made.redline().groupby("county_code")["redline_area_km2"].last()
    rows, shapes = [], []
    for code in basis.codes:
        if wanted[code] < rule["least_km2"]:
            continue
        name = basis.registers.counties.loc[code, "name_zh"]
        for number, shape in enumerate(_zones(basis, code, wanted[code] * M2_PER_KM2), start=1):
            zone = f"{code}-H{number}"
            rows.append(
                {"zone_id": zone, "county_code": code, "name": f"{name}水源涵养红线区{number}"}
            )
            shapes.append(shape)
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=basis.registers.boundaries.crs)


def _zones(basis: Basis, code: str, area_m2: float) -> list[MultiPolygon]:
    """Return the most forested parts of a county, drawn in until they have an area."""
    rule = numbers("sites")["redline"]
    county = basis.registers.boundaries.geometry[code]
    inset = rule["inset_share"] * county.area**0.5
    inner = within(
        county, inset, rule["simplify_share"] * inset, rule["least_part_share"] * county.area
    )
    cells = sorted(partition(inner, rule["parts"], int(code)), key=lambda c: -_forest(basis, c))
    chosen: list[BaseGeometry] = []
    while cells and sum(c.area for c in chosen) < area_m2 and len(chosen) < rule["most_parts"]:
        chosen.append(cells.pop(0))
    low, high = 0.0, county.area**0.5
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        inside = sum(_drawn_in(c, middle).area for c in chosen)
        low, high = (middle, high) if inside > area_m2 else (low, middle)
    return [shape for c in chosen if not (shape := polygons(_drawn_in(c, high))).is_empty]


def _drawn_in(shape: BaseGeometry, distance: float) -> BaseGeometry:
    """Return a shape without the strip of some width along its edge."""
    return shape.buffer(-distance, join_style="mitre", mitre_limit=2)


def _forest(basis: Basis, shape: BaseGeometry) -> float:
    """Return the share of forest in a shape, in the last year."""
    kept = basis.registers
    window = kept.grid.window(shape.bounds)
    coords = kept.grid.coordinates(window)
    cover = kept.land_cover[kept.years[-1]][window.toslices()]
    types = ecosystems.read()
    forest = np.isin(cover, types.loc[types["group"] == "forest", "code"])
    covered = zonal.coverage(shape, coords["y"], coords["x"]).to_numpy()
    return float((forest * covered).sum() / covered.sum())


def project_sites(basis: Basis, redline: BaseGeometry) -> gpd.GeoDataFrame:
    """Return the sites, off the redline zones and each other, in the grid's coordinates."""
    rule = numbers("sites")
    rows: list[dict[str, Any]] = []
    shapes: list[Polygon] = []
    for kind, (listed, letter) in KINDS.items():
        for number, wanted in enumerate(rule[listed], start=1):
            code, year = wanted["county_code"], wanted["year"]
            site = f"{code}-{letter}{number:02d}"
            name = basis.registers.counties.loc[code, "name_zh"]
            taken = shapely.union_all([redline, *shapes])
            shapes.append(_site(basis, site, wanted, taken))
            rows.append(
                {
                    "site_id": site,
                    "county_code": code,
                    "year": year,
                    "name": f"{name}{wanted['name']}",
                    "kind": kind,
                    "after_type": wanted["after"],
                    "party": f"{name}{PARTY[kind]}" if kind != "damage" else PARTY[kind],
                    "maturity_year": float(wanted.get("maturity", 0)),
                    "unit_cost_cny_ha": float(wanted.get("cny_ha", 0)),
                }
            )
    return gpd.GeoDataFrame(rows, geometry=shapes, crs=basis.registers.boundaries.crs)


def _site(basis: Basis, site: str, wanted: dict[str, Any], taken: BaseGeometry) -> Polygon:
    """Return an outline of the wanted area around a cell of the wanted type that is free."""
    edge = numbers("sites")["site"]["edge_m"]
    county = basis.registers.boundaries.geometry[wanted["county_code"]].buffer(-edge)
    for x, y in _places(basis, site, wanted):
        shape = _outline(site, x, y, wanted["ha"] * HECTARE_M2)
        if county.contains(shape) and not taken.intersects(shape):
            return shape
    raise GepbookError(
        f"{site}: no free cell of {wanted['was']}. Choose another county in sites.yaml."
    )


def _places(basis: Basis, site: str, wanted: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """Give the cells of a type in a county before the site's year, in an order of the site's own."""
    kept = basis.registers
    year = max((y for y in kept.land_cover if y < wanted["year"]), default=min(kept.land_cover))
    window = kept.grid.window(kept.boundaries.geometry[wanted["county_code"]].bounds)
    coords = kept.grid.coordinates(window)
    types = ecosystems.read().set_index("id")["code"]
    cover = kept.land_cover[year][window.toslices()]
    found = np.argwhere(cover == types[wanted["was"]])
    for row, col in sorted(found.tolist(), key=lambda place: draw(f"{site} {place}", "place")):
        yield float(coords["x"][col]), float(coords["y"][row])


def _outline(site: str, x: float, y: float, area_m2: float) -> Polygon:
    """Return an irregular polygon of an area around a point."""
    rule = numbers("sites")["site"]
    angles = np.linspace(0, 2 * np.pi, rule["corners"], endpoint=False)
    radius = np.array([between(rule["radius"], site, f"corner {n}") for n in range(len(angles))])
    rough = Polygon(np.column_stack([radius * np.cos(angles), radius * np.sin(angles)]))
    scale = (area_m2 / rough.area) ** 0.5
    points = scale * np.column_stack([radius * np.cos(angles), radius * np.sin(angles)])
    return Polygon(points + np.array([x, y]))


def _case_id(wanted: dict[str, Any]) -> str:
    """Return the number of a county's case of a year."""
    return f"{wanted['county_code']}-A{wanted['year']}"


def cases(basis: Basis) -> pd.DataFrame:
    """Return the cases of damage (损害案件)."""
    rule = numbers("sites")
    damaged = {
        wanted["county_code"]: f"{wanted['county_code']}-S{number:02d}"
        for number, wanted in enumerate(rule["damages"], start=1)
    }
    rows = []
    for case in rule["cases"]:
        code = case["county_code"]
        name = basis.registers.counties.loc[code, "name_zh"]
        unlawful, intentional, serious = case["law"]
        rows.append(
            {
                "case_id": _case_id(case),
                "county_code": code,
                "year": case["year"],
                "name": f"{name}{case['name']}",
                "site_id": damaged[code] if case["site"] else None,
                "liable_party": f"{name}某{'企业' if intentional else '单位'}",
                "claimant": case["claimant"],
                "path": case["path"],
                "event_date": case["event"],
                "restored_on": case["restored_on"],
                "restoration_cost_cny": float(case["restoration"]),
                "cleanup_cost_cny": float(case["cleanup"]),
                "assessment_cost_cny": float(case["assessment"]),
                "permanent_percent": float(case["permanent"]),
                "unlawful": unlawful,
                "intentional": intentional,
                "serious": serious,
                "punitive_multiple": float(case["multiple"]),
                "restored_percent": float(case["restored"]),
            }
        )
    return pd.DataFrame(rows)


def discharges() -> pd.DataFrame:
    """Return what the cases discharged (污染物排放)."""
    rows = [
        {
            "case_id": _case_id(d),
            "county_code": d["county_code"],
            "pollutant": d["pollutant"],
            "medium": d["medium"],
            "function_class": d["class"],
            "quantity_t": float(d["t"]),
            "unit_cost_cny_t": float(d["cny_t"]),
        }
        for d in numbers("sites")["discharges"]
    ]
    return pd.DataFrame(rows)
