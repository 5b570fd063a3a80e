"""Rights, budgets of ecological resources and what is held of them (生态资源预算管理).

The government sets a county's limit (管控限额) and allocates within it. What is allocated and not used is
held and may be sold; what is used beyond it is lacking. For responsibility indicators the allocation is
the certified increment (核定增量), the use the county's own duty (责任量) that is met with it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gepbook.compensation.rounding import CENTS_PER_YUAN
from gepbook.params import Params, parameter

#: Place of every right that is traded in the whole province.
WHOLE_PROVINCE = "全省"
BASIN = "basin"
#: Quantities and prices within this part of a lot or tick are whole.
ROUNDING = 1e-6
KEY = ["county_code", "product", "place"]

Scope = Literal["province", "basin"]


class Right(BaseModel):
    """How a right is traded; the parameter's unit is that of its quantities.

    `lot` is the least quantity, prices are CNY per unit, `scope` says where it may move.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    lot: Annotated[float, Field(gt=0)]
    price_floor: Annotated[float, Field(ge=0)]
    price_ceiling: Annotated[float, Field(gt=0)]
    price_tick: Annotated[float, Field(gt=0)]
    scope: Scope

    @model_validator(mode="after")
    def _consistent(self) -> Right:
        if self.price_floor >= self.price_ceiling:
            raise ValueError(
                f"price_floor {self.price_floor:g} must be below price_ceiling {self.price_ceiling:g}"
            )
        cents = self.lot * self.price_tick * CENTS_PER_YUAN
        if round(cents) < 1 or abs(cents - round(cents)) > ROUNDING:
            raise ValueError(f"lot × price_tick must be whole cents, got {cents:g} cents")
        return self

    @property
    def tick_cents(self) -> int:
        """Price of one lot at one tick, in cents; so that every trade is whole cents."""
        return round(self.lot * self.price_tick * CENTS_PER_YUAN)


class RightsTradingParams(Params):
    """Rights that are traded (生态资源权益品种): lot, bounds of the price, tick, scope of each."""

    provincial = True

    basins: tuple[str, ...] = parameter("1", "八大流域, 水权只在一个流域内交易", min_length=1)
    greening_increment: Right = parameter("ha", "绿化增量责任指标")
    clean_water_increment: Right = parameter("m3", "清水增量责任指标")
    carbon_sink: Right = parameter("t", "碳汇, 吨二氧化碳当量")
    ecological_land: Right = parameter("ha", "生态地")
    forest_cover: Right = parameter("ha", "森林覆盖率指标, 折合森林面积")
    emission_so2: Right = parameter("t", "二氧化硫排污权")
    emission_nox: Right = parameter("t", "氮氧化物排污权")
    emission_cod: Right = parameter("t", "化学需氧量排污权")
    emission_ammonia_nitrogen: Right = parameter("t", "氨氮排污权")
    energy_use_right: Right = parameter("tce", "用能权")
    water_right: Right = parameter("m3", "水权")

    @field_validator("basins")
    @classmethod
    def _distinct(cls, basins: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(basins)) < len(basins) or WHOLE_PROVINCE in basins:
            raise ValueError(f"must be different basins, none of them {WHOLE_PROVINCE}")
        return basins

    @property
    def rights(self) -> dict[str, Right]:
        """Every right by product."""
        return {name: getattr(self, name) for name in UNITS}

    def places(self, product: str) -> tuple[str, ...]:
        """Return the places that a product has books in."""
        return self.basins if self.rights[product].scope == BASIN else (WHOLE_PROVINCE,)

    def per_row(self, product: pd.Series, attribute: str) -> pd.Series:
        """Return an attribute of the right in each row."""
        return product.map({name: getattr(right, attribute) for name, right in self.rights.items()})


#: Unit of each product's quantities.
UNITS: dict[str, str] = {
    name: str(field.json_schema_extra["unit"])
    for name, field in RightsTradingParams.model_fields.items()
    if field.annotation is Right and isinstance(field.json_schema_extra, dict)
}


def counted(quantity: pd.Series, step: pd.Series) -> pd.Series:
    """Return quantities in lots, or prices in ticks; int64.

    Parameters
    ----------
    quantity, step : Series
        In the unit of the right; quantities are whole steps up to rounding.
    """
    return (quantity / step).round().astype("int64")


def are_whole(quantity: pd.Series, step: pd.Series) -> pd.Series:
    """Tell which quantities are whole lots, or which prices are whole ticks; missing ones are not."""
    steps = quantity / step
    return (steps - steps.round()).abs() <= ROUNDING


def holdings(budgets: pd.DataFrame, rules: RightsTradingParams) -> pd.DataFrame:
    """Return what counties hold and lack of their budgets (结余与缺口).

    Parameters
    ----------
    budgets : DataFrame
        Columns `KEY`, `limit_quantity`, `allocated_quantity`, `used_quantity`, in the product's unit.

    Returns
    -------
    DataFrame, same index
        The same columns without the year, with `available_quantity` = max(allocated − used, 0),
        `lacking_quantity` = max(used − allocated, 0), `opening_lots`, the whole lots in what is
        available, and `over_limit`, whether more was used than the limit.
    """
    left = budgets["allocated_quantity"] - budgets["used_quantity"]
    lots = left.clip(lower=0) / rules.per_row(budgets["product"], "lot")
    return budgets[[*KEY, "limit_quantity", "allocated_quantity", "used_quantity"]].assign(
        available_quantity=left.clip(lower=0),
        lacking_quantity=(-left).clip(lower=0),
        opening_lots=np.floor(lots + ROUNDING).astype("int64"),
        over_limit=budgets["used_quantity"] > budgets["limit_quantity"],
    )


def balances(held: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Return each county's balance of each right after the auction (交易台账), lots.

    Parameters
    ----------
    held : DataFrame
        As `holdings` gives it.
    orders : DataFrame
        Columns `KEY`, `side` (buy or sell) and `filled_lots`.

    Returns
    -------
    DataFrame
        Columns `KEY`, `opening_lots`, `bought_lots`, `sold_lots`, `closing_lots`; opening + bought −
        sold = closing, exactly. Counties that hold or trade nothing stand with 0.
    """
    filled = orders.pivot_table(
        index=KEY, columns="side", values="filled_lots", aggfunc="sum", fill_value=0
    ).reindex(columns=["buy", "sell"], fill_value=0)
    table = held.set_index(KEY)[["opening_lots"]]
    bought, sold = (filled[side].reindex(table.index, fill_value=0) for side in ("buy", "sell"))
    table = table.assign(bought_lots=bought, sold_lots=sold).astype("int64")
    closing = table["opening_lots"] + table["bought_lots"] - table["sold_lots"]
    return table.assign(closing_lots=closing).reset_index()
