"""Unit prices carried from their base year to the year wanted (价格序列)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gepbook import paths
from gepbook.errors import ParameterError, near
from gepbook.params import Confidence, Distribution, Params, parameter, read_yaml

FIXED = "fixed"
ACCOUNTING = "accounting"
Basis = Literal["cost", "market"]
BASIS_ZH = {"cost": "成本", "market": "市场"}


class ComparablePrices(Params):
    """The fixed year of comparable prices (可比价)."""

    year: int = parameter("a", "可比价年份")


class Price(BaseModel):
    """One unit price with its base year, index and source.

    `basis` tells a price derived from the cost of protecting or replacing (保护和开发成本) from one of
    supply and demand (市场供需).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    value: Annotated[float, Field(ge=0)]
    unit: str
    base_year: int | Literal["accounting"]
    index: str
    name_zh: str
    basis: Basis
    source: Annotated[str, Field(min_length=1)]
    confidence: Confidence
    note: str = ""
    distribution: Distribution | None = None


class Choice(BaseModel):
    """A price that may be taken by cost or by market, and which of the two is taken and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: Basis
    reason: Annotated[str, Field(min_length=1)]
    options: dict[Basis, dict[str, Any]]


class PriceBook:
    """All unit prices and price indices (价格表).

    `prices` holds the price that counts under each id; `choices` those that could be taken otherwise.
    """

    def __init__(
        self,
        prices: dict[str, Price],
        changes: pd.DataFrame,
        choices: Mapping[str, dict[Basis, Price]] | None = None,
        reasons: Mapping[str, str] | None = None,
    ) -> None:
        self.prices = prices
        self.choices = dict(choices or {})
        self.reasons = dict(reasons or {})
        self._changes = changes

    def choosing(self, wanted: Mapping[str, Basis]) -> PriceBook:
        """Return the book with some prices taken by another basis, as a standard's profile asks.

        Raises
        ------
        ParameterError
            For a price that has no such option.
        """
        problems = [
            f"price {key!r}: has no option {basis!r}. It has "
            f"{', '.join(self.choices.get(key, {})) or 'one price only'} "
            "(params/prices/prices.yaml)."
            if key in self.prices
            else f"price {key!r}: is not in params/prices/prices.yaml.{near(key, self.prices)}"
            for key, basis in wanted.items()
            if basis not in self.choices.get(key, {})
        ]
        if problems:
            raise ParameterError(problems)
        chosen = {key: self.choices[key][basis] for key, basis in wanted.items()}
        reasons = {**self.reasons, **dict.fromkeys(wanted, "chosen by the standard's profile")}
        return PriceBook({**self.prices, **chosen}, self._changes, self.choices, reasons)

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
        prices: dict[str, Price] = {}
        choices: dict[str, dict[Basis, Price]] = {}
        reasons: dict[str, str] = {}
        problems: list[str] = []
        for key, raw in read_yaml(path).items():
            try:
                if isinstance(raw, dict) and "choice" in raw:
                    both = Choice(**raw)
                    choices[key] = {
                        basis: Price(**{**option, "basis": basis})
                        for basis, option in both.options.items()
                    }
                    prices[key] = choices[key][both.choice]
                    reasons[key] = both.reason
                else:
                    prices[key] = Price(**raw)
            except (ValidationError, TypeError, KeyError) as error:
                problems.append(f"{path}: price {key!r} is not a price entry ({error}).")
                continue
            for price in choices.get(key, {"": prices[key]}).values():
                if price.index not in known:
                    hint = near(price.index, known)
                    problems.append(
                        f"{path}: price {key!r} follows an unknown index {price.index!r}.{hint}"
                    )
        if problems:
            raise ParameterError(problems)
        return cls(prices, changes, choices, reasons)

    @functools.cache  # noqa: B019  a book lives as long as its account
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

    def index_problems(self, rule: str, name: str, years: Iterable[int]) -> list[str]:
        """Return why an index that a rule names does not serve it: unknown, or without some years."""
        file = "params/prices/price_indices.csv"
        try:
            held = set(self.index(name).index)
        except ParameterError:
            known = self._changes["index"].unique()
            return [
                f"{rule}: no price index {name!r} in {file}.{near(name, known)} Correct the rule; "
                f"{file} has {', '.join(known)}."
            ]
        lacking = sorted({int(year) for year in years} - held)
        if not lacking:
            return []
        text = ", ".join(map(str, lacking))
        return [f"{file}: index {name!r} has no year {text}, which {rule} needs. Add it."]

    @functools.cache  # noqa: B019  a book lives as long as its account
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
