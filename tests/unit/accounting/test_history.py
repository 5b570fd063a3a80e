"""Earlier years beside the year: the same figures as their own accounts, and a chain without a gap."""

import pandas as pd
import pytest

from gepbook import accounting
from gepbook.accounting import change, history
from gepbook.accounting.account import totals
from gepbook.accounting.layers import Layers
from gepbook.accounting.spec import CATEGORY_ZH
from gepbook.errors import NotInPackError
from gepbook.inputs.county import CountyInputs
from gepbook.run import Run

CODE = "330903"


@pytest.fixture(scope="module")
def brief():
    run = Run.open("accounting", CODE, 2023)
    return run.build_ledger(accounting.compute_brief(run).entries)


def value(rows, account, measure, item="gep", basis="comparable"):
    found = rows[(rows["account"] == account) & (rows["item"] == item)]
    found = found[(found["measure"] == measure) & (found["price_basis"] == basis)]
    return found["value"].item()


def test_every_earlier_year_of_the_pack_is_there(brief):
    past = brief[brief["account"] == history.ACCOUNT]
    years = past["measure"].str[-4:]
    assert set(years) == {"2020", "2021", "2022"}
    assert len(set(years.value_counts())) == 1


def test_an_earlier_year_equals_its_own_account(brief):
    run = Run.open("accounting", CODE, 2021)
    own = run.build_ledger(accounting.compute_brief(run).entries)
    for item in ("gep", "regulating", "cultural"):
        assert value(brief, "history", "value_2021", item) == pytest.approx(
            value(own, "gep", "value", item)
        )
        assert value(brief, "history", "value_normal_weather_2021", item) == pytest.approx(
            value(own, "gep", "value_normal_weather", item)
        )
    assert value(brief, "history", "value_2021", basis="current") == pytest.approx(
        value(own, "gep", "value", basis="current")
    )


def test_the_year_before_and_its_growth_are_those_of_the_history(brief):
    before = value(brief, "history", "value_2022")
    assert value(brief, "gep", "value_previous_year") == before
    normal = value(brief, "history", "value_normal_weather_2022")
    assert value(brief, "gep", "value_previous_year_normal_weather") == normal
    growth = value(brief, "gep", "value_normal_weather") / normal - 1
    assert value(brief, "gep", "growth_normal_weather") == pytest.approx(growth)


def test_services_of_an_earlier_year_add_up_to_its_gep(brief):
    rows = brief[(brief["account"] == "history") & (brief["measure"] == "value_2020")]
    rows = rows[rows["price_basis"] == "comparable"].set_index("item")["value"]
    whole = rows.pop("gep")
    categories = rows[["provisioning", "regulating", "cultural"]]
    assert categories.sum() == pytest.approx(whole)
    assert rows.drop(categories.index).sum() == pytest.approx(whole)


def test_what_changed_gep_is_a_chain_without_a_gap():
    run = Run.open("accounting", CODE, 2023)
    core = accounting._core(run)
    tables = run.params.section("seea", accounting.SeeaParams)
    chain = accounting._changes(run, core, tables)
    assert [(c.before, c.now) for c in chain] == [(2020, 2021), (2021, 2022), (2022, 2023)]
    parts = pd.concat([c.by("service").sum() for c in chain], axis=1).sum(axis=1)
    first = history.past_years(
        core.layers, run.params, core.standard, core.prices, core.comparable_year
    )[0]
    opening = totals(first.services, "current")["gep"]
    closing = totals(core.services, "current")["gep"]
    assert parts[list(change.PARTS)].sum() == pytest.approx(closing - opening, rel=1e-9)
    rows = history.change_entries(chain[:-1], core.services)
    assert {row["measure"] for row in rows} >= {"weather_2021", "area_2022", "total_2022"}
    table = pd.DataFrame(rows).pivot_table(index="item", columns="measure", values="value")
    of_gep = table.loc["gep"].to_list()
    assert table.drop("gep").sum().to_list() == pytest.approx(of_gep, abs=1e-3)


def test_every_year_is_drawn_with_the_same_parameters(brief):
    """What moves two years alike is no change between them; levels stay as unsure as they are."""
    run = Run.open("accounting", CODE, 2023)
    core = accounting.this_year(run)
    drawn = history.level_draws(
        core.inputs, (2022, 2023), run.params, core.standard, core.prices, core.comparable_year
    )
    assert list(drawn) == [f"{y}/{c}" for y in (2022, 2023) for c in CATEGORY_ZH]
    for category in CATEGORY_ZH:
        before, now = drawn[f"2022/{category}"], drawn[f"2023/{category}"]
        level = value(brief, "gep", "value_normal_weather", category)
        assert now.quantile(0.05) < level < now.quantile(0.95)
        assert now.std() / now.mean() > 0.02
        growth = level / value(brief, "history", "value_normal_weather_2022", category)
        ratio = now / before
        assert ratio.median() == pytest.approx(growth, rel=0.01)
        assert ratio.std() < now.std() / now.mean() / 3


def test_a_year_that_lacks_a_service_s_data_is_left_out(monkeypatch):
    run = Run.open("accounting", CODE, 2023)
    whole_year = CountyInputs.whole_year

    def without(self, name):
        if name == "tourism" and self.tables_year == 2021:
            raise NotInPackError("table tourism: has no rows of 2021.")
        return whole_year(self, name)

    monkeypatch.setattr(CountyInputs, "whole_year", without)
    core = accounting._core(run)
    assert core.history == (2020, 2022)
    chain = accounting._changes(run, core, run.params.section("seea", accounting.SeeaParams))
    assert [(c.before, c.now) for c in chain] == [(2022, 2023)]


def test_layers_that_do_not_change_are_computed_once(monkeypatch):
    derived = []
    derive = Layers._derive

    def counted(self, name):
        derived.append(name)
        derive(self, name)

    monkeypatch.setattr(Layers, "_derive", counted)
    accounting.compute_brief(Run.open("accounting", CODE, 2023))
    times = pd.Series(derived).value_counts()
    assert times["soil_erodibility"] == 1  # the same in all years
    assert times["cover_management"] == 4  # by vegetation and land cover, whatever the weather
    assert (
        times["rainfall_erosivity"] == 8
    )  # by rain: each year as it was, and by the long-term mean
