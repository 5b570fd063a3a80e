"""Illustrative registers of the open pack, with the errors that real ones have (示例登记簿).

Registration units cut from the counties, use rights and disputes over them, river sections, stocks of
resources, the product catalogue of every survey, farm products and eco-tourism. Everything is drawn from
county codes, so that it comes out the same each time; the numbers and their reasons are in
`open_pack_sources/registers.yaml`. None of it is a county's own register.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import xarray as xr
import yaml
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from gepbook import zonal
from gepbook.counties import group
from gepbook.grid import HECTARE_M2, GridSpec
from gepbook.inputs.illustrative import SOURCES, Generator, draw

LONLAT = "EPSG:4326"
RESOURCE_ZH = {
    "forest": "森林",
    "cropland": "耕地",
    "grassland": "草原",
    "wetland": "湿地",
    "water": "水流",
    "sea": "海域",
}
REGISTERED = "已登簿"
UNREGISTERED = ("未启动", "调查中", "公告中")
MORTGAGE = "抵押"
GRADES = ("一级", "二级", "三级")
#: A right's usual way; from the third on either of the two may come.
RIGHTS_STATUS = ("未确权", "确权中", "已确权", "已流转", "已抵押")
PROTECTION = ("红线外", "红线外", "红线外", "红线内", "自然保护地")
DISPUTE = [
    "unit_id",
    "other_unit_id",
    "county_code",
    "subject",
    "area_ha",
    "filed_on",
    "status",
]
STOCKS = ("timber_m3", "water_m3", "farmland_grade_ha", "grass_yield_t", "wetland_ha", "sea_ha")
MOVES = ("natural_addition", "managed_addition", "natural_reduction", "managed_reduction")
SIGNS = (1, 1, -1, -1)
SPREAD = 0.6  # `draw` turned into a factor between 0.7 and 1.3, as in illustrative.Generator.varied

Item = TypeVar("Item")


@functools.cache
def config() -> dict[str, Any]:
    """Return the rules' numbers without their reasons."""
    content = yaml.safe_load((SOURCES / "registers.yaml").read_text(encoding="utf-8"))
    return {key: entry["value"] for key, entry in content.items()}


def between(bounds: Sequence[float], key: str, what: str) -> float:
    """Return a number between two bounds that depends on nothing but a key and a name."""
    low, high = bounds
    return low + (high - low) * draw(key, what)


def count(bounds: dict[str, int], key: str, what: str) -> int:
    """Return a whole number from `least` to `most`, both included."""
    return int(between((bounds["least"], bounds["most"] + 1), key, what))


def choose(items: Sequence[Item], key: str, what: str) -> Item:
    """Return one of some items."""
    return items[int(draw(key, what) * len(items))]


def day_between(bounds: Sequence[str], key: str, what: str) -> str:
    """Return a date between two dates, `YYYY-MM-DD`."""
    days = pd.date_range(*bounds)
    return str(days[int(draw(key, what) * len(days))].date())


def varied(value: float, key: str, what: str) -> float:
    """Return a value times a factor between 0.7 and 1.3."""
    return value * (1 + SPREAD * (draw(key, what) - 0.5))


def polygons(shape: BaseGeometry, least_area: float = 0.0) -> MultiPolygon:
    """Return the polygons of a shape that are larger than an area, without its lines and points."""
    parts = [g for g in shapely.get_parts(shape) if isinstance(g, Polygon) and g.area > least_area]
    return MultiPolygon(parts)


def within(shape: BaseGeometry, inset: float, simplify: float, least_area: float) -> MultiPolygon:
    """Return a simplified shape that lies inside another, small parts left out."""
    inner = shape.buffer(-inset, join_style="mitre", mitre_limit=2).simplify(simplify)
    return polygons(inner, least_area)


def partition(shape: MultiPolygon, parts: int, seed: int) -> list[MultiPolygon]:
    """Return a shape cut into the Voronoi cells of seeded points, evened out once."""
    rng = np.random.default_rng(seed)
    left, bottom, right, top = shape.bounds
    points: list[shapely.Point] = []
    while len(points) < parts:
        point = shapely.Point(rng.uniform(left, right), rng.uniform(bottom, top))
        if shape.contains(point):
            points.append(point)
    cells = _cells(shape, points)
    return _cells(shape, [cell.centroid for cell in cells])


def _cells(shape: MultiPolygon, points: list[shapely.Point]) -> list[MultiPolygon]:
    """Return the Voronoi cells of some points inside a shape."""
    cells = shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=shape, ordered=True)
    cut = (polygons(shape.intersection(cell)) for cell in shapely.get_parts(cells))
    return [cell for cell in cut if not cell.is_empty]


def grown(cell: MultiPolygon, distance: float, kept_clear: BaseGeometry) -> MultiPolygon:
    """Return a cell that reaches some distance further, but not into a given shape."""
    wide = cell.buffer(distance, join_style="mitre", mitre_limit=2)
    return polygons(wide.difference(kept_clear))


@dataclass(frozen=True)
class Registers:
    """Registers of the counties for some years.

    Parameters
    ----------
    counties : DataFrame indexed by county code, with `name_zh` and `prefecture`
    areas : DataFrame, counties × ecosystem types, ha
    boundaries : GeoDataFrame indexed by county code, in the grid's coordinates
    land_cover : dict of ndarray by year, ecosystem type codes on the grid, NaN = missing
    grid : GridSpec
    years : list of int
    """

    counties: pd.DataFrame
    areas: pd.DataFrame
    boundaries: gpd.GeoDataFrame
    land_cover: dict[int, np.ndarray]
    grid: GridSpec
    years: list[int]

    @functools.cached_property
    def made(self) -> Generator:
        """The illustrative tables that the registers agree with."""
        return Generator(self.counties, self.areas, self.years)

    @functools.cached_property
    def coastal(self) -> list[str]:
        """Codes of the counties with a sea: coastal pilots and islands."""
        year = self.years[-1]
        known = {*group("coastal_pilot", year), *group("island", year)}
        return [code for code in self.counties.index if code in known]

    # Registration units, rights, disputes

    def resource_units(self) -> gpd.GeoDataFrame:
        """Return registration units of natural resources (自然资源登记单元), WGS 84.

        Parts of the counties; on purpose some overlap, some step over the county line, parts are left
        out, areas are declared wrongly and dates missing.
        """
        rows: list[dict[str, Any]] = []
        shapes: list[MultiPolygon] = []
        for code in self.counties.index:
            cells, resources = self._parts(str(code))
            for number, (cell, resource) in enumerate(zip(cells, resources, strict=True), start=1):
                rows.append(self._unit(str(code), number, resource, cell.area / HECTARE_M2))
            shapes += self._with_errors(str(code), cells)
        frame = gpd.GeoDataFrame(rows, geometry=shapes, crs=self.boundaries.crs).to_crs(LONLAT)
        step = config()["coordinate_step_degree"]
        frame.geometry = shapely.set_precision(frame.geometry.to_numpy(), step)
        return frame

    def _parts(self, code: str) -> tuple[list[MultiPolygon], list[str]]:
        """Return the parts of a county that have a resource, and the resource of each."""
        numbers = config()
        county = self.boundaries.geometry[code]
        inset = numbers["inset_share"] * county.area**0.5
        least = numbers["least_part_share"] * county.area
        inner = within(county, inset, numbers["simplify_share"] * inset, least)
        cells = partition(inner, count(numbers["cells"], code, "cells"), int(code))
        shares = pd.DataFrame([self._resource_shares(c) for c in cells]).reset_index(drop=True)
        if draw(code, "left out") < numbers["left_out_chance"]:
            built_up = int(shares.sum(axis=1).round(6).argmin())
            shares = shares.drop(index=built_up).reset_index(drop=True)
            cells.pop(built_up)
        return cells, self._resources(code, cells, shares)

    def _resource_shares(self, cell: MultiPolygon) -> pd.Series:
        """Return the share of each resource in a part of a county, in the last year."""
        window = self.grid.window(cell.bounds)
        coords = self.grid.coordinates(window)
        cover = self.land_cover[self.years[-1]][window.toslices()]
        covered = zonal.coverage(cell, coords["y"], coords["x"])
        array = xr.DataArray(cover, coords=coords, dims=("y", "x"))
        areas = zonal.area_by_type(array, covered, self.grid.cell_area_ha)
        shares = areas.groupby(config()["resource_of_type"]).sum() / areas.sum()
        return shares.reindex(RESOURCE_ZH, fill_value=0.0)

    def _resources(self, code: str, cells: list[MultiPolygon], shares: pd.DataFrame) -> list[str]:
        """Return each part's resource: its largest, but rare ones take the part richest in them."""
        found = shares.idxmax(axis=1)
        free = set(found.index)
        for rare in ("water", "wetland", "grassland"):
            enough = shares[rare].mean() >= config()["rare_resource_share"]
            if rare not in set(found) and (enough or rare == "water"):
                richest = shares.loc[sorted(free), rare].idxmax()
                found[richest] = rare
                free.discard(richest)
        if code in self.coastal:
            found[max(free, key=lambda i: cells[i].centroid.x)] = "sea"
        return list(found)

    def _unit(self, code: str, number: int, resource: str, area_ha: float) -> dict[str, Any]:
        """Return what the register says of a unit."""
        numbers = config()
        unit = f"{code}-{number:02d}"
        name = str(self.counties.loc[code, "name_zh"])
        state = draw(unit, "owner") < numbers["state_owned_chance"][resource]
        important = state or draw(unit, "important") < numbers["important_chance"]
        chance = numbers["registered_chance"]["important" if important else "other"]
        registered = draw(unit, "status") < chance
        dated = registered and draw(unit, "date") >= numbers["date_missing_chance"]
        return {
            "unit_id": unit,
            "county_code": code,
            "name": f"{name}{RESOURCE_ZH[resource]}{number:02d}",
            "resource": resource,
            "owner_type": "国有" if state else "集体",
            "owner": f"{name}人民政府" if state else f"{name}农民集体",
            "status": REGISTERED if registered else choose(UNREGISTERED, unit, "stage"),
            "registered_on": day_between(numbers["registered_between"], unit, "registered on")
            if dated
            else None,
            "important": important,
            "declared_area_ha": round(area_ha * self._declared_factor(unit), 1),
        }

    def _declared_factor(self, unit: str) -> float:
        """Return how far a declared area is off."""
        numbers = config()["declared_area"]
        sign = 1 if draw(unit, "sign") < 0.5 else -1
        if draw(unit, "declared") < numbers["chance"]:
            return 1 + sign * between(numbers["wrong_by"], unit, "wrong by")
        return 1 + sign * numbers["rounding"] * draw(unit, "rounding")

    def _with_errors(self, code: str, cells: list[MultiPolygon]) -> list[MultiPolygon]:
        """Return the units as they are drawn in the register: overlapping, over the line."""
        numbers = config()
        true = list(cells)
        if draw(code, "line") < numbers["county_line"]["chance"]:
            county = self.boundaries.geometry[code]
            outermost = max(range(len(true)), key=lambda i: true[i].distance(county.centroid))
            others = shapely.union_all([c for i, c in enumerate(true) if i != outermost])
            inset = numbers["inset_share"] + numbers["county_line"]["share"]
            true[outermost] = grown(true[outermost], inset * county.area**0.5, others)
        drawn = list(true)
        for pair, (a, b) in enumerate(self._overlapping(code, true)):
            share = between(numbers["overlap"]["shares"], code, f"overlap {pair}")
            edge = true[a].intersection(true[b]).length
            distance = share * min(true[a].area, true[b].area) / edge
            reach = true[a].buffer(distance, join_style="mitre", mitre_limit=2)
            drawn[a] = polygons(drawn[a].union(true[b].intersection(reach)))
        return drawn

    def _overlapping(self, code: str, cells: list[MultiPolygon]) -> list[tuple[int, int]]:
        """Return the pairs of neighbours that are to overlap: those with the longest edges."""
        edges = {
            (a, b): cells[a].intersection(cells[b]).length
            for a in range(len(cells))
            for b in range(a + 1, len(cells))
        }
        chances = np.cumsum(config()["overlap"]["chances"])
        wanted = int(np.searchsorted(chances, draw(code, "overlaps"), side="right"))
        longest = sorted((pair for pair in edges if edges[pair] > 0), key=lambda p: -edges[p])
        return longest[:wanted]

    def resource_rights(self, units: gpd.GeoDataFrame) -> pd.DataFrame:
        """Return use rights over the units (使用权), some expired, some units mortgaged twice over."""
        rows = [right for unit in units.to_dict("records") for right in self._rights(unit)]
        return pd.DataFrame(rows)

    def _rights(self, unit: dict[Any, Any]) -> Iterator[dict[str, Any]]:
        """Give the rights over a unit; few were granted where nothing is registered."""
        numbers = config()["rights"]
        factor = 1.0 if unit["status"] == REGISTERED else numbers["unregistered_factor"]
        number = 0
        for kind, chance in numbers["chances"][unit["resource"]].items():
            name = f"{unit['unit_id']} {kind}"
            if draw(name, "granted") >= chance * factor:
                continue
            twice = kind == MORTGAGE and draw(name, "twice") < numbers["second_mortgage_chance"]
            for copy in range(2 if twice else 1):
                number += 1
                yield self._right(unit, number, kind, copy, numbers)

    def _right(
        self, unit: dict[Any, Any], number: int, kind: str, copy: int, numbers: dict[str, Any]
    ) -> dict[str, Any]:
        """Return a right; a second mortgage starts while the first is running."""
        name = f"{unit['unit_id']} {kind}"
        shares = numbers["mortgage_share" if kind == MORTGAGE else "area_share"]
        area = round(unit["declared_area_ha"] * between(shares, f"{name}{copy}", "share"), 1)
        first, last = numbers["starts"][kind]
        start = pd.Timestamp(day_between((f"{first}-01-05", f"{last}-06-30"), name, "start"))
        start += pd.DateOffset(months=6 * copy)
        term = round(between(numbers["terms"][kind], name, "term"))
        price = numbers["cny_ha"].get(kind)
        return {
            "right_id": f"{unit['unit_id']}-Q{number}",
            "unit_id": unit["unit_id"],
            "county_code": unit["county_code"],
            "kind": kind,
            "holder_type": choose(numbers["holders"][kind], f"{name}{copy}", "holder"),
            "area_ha": area,
            "start_date": str(start.date()),
            "end_date": str((start + pd.DateOffset(years=term)).date()),
            "amount_cny": None if price is None else round(varied(area * price, name, "price"), -3),
        }

    def resource_disputes(self, units: gpd.GeoDataFrame) -> pd.DataFrame:
        """Return disputes (权属争议): some of the overlaps, and a few that no map shows."""
        numbers = config()["disputes"]
        metric = units.to_crs(self.boundaries.crs)
        pairs = metric.sindex.query(metric.geometry, predicate="intersects").T
        rows = []
        for a, b in sorted((int(a), int(b)) for a, b in pairs if a < b):
            shapes = metric.geometry.iloc[[a, b]]
            area_ha = shapes.iloc[0].intersection(shapes.iloc[1]).area / HECTARE_M2
            ids = units["unit_id"].iloc[[a, b]].tolist()
            filed = draw("/".join(ids), "filed") < numbers["filed_chance"]
            if filed and area_ha >= numbers["least_overlap_ha"]:
                rows.append(self._dispute(ids[0], ids[1], "登记界线重叠", area_ha))
        for unit in units.to_dict("records"):
            name = unit["unit_id"]
            if draw(name, "quarrel") < numbers["other_chance"]:
                share = between(numbers["other_share"], name, "quarrel share")
                subject = choose(numbers["subjects"], name, "subject")
                rows.append(self._dispute(name, None, subject, share * unit["declared_area_ha"]))
        table = pd.DataFrame(rows, columns=DISPUTE)
        table = table.sort_values("unit_id", kind="stable", ignore_index=True)
        number = table.groupby("county_code").cumcount() + 1
        table.insert(0, "dispute_id", table["county_code"] + "-Z" + number.astype("str"))
        return table

    def _dispute(
        self, unit: str, other: str | None, subject: str, area_ha: float
    ) -> dict[str, Any]:
        """Return a dispute over a unit, of the county that the unit's number begins with."""
        numbers = config()["disputes"]
        first, last = numbers["years"]
        name = f"{unit}/{other or ''}"
        return {
            "unit_id": unit,
            "other_unit_id": other,
            "county_code": unit.partition("-")[0],
            "subject": subject,
            "area_ha": round(area_ha, 1),
            "filed_on": day_between((f"{first}-01-05", f"{last}-11-30"), name, "filed on"),
            "status": choose(numbers["statuses"], name, "state"),
        }

    # Water

    def water_sections(self) -> pd.DataFrame:
        """Return the water quality of river sections (断面水质); classes follow from concentrations."""
        numbers = config()
        rows = [
            self._section(str(code), number, year)
            for code in self.counties.index
            for year in self.years
            for number in range(count(numbers["sections"], str(code), "sections"))
        ]
        return pd.DataFrame(rows)

    def _section(self, code: str, number: int, year: int) -> dict[str, Any]:
        """Return a section in a year."""
        numbers, pollution = config(), config()["pollution"]
        section = f"{code}S{number + 1}"
        name, place = str(self.counties.loc[code, "name_zh"]), numbers["section_names"][number]
        usual = 1 - pollution["forest_effect"] * float(self.made.forest_share[code])
        usual += pollution["section_spread"] * (draw(section, "section") - 0.5)
        usual = float(np.clip(usual, 0.0, 1.0))
        trend = 1 + pollution["yearly_change"] * (year - self.years[0])
        found = {}
        for item in [*numbers["water_class_limits_mg_l"], "total_nitrogen_mg_l"]:
            base, slope = pollution[item]
            chance = 1 + pollution["year_spread"] * (draw(f"{section} {year}", item) - 0.5) * 2
            found[item] = round((base + slope * usual * trend) * chance, 3)
        targets = numbers["target_limits"]
        return {
            "county_code": code,
            "year": year,
            "section_id": section,
            "section": f"{name}{place}断面",
            "river": numbers["rivers"][self.counties.loc[code, "prefecture"]],
            "outflow": number == 0,
            "water_class": water_class(found),
            "target_class": next(t for t, limit in targets.items() if usual <= limit),
            "permanganate_mg_l": found["permanganate_mg_l"],
            "ammonia_nitrogen_mg_l": found["ammonia_nitrogen_mg_l"],
            "total_nitrogen_mg_l": found["total_nitrogen_mg_l"],
            "total_phosphorus_mg_l": found["total_phosphorus_mg_l"],
        }

    # Stocks

    def resource_stocks(self) -> pd.DataFrame:
        """Return stocks of resources and their change (资源存量); a year opens as the last one closed.

        Opening + additions − reductions = closing, exactly in the digits written. Resources that a
        county does not have are left out.
        """
        rows: list[dict[str, Any]] = []
        for code in map(str, self.counties.index):
            for asset in STOCKS:
                rows += self._water(code) if asset == "water_m3" else self._stock(code, asset)
        return (
            pd.DataFrame(rows)
            .sort_values(["county_code", "year"], kind="stable")
            .reset_index(drop=True)
        )

    @functools.cached_property
    def first_stocks(self) -> pd.DataFrame:
        """Opening stocks of the first year, counties × assets, in the asset's unit."""
        numbers = config()["stocks"]
        made = self.made
        trees = made.forest * made.varied("timber") + 1.0
        wet = self.areas["marsh"] + self.areas["water"]
        return pd.DataFrame(
            {
                "timber_m3": numbers["timber_m3"]["province"] * trees / trees.sum(),
                "farmland_grade_ha": made.crop * numbers["farmland_grade_ha"]["share"],
                "grass_yield_t": self.areas["grassland"] * numbers["grass_yield_t"]["per_ha"],
                "wetland_ha": wet * numbers["wetland_ha"]["share"],
                "sea_ha": self._sea() * numbers["sea_ha"]["share"],
            }
        )

    def _sea(self) -> pd.Series:
        """Return the sea of coastal pilots, as in the table `coast`, and by their rule of islands, ha."""
        size = self.made.size**0.5 * self.made.varied("sea_area_km2")
        pilots = size.index.isin(group("coastal_pilot", self.years[-1]))
        total = self.made.totals.loc["sea_area_km2", self.years[0]] * 100
        shared = total * size / size[pilots].sum() if pilots.any() else size * 0.0
        return shared.where(size.index.isin(self.coastal), 0.0)

    def _stock(self, code: str, asset: str) -> Iterator[dict[str, Any]]:
        """Give a stock of a county that changes by yearly rates."""
        numbers = config()["stocks"][asset]
        step = numbers["step"]
        stock = round(float(self.first_stocks.loc[code, asset]) / step)
        for year in self.years:
            if stock == 0:
                return
            key = f"{code} {year}"
            moves = [round(varied(stock * numbers[move], key, f"{asset} {move}")) for move in MOVES]
            yield account_row(code, year, asset, stock, moves, step)
            stock += sum(sign * move for sign, move in zip(SIGNS, moves, strict=True))

    def _water(self, code: str) -> Iterator[dict[str, Any]]:
        """Give the surface water of a county: water made, led in, used; the rest leaves."""
        numbers = config()["water_stock"]
        step = numbers["step"]
        weight = self._runoff_share[code]
        stock = round(numbers["stored_m3"] * weight / step)
        usual = stock
        for year in self.years:
            made = round(numbers["resources_m3"][year] * weight / step)
            used = round(float(self._water_used[code, year]) / step)
            led_in = max(0, used - round(numbers["transfer_share"] * made))
            closing = round(varied_by(usual, numbers["storage_change"], f"{code} {year}", "stored"))
            left = stock + made + led_in - used - closing
            yield account_row(code, year, "water_m3", stock, [made, led_in, left, used], step)
            stock = closing

    @functools.cached_property
    def _runoff_share(self) -> pd.Series:
        """Share of each county in the water of all."""
        weight = (self.made.forest + 0.3 * self.made.size) * self.made.varied("runoff")
        return weight / weight.sum()

    @functools.cached_property
    def _water_used(self) -> pd.Series:
        """Water used by county and year, as in the table `water_use`, m³."""
        return self.made.water_use().set_index(["county_code", "year"]).sum(axis=1)

    # Products

    def product_catalogue(self) -> pd.DataFrame:
        """Return the product catalogue (生态产品目录清单) of every year's survey.

        Quantities drift between surveys, grades and rights change, products appear and vanish.
        """
        kinds = pd.read_csv(SOURCES / "products.csv").to_dict("records")
        rows: list[dict[str, Any]] = []
        for code in map(str, self.counties.index):
            for number, kind in enumerate(kinds, start=1):
                area = float(self.areas.loc[code, kind["ecosystem_type"]])
                if area / self.made.size[code] >= kind["least_share"]:
                    rows += self._product(code, f"{number:02d}", kind, area)
        rows.sort(key=lambda row: (row["county_code"], row["year"], row["product_id"]))
        return pd.DataFrame(rows)

    def _product(
        self, code: str, number: str, kind: dict[Any, Any], area_ha: float
    ) -> Iterator[dict[str, Any]]:
        """Give a product in the surveys that list it."""
        numbers = config()
        rule = numbers["catalogue"]
        key = f"{code} {kind['product']}"
        quantity = varied(area_ha * kind["per_ha"], key, "quantity")
        grade = int(draw(key, "grade") * len(GRADES))
        rights = int(draw(key, "rights") * len(RIGHTS_STATUS))
        source = choose(numbers["data_sources"][kind["product_class"]], key, "source")
        late = draw(key, "late") < rule["late_chance"]
        gone = not late and draw(key, "gone") < rule["gone_chance"]
        listed = self.years[1:] if late else self.years[:-1] if gone else self.years
        for year in self.years:
            now = f"{key} {year}"
            if year != self.years[0]:
                quantity *= 1 + between(rule["drift"], now, "drift")
                grade = changed_grade(grade, now)
                rights = changed_rights(rights, now)
            if year not in listed:
                continue
            empty = draw(now, "function") < rule["function_empty"]
            yield {
                "county_code": code,
                "year": year,
                "product_id": number,
                **{k: kind[k] for k in ("product", "product_class", "subject", "origin")},
                "ecosystem_type": kind["ecosystem_type"],
                "unit": kind["unit"],
                "quantity": float(f"{quantity:.5g}"),
                "quality_grade": GRADES[grade],
                "function": None if empty else numbers["functions"][kind["subject"]],
                "owner_type": "国有" if draw(key, "owner") < 0.3 else "集体",
                "rights_status": RIGHTS_STATUS[rights],
                "protection_status": choose(PROTECTION, key, "protection"),
                "development_status": "已开发" if draw(key, "developed") < 0.6 else "未开发",
                "data_source": source,
                "survey_date": day_between((f"{year}-05-10", f"{year}-09-20"), code, "survey"),
                "confidence": choose(numbers["confidences"][source], key, "confidence"),
            }

    def agricultural_products(self) -> pd.DataFrame:
        """Return main farm products (主要农产品), scaled to the output of farming."""
        outputs = self.made.material_products()
        farming = outputs[outputs["product"] == "agriculture"].set_index(["county_code", "year"])
        rows = []
        for code in map(str, self.counties.index):
            shares = self._crop_shares(code)
            for year in self.years:
                output = float(farming.loc[(code, year), "output_value_cny"])
                rows += [
                    self._crop(code, year, crop, output * share) for crop, share in shares.items()
                ]
        return pd.DataFrame(rows)

    def _crop_shares(self, code: str) -> dict[str, float]:
        """Return the largest products of a county and their share of farming output."""
        crops = config()["crops"]
        hills = 0.5 + float(self.made.forest_share[code])
        weights = {
            crop: varied(c["share"] * hills ** c["hill"], code, crop) for crop, c in crops.items()
        }
        kept = sorted(weights, key=lambda crop: -weights[crop])
        kept = kept[: count(config()["crop_counts"], code, "crops")]
        total = sum(weights[crop] for crop in kept)
        return {
            crop: config()["crop_share"] * weights[crop] / total for crop in crops if crop in kept
        }

    def _crop(self, code: str, year: int, crop: str, value_cny: float) -> dict[str, Any]:
        """Return a product in a year."""
        numbers, certified = config()["crops"][crop], config()["certified"]
        key = f"{code} {crop}"
        tonnes = value_cny / varied(numbers["cny_t"], key, "price")
        percent = certified["first_percent"] + certified["yearly_percent"] * (year - self.years[0])
        percent = min(100.0, varied_by(percent, certified["spread"], key, "certified"))
        empty = draw(f"{key} {year}", "certified") < certified["empty_chance"]
        return {
            "county_code": code,
            "year": year,
            "product": crop,
            "quantity_t": round(tonnes, 1),
            "area_ha": None if numbers["t_ha"] is None else round(tonnes / numbers["t_ha"], 1),
            "output_value_cny": round(value_cny, -4),
            "certified_percent": None if empty else round(percent, 1),
        }

    def eco_tourism(self) -> pd.DataFrame:
        """Return eco-tourism (生态旅游): the part of tourism that nature draws."""
        numbers = config()["eco_tourism"]
        table = self.made.tourism()
        nature = table["natural_share_percent"] / 100
        income = table["spending_cny"] * nature * numbers["income_share"]
        years = table["year"] - self.years[0]
        share = numbers["value_added_share"] * (1 + numbers["yearly_gain"] * years)
        code = table["county_code"]
        sites = numbers["town_sites"] + code.map(self.made.forest) / numbers["ha_per_site"]
        return pd.DataFrame(
            {
                "county_code": code,
                "year": table["year"],
                "sites": (sites * code.map(self.made.varied("sites"))).round().clip(lower=1),
                "visitors_person": (table["visitors_person"] * nature).round(),
                "income_cny": income.round(-4),
                "value_added_cny": (income * share).round(-4),
            }
        ).astype({"sites": "int64"})


def water_class(found: dict[str, float]) -> str:
    """Return the class of water: that of its worst item (水质类别, 单因子评价)."""
    limits = config()["water_class_limits_mg_l"]
    worst = max(int(np.searchsorted(bounds, found[item])) for item, bounds in limits.items())
    return str(config()["water_classes"][worst])


def account_row(
    code: str, year: int, asset: str, opening: int, moves: list[int], step: float
) -> dict[str, Any]:
    """Return a row of `resource_stocks` from whole steps, so that the digits written add up."""
    closing = opening + sum(sign * move for sign, move in zip(SIGNS, moves, strict=True))
    figures = dict(zip(("opening", *MOVES, "closing"), [opening, *moves, closing], strict=True))
    scaled = {name: round(figure * step, 1) for name, figure in figures.items()}
    return {"county_code": code, "year": year, "asset": asset, **scaled}


def varied_by(value: float, share: float, key: str, what: str) -> float:
    """Return a value that is off by up to a share of it."""
    return value * (1 + share * (2 * draw(key, what) - 1))


def changed_grade(grade: int, key: str) -> int:
    """Return a quality grade after a year: it mostly stays."""
    numbers = config()["catalogue"]
    luck = draw(key, "graded")
    if luck < numbers["grade_falls"]:
        return min(grade + 1, len(GRADES) - 1)
    return max(grade - 1, 0) if luck > 1 - numbers["grade_rises"] else grade


def changed_rights(rights: int, key: str) -> int:
    """Return the state of rights after a year: registered, then transferred or mortgaged, or back."""
    if draw(key, "rights") >= config()["catalogue"]["rights_move"]:
        return rights
    registered = RIGHTS_STATUS.index("已确权")
    if rights < registered:
        return rights + 1
    if rights > registered:
        return registered
    return registered + 1 + int(draw(key, "way") * 2)
