"""Budgets of ecological resources and orders for rights (生态资源预算与权益交易委托).

A county has budgets of some rights; it sells what it has left of them and bids for what it lacks. Lots,
price steps and bounds are those of the rules, `params/policy/rights_trading.yaml`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import pandas as pd

from gepbook import params
from gepbook.inputs.illustrative import draw
from gepbook.inputs.registers import between, day_between
from gepbook.inputs.scheme_registers import funds
from gepbook.inputs.scheme_registers.basis import Basis, Tables, numbers

WHOLE_PROVINCE = "全省"
WATER = "water_right"
#: The right that every county without another one has a budget of.
LEAST = "carbon_sink"
DIGITS = 6


def make(basis: Basis) -> Tables:
    """Return the registers of trading."""
    budgets = resource_budgets(basis)
    return {"resource_budgets": budgets, "market_orders": market_orders(budgets)}


@functools.cache
def _rules(product: str) -> dict[str, Any]:
    """Return lot, tick and bounds of a right's price."""
    value = params.read_defaults()[f"rights_trading.{product}"].value
    assert isinstance(value, dict)
    return value


def _bases(basis: Basis) -> dict[str, pd.Series]:
    """Return what the size of budgets comes from, each by county and year."""
    made, key = basis.made, ["county_code", "year"]
    steady = {"land_ha": made.size, "forest_ha": made.forest}
    found = {
        name: table.set_index(key).iloc[:, 0]
        for name, table in ((n, made.by_year({n: s})) for n, s in steady.items())
    }
    emissions = made.emissions().set_index(key)
    return found | {
        "water_m3": made.water_use().set_index(key).sum(axis=1),
        "energy_tce": funds.energy(basis).set_index(key)["energy_tce"],
        **{str(name): emissions[name] for name in emissions},
    }


def _members(basis: Basis) -> list[tuple[str, str, str]]:
    """Return who has a budget of what and where: (county code, product, place)."""
    rule = numbers("trading")
    basins = {code: name for name, codes in rule["basins"].items() for code in codes}
    members = []
    for code in basis.codes:
        own = [
            (code, product, WHOLE_PROVINCE)
            for product in rule["rights"]
            if product != WATER and draw(f"{code} {product}", "budget") < rule["budget_chance"]
        ]
        if code in basins and draw(code, "water budget") < rule["water_chance"]:
            own.append((code, WATER, basins[code]))
        members += own or [(code, LEAST, WHOLE_PROVINCE)]
    return members


def resource_budgets(basis: Basis) -> pd.DataFrame:
    """Return limit, allocation and use of each right that a county has a budget of, in whole lots."""
    rule, bases = numbers("trading"), _bases(basis)
    rows = []
    for code, product, place in _members(basis):
        right, lot = rule["rights"][product], _rules(product)["lot"]
        for year in basis.years:
            key = f"{code} {product} {year}"
            allocated = round(right["part"] * float(bases[right["of"]][code, year]) / lot)
            left = between(rule["difference"], key, "difference")
            used = round(allocated * (1 - left if _holds(basis, code, right, key) else 1 + left))
            limit = round(allocated * between(rule["limit_room"], key, "limit"))
            quantities = {"limit": max(limit, allocated), "allocated": allocated, "used": used}
            rows.append(
                {
                    "county_code": code,
                    "year": year,
                    "product": product,
                    "place": place,
                    **{f"{n}_quantity": round(q * lot, DIGITS) for n, q in quantities.items()},
                }
            )
    key_columns = ["county_code", "year", "product", "place"]
    return pd.DataFrame(rows).sort_values(key_columns, ignore_index=True)


def _holds(basis: Basis, code: str, right: dict[str, Any], key: str) -> bool:
    """Tell whether a county has some of a right left in a year."""
    rule = numbers("trading")
    if right["holders"] == "green":
        usual = float(basis.made.forest_share[code]) > rule["green_forest_share"]
    else:
        usual = draw(f"{code} {right['of']}", "holds") < rule["holder_chance"]
    return usual != (draw(key, "exception") < rule["exception_chance"])


def market_orders(budgets: pd.DataFrame) -> pd.DataFrame:
    """Return the orders by which counties sell what is left and bid for what they lack."""
    rule = numbers("trading")
    first = int(budgets["year"].min())
    rows: list[dict[str, Any]] = []
    for row in budgets.to_dict("records"):
        key = "{county_code} {product} {year}".format(**row)
        if draw(key, "order") < rule["order_chance"]:
            rows += _orders(row, key, int(row["year"]) - first)
    table = pd.DataFrame(rows).sort_values(["year", "placed_on", "county_code"], kind="stable")
    number = table.groupby("year").cumcount() + 1
    ids = "T" + (table["year"] % 100).astype("str") + number.astype("str").str.zfill(3)
    table.insert(0, "order_id", ids)
    return table.reset_index(drop=True)


def _orders(row: dict[Any, Any], key: str, age: int) -> Iterator[dict[str, Any]]:
    """Give the one or two orders of a county for a right."""
    rule, right, trade = numbers("trading"), _right(row), _rules(row["product"])
    left = round((row["allocated_quantity"] - row["used_quantity"]) / trade["lot"])
    side = "sell" if left > 0 else "buy"
    part = between(rule["sold_part" if side == "sell" else "bought_part"], key, "part")
    lots = int(abs(left) * part)
    half = lots // 2 if side == "sell" and draw(key, "second") < rule["second_chance"] else 0
    bids = "bid" if side == "buy" else "ask"
    apart = draw(f"{row['product']} {row['place']} {row['year']}", "apart") < rule["apart_chance"]
    bounds = rule[f"apart_{bids}_prices" if apart else f"{bids}_prices"]
    for number, quantity in enumerate((lots - half, half)):
        name = f"{key} {number}"
        usual = right["cny"] * (1 + rule["price_growth"]) ** age
        price = usual * between(bounds, name, "price")
        price = min(max(price, trade["price_floor"]), trade["price_ceiling"])
        private = draw(name, "trader") < right["private"]
        if quantity:
            yield {
                "county_code": row["county_code"],
                "year": row["year"],
                "product": row["product"],
                "place": row["place"],
                "side": side,
                "trader": "enterprises" if private else "government",
                "quantity": round(quantity * trade["lot"], DIGITS),
                "price_cny": round(
                    round(price / trade["price_tick"]) * trade["price_tick"], DIGITS
                ),
                "placed_on": day_between(
                    [f"{row['year']}-{day}" for day in rule["days"]], name, "placed"
                ),
            }


def _right(row: dict[Any, Any]) -> dict[str, Any]:
    """Return the numbers of a row's right."""
    found: dict[str, Any] = numbers("trading")["rights"][row["product"]]
    return found
