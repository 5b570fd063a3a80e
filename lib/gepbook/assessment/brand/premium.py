"""The premium of a brand over control products of the same kind and year (品牌溢价).

Where a price has no control the premium is not known: the row is named and left out, never 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import t

from gepbook.accounting.uncertainty import INTERVAL_LEVEL
from gepbook.assessment.brand.rules import BrandParams

PAIR = ["county_code", "brand", "product"]


def read_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    r"""Return the mean log price ratio of every product of a brand and county (产品溢价).

    Years of one product are no independent observations: they are put together first, weighted by sales,
    and every product of a county counts once after that.

    Parameters
    ----------
    rows : DataFrame
        `county_code`, `brand`, `product`, `branded_quantity_t`, `branded_price_cny_t`,
        `control_price_cny_t`; rows without a control price are left out.

    Returns
    -------
    DataFrame, one row a product of a brand and county
        `county_code`, `brand`, `product`, `log_ratio`, `matched_sales_cny` (over the years), `years`.

    Notes
    -----
    .. math:: r_i = \frac{\sum_t s_{it} \ln(p_{it} / c_{it})}{\sum_t s_{it}}, \quad s_{it} = q_{it} p_{it}
    """
    known = rows.dropna(subset=["control_price_cny_t"])
    sales = known["branded_quantity_t"] * known["branded_price_cny_t"]
    ratio = np.log(known["branded_price_cny_t"] / known["control_price_cny_t"])
    found = known[PAIR].assign(matched_sales_cny=sales, weighted=sales * ratio, years=1)
    sums = found.groupby(PAIR, as_index=False)[["matched_sales_cny", "weighted", "years"]].sum()
    sums["log_ratio"] = sums["weighted"] / sums["matched_sales_cny"]
    return sums.drop(columns="weighted")


def premium(log_ratio: np.ndarray, weight: np.ndarray, rules: BrandParams) -> dict[str, float]:
    r"""Return the premium of some products with its interval (品牌溢价).

    Parameters
    ----------
    log_ratio : ndarray, one a product
    weight : ndarray, > 0
        Sales; only the proportions count.

    Returns
    -------
    dict
        `premium`, `low`, `high` (shares of the control price; NaN bounds where sales rest on too few
        products), `products`.

    Notes
    -----
    .. math::
        \bar r = \sum_i w_i r_i, \quad n_e = \frac{1}{\sum_i w_i^2}, \quad
        s^2 = \frac{\sum_i w_i (r_i - \bar r)^2}{n_e - 1}, \quad
        e^{\bar r \pm t_{n_e-1} s} - 1, \quad \sum_i w_i = 1

    With equal weights n_e is the number of products and s the usual standard error of a mean; unequal
    ones make the interval wider, never too narrow. Source: effective sample size (Kish, Survey Sampling;
    recalled).
    """
    share = weight / weight.sum()
    mean = float(share @ log_ratio)
    effective = 1 / float(share @ share)
    half = float("nan")
    if effective >= rules.least_effective_products:
        error = np.sqrt(float(share @ (log_ratio - mean) ** 2) / (effective - 1))
        half = float(t.ppf((1 + INTERVAL_LEVEL) / 2, effective - 1) * error)
    return {
        "premium": np.expm1(mean),
        "low": np.expm1(mean - half),
        "high": np.expm1(mean + half),
        "products": len(log_ratio),
    }


def premiums(pairs: pd.DataFrame, by: str, rules: BrandParams) -> pd.DataFrame:
    """Return the premium by brand, county or group (溢价汇总).

    Parameters
    ----------
    pairs : DataFrame
        As `read_pairs` gives it, with the column `by`.

    Returns
    -------
    DataFrame indexed by `by`
        `premium`, `low`, `high`, `products`, `matched_sales_cny`, `finding` (one of `FINDINGS`).
    """
    ordered = pairs.sort_values(PAIR)  # sums do not depend on the order of the register
    rows = {
        name: {
            **premium(own["log_ratio"].to_numpy(), own["matched_sales_cny"].to_numpy(), rules),
            "matched_sales_cny": own["matched_sales_cny"].sum(),
        }
        for name, own in ordered.groupby(by)
    }
    columns = ["premium", "low", "high", "products", "matched_sales_cny"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    conditions = [table["low"].isna(), table["low"] > 0, table["high"] < 0]
    table["finding"] = np.select(conditions, ["single", "above", "below"], "unclear")
    return table.rename_axis(by)


def extra_income(rows: pd.DataFrame) -> pd.Series:
    r"""Return what the premium brought in each row, CNY a-1 (溢价增收); NaN without a control price.

    Notes
    -----
    .. math:: E = q (p - c)
    """
    return rows["branded_quantity_t"] * (rows["branded_price_cny_t"] - rows["control_price_cny_t"])
