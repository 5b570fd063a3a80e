"""What is refused in eco-tourism, products and prices of brands (产业与品牌检查)."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gepbook.assessment.brand.rules import BRANDS, PRODUCTS, SECTION, TOURISM, BrandParams
from gepbook.params import ParameterSet
from gepbook.prices import PriceBook
from gepbook.province import Registers


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in eco-tourism, products and brand prices, and in their rules."""
    rules = params.section(SECTION, BrandParams)
    problems: list[str] = []
    for table, name in (
        (TOURISM, rules.tourism_price_index),
        (PRODUCTS, rules.product_price_index),
    ):
        if registers.pack.has(table):
            problems += registers.row_problems(table, registers.history(table))
            problems += _index_problems(registers, table, name)
    if registers.pack.has(TOURISM):
        rows = registers.history(TOURISM)
        problems += [
            f"{registers.place(TOURISM, row.Index)}: value_added_cny {row.value_added_cny:g} is more "
            f"than income_cny {row.income_cny:g}. Correct one of the two, or its unit."
            for row in rows[rows["value_added_cny"] > rows["income_cny"]].itertuples()
        ]
    if registers.pack.has(BRANDS):
        problems += _brand_problems(registers, rules)
    return problems


def _index_problems(registers: Registers, table: str, name: str) -> Iterator[str]:
    """Give the years of a table that its price index lacks."""
    held = set(PriceBook.read().index(name).index)
    if lacking := sorted(set(registers.history(table)["year"]) - held):
        yield (
            f"params/prices/price_indices.csv: index {name!r} has no year "
            f"{', '.join(map(str, lacking))}, which {table} has. Add it."
        )


def _brand_problems(registers: Registers, rules: BrandParams) -> Iterator[str]:
    """Give what is wrong in the register of brand prices."""
    rows = registers.history(BRANDS)
    yield from registers.row_problems(BRANDS, rows)
    for column in ("branded_quantity_t", "branded_price_cny_t", "control_price_cny_t"):
        for line, value in rows.loc[rows[column] <= 0, column].items():
            yield (
                f"{registers.place(BRANDS, line)}: {column} is {value:g}, it must be above 0. Give the "
                "figure; leave a control price empty, and a product that was not sold out."
            )
    named = rows["control"].fillna("").str.strip() != ""
    for line in rows.index[rows["control_price_cny_t"].notna() & ~named]:
        yield (
            f"{registers.place(BRANDS, line)}: control_price_cny_t has no control. Say which product it "
            "is and how it was chosen."
        )
    for line, word in rows.loc[rows["control_price_cny_t"].isna() & named, "control"].items():
        yield (
            f"{registers.place(BRANDS, line)}: control {word!r} has no "
            "control_price_cny_t. Give the price, or leave both empty."
        )
    sound = (rows["branded_price_cny_t"] > 0) & (rows["control_price_cny_t"] > 0)
    ratio = (rows["branded_price_cny_t"] / rows["control_price_cny_t"])[sound]
    least, most = rules.price_ratio_range["low"], rules.price_ratio_range["high"]
    for line, times in ratio[(ratio < least) | (ratio > most)].items():
        yield (
            f"{registers.place(BRANDS, line)}: the brand's price is {times:.3g} times the control's, the "
            f"rules allow {least:g} to {most:g}. Check the units of both and the choice of the control."
        )
    if registers.pack.has(PRODUCTS):
        yield from _quantity_problems(registers, rows)


def _quantity_problems(registers: Registers, rows: pd.DataFrame) -> Iterator[str]:
    """Give the products of which more was sold under brands than was grown."""
    key = ["county_code", "year", "product"]
    grown = registers.history(PRODUCTS).groupby(key)["quantity_t"].sum()
    sold = rows.groupby(key)["branded_quantity_t"].sum()
    both = pd.DataFrame({"sold": sold, "grown": grown}).dropna()
    first = rows.reset_index(names="line").groupby(key)["line"].first()
    for place, row in both[both["sold"] > both["grown"]].iterrows():
        yield (
            f"{registers.place(BRANDS, first[place])}: {row['sold']:g} t of {place[2]!r} were sold under "
            f"brands, but {PRODUCTS} has {row['grown']:g} t grown. Correct one of the two."
        )
