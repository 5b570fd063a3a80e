"""Bands, Sobol indices and what moves GEP: on formulas with known answers and on a real county."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gepbook import accounting
from gepbook.accounting import registry, standards, uncertainty
from gepbook.accounting.account import account, totals
from gepbook.accounting.uncertainty import DrawnParameters, Uncertainty, quantile, spread
from gepbook.params import Distribution, resolve
from gepbook.prices import PriceBook
from gepbook.run import Run

CODE, YEAR = "330903", 2023  # 普陀区: small, and a coastal pilot
STANDARD = standards.read("db33-2020")


def uncertain(code=CODE, **settings):
    run = Run.open("accounting", code, YEAR)
    if settings:
        entries = dict(run.params.entries)
        for key, value in settings.items():
            name = f"uncertainty.{key}"
            entries[name] = entries[name].model_copy(update={"value": value})
        params = run.params.model_copy(update={"entries": entries})
    else:
        params = run.params
    book = PriceBook.read().choosing(STANDARD.prices)
    return Uncertainty(run.inputs(), params, STANDARD, book)


@pytest.fixture(scope="module")
def small():
    return uncertain(draws=200, sobol_base=8)


@pytest.mark.parametrize(
    ("shape", "low", "middle", "high"),
    [
        (Distribution(kind="uniform", low=0.5, high=1.5), 0.55, 1.0, 1.45),
        # triangle 0.5–1–1.5: F(x) = 2 (x − 0.5)² below 1, so F = 0.05 at 0.5 + √0.025 = 0.6581
        (Distribution(kind="triangular", low=0.5, high=1.5), 0.658114, 1.0, 1.341886),
        (Distribution(kind="lognormal", low=0.5, high=2.0), 0.5, 1.0, 2.0),
        (Distribution(kind="fixed"), 1.0, 1.0, 1.0),
    ],
)
def test_quantiles_by_hand(shape, low, middle, high):
    found = quantile(shape, np.array([0.05, 0.5, 0.95]))
    assert found == pytest.approx([low, middle, high], rel=1e-5)


@given(st.floats(0.01, 2), st.floats(0.001, 0.998))
def test_a_quantile_rises_with_its_share(width, share):
    one, two = quantile(spread(width), np.array([share, share + 0.001]))
    assert 0 < one < two


def test_bands_of_a_known_sum():
    draws = pd.DataFrame({"fresh_water": np.arange(101.0), "tourism": np.full(101, 10.0)})
    found = uncertainty.bands(draws)
    assert found.loc["fresh_water"].tolist() == [5.0, 95.0]
    assert found.loc["provisioning"].tolist() == [5.0, 95.0]
    assert found.loc["gep"].tolist() == [15.0, 105.0]
    assert found.loc["regulating"].tolist() == [0.0, 0.0]


def test_sobol_indices_of_a_sum_are_shares_of_variance():
    # GEP = 3 u + 4 v with u, v uniform: variances 9/12 and 16/12, so shares 0.36 and 0.64
    sample = uncertainty._saltelli(("u", "v"), 512, 1).reshape(512, 4, 2)
    gep = pd.DataFrame(sample @ np.array([3.0, 4.0]), columns=["A", "u", "v", "B"])
    found = uncertainty.sobol_indices(gep, 1)
    assert found["first"].tolist() == pytest.approx([0.36, 0.64], abs=0.02)
    assert found["total"].tolist() == pytest.approx([0.36, 0.64], abs=0.02)


def test_draws_at_the_values_themselves_give_the_account(small):
    still = {
        name: np.zeros(3) if name.startswith("shift.") else np.ones(3) for name in small.variables
    }
    values, amounts = small.evaluate(small.specs, still)
    results = account(small.inputs, small.params, STANDARD, small.book, 2020)
    for result in results:
        if result.not_applicable:
            assert result.spec.id not in values
            continue
        assert values[result.spec.id] == pytest.approx(
            np.full(3, result.counted("current")), rel=1e-5, abs=1e-3
        )
        for name, amount in result.quantities.items():
            assert amounts[f"{result.spec.id}.{name}"] == pytest.approx(
                np.full(3, amount), rel=1e-5, abs=1e-6
            )


def test_the_same_seed_gives_the_same_draws_and_another_seed_others(small):
    first, _ = small.draws(50)
    again, _ = uncertain(draws=200).draws(50)
    other, _ = uncertain(seed=7).draws(50)
    pd.testing.assert_frame_equal(first, again)
    assert not np.allclose(first.sum(axis=1), other.sum(axis=1))


def test_counties_share_errors_of_parameters_but_not_of_their_statistics(small):
    there = uncertain("330902")
    shared, own = "price.electricity", "table.tourism"
    assert small._generator(shared).random() == there._generator(shared).random()
    assert small._generator(own).random() != there._generator(own).random()
    assert list(small.variables) == list(there.variables)


def test_bands_hold_the_account_and_widen_with_the_errors(small):
    values, _ = small.draws(400)
    gep = totals(account(small.inputs, small.params, STANDARD, small.book, 2020), "current")["gep"]
    low, high = uncertainty.bands(values).loc["gep"]
    assert low < gep < high
    wide = {c: 2 * w for c, w in small.settings.half_width_by_confidence.items()}
    values, _ = uncertain(half_width_by_confidence=wide).draws(400)
    wider = uncertainty.bands(values).loc["gep"]
    assert wider["high"] - wider["low"] > high - low


def test_a_price_moves_gep_by_its_services_alone(small):
    swings = small.swings()
    results = account(small.inputs, small.params, STANDARD, small.book, 2020)
    paid = next(r for r in results if r.spec.id == "climate_regulation").counted("current")
    low, high = quantile(small.variables["price.electricity"].distribution, np.array([0.05, 0.95]))
    row = swings.loc["price.electricity"]
    assert row["gep_high"] - row["gep_low"] == pytest.approx(paid * (high - low), rel=1e-4)
    assert row["nominal"] == pytest.approx(totals(results, "current")["gep"], rel=1e-5)


def test_sobol_sample_has_a_block_for_every_variable(small):
    sample = small.sobol_draws()
    assert list(sample.columns) == ["A", *small.variables, "B"]
    assert len(sample) == 8
    for name in small.variables:
        assert any(name in small.depends(spec.id) for spec in small.specs), name
    # the county has no large reservoir, so their table moves nothing
    still = "table.reservoirs"
    assert (sample[still] == sample["A"]).all()
    assert (sample["price.electricity"] != sample["A"]).all()


def test_drawn_values_stay_within_the_bounds_of_their_fields():
    params = resolve(CODE, YEAR, "db33-2020")
    spec = registry.services()["soil_retention"]
    name = "soil_retention.sediment_deposition_share"
    drawn = DrawnParameters(params, {name: np.array([0.5, 100.0])})
    share = drawn.section("soil_retention", spec.params).sediment_deposition_share
    assert share.to_numpy() == pytest.approx([0.12, 1.0])  # 0.24 · 0.5; at most 1


def test_the_account_carries_bands_and_keeps_its_draws():
    run = Run.open("accounting", CODE, YEAR)
    result = accounting.compute(run)
    ledger = run.build_ledger(result.entries)
    gep = ledger[(ledger["account"] == "gep") & (ledger["item"] == "gep")]
    current = gep[(gep["measure"] == "value") & (gep["price_basis"] == "current")].iloc[0]
    assert current["low"] < current["value"] < current["high"]
    draws = result.files[accounting.DRAWS_FILE].astype("float64")
    assert draws.sum(axis=1).quantile(0.05) == pytest.approx(current["low"], rel=1e-5)
    levels = result.files[accounting.LEVEL_DRAWS_FILE]
    assert {name.partition("/")[0] for name in levels} == {"2020", "2021", "2022", "2023"}
    assert len(levels) == len(draws)
    moved = ledger[ledger["account"] == "sensitivity"]
    assert {"gep_low", "gep_high", "first", "total"} == set(moved["measure"])
    # every variable with a confidence of its own carries it
    named = moved[~moved["item"].str.contains(r"^(?:layer|shift|table)\.")]
    assert (named["quality"] != "").all()


def test_a_sample_of_cells_keeps_the_area_of_every_type_and_the_bands():
    whole = uncertain("331181", draws=100)
    part = uncertain("331181", draws=100, cells=1000)
    assert len(part._cells) <= 1000 < len(whole._cells)

    def areas(cells):
        kinds = pd.Series(cells.layer("land_cover").to_numpy())
        return pd.Series(cells.weight.to_numpy()).groupby(kinds).sum()

    assert areas(part._cells).to_dict() == pytest.approx(areas(whole._cells).to_dict(), rel=1e-9)
    for face in ("low", "high"):
        one, other = (uncertainty.bands(u.draws()[0]).loc["gep", face] for u in (whole, part))
        assert other == pytest.approx(one, rel=0.02)
