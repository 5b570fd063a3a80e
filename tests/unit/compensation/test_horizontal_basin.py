"""Compensation along whole rivers."""

import dataclasses

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import counties, paths
from gepbook.compensation.horizontal import agreements, basin, water_quality
from gepbook.compensation.horizontal.basin import BasinParams
from gepbook.compensation.horizontal.water_quality import WaterQualityParams
from gepbook.errors import ParameterError
from gepbook.inputs.pack import Pack
from gepbook.params import resolve

PARAMS = resolve(None, 2023, "db33-2020")
RULES = PARAMS.section(basin.SECTION, BasinParams)
QUALITY = PARAMS.section(water_quality.SECTION, WaterQualityParams)
HEAD = "basin,upstream,downstream,share,river,source,confidence"
LIST = agreements.read()


def river(*links):
    graph = nx.DiGraph()
    for up, down, share in links:
        graph.add_edge(up, down, share=share)
    return graph


#: a → b (0.25) and a → c (0.75), b → c, c → d.
FORK = river(("a", "b", 0.25), ("a", "c", 0.75), ("b", "c", 1.0), ("c", "d", 1.0))
WEIGHTS = pd.Series({"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0})
CLAIMS = pd.Series({"a": 80.0, "b": 10.0, "c": 0.0, "d": 99.0})


def test_downstream_sum_counts_a_county_reached_by_two_ways_once():
    found = basin.downstream_sum(FORK, WEIGHTS)
    assert found.to_dict() == {"a": 9.0, "b": 7.0, "c": 4.0, "d": 0.0}


def test_settle_by_hand():
    table, links = basin.settle(FORK, CLAIMS, WEIGHTS)
    # a passes on 80: 20 to b, 60 to c. b bears 2/(2+7) of 20 = 4.4444, passes 10 + 15.5556 = 25.5556.
    # c gets 60 + 25.5556 = 85.5556, bears 3/(3+4) = 36.6667, passes 48.8889. d bears all of it.
    assert links["amount_cny"].to_numpy() == pytest.approx([20, 60, 25.5556, 48.8889], abs=1e-4)
    nets = {"a": 80, "b": 10 - 4.4444, "c": -36.6667, "d": -48.8889}
    assert table["net_cny"].to_dict() == pytest.approx(nets, abs=1e-4)
    assert table.loc["d", "claim_cny"] == 0  # a mouth has no claim of its own


def test_a_negative_claim_makes_the_upstream_county_pay():
    table, links = basin.settle(FORK, CLAIMS * [-1, 0, 0, 0], WEIGHTS)
    assert (links["amount_cny"] <= 0).all()
    assert table.loc["a", "net_cny"] == -80
    assert table.loc["d", "net_cny"] > 0


def test_settle_refuses_gaps():
    with pytest.raises(ParameterError, match="b has no claim"):
        basin.settle(FORK, CLAIMS.drop("b"), WEIGHTS)
    with pytest.raises(ParameterError, match="weight of c must be above 0, got 0"):
        basin.settle(FORK, CLAIMS, WEIGHTS.where(WEIGHTS.index != "c", 0.0))


@st.composite
def rivers(draw):
    """Draw a river without circles, its claims and weights."""
    count = draw(st.integers(2, 12))
    names = [f"c{i:02d}" for i in range(count)]
    graph = nx.DiGraph()
    for i, name in enumerate(names[:-1]):
        below = draw(st.lists(st.integers(i + 1, count - 1), min_size=1, max_size=3, unique=True))
        parts = np.array([draw(st.floats(0.1, 1.0)) for _ in below])
        for j, share in zip(below, parts / parts.sum(), strict=True):
            graph.add_edge(name, names[j], share=share)
    claims = [draw(st.floats(-1e8, 1e8)) for _ in names]
    weights = [draw(st.floats(0.01, 100.0)) for _ in names]
    return graph, pd.Series(claims, names), pd.Series(weights, names)


@settings(max_examples=40, deadline=None)
@given(rivers())
def test_the_river_balances(drawn):
    graph, claims, weights = drawn
    table, links = basin.settle(graph, claims, weights)
    tolerance = 1e-9 * (1 + claims.abs().sum())
    assert table["net_cny"].sum() == pytest.approx(0, abs=tolerance)
    flow = links.groupby("upstream")["amount_cny"].sum().reindex(table.index, fill_value=0.0)
    flow -= links.groupby("downstream")["amount_cny"].sum().reindex(table.index, fill_value=0.0)
    np.testing.assert_allclose(table["net_cny"], flow, atol=tolerance)
    np.testing.assert_allclose(
        table["net_cny"],
        table["claim_cny"] - table["borne_share"] * table["arriving_cny"],
        atol=tolerance,
    )
    assert ((table["borne_share"] > 0) & (table["borne_share"] <= 1)).all()


@settings(max_examples=25, deadline=None)
@given(rivers(), st.floats(0.001, 1000.0))
def test_scale_does_not_matter(drawn, factor):
    graph, claims, weights = drawn
    table, _ = basin.settle(graph, claims, weights)
    heavier, _ = basin.settle(graph, claims, weights * factor)
    dearer, _ = basin.settle(graph, claims * factor, weights)
    tolerance = 1e-9 * (1 + claims.abs().sum())
    np.testing.assert_allclose(heavier["net_cny"], table["net_cny"], atol=tolerance)
    np.testing.assert_allclose(
        dearer["net_cny"], table["net_cny"] * factor, atol=tolerance * factor
    )


@settings(max_examples=25, deadline=None)
@given(rivers())
def test_sums_downstream_agree_with_descendants(drawn):
    graph, _, weights = drawn
    expected = {code: sum(weights[d] for d in nx.descendants(graph, code)) for code in graph}
    assert basin.downstream_sum(graph, weights).to_dict() == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(rivers(), st.integers(0, 11), st.integers(-3, 3), st.floats(0.0, 1e10))
def test_a_better_class_never_lowers_a_countys_net(drawn, place, classes, value):
    graph, claims, weights = drawn
    code = sorted(graph)[place % len(graph)]
    worse, better = water_quality.class_score(np.array([classes, classes + 1]), QUALITY)
    nets = [
        basin.settle(graph, claims.where(claims.index != code, value * score), weights)[0].loc[
            code, "net_cny"
        ]
        for score in (worse, better)
    ]
    assert nets[1] >= nets[0]


def test_class_scores_by_hand():
    # met 0.6; one class better +0.2; one worse −1.0; bounded by ±1.
    found = water_quality.class_score(np.array([3, 1, 0, -1, -2]), QUALITY)
    assert found == pytest.approx([1.0, 0.8, 0.6, -0.4, -1.0])


def test_benefit_mixes_shares_of_economy_and_people():
    amounts = pd.DataFrame({"gdp": [30.0, 10.0], "people": [1.0, 3.0]}, ["a", "b"])
    found = basin.benefit(amounts, pd.Series({"a": 1.0, "b": 1.0}), {"gdp": 0.4, "people": 0.6})
    # a: 0.4 × 0.75 + 0.6 × 0.25 = 0.45
    assert found.to_dict() == pytest.approx({"a": 0.45, "b": 0.55})
    half = basin.benefit(amounts, pd.Series({"a": 0.5, "b": 1.0}), {"gdp": 1.0, "people": 0.0})
    assert half["a"] == pytest.approx(15 / 25)
    amounts.loc["b", "gdp"] = np.nan
    gap = basin.benefit(amounts, pd.Series({"a": 1.0, "b": 1.0}), {"gdp": 0.4, "people": 0.6})
    assert np.isnan(gap["b"])


# The list of rivers


@pytest.fixture
def listed(tmp_path):
    def write(*rows):
        path = tmp_path / "river_links.csv"
        lines = [f"{row},干流,recalled,high" for row in rows]
        path.write_text("\n".join([HEAD, *lines]), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["瓯江,331181,331125,1", "瓯江,331125,331181,1"], r"circle: 龙泉市 \(331181\) → 云和县"),
        (["瓯江,331181,331199,1"], r"line 2: '331199' is no county"),
        (["瓯江,331181,331181,1"], r"line 2: 331181 flows into itself"),
        (["瓯江,331181,331125,0.7"], r"shares of 331181 in 瓯江 must sum to 1, sum is 0.7"),
        (["瓯江,331181,331125,1.5"], r"line 2: share must be above 0 and at most 1, got '1.5'"),
        (["瓯江,331181,331125,0.5", "瓯江,331181,331125,0.5"], r"line 3: .*already in line 2"),
        (["欧江,331181,331125,1"], r"line 2: '欧江' is no basin.*瓯江"),
    ],
)
def test_bad_links_are_refused(listed, rows, message):
    with pytest.raises(ParameterError, match=message):
        basin.read_links(listed(*rows))


def test_all_bad_links_are_told_at_once(listed):
    with pytest.raises(ParameterError) as error:
        basin.read_links(listed("瓯江,331181,331199,1", "瓯江,331125,331125,1"))
    assert len(error.value.problems) == 2


def test_unreadable_list_is_refused(tmp_path):
    path = tmp_path / "river_links.csv"
    path.write_text("basin,upstream\n瓯江,331181\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"columns must be .* got basin, upstream\."):
        basin.read_links(path)


def test_every_listed_link_joins_neighbours():
    boundaries = Pack.open(paths.OPEN_PACK).boundaries.geometry
    apart = [
        (row.upstream, row.downstream)
        for row in basin.read_links().itertuples()
        if shapely.distance(boundaries[row.upstream], boundaries[row.downstream]) > 1  # m
    ]
    assert apart == []


def test_the_list_holds_the_eight_river_systems():
    links = basin.read_links()
    assert set(links["basin"]) == set(basin.BASINS)
    names = counties.read()["name_zh"]
    oujiang = basin.graph(links[links["basin"] == "瓯江"])
    assert {names[c] for c in oujiang if not oujiang.out_degree(c)} == {"龙湾区", "乐清市"}
    ways = nx.descendants(oujiang, counties.find("龙泉市"))
    assert {"云和县", "莲都区", "青田县", "鹿城区"} <= {names[c] for c in ways}


# The rules


def changed(**values):
    return RULES.model_copy(update=values)


class Quiet:
    """Registers that lack all that the basin reads."""

    year = 2023

    def lacking(self, *names):
        return list(names)


def check(rules, pairs=None):
    pairs = LIST.iloc[:0] if pairs is None else pairs
    return basin.check(Quiet(), rules, basin.read_links(), pairs)


def test_the_rules_as_shipped_fit_the_list():
    assert check(RULES, LIST) == []


def test_an_agreement_inside_a_settled_basin_would_pay_twice():
    problems = check(changed(settled=["钱塘江"]), LIST)
    assert len(problems) == 3
    assert "330824 and 330822" in problems[0]
    assert "line 2" in problems[0]
    assert "would pay twice" in problems[0]


def test_counties_of_several_basins_need_shares():
    shares = {k: v for k, v in RULES.basin_shares.items() if k != "331123"}
    assert "331123 has links in 瓯江、钱塘江, but shares of none" in check(
        changed(basin_shares=shares)
    )[0]  # fmt: skip
    extra = {**RULES.basin_shares, "330902": {"瓯江": 1.0}}
    assert "330902 has no links" in check(changed(basin_shares=extra))[0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"settled": ["欧江"]}, "no basin '欧江'.*瓯江"),
        ({"benefit_weights": {"gdp": 0.5, "resident_population": 0.6}}, "must sum to 1"),
        ({"benefit_weights": {"gdp": 1.0}}, "exactly gdp, resident_population"),
        ({"basin_shares": {"331123": {"瓯江": 0.6, "钱塘江": 0.6}}}, "more than 1 together"),
        ({"services": ["soil_retention", "soil_retention"]}, "each service once"),
        ({"services": ["soil"]}, "services"),
        ({"pay_rate": -0.1}, "pay_rate"),
    ],
)
def test_wrong_rules_are_refused(values, message):
    entries = {
        key: p.model_copy(update={"value": values[name]}) if (name := key.split(".")[-1]) in values
        else p
        for key, p in PARAMS.under(basin.SECTION).items()
    }  # fmt: skip
    with pytest.raises(ParameterError, match=message):
        PARAMS.model_copy(update={"entries": entries}).section(basin.SECTION, BasinParams)


def test_sections_missing_where_a_claim_needs_them_are_named():
    @dataclasses.dataclass
    class Book:
        year = 2023

        def lacking(self, *names):
            return []

        @property
        def pack(self):
            return Pack.open(paths.OPEN_PACK)

        def table(self, name, year=None):
            frame = self.pack.table(name, year=year)
            return frame[frame["county_code"] != "331125"]

    problems = basin.check(Book(), RULES, basin.read_links(), LIST.iloc[:0])
    assert len(problems) == 1
    assert "云和县 (331125) has no outflow section in 2023" in problems[0]
    assert "water_sections" in problems[0]
