"""The account of project sites before and after their change (占用、补偿与损害地块核算).

A site (地块) is a polygon of the layer `project_sites`: land that a project occupies, that is restored to
offset an occupation, or that was damaged. Both of its states are accounted for with the same parameters,
prices and weather, so that their difference is that of the ecosystem alone:

- before: land cover, and the layers that follow it, of the pack's last year before the site's year, or
  its earliest where there is none;
- after: the ecosystem type that the register gives; the layers that follow land cover have the mean of
  that type in the county, or around it.

All other layers are those of the accounting year. Services known from statistics alone have no figure of
a site and are left out; of one whose map is capped by a table, such as 水质净化 by what is emitted, a
site has the share that the county realises. The account lies beside GEP and is never part of it.

Rows: account `sites`, items `<site_id>`, `<site_id>.<service>` and `<site_id>.<service>.<component>`,
measures `area`, `physical_before`, `physical_after`, `value_before`, `value_after`. Occupations are
balanced in the year that they occur in, or the pack's first year where they are older, and what was once
balanced must not change with later weather:
therefore sites have rows for each earlier year as well, whose measures end in `_<year>`. Components that
a site has nothing of, before or after, have no rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr
from shapely.geometry.base import BaseGeometry

from gepbook import counties, ecosystems, ledger, zonal
from gepbook.accounting import completeness
from gepbook.accounting.account import check_prices, measure
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import ServiceSpec
from gepbook.accounting.standards import Standard
from gepbook.errors import CodeError, CoverageError, near
from gepbook.grid import HECTARE_M2
from gepbook.inputs.county import CountyInputs
from gepbook.inputs.pack import LAND_COVER, REACH_M, Pack
from gepbook.ledger import Origin
from gepbook.params import Confidence, ParameterSet, Params, parameter, worst
from gepbook.prices import PriceBook
from gepbook.run import Run

SECTION = "sites"
ACCOUNT = "sites"
LAYER = "project_sites"
KINDS = {"occupation": "占用", "offset": "补偿", "damage": "损害"}
FACES = ("physical", "value")
STATES = ("before", "after")
INDEX = ["site_id", "service", "component"]
PERCENT = 100.0


class SitesParams(Params):
    """How a site's account is taken before and after it changed; alike in all counties."""

    provincial = True

    layers_following_land_cover: list[str] = parameter("1", "随土地覆盖变化的图层")
    reach_m: float = parameter("m", "县内无该类型时的取样距离", ge=0, le=REACH_M)
    outside_percent: float = parameter("percent", "地块允许超出县界的比例", ge=0, lt=100)


@dataclass(frozen=True)
class SiteService:
    """One service of a county's sites (地块单项服务).

    `quantities` and `worth` hold, by counted component, arrays of shape (2, sites): before and after.
    """

    spec: ServiceSpec
    quantities: Mapping[str, np.ndarray]
    worth: Mapping[str, np.ndarray]
    origin: Origin
    quality: Confidence


@dataclass(frozen=True)
class Cells:
    """The cells of a polygon: rows and columns on the pack's grid, hectares of each inside it."""

    rows: np.ndarray
    cols: np.ndarray
    area_ha: np.ndarray


def cells_of(pack: Pack, geometry: BaseGeometry) -> Cells:
    """Return the cells that a polygon covers, each with the hectares of it that lie inside."""
    window = pack.grid.window(geometry.bounds, halo_cells=1)
    coords = pack.grid.coordinates(window)
    covered = zonal.coverage(geometry, coords["y"], coords["x"]).to_numpy()
    rows, cols = np.nonzero(covered > 0)
    area = covered[rows, cols] * pack.grid.cell_area_ha
    return Cells(rows + int(window.row_off), cols + int(window.col_off), area)


def year_before(pack: Pack, layer: str, year: int) -> int | None:
    """Return the last year before a year that the pack has a layer of, else its earliest.

    None for a layer without years.
    """
    own = sorted(r.year for r in pack.package.resources if r.layer == layer and r.year is not None)
    return max((y for y in own if y < year), default=own[0] if own else None)


class SiteInputs(CountyInputs):
    """The sites of a county and year as a list of their cells (地块输入), first before, then after.

    Rasters have the dims ([month,] cell); totals are arrays of shape (2, sites).

    Parameters
    ----------
    county : CountyInputs
        Of the accounting year.
    sites : GeoDataFrame
        Features of `project_sites`, in the grid's coordinates.
    rules : SitesParams
    """

    def __init__(self, county: CountyInputs, sites: gpd.GeoDataFrame, rules: SitesParams) -> None:
        super().__init__(county.pack, county.county_code, county.year)
        self.county = county
        self.sites = sites
        self.rules = rules
        self.cells = [cells_of(county.pack, geometry) for geometry in sites.geometry]
        self._starts = np.cumsum([0, *(len(c.rows) for c in self.cells)])[:-1]
        self._typical: dict[tuple[str, str], np.ndarray] = {}

    @functools.cached_property
    def coverage(self) -> xr.DataArray:
        """Hectares of each cell inside its site, dims (cell)."""
        once = np.concatenate([c.area_ha for c in self.cells])
        return xr.DataArray(np.tile(once, len(STATES)), dims="cell")

    def layer(self, name: str) -> xr.DataArray:
        """Return a raster's cells of all sites, before and after."""
        if name == LAND_COVER or name in self.rules.layers_following_land_cover:
            years = [year_before(self.pack, name, int(year)) for year in self.sites["year"]]
            before = [self._read(name, *at) for at in zip(years, self.cells, strict=True)]
            after = [
                self._new(name, kind, old)
                for kind, old in zip(self.sites["after_type"], before, strict=True)
            ]
        else:
            year = self.layer_year(name)
            before = after = [self._read(name, year, cells) for cells in self.cells]
        whole = np.concatenate([part.to_numpy() for part in (*before, *after)], axis=-1)
        first = before[0]
        coords = {dim: first[dim] for dim in first.dims[:-1]}
        return xr.DataArray(whole, dims=first.dims, coords=coords, attrs=first.attrs)

    def _read(self, name: str, year: int | None, cells: Cells) -> xr.DataArray:
        """Return the cells of one site in a raster of a year, dims ([month,] cell)."""
        rows, cols = cells.rows, cells.cols
        t = self.pack.grid.transform
        left, right = t.c + t.a * (cols.min() + 0.5), t.c + t.a * (cols.max() + 0.5)
        top, bottom = t.f + t.e * (rows.min() + 0.5), t.f + t.e * (rows.max() + 0.5)
        window = self.pack.grid.window((left, bottom, right, top))
        raster = self.pack.raster(name, year, window)
        return _picked(raster, rows - int(window.row_off), cols - int(window.col_off))

    def _new(self, name: str, kind: str, old: xr.DataArray) -> xr.DataArray:
        """Return a site's cells after it became another type."""
        if name == LAND_COVER:
            types = ecosystems.read().set_index("id")["code"]
            return xr.full_like(old, float(types[kind]))
        if (name, kind) not in self._typical:
            self._typical[name, kind] = self._typical_of(name, kind)
        typical = self._typical[name, kind]
        return old.copy(data=np.broadcast_to(typical[..., None], old.shape))

    def _typical_of(self, name: str, kind: str) -> np.ndarray:
        """Return the mean of a layer over a type: in the county, else around it."""
        code = float(ecosystems.read().set_index("id")["code"][kind])
        county = self.county
        own = county.layer(name).where(county.land_cover == code)
        inside = county.coverage.where(own.notnull(), 0.0)
        if float(inside.max()) > 0:
            return own.weighted(inside).mean(("y", "x")).to_numpy()
        cover = county.around(self.rules.reach_m)
        window = self.pack.window(self.county_code, self.pack.reach_cells(self.rules.reach_m))
        wide = self.pack.raster(name, self.layer_year(name), window).where(cover == code)
        found = wide.mean(("y", "x")).to_numpy()
        if np.isnan(found).any():
            which = ", ".join(self.sites.loc[self.sites["after_type"] == kind, "site_id"])
            raise CoverageError(
                f"{LAYER}: {which} became {kind!r}, but neither {self.county_code} {self.name_zh} "
                f"nor the {self.rules.reach_m / 1000:g} km around it have a cell of that type with "
                f"{name} in {self.year}. Correct after_type, or take a type that occurs there."
            )
        return found

    def whole(self, make: Callable[[CountyInputs], xr.DataArray]) -> xr.DataArray:
        """Return the cells of a raster that is made of the county's rasters as a whole."""
        raster = make(self.county)
        row, col = int(self.window.row_off), int(self.window.col_off)
        once = [_picked(raster, c.rows - row, c.cols - col) for c in self.cells]
        return xr.concat(once * len(STATES), dim="cell").assign_attrs(raster.attrs)

    def total(self, density: xr.DataArray, name: str) -> Any:
        """Return the totals of all sites, ndarray of shape (2, sites).

        Raises
        ------
        CoverageError
            When cells of a site are missing; names the sites.
        """
        amounts = (density * self.coverage).to_numpy().reshape(len(STATES), -1)
        sums = np.add.reduceat(amounts, self._starts, axis=1)
        if not np.isfinite(sums).all():
            which = self.sites["site_id"].to_numpy()[~np.isfinite(sums).all(axis=0)]
            raise CoverageError(
                f"{name}: cells of {', '.join(which)} have no value. Fill the gaps in the pack's "
                "rasters, or correct the outline of the sites."
            )
        return sums


def _picked(raster: xr.DataArray, rows: np.ndarray, cols: np.ndarray) -> xr.DataArray:
    """Return some cells of a raster, dims ([month,] cell)."""
    dims = (*raster.dims[:-2], "cell")
    return xr.DataArray(
        raster.to_numpy()[..., rows, cols],
        dims=dims,
        coords={dim: raster[dim] for dim in dims[:-1]},
        attrs=raster.attrs,
    )


def account(
    inputs: SiteInputs, params: ParameterSet, standard: Standard, prices: PriceBook
) -> list[SiteService]:
    """Return what each service of the standard gives on each site before and after.

    Services without a map, those that do not apply, and those that the pack lacks inputs of in this
    year are left out; so are components that do not count in GEP.

    Raises
    ------
    GepbookError
        For input that is missing or in another unit.
    """
    layers = Layers(inputs, params, standard.factors)
    county = Layers(inputs.county, params, standard.factors)
    at = prices.at(inputs.year, inputs.tables_year)
    found = []
    for spec in standard.without(completeness.absent(standard, layers)).specs():
        if spec.density is None or standard.services[spec.id].not_applicable:
            continue
        check_prices(spec, prices)
        realised = _realised(spec, county)
        own = measure(replace(spec, tables=(), quantity=None) if spec.tables else spec, layers)
        if realised is None or own.not_applicable:
            continue
        amounts = {name: v * realised.get(name, 1.0) for name, v in own.quantities.items()}
        values = spec.value(amounts, at, params.section(spec.parameters, spec.params))
        counted = [name for name in values if name not in standard.excluded(spec.id, values)]
        names = [layer.name for layer in spec.layers]
        sections = (SECTION, spec.parameters, *layers.sections(*names))
        behind = (prices.prices[price].confidence for price in spec.prices)
        tables = (inputs.origin(table.name) for table in spec.tables)
        if counted:
            found.append(
                SiteService(
                    spec,
                    {name: np.asarray(amounts[name]) for name in counted},
                    {name: np.asarray(values[name]) for name in counted},
                    ledger.weakest([layers.origin(*names), inputs.origin(LAYER), *tables]),
                    worst([params.worst_confidence(*sections), *behind]),
                )
            )
    return found


def _realised(spec: ServiceSpec, county: Layers) -> dict[str, float] | None:
    """Return the share of each component's map that the county's tables leave; None if it has none.

    A component that the county has nothing of on the map is realised in full.
    """
    if not spec.tables:
        return {}
    measured = measure(spec, county)
    if measured.not_applicable:
        return None
    totals = {n: county.inputs.total(d, f"{spec.id}.{n}") for n, d in measured.density.items()}
    return {n: measured.quantities[n] / whole if whole else 1.0 for n, whole in totals.items()}


def problems(pack: Pack, params: ParameterSet, county_code: str | None = None) -> list[str]:
    """Return what is wrong in the layer of sites, of one county or of all; a sentence each."""
    if not pack.has(LAYER):
        return []
    frame = pack.vector(LAYER)
    if county_code is not None:
        frame = frame[frame["county_code"] == county_code]
    rules = params.section(SECTION, SitesParams)
    types = set(ecosystems.read()["id"])
    path = pack.folder / pack.resource(LAYER).path
    found = []
    for name in sorted(set(frame.loc[frame["site_id"].duplicated(), "site_id"])):
        found.append(f"{path}: site_id {name!r} stands twice. Give each site a number of its own.")
    for row in frame.itertuples():
        where = f"{path}, feature {row.site_id}"
        if "." in str(row.site_id):
            found.append(f"{where}: site_id must not hold '.'. Take it out.")
        if row.kind not in KINDS:
            found.append(f"{where}: kind is {row.kind!r}. Write one of {', '.join(KINDS)}.")
        if row.after_type not in types:
            hint = near(str(row.after_type), types)
            found.append(
                f"{where}: after_type {row.after_type!r} is no ecosystem type.{hint} "
                "Write a type of params/ecosystem_types.csv."
            )
        if row.county_code not in counties.read().index:
            found.append(f"{where}: county_code {row.county_code!r} is no county. Correct it.")
        elif row.geometry is None or row.geometry.is_empty or not row.geometry.is_valid:
            found.append(f"{where}: has no valid polygon. Draw its outline again.")
        else:
            outside = row.geometry.difference(pack.geometry(row.county_code)).area
            if outside * PERCENT > rules.outside_percent * row.geometry.area:
                found.append(
                    f"{where}: {outside / HECTARE_M2:,.1f} ha lie outside {row.county_code} "
                    f"{counties.name_zh(row.county_code)}. Correct its outline or county_code, or cut "
                    "it into one site a county."
                )
    return found


def entries(run: Run, standard: Standard, prices: PriceBook) -> list[dict[str, Any]]:
    """Return the ledger rows of the county's sites; none where it has no site or the pack no layer.

    Raises
    ------
    CodeError
        For sites that cannot be, all at once.
    GepbookError
        For input that is missing.
    """
    if not run.pack.has(LAYER):
        return []
    frame = run.pack.vector(LAYER)
    own = frame[(frame["county_code"] == run.county_code) & (frame["year"] <= run.year)]
    if own.empty:
        return []
    wrong = problems(run.pack, run.params, run.county_code)
    if wrong:
        raise CodeError(wrong)
    rules = run.params.section(SECTION, SitesParams)
    rows: list[dict[str, Any]] = []
    for year in run.pack.years:
        wanted = own if year == run.year else own[_balanced_in(own, year, min(run.pack.years))]
        if year > run.year or wanted.empty:
            continue
        inputs = SiteInputs(run.inputs(year), wanted.sort_values("site_id"), rules)
        services = account(inputs, run.params, standard, prices)
        rows += _rows(inputs, services, standard, "" if year == run.year else f"_{year}")
    return rows


def _balanced_in(sites: gpd.GeoDataFrame, year: int, first: int) -> pd.Series:
    """Tell which sites the balance of an earlier year needs: its occupations, the offsets by then.

    Occupations before the pack's first year are balanced in it.
    """
    occupied = (sites["kind"] == "occupation") & (sites["year"].clip(lower=first) == year)
    return occupied | ((sites["kind"] == "offset") & (sites["year"] <= year))


def _rows(
    inputs: SiteInputs, services: Iterable[SiteService], standard: Standard, suffix: str
) -> list[dict[str, Any]]:
    """Return the ledger rows of some sites in a year."""
    rows = []
    for n, site in enumerate(inputs.sites.itertuples()):
        common: dict[str, Any] = {"note": f"{KINDS[site.kind]} {site.year}"}
        if not suffix:
            rows.append(
                ledger.entry(
                    ACCOUNT,
                    site.site_id,
                    "area",
                    site.geometry.area / HECTARE_M2,
                    "ha",
                    origin=inputs.origin(LAYER),
                    method_id=ACCOUNT,
                    **common,
                )
            )
        for service in services:
            spec = service.spec
            item = f"{site.site_id}.{spec.id}"
            units = {component.id: component.units for component in spec.components}
            shared: dict[str, Any] = {
                "origin": service.origin,
                "quality": service.quality,
                "method_id": f"{standard.id}/{spec.id}/{spec.method}",
                **common,
            }
            money: dict[str, Any] = {
                "price_basis": "current",
                "price_year": inputs.year,
                **shared,
            }
            for s, state in enumerate(STATES):
                physical, value = f"physical_{state}{suffix}", f"value_{state}{suffix}"
                whole = sum(float(v[s, n]) for v in service.worth.values())
                rows.append(ledger.entry(ACCOUNT, item, value, whole, "CNY", **money))
                for part, amount in service.quantities.items():
                    if not amount[:, n].any():
                        continue  # the site never had it
                    name, money_cny = f"{item}.{part}", service.worth[part][s, n]
                    rows.append(
                        ledger.entry(ACCOUNT, name, physical, amount[s, n], units[part], **shared)
                    )
                    rows.append(ledger.entry(ACCOUNT, name, value, money_cny, "CNY", **money))
    return rows


def read(pool: pd.DataFrame, year: int | None = None) -> pd.DataFrame:
    """Return the accounts of all sites from the ledgers of counties.

    Parameters
    ----------
    pool : DataFrame
    year : int, optional
        An earlier year than the ledgers', which occupations were balanced in.

    Returns
    -------
    DataFrame indexed by (site_id, service, component), columns `physical_before`, `physical_after` (in
    `unit`), `value_before`, `value_after` (CNY a-1), `unit`, `origin`, `quality`
    """
    suffix = "" if year is None else f"_{year}"
    faces = {f"{face}_{state}{suffix}": f"{face}_{state}" for face in FACES for state in STATES}
    rows = pool[(pool["account"] == ACCOUNT) & pool["measure"].isin(faces)]
    place = rows["item"].str.split(".", n=2, expand=True).reindex(columns=range(len(INDEX)))
    rows = rows.assign(**{name: place[n].astype("str") for n, name in enumerate(INDEX)})
    rows = rows[rows["component"].notna()].set_index(INDEX)
    table = pd.DataFrame(
        {face: rows["value"][rows["measure"] == name] for name, face in faces.items()}
    )
    physical = rows[rows["measure"] == f"physical_before{suffix}"]
    return table.join(physical[["unit", "origin", "quality"]]).sort_index()
