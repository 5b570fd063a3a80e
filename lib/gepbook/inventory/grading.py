"""Grades of land and water by what they yield, and benchmark prices (分等定级与价格评估).

A unit is a connected patch of one ecosystem group inside one square of a fixed net. It is scored by its
GEP density, condition and accessibility against ranges that are the same in the whole province, so that
the grades of counties compare; 1 is the best grade. A grade's benchmark price is the capitalised net
income of its GEP density. GEP density is an argument: the inventory does not account.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import AfterValidator, Field, model_validator
from scipy.optimize import isotonic_regression

from gepbook import ledger
from gepbook.errors import UnitError
from gepbook.grid import check_same_grid
from gepbook.inputs.county import CountyInputs
from gepbook.inventory import landscape
from gepbook.inventory.condition import Reference, Share, relative
from gepbook.params import Params, check_weights, parameter
from gepbook.units import units_of, with_units

SECTION = "grading"
METHOD = "grading/patches"
PRICE_METHOD = "grading/income-capitalisation"
DENSITY_UNIT = "CNY ha-1 a-1"
Factor = Literal["gep_density", "condition", "accessibility"]
FACTOR_ZH: dict[Factor, str] = {
    "gep_density": "单位面积GEP",
    "condition": "生态系统状况",
    "accessibility": "可达性",
}
Kind = Literal["land", "water"]
KIND_ZH: dict[Kind, str] = {"land": "土地", "water": "水域"}
#: Ecosystem groups that are graded as water; all others are land.
WATER_GROUPS = ("wetland",)
#: Number of the unit that a group's small patches make together (零星斑块).
REMAINDER = 0
ROUNDING = 1e-9


def _check_weights(weights: dict[Factor, float]) -> dict[Factor, float]:
    """Refuse weights that are not those of the factors or do not sum to 1."""
    check_weights(weights, FACTOR_ZH)
    return weights


def _both_kinds(table: dict[Kind, Any]) -> dict[Kind, Any]:
    """Refuse a table without land or without water."""
    if set(table) != set(get_args(Kind)):
        raise ValueError(f"must have exactly the rows {', '.join(get_args(Kind))}")
    return table


def _falling_limits(table: dict[Kind, list[float]]) -> dict[Kind, list[float]]:
    """Refuse limits of grades that do not fall."""
    for kind, limits in _both_kinds(table).items():
        if any(a <= b for a, b in itertools.pairwise(limits)):
            raise ValueError(f"{kind}: limits must fall from grade to grade, got {limits}")
    return table


class GradingParams(Params):
    """Rules of grading and of benchmark prices."""

    weights: Annotated[dict[Factor, Share], AfterValidator(_check_weights)] = parameter(
        "1", "定级因素权重, Σ = 1"
    )
    density_range: Annotated[dict[Kind, Reference], AfterValidator(_both_kinds)] = parameter(
        "CNY ha-1 a-1", "全省单位面积GEP参照区间"
    )
    half_distance_m: float = parameter("m", "可达性减半距离", gt=0)
    search_distance_m: float = parameter("m", "县界外查找城镇的距离", ge=0)
    least_unit_ha: float = parameter("ha", "定级单元最小面积", ge=0)
    net_width_m: float = parameter("m", "划分定级单元的网格边长", gt=0)
    class_limits: Annotated[dict[Kind, list[Share]], AfterValidator(_falling_limits)] = parameter(
        "1", "一级至倒数第二级的分值下限"
    )
    grade_multipliers: list[Annotated[float, Field(gt=0)]] = parameter(
        "1", "级别修正系数, 自一级起"
    )
    net_income_share: dict[str, Share] = parameter("1", "净收益占单位面积GEP的比例, 按类组")
    capitalisation_rate: float = parameter("a-1", "还原利率 r", gt=0, lt=1)

    @model_validator(mode="after")
    def _consistent(self) -> GradingParams:
        """Refuse limits that do not fit the number of grades and unknown groups."""
        grades = len(self.grade_multipliers)
        for kind, limits in self.class_limits.items():
            if len(limits) != grades - 1:
                raise ValueError(
                    f"class_limits.{kind}: {grades} grade_multipliers need {grades - 1} limits, "
                    f"got {len(limits)}"
                )
        unknown = sorted(set(self.net_income_share) - set(landscape.groups()))
        if unknown:
            raise ValueError(f"net_income_share: unknown ecosystem groups {unknown}")
        return self


@dataclass(frozen=True)
class Grading:
    """The grades of one county (分等定级结果).

    `units` has a row per unit: id, group, kind, area_ha, gep_density_cny_ha, condition, accessibility
    (area-weighted means over the cells that have a value, NaN where none has), score (0–1),
    weight_covered (share of the factors' weight that is known), grade (1 = best; NA without a GEP
    density). `grades` is the map, NaN where nothing is graded. `prices` has a row per group and grade
    that the county has: group, grade, area_ha, gep_density_cny_ha, capitalised_cny_ha (before pooling),
    price_cny_ha; the latter two are NaN for groups that are not appraised.
    """

    units: pd.DataFrame
    grades: xr.DataArray
    prices: pd.DataFrame

    @property
    def ungraded_ha(self) -> float:
        """The area without a grade, ha."""
        return float(self.units.loc[self.units["grade"].isna(), "area_ha"].sum())


def county_accessibility(inputs: CountyInputs, params: GradingParams) -> xr.DataArray:
    """Return the accessibility of the county's window from built-up land (可达性).

    Built-up land of neighbours counts up to the search distance beyond the county.

    Returns
    -------
    DataArray, dims (y, x), 0–1
    """
    coverage = inputs.coverage
    wide = inputs.around(params.search_distance_m)
    built_up = wide.isin(landscape.group_codes("urban"))
    access = landscape.accessibility(built_up, params.half_distance_m)
    return access.sel(y=coverage["y"], x=coverage["x"])


def gep_density(
    parts: Iterable[tuple[float, xr.DataArray]], coverage: xr.DataArray, cell_area_ha: float
) -> xr.DataArray:
    r"""Return GEP per hectare from values of the county and the maps they are spread by (单位面积GEP).

    Parameters
    ----------
    parts : iterable of (value, map)
        A value of the county, CNY a-1, and a map, dims (y, x), in proportion to which it is spread: the
        physical density of a service, or the cells of the group that supplies it. Where the map is 0
        all over the county the value is spread evenly.
    coverage : DataArray, dims (y, x), 0–1
    cell_area_ha : float

    Returns
    -------
    DataArray, dims (y, x), CNY ha-1 a-1
        Its county total is the sum of the values; NaN outside the county.

    Notes
    -----
    .. math:: d = \sum_k V_k \, m_k / \sum_c m_{kc} A_c
    """
    inside = coverage > 0
    density = xr.zeros_like(coverage)
    for amount, weight in parts:
        check_same_grid(coverage, weight)
        own = weight if float((weight * coverage).sum()) else inside.astype("float64")
        density = density + own * (amount / (float((own * coverage).sum()) * cell_area_ha))
    return with_units(density.where(inside), DENSITY_UNIT).rename("gep_density")


def compute(
    *,
    land_cover: xr.DataArray,
    coverage: xr.DataArray,
    gep_density: xr.DataArray,
    condition: xr.DataArray,
    accessibility: xr.DataArray,
    cell_area_ha: float,
    params: GradingParams,
) -> Grading:
    """Return the graded units of a county and their benchmark prices.

    Parameters
    ----------
    land_cover : DataArray, dims (y, x), ecosystem type codes
    coverage : DataArray, dims (y, x), fraction of each cell inside the county
    gep_density : DataArray, dims (y, x), CNY ha-1 a-1
        Units without a value have no grade.
    condition, accessibility : DataArray, dims (y, x), 0–1
        Where one is missing the others carry its weight.
    cell_area_ha : float
    params : GradingParams

    Raises
    ------
    CoverageError
        When cells of the county have no land cover.
    GridMismatchError, UnitError
        When the arrays are on different grids or not in these units.
    """
    layers: dict[Factor, xr.DataArray] = {
        "gep_density": gep_density,
        "condition": condition,
        "accessibility": accessibility,
    }
    _check_units(layers)
    cells = landscape.cells(land_cover, coverage, cell_area_ha)
    for name, layer in layers.items():
        cells[name] = landscape.values_of(layer, coverage)
    cells["number"] = unit_numbers(cells, land_cover, coverage, params)
    key = cells.groupby(["group", "number"], observed=True)
    units = _score_units(_unit_table(cells), params)
    grade = units["grade"].astype("float64").to_numpy()[key.ngroup()]
    return Grading(
        units=units,
        grades=landscape.on_map(pd.Series(grade), coverage, "grade"),
        prices=benchmark_prices(units, params),
    )


def _check_units(layers: dict[Factor, xr.DataArray]) -> None:
    """Refuse layers in other units."""
    wanted = {"gep_density": DENSITY_UNIT, "condition": "1", "accessibility": "1"}
    problems = [
        f"grading: {name!r} must be in {wanted[name]!r}, got {units_of(layer)!r}. "
        "Convert it where it is made."
        for name, layer in layers.items()
        if units_of(layer) != wanted[name]
    ]
    if problems:
        raise UnitError(problems)


def unit_numbers(
    cells: pd.DataFrame, land_cover: xr.DataArray, coverage: xr.DataArray, params: GradingParams
) -> np.ndarray:
    """Return the number of each cell's unit within its ecosystem group (定级单元).

    Patches are cut along a square net on the grid's coordinates, so that a forest of a whole county is
    not one unit and neighbouring counties have the same net. Units are numbered by falling area from 1;
    pieces below the least area make one unit, number 0, of the group.
    """
    patch = np.zeros(land_cover.shape, dtype="int64")
    for mask in landscape.group_masks(land_cover, coverage).values():
        inside = mask.to_numpy()
        patch[inside] = landscape.patches(mask).to_numpy()[inside]
    rows = np.floor(land_cover["y"].to_numpy() / params.net_width_m)[:, None]
    columns = np.floor(land_cover["x"].to_numpy() / params.net_width_m)[None, :]
    inside = coverage.to_numpy() > 0
    place = cells[["group", "area_ha"]].assign(
        patch=patch[inside],
        row=np.broadcast_to(rows, inside.shape)[inside],
        column=np.broadcast_to(columns, inside.shape)[inside],
    )
    pieces = place.groupby(["group", "patch", "row", "column"], observed=True)
    areas = pieces["area_ha"].sum().reset_index()
    ranked = areas[areas["area_ha"] >= params.least_unit_ha].sort_values(
        "area_ha", ascending=False, kind="stable"
    )
    number = pd.Series(REMAINDER, index=areas.index)
    number[ranked.index] = ranked.groupby("group", observed=True).cumcount() + 1
    return number.to_numpy()[pieces.ngroup()]


def _unit_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Return area and mean factors of each unit, in the order of group and number."""
    factors = list(FACTOR_ZH)
    keys = [cells["group"], cells["number"]]
    amounts = cells[factors].mul(cells["area_ha"], axis=0).groupby(keys, observed=True).sum()
    known = cells[factors].notna().mul(cells["area_ha"], axis=0).groupby(keys, observed=True).sum()
    means = amounts / known.where(known > 0)
    units = cells.groupby(keys, observed=True)["area_ha"].sum().to_frame().join(means).reset_index()
    units["group"] = units["group"].astype("str")
    units["id"] = [
        f"{group}-{number:04d}" if number != REMAINDER else f"{group}-rest"
        for group, number in zip(units["group"], units["number"], strict=True)
    ]
    units["kind"] = np.where(units["group"].isin(WATER_GROUPS), "water", "land")
    columns = ["id", "group", "kind", "area_ha", *factors]
    return units[columns].rename(columns={"gep_density": "gep_density_cny_ha"})


def _score_units(units: pd.DataFrame, params: GradingParams) -> pd.DataFrame:
    """Return the units with score, weight covered and grade."""
    ranges = units["kind"].map(params.density_range)
    factors = units[["condition", "accessibility"]].assign(
        gep_density=relative(
            units["gep_density_cny_ha"], ranges.map(lambda r: r.low), ranges.map(lambda r: r.high)
        )
    )
    value, covered = score(factors, params.weights)
    value = value.where(units["gep_density_cny_ha"].notna())
    grades = [
        grade(value[kind == units["kind"]], params.class_limits[kind]) for kind in get_args(Kind)
    ]
    return units.assign(score=value, weight_covered=covered, grade=pd.concat(grades))


def score(factors: pd.DataFrame, weights: Mapping[Factor, float]) -> tuple[pd.Series, pd.Series]:
    r"""Return the score of each unit and the share of the weight that it rests on (定级分值).

    Parameters
    ----------
    factors : DataFrame, units × factors, 0–1, NaN = missing
    weights : dict
        Weight of each factor; they sum to 1.

    Returns
    -------
    Series, Series, 0–1
        The score is NaN where nothing is known.

    Notes
    -----
    .. math:: S = \sum_f w_f x_f / \sum_f w_f \;(f\ \text{known})

    Source: weighted sum of factors, 因素加权综合评分; factors and weights are design. Of TD/T 1060-2021
    自然资源分等定级通则 the title alone was read.
    """
    weight = pd.Series(dict(weights), dtype="float64")[factors.columns]
    covered = (factors.notna() * weight).sum(axis=1)
    return (factors * weight).sum(axis=1) / covered.where(covered > 0), covered


def grade(scores: pd.Series, limits: Sequence[float]) -> pd.Series:
    """Return grades from scores by the lower limits of grades 1, 2, …; NA where there is no score."""
    below = sum((scores < limit - ROUNDING).astype("int64") for limit in limits)
    return (1 + pd.Series(below, index=scores.index)).astype("Int64").where(scores.notna())


def benchmark_prices(units: pd.DataFrame, params: GradingParams) -> pd.DataFrame:
    r"""Return area, GEP density and benchmark price by group and grade (基准价).

    A better grade never has a lower price than a worse one of its group: where the data say otherwise
    adjoining grades are pooled, weighted by area.

    Parameters
    ----------
    units : DataFrame
        Columns group, area_ha, gep_density_cny_ha, grade; without a grade they are left out.
    params : GradingParams
        Groups without a net income share are not appraised: built-up land has a price of its own.

    Returns
    -------
    DataFrame, columns group, grade, area_ha, gep_density_cny_ha, capitalised_cny_ha, price_cny_ha

    Notes
    -----
    .. math:: P_{gk} = \max(0, \bar d_{gk}) \, s_g \, m_k / r

    Source: income capitalised for ever, 收益还原法 as GB/T 18508-2014 城镇土地估价规程 and TD/T 1061-2021
    自然资源价格评估通则 name it (contents alone were read); s, m and r are design.
    """
    graded = units[units["grade"].notna()]
    amount = (graded["gep_density_cny_ha"] * graded["area_ha"]).rename("amount")
    keys = [graded["group"], graded["grade"].astype("int64")]
    table = graded["area_ha"].groupby(keys).sum().to_frame().join(amount.groupby(keys).sum())
    table["gep_density_cny_ha"] = table.pop("amount") / table["area_ha"]
    table = table.reset_index()
    share = table["group"].map(params.net_income_share).astype("float64")
    multiplier = np.array(params.grade_multipliers)[table["grade"] - 1]
    income = table["gep_density_cny_ha"].clip(lower=0) * share * multiplier
    table["capitalised_cny_ha"] = income / params.capitalisation_rate
    table["price_cny_ha"] = table["capitalised_cny_ha"]
    for _, own in table[share.notna()].groupby("group"):
        table.loc[own.index, "price_cny_ha"] = falling(own["capitalised_cny_ha"], own["area_ha"])
    return table


def falling(values: pd.Series, weights: pd.Series) -> np.ndarray:
    """Return the nearest values that never rise along the series, by weighted squares (保序回归)."""
    fit = isotonic_regression(values.to_numpy(), weights=weights.to_numpy(), increasing=False)
    return np.asarray(fit.x)


def entries(
    result: Grading, *, origin: str, price_year: int, price_basis: str, quality: str = ""
) -> list[dict[str, Any]]:
    """Return the ledger rows of account `grading`.

    Items are `<group>.grade_<n>` with the measures area (ha), density (CNY ha-1 a-1) and, where the
    group is appraised, price (CNY ha-1); `<group>.ungraded` has the area without a grade.

    Parameters
    ----------
    result : Grading
    origin : str
        Weakest origin of GEP, condition and land cover.
    price_year, price_basis : int, {"current", "comparable"}
        Prices that the GEP density is in.
    quality : str
        Lowest confidence of the parameters behind GEP, condition and grading.
    """
    plain: dict[str, Any] = {"origin": origin, "quality": quality}
    money = {**plain, "price_basis": price_basis, "price_year": price_year}
    rows = []
    for row in result.prices.to_dict("records"):
        item = f"{row['group']}.grade_{row['grade']}"
        faces: list[tuple[str, str, str, dict[str, Any]]] = [
            ("area", "area_ha", "ha", {**plain, "method_id": METHOD}),
            ("density", "gep_density_cny_ha", DENSITY_UNIT, {**money, "method_id": METHOD}),
            ("price", "price_cny_ha", "CNY ha-1", {**money, "method_id": PRICE_METHOD}),
        ]
        rows += [
            ledger.entry("grading", item, measure, row[column], unit, **more)
            for measure, column, unit, more in faces
            if not np.isnan(row[column])
        ]
    ungraded = result.units[result.units["grade"].isna()].groupby("group")["area_ha"].sum()
    return rows + [
        ledger.entry(
            "grading",
            f"{group}.ungraded",
            "area",
            area,
            "ha",
            method_id=METHOD,
            note="无单位面积GEP, 不定级 / no GEP density, not graded",
            **plain,
        )
        for group, area in ungraded.items()
    ]
