"""What is refused in eco-tourism, products and prices of brands (产业与品牌检查)."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from gepbook.assessment import money
from gepbook.assessment.brand.rules import BRANDS, PRODUCTS, SECTION, TOURISM, BrandParams
from gepbook.assessment.targets.rules import SECTION as TARGETS
from gepbook.assessment.targets.rules import TargetParams
from gepbook.errors import near
from gepbook.params import ParameterSet
from gepbook.prices import PriceBook
from gepbook.province import Registers


def check(registers: Registers, params: ParameterSet) -> list[str]:
    """Return all that is wrong in eco-tourism, products and brand prices, and in their rules."""
    rules = params.section(SECTION, BrandParams)
    problems: list[str] = []
    goals = params.section(TARGETS, TargetParams).targets
    if (goal := rules.certification_target) not in goals:
        problems.append(
            f"params/{params.entries[f'{SECTION}.certification_target'].layer}.yaml: {SECTION}."
            f"certification_target is {goal!r}, no target of {TARGETS}.yaml.{near(goal, goals)} Name one."
        )
    for table, rule in ((TOURISM, "tourism_price_index"), (PRODUCTS, "product_price_index")):
        if registers.pack.has(table):
            rows = registers.history(table)
            problems += registers.row_problems(table, rows)
            problems += PriceBook.read().index_problems(
                f"{SECTION}.{rule}", getattr(rules, rule), rows["year"]
            )
            problems += money.slips(registers, table, params)
    if registers.pack.has(TOURISM):
        problems += _beyond_gdp(registers)
        rows = registers.history(TOURISM)
        problems += [
            f"{registers.place(TOURISM, row.Index)}: value_added_cny {row.value_added_cny:g} is more "
            f"than income_cny {row.income_cny:g}. Correct one of the two, or its unit."
            for row in rows[rows["value_added_cny"] > rows["income_cny"]].itertuples()
        ]
    if registers.pack.has(BRANDS):
        problems += _brand_problems(registers, rules)
        problems += money.slips(registers, BRANDS, params)
    return problems


def _beyond_gdp(registers: Registers) -> Iterator[str]:
    """Give the value added of eco-tourism that is more than all of the county's."""
    if not registers.pack.has(money.ECONOMY):
        return
    key = ["county_code", "year"]
    gdp = registers.history(money.ECONOMY)[[*key, "gdp_cny"]].drop_duplicates(key)
    rows = registers.history(TOURISM).reset_index(names="line").merge(gdp, on=key)
    for row in rows[rows["value_added_cny"] > rows["gdp_cny"]].itertuples():
        yield (
            f"{registers.place(TOURISM, row.line)}: value_added_cny {row.value_added_cny:.6g} is more "
            f"than the county's GDP, {row.gdp_cny:.6g} CNY. Give it in CNY, or correct one of the two."
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
