"""How sure an account is: bands by Monte Carlo, Sobol indices, what moves a county's GEP (不确定性).

The same pure functions that make the account are evaluated on arrays of draws. What varies is a list of
variables: parameters, prices and layers, whose error is the same in all counties, and tables, whose
error is each county's own. A county's draws of a shared variable equal those of every other county, so
that the province's draws are the sums of its counties'.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, cast

import numpy as np
import pandas as pd
import xarray as xr
from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator
from SALib.analyze import sobol as sobol_analysis
from SALib.sample import sobol as sobol_sample
from scipy import stats

from gepbook import ledger
from gepbook.accounting import registry
from gepbook.accounting.account import ServiceResult, measure
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import CATEGORY_ZH, ServiceSpec
from gepbook.accounting.standards import Standard
from gepbook.inputs.county import CountyInputs
from gepbook.ledger import ORIGINS
from gepbook.params import (
    CONFIDENCES,
    Confidence,
    Distribution,
    ParameterSet,
    Params,
    parameter,
)
from gepbook.prices import PriceBook
from gepbook.units import with_units

SECTION = "uncertainty"
METHOD = "uncertainty/monte-carlo"
SENSITIVITY = "sensitivity"
LOW, HIGH = 0.05, 0.95
INTERVAL_LEVEL = HIGH - LOW
#: Draws times cells of one evaluation; monthly layers take twelve times as many numbers.
CELLS_PER_CHUNK = 600_000
#: Ends of column names that are no amounts; a table's error does not apply to them.
RATES = ("_percent", "_day", "_hour")
PERCENT = "percent"
Section = TypeVar("Section", bound=Params)


def _every(names: Iterable[str]) -> AfterValidator:
    """Return a check that a table has exactly some keys."""
    wanted = set(names)

    def check(table: dict[str, float]) -> dict[str, float]:
        if set(table) != wanted:
            raise ValueError(f"must list {', '.join(sorted(wanted))}")
        return table

    return AfterValidator(check)


class UncertaintyParams(Params):
    """How wide values are taken to be, and how many draws are made."""

    seed: int = parameter("1", "随机种子", ge=0)
    draws: int = parameter("1", "抽样次数", ge=100)
    cells: int = parameter("1", "参与抽样的栅格单元数上限", ge=1000)
    sobol_base: int = parameter("1", "Sobol 基样本数, 2 的幂", ge=8)
    half_width_by_confidence: Annotated[dict[str, float], _every(CONFIDENCES)] = parameter(
        "1", "未给分布的参数与价格的相对半宽, 按可信度"
    )
    layer_half_width: dict[str, float] = parameter("1", "图层系统误差的相对半宽")
    layer_shift: dict[str, float] = parameter("K", "图层系统误差的绝对半宽")
    table_half_width_by_origin: Annotated[dict[str, float], _every(ORIGINS)] = parameter(
        "1", "统计表误差的相对半宽, 按数据性质"
    )


@dataclass(frozen=True)
class Variable:
    """Something that may be off, and by how much (不确定变量).

    `name` is `section.key`, `price.<id>`, `layer.<name>`, `shift.<name>` or `table.<name>`.
    """

    name: str
    distribution: Distribution
    confidence: Confidence | None

    @property
    def own(self) -> bool:
        """Whether its error is each county's own."""
        return self.name.startswith("table.")


def spread(half_width: float) -> Distribution:
    """Return the distribution with its 5 % and 95 % quantiles at 1/(1 + w) and 1 + w."""
    return Distribution(kind="lognormal", low=1 / (1 + half_width), high=1 + half_width)


def quantile(distribution: Distribution, share: np.ndarray) -> np.ndarray:
    r"""Return the factors at which a distribution reaches some shares of its probability.

    Parameters
    ----------
    distribution : Distribution
    share : ndarray, any shape, 0–1

    Returns
    -------
    ndarray of the same shape

    Notes
    -----
    The lognormal has the logarithms of its 5 % and 95 % quantiles at `low` and `high`:

    .. math:: x = \exp\!\left(\frac{\ln l + \ln h}{2}
        + \frac{\ln h - \ln l}{2 z_{0.95}} z_u\right)
    """
    low, high = distribution.low, distribution.high
    if distribution.kind == "fixed" or low == high:
        return np.ones_like(share)
    if distribution.kind == "uniform":
        return low + (high - low) * share
    if distribution.kind == "triangular":
        mode = (1 - low) / (high - low)
        return stats.triang.ppf(share, mode, loc=low, scale=high - low)
    middle = (np.log(low) + np.log(high)) / 2
    sigma = (np.log(high) - np.log(low)) / (2 * stats.norm.ppf(HIGH))
    return np.exp(middle + sigma * stats.norm.ppf(share))


class DrawnParameters:
    """Sections of a parameter set with some values replaced by draws, dims (draw,)."""

    def __init__(self, params: ParameterSet, factors: Mapping[str, np.ndarray]) -> None:
        self.params = params
        self.factors = factors

    def section(self, name: str, model: type[Section]) -> Section:
        """Return a section; drawn values are kept within the bounds of their fields."""
        nominal = self.params.section(name, model)
        values = {}
        for key, field in model.model_fields.items():
            value = getattr(nominal, key)
            factor = self.factors.get(f"{name}.{key}")
            if factor is not None:
                low, high = _bounds(field)
                drawn = _drawn(factor)
                value = (
                    {k: (v * drawn).clip(low, high) for k, v in value.items()}
                    if isinstance(value, dict)
                    else (value * drawn).clip(low, high)
                )
            values[key] = value
        return cast(Section, model.model_construct(**values))


def _bounds(field: Any) -> tuple[float | None, float | None]:
    """Return the bounds of a model's field."""
    low: float | None = None
    high: float | None = None
    for rule in field.metadata:
        if isinstance(rule, Ge | Gt):
            low = float(getattr(rule, "ge", getattr(rule, "gt", None)))  # type: ignore[arg-type]
        if isinstance(rule, Le | Lt):
            high = float(getattr(rule, "le", getattr(rule, "lt", None)))  # type: ignore[arg-type]
    extra = field.json_schema_extra or {}
    if extra.get("unit") == PERCENT and high is None:
        high = 100.0
    return low, high


def _drawn(factor: np.ndarray) -> xr.DataArray:
    """Return draws as an array, dims (draw,), in single precision: bands need no more."""
    return xr.DataArray(factor.astype("float32"), dims="draw")


class Cells:
    """A county's rasters as lists of its cells, dims ([month,] cell), read once.

    Of a county with more than `most` cells every n-th cell of each ecosystem type is taken, and stands
    for the area of all of them: the area of each type is exact, its mean is that of a systematic sample.
    """

    def __init__(self, inputs: CountyInputs, most: int) -> None:
        self.inputs = inputs
        area = pd.Series(inputs.coverage.to_numpy().ravel() * inputs.cell_area_ha)
        area = area[area > 0]
        kinds = pd.Series(inputs.land_cover.to_numpy().ravel()[area.index], area.index)
        step = math.ceil(len(area) / most)
        place = kinds.groupby(kinds, dropna=False).cumcount()
        count = kinds.groupby(kinds, dropna=False).transform("size")
        chosen = area[place % step == (count - 1).clip(upper=step // 2)]
        whole = area.groupby(kinds, dropna=False).sum()
        share = whole / chosen.groupby(kinds[chosen.index], dropna=False).sum()
        self._inside = chosen.index.to_numpy()
        weight = chosen.to_numpy() * share[kinds[chosen.index]].to_numpy()
        self.weight = xr.DataArray(weight if step > 1 else area.to_numpy(), dims="cell")
        self._layers: dict[str, xr.DataArray] = {}

    def __len__(self) -> int:
        return self.weight.size

    def layer(self, name: str) -> xr.DataArray:
        """Return a raster's cells inside the county."""
        if name not in self._layers:
            self._layers[name] = self.as_cells(self.inputs.layer(name))
        return self._layers[name]

    def as_cells(self, raster: xr.DataArray) -> xr.DataArray:
        """Return a raster as a list of the county's cells, dims ([month,] cell)."""
        dims = (*raster.dims[:-2], "cell")
        return xr.DataArray(
            raster.to_numpy().reshape(*raster.shape[:-2], -1)[..., self._inside].astype("float32"),
            dims=dims,
            coords={dim: raster[dim] for dim in dims if dim in raster.coords},
            attrs=raster.attrs,
        )


class DrawnInputs(CountyInputs):
    """A county's inputs as a list of its cells, with errors of layers and tables drawn.

    Rasters have the dims ([month,] cell) or, where their error is drawn, ([month,] cell, draw).
    """

    def __init__(self, cells: Cells, factors: Mapping[str, np.ndarray]) -> None:
        base = cells.inputs
        super().__init__(base.pack, base.county_code, base.year)
        self.layer_years, self.tables_year = base.layer_years, base.tables_year
        self.cells = cells
        self.factors = factors

    def layer(self, name: str) -> xr.DataArray:
        """Return a raster's cells inside the county, with its error."""
        cells = drawn = self.cells.layer(name)
        if f"layer.{name}" in self.factors:
            drawn = drawn * _drawn(self.factors[f"layer.{name}"])
        if f"shift.{name}" in self.factors:
            drawn = drawn + _drawn(self.factors[f"shift.{name}"])
        return with_units(drawn, cells.attrs["units"])

    def whole(self, make: Callable[[CountyInputs], xr.DataArray]) -> xr.DataArray:
        """Return the cells of a raster made of the county's rasters as they are, without errors."""
        return self.cells.as_cells(make(self.cells.inputs))

    def total(self, density: xr.DataArray, name: str) -> Any:
        """Return county totals, ndarray of shape (draw,), or a float where nothing is drawn."""
        found = xr.dot(density, self.cells.weight, dim="cell").to_numpy()
        return found if found.ndim else float(found)

    def figures(self, name: str, *columns: str) -> pd.DataFrame:
        """Return the rows of a table; amounts are arrays of draws where its error is drawn."""
        frame = self.cells.inputs.figures(name, *columns)
        factor = self.factors.get(f"table.{name}")
        if factor is None:
            return frame
        frame = frame.copy()
        for column in frame.columns:
            if frame[column].dtype.kind == "f" and not column.endswith(RATES):
                drawn = [value * factor for value in frame[column]]
                frame[column] = pd.Series(drawn, index=frame.index, dtype="object")
        return frame


class Uncertainty:
    """The uncertainty of one county's account.

    Parameters
    ----------
    inputs : CountyInputs
    params : ParameterSet
    standard : Standard
    prices : PriceBook
    layers : Layers, optional
        Layers of these inputs, parameters and factors that are there already.
    price_year : int, optional
        Year of the prices; that of the inputs when not given.
    """

    def __init__(
        self,
        inputs: CountyInputs,
        params: ParameterSet,
        standard: Standard,
        prices: PriceBook,
        layers: Layers | None = None,
        price_year: int | None = None,
    ) -> None:
        self.inputs = inputs
        self.params = params
        self.standard = standard
        self.book = prices
        self.settings = params.section(SECTION, UncertaintyParams)
        self.unit_prices = prices.at(price_year or inputs.year, inputs.tables_year)
        self.specs = [
            spec for spec in standard.specs() if not standard.services[spec.id].not_applicable
        ]
        self._cells = Cells(inputs, self.settings.cells)
        self._depends = self._dependencies(layers or Layers(inputs, params, standard.factors))
        self.variables = self._variables()

    def _dependencies(self, layers: Layers) -> dict[str, set[str]]:
        """Return by service the sections, prices, layers and tables that its value depends on."""
        found = {}
        for spec in self.specs:
            for wanted in spec.layers:
                layers.get(wanted.name, wanted.units)
            names = [wanted.name for wanted in spec.layers]
            read = layers.read(*names)
            found[spec.id] = (
                {spec.parameters, *layers.sections(*names)}
                | {f"price.{price}" for price in spec.prices}
                | {f"{kind}.{layer}" for layer in read for kind in ("layer", "shift")}
                | {f"table.{table.name}" for table in spec.tables}
            )
        return found

    def _variables(self) -> dict[str, Variable]:
        """Return all that varies, by name, the same list for every county of a standard."""
        widths = self.settings.half_width_by_confidence
        needed = set().union(*self._depends.values())
        found: dict[str, Variable] = {}

        def add(name: str, shape: Distribution, confidence: Confidence | None) -> None:
            if shape.kind != "fixed":
                found[name] = Variable(name, shape, confidence)

        for name, entry in self.params.under(*needed).items():
            if _is_number(entry.value):
                shape = entry.distribution or spread(widths[entry.confidence])
                add(name, shape, entry.confidence)
        for item in sorted(needed):
            kind, _, name = item.partition(".")
            if kind == "price":
                price = self.book.prices[name]
                shape = price.distribution or spread(widths[price.confidence])
                add(item, shape, price.confidence)
            elif kind == "layer" and self.settings.layer_half_width.get(name):
                add(item, spread(self.settings.layer_half_width[name]), None)
            elif kind == "shift" and name in self.settings.layer_shift:
                add(item, Distribution(kind="uniform", low=0.5, high=1.5), None)
            elif kind == "table":
                width = self.settings.table_half_width_by_origin[self.inputs.origin(name)]
                add(item, spread(width), None)
        return found

    @property
    def sections(self) -> set[str]:
        """Sections of the parameters that the account's services and factors read."""
        return {name for names in self._depends.values() for name in names if "." not in name}

    def depends(self, service: str) -> list[str]:
        """Return the names of the variables that a service's value depends on."""
        wanted = self._depends[service]
        return [n for n in self.variables if n in wanted or n.partition(".")[0] in wanted]

    def factors(self, name: str, share: np.ndarray) -> np.ndarray:
        """Return the draws of a variable at some shares of its probability.

        Factors of the value; for a shift the amount that is added, flat between ± its half width.
        """
        variable = self.variables[name]
        if name.startswith("shift."):
            width = self.settings.layer_shift[name.removeprefix("shift.")]
            return width * (2 * share - 1)
        return quantile(variable.distribution, share)

    def evaluate(
        self, specs: Iterable[ServiceSpec], factors: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return what services are worth, and their quantities, for draws of some variables.

        Parameters
        ----------
        specs : services
        factors : by variable, ndarray of shape (draw,)

        Returns
        -------
        values : by service, ndarray (draw,), CNY a-1, of the components that count
        quantities : by `service.component`, ndarray (draw,)
        """
        count = len(next(iter(factors.values())))
        step = max(1, CELLS_PER_CHUNK // len(self._cells))
        values: dict[str, list[np.ndarray]] = {}
        amounts: dict[str, list[np.ndarray]] = {}
        for start in range(0, count, step):
            part = {name: drawn[start : start + step] for name, drawn in factors.items()}
            size = min(step, count - start)
            drawn_params = DrawnParameters(self.params, part)
            layers = Layers(DrawnInputs(self._cells, part), drawn_params, self.standard.factors)
            prices: dict[str, Any] = {
                name: price * part.get(f"price.{name}", 1.0)
                for name, price in self.unit_prices.items()
            }
            for spec in specs:
                measured = measure(spec, layers)
                if measured.not_applicable:
                    continue
                section = drawn_params.section(spec.parameters, spec.params)
                worth = spec.value(measured.quantities, prices, section)
                excluded = self.standard.excluded(spec.id, worth)
                counted = sum(np.asarray(v) for c, v in worth.items() if c not in excluded)
                values.setdefault(spec.id, []).append(np.broadcast_to(counted, size))
                for component, amount in measured.quantities.items():
                    amounts.setdefault(f"{spec.id}.{component}", []).append(
                        np.broadcast_to(np.asarray(amount), size)
                    )
        return (
            {name: np.concatenate(parts) for name, parts in values.items()},
            {name: np.concatenate(parts) for name, parts in amounts.items()},
        )

    def draws(self, count: int | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the services' values and quantities in every draw (蒙特卡洛抽样).

        Parameters
        ----------
        count : int, optional
            Number of draws; that of the parameters when not given.

        Returns
        -------
        values : DataFrame, draws × services, CNY a-1
        quantities : DataFrame, draws × `service.component`
        """
        size = count or self.settings.draws
        factors = {
            name: self.factors(name, self._generator(name).random(size)) for name in self.variables
        }
        values, amounts = self.evaluate(self.specs, factors)
        return pd.DataFrame(values), pd.DataFrame(amounts)

    def _generator(self, name: str) -> np.random.Generator:
        """Return the random generator of a variable: of its name and, where own, of the county."""
        text = f"{name}/{self.inputs.county_code}" if self.variables[name].own else name
        digest = hashlib.sha256(text.encode()).digest()
        return np.random.default_rng([self.settings.seed, *digest[:8]])

    def sobol_draws(self) -> pd.DataFrame:
        """Return GEP for Saltelli's sample of all variables, as `sobol_indices` wants it.

        A variable's column changes only the services that depend on it, so only those are evaluated
        anew. The columns of a county's own variables are shifted by the county, so that sums over
        counties treat each of them as a group of independent errors.

        Returns
        -------
        DataFrame, base × (`A`, variables, `B`), CNY a-1
            GEP for the rows of Saltelli's matrices A, A with one column of B, and B.
        """
        names = list(self.variables)
        base, width = self.settings.sobol_base, len(names) + 2
        sample = _saltelli(tuple(names), base, self.settings.seed)
        for column, name in enumerate(names):
            if self.variables[name].own:
                sample[:, column] = (sample[:, column] + self._generator(name).random()) % 1
        blocks = sample.reshape(base, width, len(names))
        gep = np.zeros((base, width))
        for spec in self.specs:
            mine = [names.index(name) for name in self.depends(spec.id)]
            rows = [0, *(column + 1 for column in mine), width - 1]
            shares = blocks[:, rows][:, :, mine].reshape(-1, len(mine))
            drawn = {
                names[column]: self.factors(names[column], shares[:, i])
                for i, column in enumerate(mine)
            }
            values, _ = self.evaluate([spec], drawn)
            if spec.id in values:
                own = values[spec.id].reshape(base, len(rows))
                whole = np.repeat(own[:, :1], width, axis=1)
                whole[:, rows] = own
                gep += whole
        return pd.DataFrame(gep, columns=["A", *names, "B"])

    def swings(self) -> pd.DataFrame:
        """Return GEP with one variable at a time at its 5 % and 95 % quantile.

        Returns
        -------
        DataFrame indexed by variable, columns `gep_low`, `gep_high` (CNY a-1: GEP where the variable
        is low, high) and `nominal`
        """
        moved = pd.DataFrame(0.0, index=list(self.variables), columns=["gep_low", "gep_high"])
        nominal = 0.0
        for spec in self.specs:
            mine = self.depends(spec.id)
            drawn = {}
            for place, name in enumerate(mine):  # two draws a variable, and one with nothing moved
                still = 0.0 if name.startswith("shift.") else 1.0
                drawn[name] = np.full(2 * len(mine) + 1, still)
                drawn[name][2 * place : 2 * place + 2] = self.factors(name, np.array([LOW, HIGH]))
            values, _ = self.evaluate([spec], drawn)
            if spec.id in values:
                *pairs, own = values[spec.id]
                nominal += own
                moved.loc[mine] += np.reshape(pairs, (-1, 2)) - own
        return (moved + nominal).assign(nominal=nominal)


def _is_number(value: Any) -> bool:
    """Tell whether a parameter's value can be multiplied: a float, or a table of numbers."""
    if isinstance(value, dict):
        return all(isinstance(v, int | float) for v in value.values())
    return isinstance(value, float)


@functools.lru_cache(maxsize=8)
def _saltelli_cached(names: tuple[str, ...], base: int, seed: int) -> np.ndarray:
    """Return Saltelli's sample in the unit cube, rows × variables."""
    problem = {"num_vars": len(names), "names": list(names), "bounds": [[0.0, 1.0]] * len(names)}
    return sobol_sample.sample(problem, base, calc_second_order=False, seed=seed)


def _saltelli(names: tuple[str, ...], base: int, seed: int) -> np.ndarray:
    """Return a copy of the sample, kept off 0 and 1 where quantiles are infinite."""
    return np.clip(_saltelli_cached(names, base, seed), 1e-6, 1 - 1e-6)


def sobol_indices(gep: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return first-order and total Sobol indices of GEP by SALib (Sobol 指数).

    Parameters
    ----------
    gep : DataFrame
        What `Uncertainty.sobol_draws` returned, or the sum of it over counties.
    seed : int
        Of the bootstrap that gives the indices' own confidence.

    Returns
    -------
    DataFrame indexed by variable, columns `first`, `total` and `total_band`, the half width of the 95 %
    band of `total`

    Notes
    -----
    Source: Saltelli et al. 2010, Comput. Phys. Commun. 181: 259–270; Herman & Usher 2017, J. Open
    Source Softw. 2(9): 97 (SALib).
    """
    names = list(gep.columns[1:-1])
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    found = sobol_analysis.analyze(
        problem, gep.to_numpy().ravel(), calc_second_order=False, print_to_console=False, seed=seed
    )
    return pd.DataFrame(
        {"first": found["S1"], "total": found["ST"], "total_band": found["ST_conf"]}, index=names
    )


def bands(draws: pd.DataFrame) -> pd.DataFrame:
    """Return the 5 % and 95 % quantiles of services, categories and GEP.

    Parameters
    ----------
    draws : DataFrame, draws × services, CNY a-1

    Returns
    -------
    DataFrame indexed by service, category and `gep`, columns `low`, `high`
    """
    category = {name: spec.category for name, spec in registry.services().items()}
    wide = draws.copy()
    for name in CATEGORY_ZH:
        wide[name] = draws[[c for c in draws if category[c] == name]].sum(axis=1)
    wide["gep"] = draws.sum(axis=1)
    return quantiles(wide)


def quantiles(draws: pd.DataFrame) -> pd.DataFrame:
    """Return the 5 % and 95 % quantiles of every column, as columns `low` and `high`."""
    return pd.DataFrame({"low": draws.quantile(LOW), "high": draws.quantile(HIGH)})


def with_bands(
    rows: list[dict[str, Any]], values: pd.DataFrame, amounts: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return ledger rows with `low` and `high` of values at current prices and of quantities.

    Parameters
    ----------
    rows : of the accounts `gep`, `services` and `components`
    values : what `bands` returned
    amounts : what `quantiles` returned of quantities, by `service.component`
    """
    found = []
    for row in rows:
        table = None
        if row["measure"] == "value" and row["price_basis"] == "current":
            table = values if row["account"] in ("gep", "services") else None
        elif row["account"] == "components" and row["measure"] == "physical":
            table = amounts
        if table is not None and row["item"] in table.index:
            row = {**row, **table.loc[row["item"]].to_dict()}
        found.append(row)
    return found


def entries(
    sure: Uncertainty, sobol: pd.DataFrame, results: list[ServiceResult]
) -> list[dict[str, Any]]:
    """Return the ledger rows of what moves GEP: account `sensitivity`, one item a variable.

    Measures: `gep_low` and `gep_high` (GEP with the variable at its 5 % and 95 % quantile), `first` and
    `total` (Sobol indices). `quality` is the variable's own confidence. Variables without any effect are
    left out.
    """
    table = sure.swings().join(sobol_indices(sobol, sure.settings.seed))
    origin = ledger.weakest(r.origin for r in results if r.counts)
    moves = (table["gep_high"] - table["gep_low"]).abs() > 0
    rows = []
    for name, row in table[moves].iterrows():
        confidence = sure.variables[str(name)].confidence or ""
        faces = {"gep_low": "CNY", "gep_high": "CNY", "first": "1", "total": "1"}
        for face, unit in faces.items():
            rows.append(
                ledger.entry(
                    SENSITIVITY,
                    str(name),
                    face,
                    row[face],
                    unit,
                    origin=origin,
                    quality=confidence,
                    method_id=METHOD,
                    price_basis="current" if unit == "CNY" else "",
                    price_year=sure.inputs.year if unit == "CNY" else None,
                )
            )
    return rows
