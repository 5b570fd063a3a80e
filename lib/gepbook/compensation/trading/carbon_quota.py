"""Initial carbon quotas, linked to ecological products (碳排放权初始配额与生态产品价值挂钩).

A total is shared among the counties in whole tonnes: one part by emissions, one by the value of their
regulating services. It moves no money; the quota that the link brings or takes is valued beside it.
"""

from __future__ import annotations

import pandas as pd

from gepbook.compensation.rounding import apportion
from gepbook.params import Params, parameter


class CarbonQuotaParams(Params):
    """Rules of the initial allocation (初始配额). Prices are in current CNY of their year."""

    provincial = True

    total_t: int = parameter("t a-1", "全省初始配额总量, 二氧化碳", ge=0)
    emission_factor: float = parameter("t tce-1", "能源消费的二氧化碳排放因子", gt=0)
    emissions_weight: float = parameter("1", "排放量的权重 w, 其余按生态产品价值", ge=0, le=1)
    carbon_price: dict[int, float] = parameter("CNY t-1", "各年碳价, 仅用于折算")


def shares(emissions: pd.Series, product_value: pd.Series, emissions_weight: float) -> pd.Series:
    r"""Return each county's share of the total; the shares sum to 1.

    Parameters
    ----------
    emissions : Series indexed by county code, t a-1
        ≥ 0.
    product_value : Series, same index, CNY a-1
        调节服务价值; below 0 counts as 0.
    emissions_weight : float, 1
        :math:`w`, 0 to 1.

    Notes
    -----
    .. math:: s_i = w \frac{E_i}{\sum_j E_j} + (1 - w) \frac{V_i}{\sum_j V_j}

    A factor that is 0 in every county gives its weight to the other. Without any factor all shares
    are 0. Source: 浙委办发〔2021〕82号 三(三) asks for a link and gives no formula; a proposal.
    """
    factors = {"emissions": emissions, "product": product_value.clip(lower=0)}
    weights = {"emissions": emissions_weight, "product": 1 - emissions_weight}
    known = {name: factor for name, factor in factors.items() if factor.sum() > 0}
    if len(known) == 1:
        weights = dict.fromkeys(known, 1.0)
    parts = [weights[name] * (factor / factor.sum()) for name, factor in known.items()]
    return sum(parts, pd.Series(0.0, index=emissions.index))


def allocate(
    energy_tce: pd.Series, product_value: pd.Series, rules: CarbonQuotaParams, year: int
) -> pd.DataFrame:
    """Return the quota of every county beside what emissions alone would give it.

    Parameters
    ----------
    energy_tce : Series indexed by county code, tce a-1
    product_value : Series, same index, CNY a-1
    rules : CarbonQuotaParams
    year : int
        Whose carbon price values the link.

    Returns
    -------
    DataFrame indexed by county code
        `emissions_t`; `product_value_cny`; `quota_t` and `unlinked_quota_t` (shared by emissions
        alone), whole tonnes that each sum to the total exactly; `link_t`, their difference, which
        sums to 0; `link_value_cny` at the year's carbon price, missing without one.

    Raises
    ------
    ParameterError
        When there is a total to share and no county uses energy.
    """
    emissions = energy_tce * rules.emission_factor
    quota = apportion(rules.total_t, shares(emissions, product_value, rules.emissions_weight))
    unlinked = apportion(rules.total_t, shares(emissions, product_value * 0, 1.0))
    price = rules.carbon_price.get(year, float("nan"))
    return pd.DataFrame(
        {
            "emissions_t": emissions,
            "product_value_cny": product_value.clip(lower=0),
            "quota_t": quota,
            "unlinked_quota_t": unlinked,
            "link_t": quota - unlinked,
            "link_value_cny": ((quota - unlinked) * price).round(2),
        }
    )
