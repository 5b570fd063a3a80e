"""Laws that every formula keeps, whatever the numbers: signs, directions, scaling, gaps, draws."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import ecosystems, params, zonal
from gepbook.accounting import registry
from gepbook.accounting.lookup import by_type
from gepbook.accounting.services import material_products
from gepbook.errors import CoverageError

SET = params.resolve(None, None, "db33-2020")
TYPES = ecosystems.read().set_index("id")
METHODS = [spec for methods in registry.service_methods().values() for spec in methods.values()]
#: Factors of a cell by itself; those of the cells around it are in test_terrain.py.
FACTORS = [
    spec
    for methods in registry.factor_methods().values()
    for spec in methods.values()
    if not spec.spatial
]
MAPPED = [spec for spec in METHODS if spec.density is not None]
CELL_HA = 100.0
#: Least and greatest value of each layer in the tests; land cover is drawn from the codes.
SPANS = {
    "precipitation": (0.0, 400.0), "air_temperature": (-5.0, 35.0), "slope": (0.0, 60.0),
    "soil_sand": (5.0, 80.0), "soil_silt": (5.0, 80.0), "soil_clay": (5.0, 60.0),
    "soil_organic_carbon": (0.0, 8.0), "vegetation_cover": (0.0, 100.0),
    "net_primary_productivity": (0.0, 1500.0), "annual_precipitation": (1.0, 3000.0),
    "potential_evapotranspiration": (0.0, 1800.0), "actual_evapotranspiration": (0.0, 1200.0),
    "surface_runoff": (0.0, 1000.0), "rainfall_erosivity": (0.0, 20_000.0),
    "soil_erodibility": (0.0, 0.1), "slope_length_steepness": (0.0, 40.0),
    "cover_management": (0.0, 1.0), "support_practice": (0.0, 1.0), "cooling_days": (0.0, 200.0),
    "wind_erosion_prevented": (0.0, 50.0), "temperature_difference": (0.0, 5.0),
    "daily_precipitation": (0.0, 80.0),
}  # fmt: skip
seeds = st.integers(0, 2**32 - 1)


def law(examples=15, **strategies):
    """Try a law on some examples, each a whole set of rasters; slow machines may take their time."""

    def decorate(test):
        return settings(max_examples=examples, deadline=None)(given(**strategies)(test))

    return decorate


def name_of(spec):
    return f"{spec.id}-{spec.method}"


def every(specs):
    return pytest.mark.parametrize("spec", specs, ids=name_of)


def coordinates(rows, columns):
    return {
        "y": 1000.0 * np.arange(rows, 0, -1) - 500,
        "x": 1000.0 * np.arange(columns) + 500,
    }


def field(wanted, random, shape=(4, 5)):
    """Return a random raster of a layer, in its unit."""
    coords = dict(coordinates(*shape))
    if wanted.name == "land_cover":
        data = random.choice(TYPES["code"].to_numpy(), shape).astype(float)
    else:
        dims = {"precipitation": 12, "air_temperature": 12, "daily_precipitation": 730}
        size = (dims[wanted.name], *shape) if wanted.name in dims else shape
        data = random.uniform(*SPANS[wanted.name], size)
    names = ("y", "x")
    if wanted.name == "daily_precipitation":
        coords["day"], names = pd.date_range("2021-01-01", periods=730), ("day", "y", "x")
    elif data.ndim == 3:
        coords["month"], names = np.arange(1, 13), ("month", "y", "x")
    attrs = {"units": wanted.units}
    return xr.DataArray(data, coords=coords, dims=names, attrs=attrs, name=wanted.name)


def fields(spec, seed, shape=(4, 5)):
    random = np.random.default_rng(seed)
    return {wanted.name: field(wanted, random, shape) for wanted in spec.layers}


def covered(seed, shape=(4, 5)):
    """Return a random coverage: cells outside, cells inside and cells cut by the border."""
    random = np.random.default_rng([seed, 1])
    data = np.clip(random.uniform(-0.5, 1.5, shape), 0, 1)
    return xr.DataArray(data, coords=coordinates(*shape), dims=("y", "x"), attrs={"units": "1"})


def section(spec, **changed):
    return SET.section(spec.parameters, spec.params).model_copy(update=changed)


def densities(spec, arrays, **changed):
    return spec.density(**arrays, params=section(spec, **changed))


def totals(found, inside, cell_ha=CELL_HA):
    return {name: zonal.total(array, inside, cell_ha, name) for name, array in found.items()}


def with_(arrays, **changed):
    """Return the layers with some of them replaced by a function of their values."""
    changed = {
        name: arrays[name].copy(data=change(arrays[name].to_numpy()))
        for name, change in changed.items()
    }
    return {**arrays, **changed}


# Signs --------------------------------------------------------------------------------------------

#: Water balance may be negative, and so may what the pack brings for windbreak.
NEVER_NEGATIVE = [
    spec
    for spec in MAPPED
    if (spec.id, spec.method)
    not in {
        ("water_conservation", "water_balance"),
        ("water_conservation", "water_balance_annualised"),
    }
]


@every(NEVER_NEGATIVE)
@law(seed=seeds)
def test_what_ecosystems_hold_is_never_negative(spec, seed):
    for array in densities(spec, fields(spec, seed)).values():
        assert (array >= 0).all()


@every([spec for spec in MAPPED if spec not in NEVER_NEGATIVE])
@law(seed=seeds)
def test_water_balance_is_not_negative_where_negative_counts_as_0(spec, seed):
    arrays = fields(spec, seed)
    assert (densities(spec, arrays, negative_to_zero=True)["water"] >= 0).all()
    kept = densities(spec, arrays, negative_to_zero=False)["water"]
    assert (densities(spec, arrays, negative_to_zero=True)["water"] >= kept).all()


@every(FACTORS)
@law(seed=seeds)
def test_factors_are_never_negative(spec, seed):
    found = spec.compute(**fields(spec, seed, (2, 2)), params=section(spec))
    # the Budyko curve ends in a difference of nearly equal numbers where next to nothing evaporates
    assert (found >= -1e-9).all()


BY_TYPE = [spec for spec in MAPPED if "land_cover" in [layer.name for layer in spec.layers]]


@every([spec for spec in BY_TYPE if spec.id != "soil_retention"])
@law(seed=seeds)
def test_bare_ground_gives_nothing(spec, seed):
    bare = with_(fields(spec, seed), land_cover=lambda a: np.full(a.shape, TYPES["code"]["bare"]))
    for array in densities(spec, bare).values():
        assert (array == 0).all()


@every([s for s in MAPPED if s.id == "soil_retention"])
@law(seed=seeds)
def test_ground_without_cover_or_practice_retains_no_soil(spec, seed):
    bare = with_(fields(spec, seed), cover_management=np.ones_like, support_practice=np.ones_like)
    assert (densities(spec, bare)["sediment"] == 0).all()


# Directions ---------------------------------------------------------------------------------------

SOIL = registry.services()["soil_retention"]
more = st.floats(0, 3)


@law(seed=seeds, more=more)
def test_more_rain_in_every_month_erodes_no_less(seed, more):
    spec = registry.factors()["rainfall_erosivity"]
    rain = fields(spec, seed)["precipitation"]

    def erosivity(monthly):
        annual = monthly.sum("month", skipna=False).assign_attrs(units="mm a-1")
        arrays = {"precipitation": monthly, "annual_precipitation": annual}
        return spec.compute(**arrays, params=section(spec))

    # P_m² / P grows as all months grow alike
    assert (erosivity(rain.copy(data=rain * (1 + more))) >= erosivity(rain) * (1 - 1e-12)).all()


@pytest.mark.parametrize("method", ["half_month", "daily"])
@law(seed=seeds, more=more)
def test_more_rain_on_every_day_erodes_no_less(method, seed, more):
    spec = registry.factor_methods()["rainfall_erosivity"][method]
    rain = fields(spec, seed, (1, 2))["daily_precipitation"]
    # α and β of the half-months are fitted to rain that erodes; there, more of it erodes more
    rain = rain.where(rain >= section(spec).erosive_rain_mm, 0.0).assign_attrs(units="mm")
    heavier = rain.copy(data=rain * (1 + more))
    before = spec.compute(daily_precipitation=rain, params=section(spec))
    after = spec.compute(daily_precipitation=heavier, params=section(spec))
    assert (after >= before * (1 - 1e-12)).all()


@law(seed=seeds, percent=st.floats(0, 100), more=st.floats(0, 100))
def test_more_cover_keeps_no_less_soil(seed, percent, more):
    arrays = fields(SOIL, seed)
    land = fields(registry.factors()["support_practice"], seed)["land_cover"]

    def kept(spec, cover):
        layers = {
            "land_cover": land,
            "vegetation_cover": xr.full_like(land, cover).assign_attrs(units="percent"),
        }
        layers = {layer.name: layers[layer.name] for layer in spec.layers}
        c = spec.compute(**layers, params=section(spec))
        return densities(SOIL, {**arrays, "cover_management": c})["sediment"]

    for spec in registry.factor_methods()["cover_management"].values():
        assert (kept(spec, min(percent + more, 100.0)) >= kept(spec, percent)).all()


@pytest.mark.parametrize("layer", [w.name for w in SOIL.layers if w.name != "land_cover"])
@law(seed=seeds, share=st.floats(0, 1))
def test_soil_kept_grows_with_what_erodes_and_falls_with_what_is_lost(layer, seed, share):
    arrays = fields(SOIL, seed)
    more = densities(SOIL, arrays)["sediment"]
    less = densities(SOIL, with_(arrays, **{layer: lambda a: share * a}))["sediment"]
    if layer in ("cover_management", "support_practice"):
        more, less = less, more
    assert (more >= less).all()


@every([s for s in MAPPED if s.id == "climate_regulation"])
@law(seed=seeds, more=st.floats(0, 100))
def test_more_cooling_days_save_no_less_electricity(spec, seed, more):
    arrays = fields(spec, seed)
    before = densities(spec, arrays)
    after = densities(spec, with_(arrays, cooling_days=lambda a: a + more))
    price = {"electricity": 0.538}
    inside = covered(seed)
    before, after = (spec.value(totals(f, inside), price, section(spec)) for f in (before, after))
    assert all(after[name] >= before[name] for name in before)


@law(seed=seeds, warmer=st.floats(0, 5))
def test_a_warmer_year_has_no_fewer_cooling_days_and_no_less_demand_for_water(seed, warmer):
    for name in ("cooling_days", "potential_evapotranspiration"):
        spec = registry.factors()[name]
        arrays = fields(spec, seed)
        before = spec.compute(**arrays, params=section(spec))
        after = spec.compute(
            **with_(arrays, air_temperature=lambda a: a + warmer), params=section(spec)
        )
        assert (after >= before).all()


@every([s for s in MAPPED if "net_primary_productivity" in [layer.name for layer in s.layers]])
@law(seed=seeds, more=st.floats(0, 500))
def test_more_growth_fixes_no_less(spec, seed, more):
    arrays = fields(spec, seed)
    after = densities(spec, with_(arrays, net_primary_productivity=lambda a: a + more))
    for name, before in densities(spec, arrays).items():
        assert (after[name] >= before).all()


@every([s for s in MAPPED if s.id in ("flood_mitigation", "water_conservation")])
@law(seed=seeds, more=st.floats(0, 500))
def test_more_rain_is_held_back_no_less(spec, seed, more):
    arrays = fields(spec, seed)
    after = densities(spec, with_(arrays, annual_precipitation=lambda a: a + more))
    for name, before in densities(spec, arrays).items():
        assert (after[name] >= before).all()


@law(seed=seeds, rain=st.floats(0, 2000), demand=st.floats(0, 1000))
def test_more_rain_or_more_demand_evaporates_no_less(seed, rain, demand):
    spec = registry.factors()["actual_evapotranspiration"]
    arrays = fields(spec, seed)
    before = spec.compute(**arrays, params=section(spec))
    wetter = with_(arrays, annual_precipitation=lambda a: a + rain)
    hotter = with_(arrays, potential_evapotranspiration=lambda a: a + demand)
    for changed in (wetter, hotter):
        assert (spec.compute(**changed, params=section(spec)) >= before - 1e-9).all()


@law(examples=100, first=st.floats(0, 1e6), more=st.floats(0, 1e6), emitted=st.floats(0, 1e6))
def test_more_capacity_or_emission_purifies_no_less(first, more, emitted):
    for name in ("air_purification", "water_purification"):
        spec = registry.services()[name]

        def removed(capacity, emission, spec=spec):
            found = {component.id: capacity for component in spec.components}
            table = pd.DataFrame({column: [emission] for column in spec.tables[0].columns})
            return spec.quantity(found, {"emissions": table}, section(spec))

        base = removed(first, emitted)
        for changed in (removed(first + more, emitted), removed(first, emitted + more)):
            assert all(changed[part] >= base[part] for part in base)


# Scaling ------------------------------------------------------------------------------------------


def priced(spec, quantities, prices):
    return spec.value(quantities, prices, section(spec))


@every(METHODS)
@law(seed=seeds, factor=st.floats(0, 1e3))
def test_values_are_linear_in_prices_and_in_quantities(spec, seed, factor):
    random = np.random.default_rng(seed)
    quantities = {component.id: random.uniform(0, 1e9) for component in spec.components}
    prices = {name: random.uniform(0, 1e3) for name in spec.prices}
    value = priced(spec, quantities, prices)
    assert list(value) == list(quantities)
    scaled = {name: pytest.approx(factor * amount) for name, amount in value.items()}
    assert priced(spec, quantities, {k: factor * p for k, p in prices.items()}) == scaled
    assert priced(spec, {k: factor * q for k, q in quantities.items()}, prices) == scaled
    # each price counts on its own: the value is the sum over one price at a time
    alone = [
        priced(spec, quantities, {**dict.fromkeys(prices, 0.0), k: p}) for k, p in prices.items()
    ]
    assert {n: sum(part[n] for part in alone) for n in value} == pytest.approx(value)


@every(MAPPED)
@law(seed=seeds, factor=st.floats(0.01, 1.0))
def test_totals_are_linear_in_area(spec, seed, factor):
    found, inside = densities(spec, fields(spec, seed)), covered(seed)
    whole = totals(found, inside)
    scaled = {name: pytest.approx(factor * amount) for name, amount in whole.items()}
    assert totals(found, inside, factor * CELL_HA) == scaled
    assert totals(found, inside * factor) == scaled


# Invariance ---------------------------------------------------------------------------------------


@every(MAPPED)
@pytest.mark.parametrize("axis", ["x", "y"])
@law(seed=seeds)
def test_totals_do_not_depend_on_orientation(spec, axis, seed):
    arrays, inside = fields(spec, seed), covered(seed)
    flip = {axis: slice(None, None, -1)}
    flipped = {name: array.isel(flip) for name, array in arrays.items()}
    assert totals(densities(spec, flipped), inside.isel(flip)) == pytest.approx(
        totals(densities(spec, arrays), inside)
    )


@every(MAPPED)
@law(seed=seeds, row=st.integers(1, 3), column=st.integers(1, 4))
def test_totals_of_tiles_add_up_to_the_whole(spec, seed, row, column):
    arrays, inside = fields(spec, seed), covered(seed)
    summed = dict.fromkeys((component.id for component in spec.components), 0.0)
    for rows in (slice(None, row), slice(row, None)):
        for columns in (slice(None, column), slice(column, None)):
            tile = {"y": rows, "x": columns}
            cut = {name: array.isel(tile) for name, array in arrays.items()}
            for name, amount in totals(densities(spec, cut), inside.isel(tile)).items():
                summed[name] += amount
    whole = totals(densities(spec, arrays), inside)
    assert {name: summed[name] for name in whole} == pytest.approx(whole)


@every(MAPPED)
@law(seed=seeds)
def test_cells_do_not_know_each_other(spec, seed):
    arrays = fields(spec, seed)
    whole = densities(spec, arrays)
    cell = {"y": slice(2, 3), "x": slice(1, 2)}
    alone = densities(spec, {name: array.isel(cell) for name, array in arrays.items()})
    for name, array in whole.items():
        assert alone[name].item() == pytest.approx(array.isel(cell).item())


# Gaps ---------------------------------------------------------------------------------------------


def gap_at(array, row, column):
    gap = array.copy(deep=True)
    gap[..., row, column] = np.nan
    return gap


@every(MAPPED)
@law(seed=seeds, row=st.integers(0, 3), column=st.integers(0, 4))
def test_a_gap_is_never_taken_for_0(spec, seed, row, column):
    arrays = fields(spec, seed)
    whole = densities(spec, arrays)
    inside = covered(seed)
    inside[row, column] = 1.0
    for wanted in spec.layers:
        gap = densities(spec, {**arrays, wanted.name: gap_at(arrays[wanted.name], row, column)})
        lost = [name for name in gap if np.isnan(gap[name][row, column])]
        assert lost, wanted.name
        for name, array in gap.items():
            expected = whole[name].to_numpy().copy()
            if name in lost:
                expected[row, column] = np.nan
                with pytest.raises(CoverageError, match=f"{name}: 1 of"):
                    zonal.total(array, inside, CELL_HA, name)
            # all other cells, and parts that do not rest on this layer, stay as they were
            np.testing.assert_array_equal(array.to_numpy(), expected)
            if name not in lost:
                assert not rests_on(spec, arrays, wanted.name, name)


def rests_on(spec, arrays, layer, name):
    """Tell whether a component changes with a layer."""
    if layer == "land_cover":
        return True
    doubled = densities(spec, with_(arrays, **{layer: lambda a: 2 * a + 1}))[name]
    return not doubled.equals(densities(spec, arrays)[name])


@every(MAPPED)
@law(seed=seeds)
def test_a_gap_outside_the_county_does_no_harm(spec, seed):
    arrays, inside = fields(spec, seed), covered(seed)
    inside[0, 0] = 0.0
    gaps = {name: gap_at(array, 0, 0) for name, array in arrays.items()}
    assert totals(densities(spec, gaps), inside) == totals(densities(spec, arrays), inside)


@every(FACTORS)
@law(seed=seeds)
def test_a_gap_in_all_layers_is_a_gap_in_the_factor(spec, seed):
    arrays = fields(spec, seed, (2, 2))
    whole = spec.compute(**arrays, params=section(spec))
    gaps = {name: gap_at(array, 0, 1) for name, array in arrays.items()}
    found = spec.compute(**gaps, params=section(spec))
    expected = whole.to_numpy().copy()
    expected[0, 1] = np.nan
    np.testing.assert_array_equal(found.to_numpy(), expected)


@every([s for s in FACTORS if "month" in field(s.layers[0], np.random.default_rng(0)).dims])
@law(seed=seeds, month=st.integers(0, 11))
def test_one_lost_month_is_a_lost_year(spec, seed, month):
    arrays = fields(spec, seed, (1, 1))
    arrays[spec.layers[0].name][month] = np.nan
    assert np.isnan(spec.compute(**arrays, params=section(spec)).item())


# Draws --------------------------------------------------------------------------------------------

DRAWS = 4


def is_number(value):
    return isinstance(value, float | int) and not isinstance(value, bool)


def drawn(spec, seed):
    """Return a section with draws of every number, and the same section draw by draw.

    Switches, lists and what is fixed stay as they are. Tables vary row by row.
    """
    random = np.random.default_rng([seed, 2])
    base = section(spec)
    draws = {}
    for name, value in base:
        shape = SET.entries[f"{spec.parameters}.{name}"].distribution
        if shape and shape.kind == "fixed":
            continue
        if is_number(value):
            draws[name] = near(value, random)
        elif isinstance(value, dict) and all(is_number(row) for row in value.values()):
            draws[name] = {kind: near(row, random) for kind, row in value.items()}
    together = base.model_copy(update=draws)
    apart = [
        base.model_copy(update={name: draw(value, i) for name, value in draws.items()})
        for i in range(DRAWS)
    ]
    return together, apart


def near(value, random):
    return xr.DataArray(value * random.uniform(0.9, 1.1, DRAWS), dims="draw")


def draw(value, i):
    if isinstance(value, dict):
        return {kind: draw(row, i) for kind, row in value.items()}
    return float(value[i])


def same(together, apart):
    """Compare what came of all draws with what came of each."""
    for i, single in enumerate(apart):
        for name, amount in single.items():
            found = together[name]
            if isinstance(found, xr.DataArray) and "draw" in found.dims:
                found = found.isel(draw=i).transpose(*getattr(amount, "dims", ()))
            elif np.ndim(found) > np.ndim(amount):
                found = found[i]
            np.testing.assert_allclose(found, amount, rtol=1e-12)


@every(MAPPED)
@law(seed=seeds)
def test_densities_of_draws_are_those_of_each_draw(spec, seed):
    arrays = fields(spec, seed, (2, 3))
    together, apart = drawn(spec, seed)
    same(
        spec.density(**arrays, params=together),
        [spec.density(**arrays, params=single) for single in apart],
    )


@every([s for s in MAPPED if [w.name for w in s.layers] != ["land_cover"]])
@law(seed=seeds)
def test_densities_of_layers_of_draws_are_those_of_each_draw(spec, seed):
    random = np.random.default_rng([seed, 3])
    arrays = fields(spec, seed, (2, 3))
    moved = [name for name in arrays if name != "land_cover"]
    factors = {name: near(1.0, random) for name in moved}
    layers = {n: (arrays[n] * factors[n]).assign_attrs(arrays[n].attrs) for n in moved}
    same(
        densities(spec, {**arrays, **layers}),
        [
            densities(spec, {**arrays, **{n: layers[n].isel(draw=i) for n in moved}})
            for i in range(DRAWS)
        ],
    )


@every(FACTORS)
@law(seed=seeds)
def test_factors_of_draws_are_those_of_each_draw(spec, seed):
    arrays = fields(spec, seed, (1, 2))
    together, apart = drawn(spec, seed)
    same(
        {spec.id: spec.compute(**arrays, params=together)},
        [{spec.id: spec.compute(**arrays, params=single)} for single in apart],
    )


def statistics(spec, random):
    """Return tables whose figures are arrays of draws, and the same tables draw by draw."""
    together, apart = {}, [{} for _ in range(DRAWS)]
    for wanted in spec.tables:
        columns = {c: None for c in wanted.columns}
        if wanted.name == "material_products":
            columns["product"] = list(material_products.PRODUCTS)
        length = len(columns["product"]) if "product" in columns else 1
        for column in columns:
            if column != "product":
                columns[column] = list(random.uniform(1, 90, (length, DRAWS)))
        together[wanted.name] = pd.DataFrame(
            {c: v if c == "product" else pd.Series(v, dtype=object) for c, v in columns.items()}
        )
        for i, tables in enumerate(apart):
            tables[wanted.name] = pd.DataFrame(
                {c: v if c == "product" else [a[i] for a in v] for c, v in columns.items()}
            )
    return together, apart


@every(METHODS)
@law(seed=seeds)
def test_quantities_and_values_of_draws_are_those_of_each_draw(spec, seed):
    random = np.random.default_rng(seed)
    tables, tables_apart = statistics(spec, random)
    if spec.id == "flood_mitigation":
        tables, tables_apart = reservoirs(random)
    section_of_draws, sections = drawn(spec, seed)
    totals_of_draws = {c.id: random.uniform(1, 1e6, DRAWS) for c in spec.components}
    totals_of_draws.pop("reservoir", None)
    prices = {name: random.uniform(1, 1e3, DRAWS) for name in spec.prices}

    def through(found, tables, prices, params):
        amounts = spec.quantity(found, tables, params) if spec.quantity else found
        return amounts, spec.value(amounts, prices, params)

    together = through(totals_of_draws, tables, prices, section_of_draws)
    apart = [
        through(
            {name: amount[i] for name, amount in totals_of_draws.items()},
            tables_apart[i],
            {name: price[i] for name, price in prices.items()},
            sections[i],
        )
        for i in range(DRAWS)
    ]
    for step in (0, 1):
        same(together[step], [single[step] for single in apart])


def reservoirs(random):
    """Return two reservoirs with draws of their size, one without flood storage."""
    whole, flood = random.uniform(100, 200, (2, DRAWS)), random.uniform(10, 90, DRAWS)
    gap = np.full(DRAWS, np.nan)

    def table(*columns):
        names = ("total_capacity_m3", "flood_control_capacity_m3")
        return {"reservoirs": pd.DataFrame(dict(zip(names, columns, strict=True)))}

    together = table(pd.Series(list(whole), dtype=object), pd.Series([flood, gap], dtype=object))
    return together, [table(whole[:, i], [flood[i], np.nan]) for i in range(DRAWS)]


def test_a_table_of_draws_on_a_map_has_the_draws_last():
    codes = TYPES["code"].to_numpy()[:6].astype(float).reshape(2, 3)
    land = xr.DataArray(codes, coords=coordinates(2, 3), dims=("y", "x"), attrs={"units": "1"})
    land[0, 0] = np.nan
    table = {
        kind: xr.DataArray(np.arange(DRAWS) + code, dims="draw")
        for kind, code in TYPES["code"].items()
    }
    found = by_type(land, table, "1")
    assert found.dims == ("y", "x", "draw")
    assert np.isnan(found[0, 0]).all()
    assert found[1, 2].to_numpy().tolist() == [16.0, 17.0, 18.0, 19.0]  # open forest, code 16
