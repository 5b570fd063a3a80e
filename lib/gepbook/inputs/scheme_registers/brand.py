"""Prices of products under regional brands beside those of control products (区域公用品牌)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between, choose
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

STEP = 10  # prices are told in whole 10 CNY per t, that is fen per kg


def make(basis: Basis) -> Tables:
    """Return the register of brand prices."""
    return {"brand_products": products(basis)}


def products(basis: Basis) -> pd.DataFrame:
    """Return every brand's products in every county and year."""
    farmed = basis.registers.agricultural_products()
    prefectures = basis.registers.counties["prefecture"]
    rows = [
        row
        for brand, rule in numbers("brand")["brands"].items()
        for code in basis.codes
        if code in rule.get("counties", ()) or prefectures[code] in rule.get("prefectures", ())
        for row in _of_county(farmed[farmed["county_code"] == code], code, brand, rule)
    ]
    frame = pd.DataFrame(rows).sort_values(["county_code", "year", "brand", "product"])
    return frame.reset_index(drop=True)


def _of_county(
    farmed: pd.DataFrame, code: str, brand: str, rule: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """Give a brand's products of a county: its first ones by the rule that are grown there."""
    grown = set(farmed["product"])
    chosen = [product for product in rule["products"] if product in grown][: rule["most"]]
    for row in farmed[farmed["product"].isin(chosen)].itertuples():
        if row.year >= rule["since"]:
            yield _priced(row, code, brand, rule)


def _priced(row: Any, code: str, brand: str, rule: dict[str, Any]) -> dict[str, Any]:
    """Return what a product cost in a year under the brand, and without it."""
    general = numbers("brand")
    product, year = f"{code} {brand} {row.product}", f"{code} {brand} {row.product} {row.year}"
    farm_price = row.output_value_cny / row.quantity_t
    control = farm_price * between(general["trade_margin"], product, "margin")
    control *= 1 + between(general["yearly_noise"], year, "control")
    ratio = rule["log_premium"] + between(rule["spread"], product, "premium")
    ratio += between(general["yearly_noise"], year, "premium")
    matched = draw(year, "control") >= general["no_control_chance"]
    share = between(general["branded_share"], product, "share")
    return {
        "county_code": code,
        "year": row.year,
        "brand": brand,
        "product": row.product,
        "branded_quantity_t": round(row.quantity_t * share, 1),
        "branded_price_cny_t": round(control * math.exp(ratio) / STEP) * STEP,
        "control_price_cny_t": round(control / STEP) * STEP if matched else None,
        "control": choose(general["controls"], product, "control") if matched else None,
    }
