"""Profiles: what each counts, the switch for double counting, several side by side."""

import pytest

from gepbook import accounting
from gepbook.accounting import comparison, registry, standards
from gepbook.accounting.account import account, totals
from gepbook.errors import ParameterError
from gepbook.params import resolve
from gepbook.prices import PriceBook
from gepbook.run import Run

CODE = "330225"  # 象山县, a coastal pilot
NAMES = ["db33-2020", "db33-2025", "gbt46869-2025", "mee-2020", "ndrc-2022", "seea-ea"]


def results_of(standard, code=CODE):
    book = PriceBook.read().choosing(standard.prices)
    inputs = Run.open("accounting", code, 2023).inputs()
    return account(inputs, resolve(code, 2023, standard.id), standard, book, 2020)


def test_the_six_profiles_are_there_and_say_what_was_verified():
    assert standards.names() == NAMES
    for name in NAMES:
        standard = standards.read(name)
        assert set(standard.services) == set(registry.services())
        assert not standard.text_verified
        assert not any(rule.verified for rule in standard.services.values())
        for service, rule in standard.services.items():
            assert rule.include or rule.note, f"{name}: {service} is left out without a reason"
        assert len(standard.double_counting) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_accounts_for_a_county(name):
    results = results_of(standards.read(name))
    assert totals(results, "current")["gep"] > 0
    for result in results:
        assert bool(result.not_applicable) != bool(result.quantities)


def test_the_switch_of_a_rule_takes_a_component_out_of_the_total_but_not_out_of_the_account():
    standard = standards.read("db33-2020")
    rules = [
        r.model_copy(update={"exclude": ("soil_retention.nitrogen",)})
        if "soil_retention.nitrogen" in r.overlap
        else r
        for r in standard.double_counting
    ]
    other = standard.model_copy(update={"double_counting": rules})
    before, after = results_of(standard), results_of(other)
    soil = next(r for r in after if r.spec.id == "soil_retention")
    assert soil.excluded == {"nitrogen": "土壤保持减少面源污染 × 水质净化"}
    difference = totals(before, "current")["gep"] - totals(after, "current")["gep"]
    assert difference == pytest.approx(soil.current_cny["nitrogen"])


def test_optional_items_count_where_the_profile_says_so():
    standard = standards.read("db33-2020")
    with_them = standard.model_copy(update={"count_optional": True})
    before, after = results_of(standard), results_of(with_them)
    optional = {n for n, r in standard.services.items() if r.optional}
    assert {"negative_ions", "landscape_value"} <= optional
    values = {r.spec.id: r.counted("current") for r in after}
    former = {r.spec.id: r.counted("current") for r in before}
    assert former["landscape_value"] == 0
    assert values["landscape_value"] > 0
    assert values["marine_products"] == 0  # left out by the rule on fishery, optional or not


def test_imports_are_taken_off_where_the_profile_says_so():
    gross = {r.spec.id: r for r in results_of(standards.read("db33-2020"))}["material_products"]
    net = {r.spec.id: r for r in results_of(standards.read("gbt46869-2025"))}["material_products"]
    table = Run.open("accounting", CODE, 2023).inputs().table("imported_inputs").iloc[0]
    kept = 1 - table["animal_husbandry_percent"] / 100
    assert net.current_cny["animal_husbandry"] == pytest.approx(
        gross.current_cny["animal_husbandry"] * kept
    )


def test_a_profile_may_take_a_price_by_market():
    cost = PriceBook.read().at(2023, 2023)["carbon_dioxide"]
    market = PriceBook.read().choosing(standards.read("seea-ea").prices).at(2023, 2023)
    # 42.85 in 2021 · 1.2905 · 1.2324 = 68.15, the mean price of allowances in 2023
    assert market["carbon_dioxide"] == pytest.approx(68.15, rel=1e-3)
    assert cost > 400
    with pytest.raises(ParameterError, match="price 'dredging': has no option 'market'"):
        PriceBook.read().choosing({"dredging": "market"})


@pytest.fixture(scope="module")
def compared():
    run = Run.open("accounting", CODE, 2023)
    task = run.task.model_copy(update={"compared": tuple(n for n in NAMES if n != "db33-2020")})
    run = Run(task, run.run_dir, run.pack, run.params, by_hand=True)
    return run.build_ledger(accounting.compute(run).entries)


def test_side_by_side_every_difference_has_its_cause(compared):
    rows = compared[compared["account"] == comparison.ACCOUNT].set_index("item")["value"]
    notes = compared[compared["account"] == comparison.ACCOUNT].set_index("item")["note"]
    for name in NAMES[1:]:
        assert rows[name] == pytest.approx(
            totals(results_of(standards.read(name)), "current")["gep"], rel=1e-9
        )
        for service in registry.services():
            own, first = rows.get(f"{name}.{service}"), rows.get(f"db33-2020.{service}", 0.0)
            if own is None:
                continue
            same = own == pytest.approx(first, rel=1e-12)
            assert same or notes[f"{name}.{service}"] != comparison.SAME, (name, service)


def test_causes_name_what_differs():
    first, other = standards.read("db33-2020"), standards.read("gbt46869-2025")
    sets = (resolve(CODE, 2023, first.id), resolve(CODE, 2023, other.id))
    method = comparison.causes("climate_regulation", first, other, sets)
    assert "transpiration_heat → evapotranspiration_energy" in method
    assert "leaves it out" in comparison.causes("oxygen_release", first, other, sets)
    assert "nitrogen: 不计入" in comparison.causes("soil_retention", first, other, sets)
    assert comparison.causes("fresh_water", first, other, sets) == comparison.SAME


def test_a_county_outside_the_coastal_pilots_has_no_coastal_account_and_says_so():
    results = {r.spec.id: r for r in results_of(standards.read("db33-2025"), "331181")}
    assert "coastal_pilot" in results["marine_carbon"].not_applicable
    assert results["windbreak"].not_applicable.startswith("浙江无沙化土地")
    here = {r.spec.id: r for r in results_of(standards.read("db33-2025"))}
    assert here["marine_carbon"].counted("current") > 0
