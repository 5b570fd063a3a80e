"""Books of welfare funds to the cent, their limits, effects of projects by hand, and refusals."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import params
from gepbook.assessment import Assessment, funds
from gepbook.assessment.funds.books import postings, ratios, statements
from gepbook.assessment.funds.effects import change, projects_at
from gepbook.assessment.funds.rules import DIRECTION, WelfareFundsParams
from gepbook.assessment.topic import Evidence
from gepbook.compensation.rounding import to_cents
from gepbook.inputs.pack import Pack
from gepbook.paths import OPEN_PACK
from gepbook.province import Registers
from gepbook.publish.assessment import funds as published

CODE, FUND = "331181", "示例基金"
RULE_FILE = params.resolve(None, 2023, "db33-2020")
RULES = RULE_FILE.section("welfare_funds", WelfareFundsParams)
ENTRY = [
    "entry_id", "county_code", "year", "fund", "booked_on", "direction", "kind", "project_id",
    "amount_cny",
]  # fmt: skip
PROJECT = [
    "project_id", "county_code", "fund", "name", "measure", "approved_on", "budget_cny",
    "planned_quantity", "achieved_quantity", "accepted_on", "status", "indicator", "better",
    "indicator_before", "indicator_after",
]  # fmt: skip
NUMBERS = dict.fromkeys(
    ["budget_cny", "planned_quantity", "achieved_quantity", "indicator_before", "indicator_after"],
    "float64",
)


def entries(*rows):
    """Return entries from (day, kind, amount, project), of one fund."""
    full = [
        (
            f"J{i}", CODE, int(day[:4]), FUND, day, DIRECTION[kind], kind,
            *(project or (None,)), amount,
        )
        for i, (day, kind, amount, *project) in enumerate(rows)
    ]  # fmt: skip
    return pd.DataFrame(full, columns=ENTRY).astype({"amount_cny": "float64"})


def projects(**changed):
    row = {
        "project_id": "X1", "county_code": CODE, "fund": FUND, "name": "示例造林",
        "measure": "afforestation_ha", "approved_on": "2021-03-01", "budget_cny": 1000.0,
        "planned_quantity": 40.0, "achieved_quantity": 30.0, "accepted_on": "2022-11-01",
        "status": "accepted", "indicator": "郁闭度 %", "better": "higher", "indicator_before": 20.0,
        "indicator_after": 30.0, **changed,
    }  # fmt: skip
    return pd.DataFrame([row], columns=PROJECT).astype(NUMBERS)


BOOKS = entries(
    ("2021-01-02", "carried_over", 100.0),
    ("2021-02-01", "government_seed", 500.0),
    ("2021-03-01", "donation", 1000.0),
    ("2021-04-01", "enterprise", 250.0),
    ("2021-10-01", "project", 900.0, "X1"),
    ("2021-11-01", "administration", 100.0),
    ("2022-02-01", "donation", 1000.0),
    ("2022-12-01", "interest", 0.07),
    ("2022-12-02", "project", 300.0, "X1"),
    ("2022-12-03", "administration", 60.0),
)


def registers(entry_rows=BOOKS, project_rows=None, year=2022):
    tables = {
        "welfare_fund_entries": entry_rows,
        "welfare_projects": projects() if project_rows is None else project_rows,
    }
    return Registers(FakePack(tables, {}), year)


def pool():
    rows = [
        ("gep", "regulating", "value", 9e6, "comparable"),
        ("extent", "mixed_forest", "closing", 80.0, ""),
        ("extent", "paddy", "closing", 10.0, ""),
        ("extent", "urban", "closing", 500.0, ""),
        ("extent", "bare", "closing", 500.0, ""),
        ("extent", "mixed_forest", "opening", 70.0, ""),
    ]
    columns = ["account", "item", "measure", "value", "price_basis"]
    return pd.DataFrame(rows, columns=columns).assign(county_code=CODE, origin="modelled")


def evidence(given_=None):
    return Evidence(pool(), given_ or registers(), RULE_FILE)


# The books


def test_statement_by_hand():
    """2021: 100 + 1750 − 1000 = 850; 2022: 850 + 1000.07 − 360 = 1490.07."""
    table = statements(BOOKS, 2022).set_index("year")
    names = ["opening_cny", "income_cny", "expense_cny", "closing_cny"]
    assert table.loc[2021, names].tolist() == [100.0, 1750.0, 1000.0, 850.0]
    assert table.loc[2022, names].tolist() == [850.0, 1000.07, 360.0, 1490.07]
    assert table.loc[2021, ["donation_cny", "project_cny"]].tolist() == [1000.0, 900.0]


def test_years_without_entries_carry_the_balance():
    table = statements(BOOKS, 2024).set_index("year")
    assert table.loc[2024, ["opening_cny", "income_cny", "closing_cny"]].tolist() == [
        1490.07, 0.0, 1490.07,
    ]  # fmt: skip


kinds = st.sampled_from(list(DIRECTION))
listed = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(2020, 2023), kinds, st.integers(1, 10**11)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(listed)
def test_the_books_close_to_the_cent(rows):
    """Both sides of all entries sum to 0; openings are the closings before; kinds sum to the whole."""
    frame = pd.DataFrame(
        [
            {
                "county_code": CODE, "fund": fund, "year": year, "kind": kind,
                "direction": DIRECTION[kind], "amount_cny": number / 100,
            }
            for fund, year, kind, number in rows
        ]
    )  # fmt: skip
    assert postings(frame)["cents"].sum() == 0
    table = statements(frame, 2024)
    cents = table.filter(like="_cny").map(to_cents)
    parts = {kind: f"{kind}_cny" for kind in DIRECTION if kind != "carried_over"}
    income = [name for kind, name in parts.items() if DIRECTION[kind] == "income"]
    expense = [name for kind, name in parts.items() if DIRECTION[kind] == "expense"]
    assert (cents[income].sum(axis=1) == cents["income_cny"]).all()
    assert (cents[expense].sum(axis=1) == cents["expense_cny"]).all()
    moved = cents["opening_cny"] + cents["income_cny"] - cents["expense_cny"]
    assert (moved == cents["closing_cny"]).all()
    for fund, own in table.assign(
        opening=cents["opening_cny"], closing=cents["closing_cny"]
    ).groupby("fund"):
        mine = frame[frame["fund"] == fund]
        carried = mine[mine["kind"] == "carried_over"]
        added = carried.groupby("year")["amount_cny"].agg(lambda a: sum(map(to_cents, a)))
        before = own["closing"].shift(1, fill_value=0).to_numpy()
        assert (
            own["opening"].to_numpy() == before + added.reindex(own["year"], fill_value=0)
        ).all()
        sign = mine["direction"].map({"income": 1, "expense": -1})
        assert own["closing"].iloc[-1] == (mine["amount_cny"].map(to_cents) * sign).sum()


def test_ratios_by_hand():
    """2022: 60 of 360 is above a tenth; 300 of the 1750 of 2021; 2250 of society by 500 of seed."""
    table = statements(BOOKS, 2022)
    found = ratios(table, RULES).set_index(table["year"])
    assert found.loc[2021, "administration_share"] == pytest.approx(0.1)
    assert found["administration_kept"].tolist() == [True, False]
    assert found.loc[2022, "spending_share"] == pytest.approx(300 / 1750)
    assert found["spending_kept"].tolist() == [None, False]
    assert found["leverage"].tolist() == pytest.approx([1250 / 500, 2250 / 500])


def test_either_of_two_shares_of_spending_is_enough():
    """Income 100, 100, 1000; then 350 spent: 35 % of the year before, 87.5 % of the mean of three."""
    book = entries(
        ("2020-01-05", "donation", 100.0), ("2021-01-05", "donation", 100.0),
        ("2022-01-05", "donation", 1000.0), ("2023-06-01", "project", 350.0, "X1"),
    )  # fmt: skip
    last = ratios(statements(book, 2023), RULES).iloc[-1]
    assert last["spending_share"] == pytest.approx(0.35)
    assert last["spending_share_mean"] == pytest.approx(0.875)
    assert last["spending_kept"] is True


def test_no_seed_no_leverage():
    book = entries(("2020-01-05", "donation", 100.0))
    assert np.isnan(ratios(statements(book, 2020), RULES)["leverage"].iloc[0])


# Effects


@pytest.mark.parametrize(
    ("before", "after", "better", "expected"),
    [
        (20.0, 30.0, "higher", ("better", 0.5)),
        (4.0, 3.0, "lower", ("better", 0.25)),
        (4.0, 5.0, "lower", ("worse", -0.25)),
        (4.0, 4.0, "higher", ("unchanged", 0.0)),
    ],
)
def test_changes_of_indicators(before, after, better, expected):
    verdict, share = change(before, after, better)
    assert (verdict, share) == (expected[0], pytest.approx(expected[1]))


@pytest.mark.parametrize(("before", "after"), [(np.nan, 3.0), (3.0, np.nan), (np.nan, np.nan)])
def test_what_was_not_measured_is_not_judged(before, after):
    verdict, share = change(before, after, "higher")
    assert verdict == "unmeasured"
    assert np.isnan(share)


def test_effect_by_hand():
    """9 000 000 on 90 ha is 100 000 a ha; 30 ha at half of it are 1 500 000. 1200 by 30 is 40 a ha."""
    found = funds.compute(evidence(), {}).table("projects").iloc[0]
    assert found["completion"] == 0.75
    assert found["spent_cny"] == 1200.0
    assert found["spent_share"] == pytest.approx(1.2)
    assert found["unit_cost_cny"] == 40.0
    assert found["value_cny"] == pytest.approx(30 * 100_000 * RULES.gain_share["afforestation_ha"])


@pytest.mark.parametrize(
    "changed",
    [{"indicator_after": np.nan}, {"indicator_after": 10.0}, {"measure": "river_cleaning_km"}],
    ids=["not measured", "worse", "no area"],
)
def test_no_value_without_a_measured_gain_of_area(changed):
    found = funds.compute(evidence(registers(project_rows=projects(**changed))), {})
    assert np.isnan(found.table("projects")["value_cny"].iloc[0])
    assert not any(row["measure"] == "value" for _, row in found.figures)


def test_projects_are_seen_as_they_stood():
    """In 2021 the project was not accepted yet; in 2020 not approved."""
    then = projects_at(projects(), 2021).iloc[0]
    assert then["status"] == "ongoing"
    assert np.isnan(then["achieved_quantity"])
    assert np.isnan(then["indicator_after"])
    assert projects_at(projects(), 2020).empty


def test_county_without_account_has_no_value():
    given_ = evidence()
    bare = Evidence(given_.pool[given_.pool["account"] == "extent"], registers(), RULE_FILE)
    found = funds.compute(bare, {}).table("projects").iloc[0]
    assert np.isnan(found["value_cny"])
    assert found["completion"] == 0.75


# The topic


def test_figures_and_cards():
    """Completion 75 % is below the limit of poor; administration 60 of 360 is above a tenth."""
    found = funds.compute(evidence(), {})
    figures = {(c, row["item"], row["measure"]): row["value"] for c, row in found.figures}
    assert figures[CODE, "funds", "closing_balance"] == 1490.07
    assert figures[None, "funds", "income"] == 1000.07
    assert [line["light"] for line in found.cards] == ["poor", "poor"]
    assert found.cards[0]["value"] == pytest.approx(75.0)
    assert found.cards[1]["value"] == pytest.approx(100 * 60 / 360)


@pytest.mark.parametrize(("achieved", "light"), [(40.0, "good"), (50.0, "good"), (34.0, "watch")])
def test_lights_of_completion(achieved, light):
    given_ = registers(project_rows=projects(achieved_quantity=achieved))
    assert funds.compute(evidence(given_), {}).cards[0]["light"] == light


def test_more_than_planned_does_not_hide_what_is_missing():
    """By budgets 1000 : 3000, 200 % and 50 % are (1·1000 + 0.5·3000) / 4000 = 62.5 %."""
    both = pd.concat(
        [
            projects(achieved_quantity=80.0),
            projects(project_id="X2", achieved_quantity=20.0, budget_cny=3000.0),
        ],
        ignore_index=True,
    )
    found = funds.compute(evidence(registers(project_rows=both)), {}).table("counties").loc[CODE]
    assert found["completion"] == pytest.approx(0.625)
    assert found["better"] == 2


def test_books_without_projects():
    given_ = Registers(FakePack({"welfare_fund_entries": BOOKS}, {}), 2022)
    found = funds.compute(evidence(given_), {})
    assert found.lacking == ("welfare_projects",)
    assert found.table("counties").loc[CODE, "closing_cny"] == 1490.07
    assert len(found.cards) == 1


def test_registers_that_lack_are_named():
    bare = Registers(FakePack({}, {}), 2022)
    found = funds.compute(evidence(bare), {})
    assert found.lacking == ("welfare_fund_entries", "welfare_projects")
    assert found.tables == {}
    assert funds.check(bare, RULE_FILE) == []


# Registers


def test_sound_registers_are_taken():
    assert funds.check(registers(), RULE_FILE) == []


def faulty_entry(**changed):
    return BOOKS.assign(**{name: [value, *BOOKS[name][1:]] for name, value in changed.items()})


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"amount_cny": -5.0}, "line 2: amount_cny must be above 0 and in whole cents, got -5.0"),
        ({"amount_cny": 5.005}, "whole cents, got 5.005"),
        ({"direction": "expense"}, "carried_over is income, got 'expense'"),
        ({"direction": "in"}, "direction must be one of income, expense"),
        ({"kind": "lottery"}, "kind must be one of"),
        ({"kind": ""}, "line 2: kind is missing. Fill it in"),
        ({"fund": "  "}, "line 2: fund is missing. Fill it in"),
        ({"direction": None}, "line 2: direction is missing"),
        ({"year": 2032}, "line 2: is booked on 2021-01-02, got year 2032"),
        ({"booked_on": "2021-02-30"}, "booked_on must be a date"),
        ({"booked_on": "2020-12-30"}, "is booked on 2020-12-30, got year 2021"),
        ({"project_id": "X1"}, "project_id belongs to project expense"),
        ({"county_code": "331199"}, "county '331199' is not in"),
        ({"county_code": "331127"}, "belongs to 331127, got '331181'"),
        ({"entry_id": "J3"}, "entry_id 'J3' stands twice"),
        ({"booked_on": "2021-12-30"}, "a sum is carried over once, when a fund's books begin"),
    ],
)
def test_faulty_entries_are_refused(changed, message):
    found = funds.check(registers(faulty_entry(**changed)), RULE_FILE)
    assert any(re.search(message, problem) for problem in found), found


def test_a_balance_below_zero_is_refused_with_its_line():
    """Line 3 spends 60 of 50; income of the same day is booked first and would cover it."""
    book = entries(("2021-01-02", "donation", 50.0), ("2021-02-01", "project", 60.0, "X1"))
    found = funds.check(registers(book), RULE_FILE)
    assert len(found) == 1
    assert re.search(r"line 3: leaves fund '示例基金' with -10\.00 CNY", found[0])
    helped = entries(
        ("2021-01-02", "donation", 50.0), ("2021-02-01", "project", 60.0, "X1"),
        ("2021-02-01", "donation", 10.0),
    )  # fmt: skip
    assert funds.check(registers(helped), RULE_FILE) == []


def test_expense_of_unknown_or_other_projects_is_refused():
    book = entries(("2021-01-02", "donation", 50.0), ("2021-02-01", "project", 5.0, "X9"))
    assert any("project 'X9' is not in" in p for p in funds.check(registers(book), RULE_FILE))
    other = registers(project_rows=projects(fund="另一基金"))
    assert any("belongs to fund '另一基金'" in p for p in funds.check(other, RULE_FILE))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"budget_cny": 0.0}, "line 2: budget_cny must be above 0, got 0"),
        ({"planned_quantity": -1.0}, "planned_quantity must be above 0, got -1"),
        ({"planned_quantity": np.nan}, "planned_quantity is missing"),
        ({"achieved_quantity": np.nan}, "an accepted project needs accepted_on and"),
        ({"achieved_quantity": -1.0}, "achieved_quantity must not be below 0"),
        ({"accepted_on": None}, "an accepted project needs accepted_on and"),
        ({"accepted_on": "2020-01-01"}, "is accepted before it is approved"),
        ({"accepted_on": "later"}, "accepted_on must be a date"),
        ({"status": "ongoing"}, "has accepted_on, got status 'ongoing'"),
        ({"better": None}, "needs its name and whether higher or lower is better"),
        ({"measure": "magic"}, "measure must be one of"),
        ({"measure": None}, "line 2: measure is missing. Fill it in"),
        ({"status": ""}, "line 2: status is missing. Fill it in"),
        ({"county_code": "331127"}, "line 2: fund '示例基金' belongs to 331181, got '331127'"),
    ],
)
def test_faulty_projects_are_refused(changed, message):
    found = funds.check(registers(project_rows=projects(**changed)), RULE_FILE)
    assert any(re.search(message, problem) for problem in found), found


def test_wrong_rules_are_refused():
    right = RULES.model_dump()
    with pytest.raises(ValueError, match="must name measures in ha, got river_cleaning_km"):
        WelfareFundsParams(**{**right, "gain_share": {"river_cleaning_km": 0.5}})
    with pytest.raises(ValueError, match="between 0 and 1"):
        WelfareFundsParams(**{**right, "gain_share": {"afforestation_ha": 1.5}})
    with pytest.raises(ValueError, match="completion_poor must be below"):
        WelfareFundsParams(**{**right, "completion_poor": 0.97})


def test_open_pack_shows_both_sides():
    pack = Pack.open(OPEN_PACK)
    for year in pack.years:
        given_ = Registers(pack, year)
        assert funds.check(given_, RULE_FILE) == []
    found = funds.compute(evidence(given_), {})
    assert {True, False} <= set(found.table("years")["administration_kept"])
    assert {True, False} <= set(found.table("years")["spending_kept"])
    assert {"better", "worse", "unmeasured"} <= set(found.table("projects")["verdict"])
    assert {"good", "watch", "poor"} <= {line["light"] for line in found.cards}


def test_reports():
    given_ = evidence()
    result = Assessment([], CODE, {"funds": funds.compute(given_, {})}, pd.DataFrame(), given_)
    run = type("R", (), {"county_code": CODE, "year": 2022, "params": RULE_FILE})()
    assert "年末结存 **0.1 万元**" in published.sentence(result, run).text
    for render in (
        published.statement_table, published.ratio_table, published.project_table,
        published.effect_table, published.province_table,
    ):  # fmt: skip
        assert len(render(result, run).names) <= 8
    assert published.balance_figure(result, run)._repr_png_().startswith(b"\x89PNG")
    assert "1 个县有" in published.province_sentence(result, run).text
    elsewhere = type("R", (), {"county_code": "330102", "year": 2022})()
    assert "没有公益性生态保护基金" in published.sentence(result, elsewhere).text
    assert published.effect_table(result, elsewhere) is None
