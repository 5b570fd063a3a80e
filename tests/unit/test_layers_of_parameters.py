"""Layers of parameters: later wins, sources stay, mistakes are named with their place."""

import shutil

import pytest
import yaml

from gepbook import params, paths, sections
from gepbook.accounting.services.soil_retention import SoilRetentionParams
from gepbook.errors import ParameterError

KEY = "soil_retention.soil_bulk_density"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(paths.PARAMS, tmp_path / "params")


def write(folder, layer, value, section="soil_retention", key="soil_bulk_density", **more):
    path = folder / f"{layer}.yaml"
    path.parent.mkdir(exist_ok=True)
    entry = {"value": value, "source": "test", "confidence": "design", **more}
    path.write_text(yaml.safe_dump({section: {key: entry}}), encoding="utf-8")


def resolve(folder, code="331181", year=2023):
    return params.resolve(code, year, "db33-2020", folder)


def test_later_layers_win_and_say_so(folder):
    assert resolve(folder).entries[KEY].layer == "defaults/soil_retention"
    write(folder, "province", 1.1)
    write(folder, "county/331181", 1.3)
    found = resolve(folder).entries[KEY]
    assert (found.value, found.layer, found.source) == (1.3, "county/331181", "test")
    assert resolve(folder, code="330102").entries[KEY].layer == "province"


def test_county_and_year_together_need_a_settlement(folder):
    write(folder, "county/331181", 1.3)
    write(folder, "year/2023", 1.1)
    with pytest.raises(ParameterError, match="Settle it in params/county_year/331181-2023"):
        resolve(folder)
    write(folder, "county_year/331181-2023", 1.25)
    assert resolve(folder).entries[KEY].value == 1.25


def test_a_table_is_merged_row_by_row(folder):
    write(folder, "province", {"paddy": 40.0}, "surface_runoff", "runoff_coefficient_percent")
    value = resolve(folder).entries["surface_runoff.runoff_coefficient_percent"].value
    assert value["paddy"] == 40.0
    assert value["mixed_forest"] == 2.29


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "soil_bulk_densty"}, "Did you mean 'soil_retention.soil_bulk_density'"),
        ({"unit": "kg m-3"}, "unit must be 't m-3', got 'kg m-3'"),
        ({"source": ""}, "source"),
        ({"confidence": "sure"}, "confidence"),
    ],
)
def test_mistakes_are_named(folder, change, message):
    write(folder, "province", 1.1, **change)
    with pytest.raises(ParameterError, match=message):
        resolve(folder)


def test_all_mistakes_of_all_layers_together(folder):
    write(folder, "province", 1.1, key="densty")
    write(folder, "county/331181", 1.1, key="dredgng")
    with pytest.raises(ParameterError) as caught:
        resolve(folder)
    assert len(caught.value.problems) == 2


def test_broken_yaml_says_where(folder):
    (folder / "province.yaml").write_text("a:\n  - b\n c", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"province\.yaml, line 3"):
        resolve(folder)


def test_a_key_that_stands_twice_says_where(folder):
    """Of two values the later would win without a word; the same name in two sections is two keys."""
    path = folder / "policy" / "brand.yaml"
    path.write_text("a: {value: 1}\nb:\n  value: 2\n  value: 3\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"brand.yaml, line 4: 'value' stands twice.*Keep one"):
        params.read_yaml(path)


def test_values_out_of_range_name_their_layer(folder):
    write(folder, "province", 9.0)
    with pytest.raises(ParameterError, match=r"less than 3, got 9\.0.*province"):
        resolve(folder).section("soil_retention", SoilRetentionParams)


def test_a_set_survives_its_file(folder, tmp_path):
    found = resolve(folder)
    found.write(tmp_path / "p.json")
    assert params.ParameterSet.read(tmp_path / "p.json") == found


def test_a_written_set_is_read_back_with_the_order_of_its_tables(tmp_path):
    whole = params.resolve(None, 2023, "db33-2020")
    whole.write(tmp_path / "params.json")
    again = params.ParameterSet.read(tmp_path / "params.json")
    assert again == whole
    for name, model in sections.models().items():
        first, second = (s.section(name, model).model_dump_json() for s in (whole, again))
        assert first == second, name
