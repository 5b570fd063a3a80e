"""Where in a county its GEP arises: value per hectare of each cell (单位面积生态产品价值)."""

from __future__ import annotations

from collections.abc import Iterator

import xarray as xr

from gepbook import ledger
from gepbook.accounting import seea, this_year
from gepbook.accounting.account import ServiceResult
from gepbook.inventory import grading, landscape
from gepbook.run import Run


def of_run(run: Run) -> xr.DataArray:
    """Return the counted value per hectare of the run's county and year, at comparable prices.

    A component is spread by its own map; what only statistics know is spread evenly over the ecosystem
    group that supplies it, as in the SEEA supply table. The cells add up to the county's GEP.

    Returns
    -------
    DataArray, dims (y, x), CNY ha-1 a-1
        NaN outside the county; `attrs` hold `origin`, the weakest behind it, and `price_year`.
    """
    account = this_year(run)
    supplied_by = run.params.section(seea.SECTION, seea.SeeaParams).supplied_by
    inputs = account.inputs
    masks = landscape.group_masks(inputs.land_cover, inputs.coverage)

    def parts(result: ServiceResult) -> Iterator[tuple[float, xr.DataArray]]:
        """Return each counted component's value and the map that it is spread by."""
        service = result.spec.id
        first = next(iter(result.density.values()), None)
        for component, value in result.values("comparable").items():
            if component in result.excluded:
                continue
            told = supplied_by.get(f"{service}.{component}", supplied_by.get(service))
            own = result.density.get(component, first if told is None else None)
            even = masks.get(told or "", inputs.coverage * 0.0)
            yield value, even if own is None else own.fillna(0.0)

    every = (part for result in account.services for part in parts(result))
    density = grading.gep_density(every, inputs.coverage, inputs.cell_area_ha)
    density.attrs["origin"] = ledger.weakest(r.origin for r in account.services if r.counts)
    density.attrs["price_year"] = account.comparable_year
    return density
