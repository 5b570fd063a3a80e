"""Why GEP changed: the parts add up, each answers for its own inputs, weather is taken out."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gepbook import accounting
from gepbook.accounting import change, seea, standards
from gepbook.accounting.account import account, totals
from gepbook.accounting.change import PARTS, Decomposition, shapley
from gepbook.params import resolve
from gepbook.prices import PriceBook
from gepbook.run import Run

CODE = "330903"
STANDARD = standards.read("db33-2020")
BOOK = PriceBook.read().choosing(STANDARD.prices)
PARAMS = resolve(CODE, 2023, "db33-2020")
SUPPLIED = PARAMS.section(seea.SECTION, seea.SeeaParams).supplied_by


def decomposed(now=2023, before=2022, **layer_years):
    inputs = Run.open("accounting", CODE, now).inputs()
    if layer_years:
        inputs = inputs.at(layer_years)
    return Decomposition(inputs, before, PARAMS, STANDARD, BOOK, SUPPLIED).compute()


def gep(year):
    inputs = Run.open("accounting", CODE, year).inputs()
    return totals(account(inputs, PARAMS, STANDARD, BOOK, 2020), "current")["gep"]


def test_shapley_by_hand():
    # v = a · b from (2, 3) to (4, 5): order a, b gives 2·3=6 → 4·3=12 → 20, so a 6, b 8;
    # order b, a gives 6 → 2·5=10 → 20, so b 4, a 10; means a 8, b 6, together 14 = 20 − 6
    values = shapley(
        ("a", "b"), lambda changed: (4 if "a" in changed else 2) * (5 if "b" in changed else 3)
    )
    assert values == {"a": 8, "b": 6}


@given(st.lists(st.floats(-100, 100), min_size=8, max_size=8))
def test_shapley_values_add_up_whatever_the_worths(numbers):
    sets = [frozenset(c) for n in range(4) for c in itertools.combinations("abc", n)]
    worth = dict(zip(sets, numbers, strict=True))
    values = shapley(("a", "b", "c"), worth.__getitem__)
    assert sum(values.values()) == pytest.approx(worth[sets[-1]] - worth[sets[0]], abs=1e-9)


@pytest.fixture(scope="module")
def change_2023():
    return decomposed()


def test_parts_add_up_to_the_change_of_every_service_and_group(change_2023):
    table = change_2023.parts
    residual = table["closing"] - table["opening"] - table[list(PARTS)].sum(axis=1)
    assert np.abs(residual).max() <= 1e-9 * table["closing"].sum()


def test_opening_and_closing_are_the_accounts_of_the_two_years(change_2023):
    table = change_2023.parts
    assert table["closing"].sum() == pytest.approx(gep(2023), rel=1e-9)
    assert table["opening"].sum() == pytest.approx(gep(2022), rel=1e-9)


def test_nothing_changed_is_no_change():
    table = decomposed(2022, 2022).parts
    assert np.abs(table[list(PARTS)]).max().max() == 0


def test_each_part_answers_for_its_own_inputs(change_2023):
    by_service = change_2023.by("service")
    # statistics know no weather, land cover or vegetation; the sun's heat knows no statistics
    assert (by_service.loc["tourism", ["area", "condition", "weather"]] == 0).all()
    assert by_service.loc["climate_regulation", "activity"] == 0
    assert by_service.loc["climate_regulation", "price"] == 0  # a fixed tariff
    assert by_service.loc["water_conservation", "weather"] != 0
    assert by_service.loc["carbon_sequestration", "condition"] != 0


def test_normal_weather_takes_the_weather_out():
    inputs = Run.open("accounting", CODE, 2021).inputs()
    normal = change.normal_weather(inputs, PARAMS)
    assert normal.layer_years == {"precipitation": None, "air_temperature": None}
    # rain of 2021 was a fifth above the long-term mean
    rain = [v.layer("precipitation").sum("month").mean().item() for v in (inputs, normal)]
    assert rain[0] / rain[1] == pytest.approx(1.2, abs=0.08)
    water = {}
    for year in (2021, 2022):
        view = change.normal_weather(Run.open("accounting", CODE, year).inputs(), PARAMS)
        view = view.at({**view.layer_years, "land_cover": 2021}, 2021)
        results = account(view, PARAMS, STANDARD, BOOK, 2020)
        found = next(r for r in results if r.spec.id == "water_conservation")
        water[year] = found.quantities["water"]
    assert water[2021] == water[2022]  # the same land under the same weather


def test_the_ledger_holds_the_parts_and_their_sum():
    run = Run.open("accounting", CODE, 2023)
    ledger = run.build_ledger(accounting.compute(run).entries)
    rows = ledger[(ledger["account"] == "change") & (ledger["item"] == "gep")]
    parts = rows.set_index("measure")["value"]
    assert parts[list(PARTS)].sum() == pytest.approx(parts["total"], rel=1e-9)
    normal = ledger[ledger["measure"] == "growth_normal_weather"]["value"]
    assert len(normal) == 1


def test_the_first_year_of_a_pack_has_no_change():
    run = Run.open("accounting", CODE, 2020)
    ledger = run.build_ledger(accounting.compute(run).entries)
    assert "change" not in set(ledger["account"])
    assert "seea_asset" not in set(ledger["account"])
