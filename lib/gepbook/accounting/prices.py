"""Unit prices carried from their base year to the year wanted (价格序列)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gepbook import paths
from gepbook.errors import ParameterError, near
from gepbook.params import Confidence, Params, parameter, read_yaml

FIXED = "fixed"
ACCOUNTING = "accounting"


class ComparablePrices(Params):
    """The fixed year of comparable prices (可比价)."""

    year: int = parameter("a", "可比价年份")


class Price(BaseModel):
    """One unit price with its base year, index and source."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: Annotated[float, Field(ge=0)]
    unit: str
    base_year: int | Literal["accounting"]
    index: str
    name_zh: str
    source: Annotated[str, Field(min_length=1)]
    confidence: Confidence
    note: str = ""


class PriceBook:
    """All unit prices and price indices (价格表)."""

    def __init__(self, prices: dict[str, Price], changes: pd.DataFrame) -> None:
        self.prices = prices
        self._changes = changes

    @classmethod
    def read(cls, folder: Path = paths.PARAMS) -> PriceBook:
        """Read `prices/prices.yaml` and `prices/price_indices.csv`.

        Raises
        ------
        ParameterError
            All wrong entries at once.
        """
        path = folder / "prices" / "prices.yaml"
        changes = pd.read_csv(folder / "prices" / "price_indices.csv", encoding="utf-8")
        known = {FIXED, *changes["index"]}
        prices, problems = {}, []
        for key, raw in read_yaml(path).items():
            try:
                prices[key] = Price(**raw)
            except (ValidationError, TypeError) as error:
                problems.append(f"{path}: price {key!r} is not a price entry ({error}).")
                continue
            if prices[key].index not in known:
                hint = near(prices[key].index, known)
                problems.append(
                    f"{path}: price {key!r} follows an unknown index {prices[key].index!r}.{hint}"
                )
        if problems:
            raise ParameterError(problems)
        return cls(prices, changes)

    def index(self, name: str) -> pd.Series:
        """Return an index by year; the year before its first change is 1.

        Raises
        ------
        ParameterError
            For an index that is not in the table.
        """
        rows = self._changes[self._changes["index"] == name].set_index("year")["change_percent"]
        if rows.empty:
            raise ParameterError(
                f"params/prices/price_indices.csv: no index {name!r}."
                f"{near(name, self._changes['index'].unique())}"
            )
        rows = rows.sort_index()
        base = pd.Series({rows.index[0] - 1: 1.0})
        return pd.concat([base, (1 + rows / 100).cumprod()])

    def at(self, price_year: int, accounting_year: int) -> dict[str, float]:
        r"""Return every price at the prices of a year.

        Parameters
        ----------
        price_year : int
            Year whose prices are wanted.
        accounting_year : int
            Year of the quantities; money that statistics give at the prices of that year is carried
            from there.

        Raises
        ------
        ParameterError
            Naming each price whose index lacks a year that is needed.

        Notes
        -----
        .. math:: p_t = p_b \, I_t / I_b
        """
        prices, problems = {}, []
        for key, price in self.prices.items():
            base = accounting_year if price.base_year == ACCOUNTING else int(price.base_year)
            if price.index == FIXED:
                prices[key] = price.value
                continue
            index = self.index(price.index)
            lacking = [str(year) for year in (base, price_year) if year not in index.index]
            if lacking:
                problems.append(
                    f"price {key!r}: index {price.index!r} has no year {', '.join(lacking)}. "
                    "Add it to params/prices/price_indices.csv."
                )
            else:
                prices[key] = price.value * float(index[price_year] / index[base])
        if problems:
            raise ParameterError(problems)
        return prices
