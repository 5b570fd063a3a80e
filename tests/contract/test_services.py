"""What every service and factor keeps to, whoever writes it."""

import inspect

import numpy as np
import pytest
import xarray as xr

from gepbook import params, sections
from gepbook.accounting import registry, standards
from gepbook.prices import PriceBook

SPECS = {**registry.factors(), **registry.services()}
SET = params.resolve(None, None, "db33-2020")
TYPICAL = {
    "land_cover": 15.0, "precipitation": 120.0, "air_temperature": 18.0, "slope": 15.0,
    "soil_sand": 35.0, "soil_silt": 40.0, "soil_clay": 25.0, "soil_organic_carbon": 1.8,
    "vegetation_cover": 80.0, "net_primary_productivity": 750.0, "annual_precipitation": 1440.0,
    "potential_evapotranspiration": 900.0, "actual_evapotranspiration": 700.0,
    "surface_runoff": 40.0, "rainfall_erosivity": 6000.0, "soil_erodibility": 0.02,
    "slope_length_steepness": 5.0, "cover_management": 0.004, "support_practice": 1.0,
    "cooling_days": 110.0, "daily_precipitation": 20.0, "elevation": 300.0,
    "wind_erosion_prevented": 1.0, "temperature_difference": 2.0,
}  # fmt: skip
MONTHLY = {"precipitation", "air_temperature"}


def function_of(spec):
    return getattr(spec, "compute", None) or spec.density


def layer(name, units, value=None):
    shape = (12, 2, 2) if name in MONTHLY else (2, 2)
    dims = ("month", "y", "x")[-len(shape) :]
    coords = {"y": [1500.0, 500.0], "x": [500.0, 1500.0]}
    if len(shape) == 3:
        coords["month"] = np.arange(1, 13)
    data = np.full(shape, TYPICAL[name] if value is None else value)
    return xr.DataArray(data, coords=coords, dims=dims, attrs={"units": units}, name=name)


def run(spec, **changed):
    inputs = {w.name: layer(w.name, w.units) for w in spec.layers} | changed
    section = SET.section(getattr(spec, "parameters", spec.id), spec.params)
    result = function_of(spec)(**inputs, params=section)
    return result if isinstance(result, dict) else {spec.id: result}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_declares_itself(spec):
    assert spec.name_zh
    assert spec.name_en
    assert spec.source
    assert spec.formula
    for name, field in spec.params.model_fields.items():
        assert field.description, name
        assert field.json_schema_extra["unit"], name


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if function_of(s)], ids=lambda s: s.id)
def test_formula_takes_what_is_declared_in_its_units(spec):
    function = function_of(spec)
    declared = {wanted.name: wanted.units for wanted in spec.layers}
    assert set(inspect.signature(function).parameters) == {*declared, "params"}
    units = dict(function.units)
    returned = units.pop("returns")
    assert units == declared
    if hasattr(spec, "units"):
        assert returned == spec.units
    else:
        assert "ha-1" in returned


@pytest.mark.parametrize("spec", [s for s in SPECS.values() if function_of(s)], ids=lambda s: s.id)
def test_defined_on_a_small_grid_and_missing_stays_missing(spec):
    for array in run(spec).values():
        assert array.shape == (2, 2)
        assert np.isfinite(array.to_numpy()).all()
    for wanted in spec.layers:
        gap = layer(wanted.name, wanted.units)
        gap[..., 0, 0] = np.nan
        for array in run(spec, **{wanted.name: gap}).values():
            known = array.to_numpy().ravel()[1:]
            assert np.isfinite(known).all()
    first = layer(spec.layers[0].name, spec.layers[0].units, np.nan)
    assert any(a.isnull().all() for a in run(spec, **{spec.layers[0].name: first}).values())


def test_every_section_has_a_model_and_every_field_a_default():
    models = sections.models()
    assert SET.names() <= set(models)
    for name, model in models.items():
        SET.section(name, model)


def test_every_parameter_has_unit_source_and_confidence():
    for name, entry in SET.entries.items():
        assert entry.unit, name
        assert entry.source, name
        assert entry.confidence in params.CONFIDENCES, name


def test_every_price_a_service_asks_for_is_in_the_book_in_its_unit():
    prices = PriceBook.read().prices
    for spec in registry.services().values():
        for name, unit in spec.prices.items():
            assert prices[name].unit == unit


def test_the_profile_knows_every_service():
    standard = standards.read("db33-2020")
    assert set(standard.services) == set(registry.services())
    assert not standard.text_verified
