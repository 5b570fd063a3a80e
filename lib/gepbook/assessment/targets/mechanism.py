"""Which components of the mechanism are in place, by county and group (机制建立情况)."""

from __future__ import annotations

import pandas as pd

from gepbook.inputs.own_data import dictionary

COMPONENTS = "mechanism_components"


def component_names() -> dict[str, str]:
    """Return the components of the mechanism with their Chinese names, in the document's order."""
    return dictionary.words(COMPONENTS, "component")


def component_shares(components: pd.DataFrame, groups: pd.Series, year: int) -> pd.DataFrame:
    """Return in which share of counties each component of the mechanism is in place (机制建立情况).

    Returns
    -------
    DataFrame indexed by component
        Shares 0–1 by group and of all counties (`all`).
    """
    known = components[components["county_code"].isin(groups.index)]
    known = known.assign(
        group=known["county_code"].map(groups), in_place=(known["since_year"] <= year) * 1.0
    )
    table = known.pivot_table(index="component", columns="group", values="in_place")
    table["all"] = known.groupby("component")["in_place"].mean()
    order = [c for c in component_names() if c in table.index]
    return table.loc[order].rename_axis(columns=None)
