"""Eco-tourism and characteristic farm products: value added, growth, certification (生态产业)."""

from __future__ import annotations

import pandas as pd


def deflated(values: pd.DataFrame, index: pd.Series, year: int) -> pd.DataFrame:
    """Return money, rows × years, at the prices of a year (可比价)."""
    return values * (index[year] / index.reindex(values.columns))


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Return eco-tourism of counties or groups with its rates; NaN where what they rest on is not known.

    Parameters
    ----------
    table : DataFrame
        `value_added_cny`, `income_cny`, `gdp_cny`, `before_cny` (value added of the year before at this
        year's prices).

    Returns
    -------
    DataFrame
        The same with `value_added_rate` (of the income), `share_of_gdp`, `growth`.
    """
    value = table["value_added_cny"]

    def over(column: str) -> pd.Series:
        """Return the value added as a share of a column."""
        return value / table[column].where(table[column] != 0)

    return table.assign(
        value_added_rate=over("income_cny"),
        share_of_gdp=over("gdp_cny"),
        growth=over("before_cny") - 1,
    )


def certification(lines: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the certified share of output by county or group (认证率), percent.

    Products without a figure of certification are left out of it; `known_share` says how much of the
    output the figure covers.

    Parameters
    ----------
    lines : DataFrame
        `output_value_cny`, `before_cny` (of the year before, at this year's prices), `value_added_cny`,
        `certified_percent` and the column `by`, a row a product.

    Returns
    -------
    DataFrame indexed by `by`
        `output_value_cny`, `value_added_cny`, `growth` of the products that were grown in both years,
        `certified_percent`, `known_share`.
    """
    known = lines["output_value_cny"].where(lines["certified_percent"].notna(), 0.0)
    frame = lines[[by, "output_value_cny", "before_cny", "value_added_cny"]].assign(
        compared_cny=lines["output_value_cny"].where(lines["before_cny"].notna(), 0.0),
        certified=(known * lines["certified_percent"]).fillna(0.0),
        known=known,
    )
    sums = frame.groupby(by).sum()
    output = sums["output_value_cny"]
    return sums[["output_value_cny", "value_added_cny"]].assign(
        growth=sums["compared_cny"] / sums["before_cny"].where(sums["before_cny"] > 0) - 1,
        certified_percent=sums["certified"] / sums["known"].where(sums["known"] > 0),
        known_share=sums["known"] / output.where(output > 0),
    )
