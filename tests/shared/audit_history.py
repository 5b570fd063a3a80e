"""Made-up terms of office and histories of accounts, for tests of the departure audit."""

import pandas as pd
from fake_pack import FakePack

from gepbook import ledger, params
from gepbook.assessment.topic import Evidence
from gepbook.province import Registers

A, B = "331181", "330523"
YEARS = [2020, 2021, 2022, 2023]
RULE_FILE = params.resolve(None, 2023, "db33-2020").assuming({"growth_draws.draws": 2000})
FLAT = dict.fromkeys(YEARS, 100.0)
#: Years that rise beyond all doubt: full points.
RISE = {2020: 100.0, 2021: 105.0, 2022: 110.0, 2023: 115.0}
TERM = ["term_id", "county_code", "post", "official", "start_date", "end_date", "audited_on"]
RECORD = ["finding_id", "term_id", "county_code", "item", "count", "occurred_on", "evidence"]


FALL = {2020: 100.0, 2021: 95.0, 2022: 90.0, 2023: 85.0}
HEAD = (A, "county_head", "示例甲")


class YearlyPack(FakePack):
    """A fake pack that says which years it holds."""

    years = YEARS


def registers(held=None, records=None, year=2023, **tables):
    """Return registers; terms without a day of audit were audited at the end of the year."""
    held = held or [("T1", A, "party_secretary", "示例甲", "2021-01-01", None)]
    day = f"{year}-12-31"
    rows = [(*row, None if str(row[4]) > day else day)[: len(TERM)] for row in held]
    known = {"official_terms": pd.DataFrame(rows, columns=TERM)}
    if records is not None:
        known["audit_findings"] = pd.DataFrame(records, columns=RECORD).astype({"count": "float64"})
    return Registers(YearlyPack({**known, **tables}, {}), year)


def history(code, comparable, normal=None, current=None, year=2023, origin="observed"):
    """Return ledger rows of levels by year, all of GEP in regulating services."""
    faces = [
        ("value", "comparable", comparable),
        ("value_normal_weather", "comparable", comparable if normal is None else normal),
        ("value", "current", comparable if current is None else current),
    ]
    rows = []
    for measure, basis, levels in faces:
        for of, value in levels.items():
            now = of == year
            for item, share in (
                ("gep", 1),
                ("regulating", 1),
                ("provisioning", 0),
                ("cultural", 0),
            ):
                row = ledger.entry(
                    "gep" if now else "history", item, measure if now else f"{measure}_{of}",
                    share * value, "CNY", origin=origin, method_id="test", quality="design",
                    price_basis=basis, price_year=of,
                )  # fmt: skip
                rows.append({"release": "t", "year": year, "county_code": code, **row})
    return rows


def evidence(rows, given=None, drawn=None):
    given = given or registers()
    pool = pd.DataFrame(rows).astype(ledger.COLUMNS)
    return Evidence(pool, given, RULE_FILE, {}, drawn or {})


def change_rows(code, parts, year=2023, item="gep"):
    """Return the yearly Shapley parts of GEP, or a service, by later year, as accounting writes them."""
    rows = []
    for of, values in parts.items():
        for part, value in {**values, "total": sum(values.values())}.items():
            now = of == year
            row = ledger.entry(
                "change" if now else "change_history", item, part if now else f"{part}_{of}",
                value, "CNY", origin="observed", method_id="test", price_basis="current",
                price_year=of,
            )  # fmt: skip
            rows.append({"release": "t", "year": year, "county_code": code, **row})
    return rows


def statistics(code=A):
    """Return the tables behind the indicators, all at their best and unchanged."""
    years = {"county_code": code, "year": YEARS}
    return {
        "resource_stocks": pd.DataFrame({**years, "asset": "timber_m3", "closing": 5.0}),
        "environment": pd.DataFrame(
            {**years, "good_air_days_percent": 95.0, "class_1_to_3_water_percent": 100.0}
        ),
        "water_sections": pd.DataFrame({**years, "water_class": "Ⅱ", "target_class": "Ⅱ"}),
        "redline": pd.DataFrame({**years, "redline_area_km2": 60.0}),
        "compensation_funds": pd.DataFrame({**years, "used_cny": 90.0, "paid_cny": 100.0}),
    }
