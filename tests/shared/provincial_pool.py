"""Ledgers of all 90 counties made up for tests: small round figures that differ by county."""

from pathlib import Path

import pandas as pd

from gepbook import counties, ledger, params, paths
from gepbook.province import Province, Registers
from gepbook.run import Run, Task, open_pack

SERVICES = (
    "water_conservation", "water_purification", "soil_retention", "climate_regulation",
    "flood_mitigation", "carbon_sequestration",
)  # fmt: skip


def make_pool(year=2023):
    """Return inventory and accounting ledgers with what the schemes read."""
    rows = []
    for number, code in enumerate(counties.read().index, start=1):
        size = 1e8 * (1 + number % 7)

        def add(account, item, measure, value, unit="CNY", basis="", code=code):
            row = ledger.entry(
                account, item, measure, value, unit, origin="illustrative", method_id="test",
                quality="design", price_basis=basis, price_year=year if basis else None,
            )  # fmt: skip
            rows.append({"release": "t", "year": year, "county_code": code, **row})

        for item, share in (
            ("gep", 10.0),
            ("provisioning", 1.0),
            ("regulating", 7.0),
            ("cultural", 2.0),
        ):
            add("gep", item, "value", share * size, basis="current")
            add("gep", item, "value", share * size, basis="comparable")
            add("gep", item, "value_previous_year", share * size * 0.97, basis="comparable")
            add("gep", item, "value_normal_weather", share * size, basis="comparable")
            for y in range(2020, year):
                then = share * size * 0.97 ** (year - y)
                add("history", item, f"value_{y}", then, basis="comparable")
                add("history", item, f"value_{y}", then, basis="current")
                add("history", item, f"value_normal_weather_{y}", then, basis="comparable")
        for service in SERVICES:
            add("services", service, "value", size, basis="current")
            add("services", service, "value", size, basis="comparable")
        for item, value in (
            ("gdp", 30 * size), ("budget_revenue", 2 * size), ("budget_expenditure", 3 * size),
        ):  # fmt: skip
            add("statistics", item, "value", value, basis="current")
            add("statistics", item, "value_previous_year", value * 0.95, basis="current")
        add("statistics", "resident_population", "value", 4e5 + number, "person")
        add("statistics", "redline_area", "value", 100.0 + number, "km2")
        add("statistics", "land_area", "value", 1500.0, "km2")
        for item, opening, closing in (
            ("mixed_forest", 90_000.0, 90_100.0),
            ("paddy", 60_000.0, 59_900.0),
        ):
            add("extent", item, "opening", opening, "ha")
            add("extent", item, "closing", closing, "ha")
    rows += [row for y in range(2020, year + 1) for row in site_rows(year, y)]
    return pd.DataFrame(rows).astype(ledger.COLUMNS)


def site_rows(year, balanced):
    """Return what the open pack's sites hold before and after: 10 t and 1e4 CNY of each ha, or none."""
    suffix = "" if balanced == year else f"_{balanced}"
    frame = open_pack(str(paths.OPEN_PACK)).vector("project_sites")
    rows = []
    for site in frame[frame["year"] <= balanced].itertuples():
        area = site.geometry.area / 1e4
        before, after = (0.0, area) if site.kind == "offset" else (area, 0.0)
        item = f"{site.site_id}.soil_retention.sediment"
        for state, ha in (("before", before), ("after", after)):
            for face, value, unit in (("physical", 10 * ha, "t a-1"), ("value", 1e4 * ha, "CNY")):
                basis = {"price_basis": "current", "price_year": balanced} if unit == "CNY" else {}
                row = ledger.entry(
                    "sites", item, f"{face}_{state}{suffix}", value, unit, origin="illustrative",
                    method_id="test", quality="design", **basis,
                )  # fmt: skip
                rows.append({"release": "t", "year": year, "county_code": site.county_code, **row})
    return rows


def make_run(tmp, code="331181", year=2023, pack=paths.OPEN_PACK):
    """Return a run by hand of the open pack."""
    task = Task(
        stage="compensation", county_code=code, year=year, release="t", standard="db33-2020",
        pack=str(pack), release_dir=str(tmp), allow_partial=True,
    )  # fmt: skip
    return Run.prepare(task, Path(tmp) / "run")


def make_province(year=2023, pack=paths.OPEN_PACK):
    """Return what schemes are computed from: made-up ledgers, the open pack's registers, the rules."""
    registers = Registers(open_pack(str(pack)), year)
    return Province(make_pool(year), registers, params.resolve(None, year, "db33-2020"))
