"""Parcels collected by resource platforms and demands for them (生态资源收储与需求)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import REGISTERED, between, choose, day_between
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

PRICE_STEP = 100  # prices are agreed in whole hundreds of 元 per ha


def make(basis: Basis) -> Tables:
    """Return the registers of the resource platforms."""
    return {"resource_parcels": parcels(basis), "resource_demands": demands(basis)}


def _weighted(chances: dict[str, float], key: str, what: str) -> str:
    """Return one of some words by its chance."""
    place = np.searchsorted(np.cumsum(list(chances.values())), draw(key, what), side="right")
    return list(chances)[min(int(place), len(chances) - 1)]


def _price(bounds: list[float], key: str, what: str) -> float:
    """Return a price, CNY ha-1."""
    return round(between(bounds, key, what) / PRICE_STEP) * PRICE_STEP


def parcels(basis: Basis) -> pd.DataFrame:
    """Return parcels on registered units, none larger than a part of its unit."""
    rule = numbers("resource_bank")
    rows: list[dict[str, Any]] = []
    for unit in basis.units.to_dict("records"):
        name, code, resource = unit["unit_id"], unit["county_code"], unit["resource"]
        chance = rule["parcel_chance"]["platform" if code in rule["platforms"] else "usual"]
        if unit["status"] != REGISTERED or draw(name, "collected") >= chance:
            continue
        most = rule["unit_share_most"] * unit["declared_area_ha"]
        cost = _price(rule["cost_cny_ha"][resource], name, "cost")
        markup = between(rule["reserve_markup"], name, "markup")
        rows.append(
            {
                "parcel_id": f"{name}-S1",
                "county_code": code,
                "unit_id": name,
                "resource": resource,
                "area_ha": round(min(between(rule["area_ha"][resource], name, "parcel"), most), 1),
                "tenure": choose(rule["tenures"], name, "tenure"),
                "term_year": round(between(rule["term_year"], name, "term")),
                "collected_on": day_between(rule["collected_between"], name, "collected on"),
                "cost_cny_ha": cost,
                "reserve_price_cny_ha": round(cost * markup / PRICE_STEP) * PRICE_STEP,
                "status": _weighted(rule["statuses"], name, "parcel status"),
            }
        )
    return pd.DataFrame(rows)


def demands(basis: Basis) -> pd.DataFrame:
    """Return the demands of every year."""
    rule = numbers("resource_bank")
    rows: list[dict[str, Any]] = []
    for year in basis.years:
        for number in range(1, rule["demands_per_year"] + 1):
            name = f"XQ{year}-{number:02d}"
            resource = _weighted(rule["resources"], name, "resource")
            codes = basis.registers.coastal if resource == "sea" else basis.codes
            least = round(between(rule["least_ha"], name, "least"))
            rows.append(
                {
                    "demand_id": name,
                    "county_code": choose(codes, name, "county"),
                    "year": year,
                    "party": choose(rule["parties"], name, "party"),
                    "resource": resource,
                    "scope": _weighted(rule["scopes"], name, "scope"),
                    "least_ha": least,
                    "most_ha": round(least * between(rule["most_factor"], name, "most")),
                    "least_term_year": round(between(rule["least_term_year"], name, "need")),
                    "price_cny_ha": _price(rule["bid_cny_ha"][resource], name, "bid"),
                }
            )
    return pd.DataFrame(rows)
