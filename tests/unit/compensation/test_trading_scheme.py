"""Trading as a scheme: what it refuses, what it pays, what it keeps for the audit; its reports."""

import re
from types import SimpleNamespace

import pandas as pd
import pytest
from provincial_pool import make_pool, make_province

from gepbook import ledger, paths
from gepbook.compensation import Compensation, flows, trading
from gepbook.errors import NotInPackError
from gepbook.inputs.pack import Pack
from gepbook.params import resolve
from gepbook.province import Province, Registers
from gepbook.publish.compensation import trading as reports

OPEN = Pack.open(paths.OPEN_PACK)
PARAMS = resolve(None, 2023, "db33-2020")
POOL = make_pool()
BUDGET = [
    "county_code",
    "product",
    "place",
    "limit_quantity",
    "allocated_quantity",
    "used_quantity",
]
ORDER = [
    "order_id", "county_code", "product", "place", "side", "trader", "quantity", "price_cny", "placed_on",
]  # fmt: skip


class Tables:
    """A pack of nothing but some tables; each may be None, as if the pack did not bring it."""

    folder = OPEN.folder

    def __init__(self, **tables):
        self.tables = tables

    def has(self, name):
        return self.tables.get(name) is not None

    def table(self, name):
        if not self.has(name):
            raise NotInPackError(name)
        return self.tables[name].copy()

    def resource(self, name):
        return OPEN.resource(name)

    def origin(self, name):
        return OPEN.origin(name)


def budgets(*rows):
    return pd.DataFrame(rows, columns=BUDGET).assign(year=2023)


def orders(*rows):
    return pd.DataFrame(rows, columns=ORDER).assign(year=2023)


BUDGETS = budgets(
    ("330102", "carbon_sink", "全省", 900, 800, 900),
    ("330105", "carbon_sink", "全省", 900, 800, 850),
    ("331181", "carbon_sink", "全省", 900, 800, 500),
    ("331122", "water_right", "瓯江", 5e6, 4e6, 3e6),
    ("331121", "water_right", "瓯江", 5e6, 4e6, 5.5e6),
)
ORDERS = orders(
    ("A", "330102", "carbon_sink", "全省", "buy", "enterprises", 100, 60.0, "2023-03-01"),
    ("B", "330105", "carbon_sink", "全省", "buy", "government", 50, 55.0, "2023-03-02"),
    ("C", "331181", "carbon_sink", "全省", "sell", "government", 200, 50.0, "2023-03-03"),
    ("D", "331181", "carbon_sink", "全省", "sell", "enterprises", 100, 70.0, "2023-03-04"),
    ("E", "331122", "water_right", "瓯江", "sell", "government", 1e6, 0.5, "2023-04-01"),
    ("F", "331121", "water_right", "瓯江", "buy", "government", 5e5, 0.4, "2023-04-01"),
)
ENERGY = pd.DataFrame(
    {"county_code": sorted(POOL["county_code"].unique()), "year": 2023, "energy_tce": 1e6}
)


def pack(**changes):
    tables = {"resource_budgets": BUDGETS, "market_orders": ORDERS, "energy_use": ENERGY, **changes}
    return Tables(**tables)


def province(**changes):
    return Province(POOL, Registers(pack(**changes), 2023), PARAMS)


def problems(**changes):
    return trading.SCHEME.check(Registers(pack(**changes), 2023), PARAMS)


def edited(table, row, **values):
    """Return a table with some values of one row changed."""
    changed = table.astype({name: "object" for name in values})
    for name, value in values.items():
        changed.loc[row, name] = value
    return changed.infer_objects()


def test_sound_registers_are_not_refused():
    assert problems() == []


@pytest.mark.parametrize(
    ("row", "values", "message"),
    [
        (0, {"product": "carbon_sinks"}, r"line 2: 'carbon_sinks' is no right.*carbon_sink.*Correct"),
        (0, {"county_code": "330999"}, r"line 2: '330999' is no county"),
        (0, {"place": "瓯江"}, r"line 2: carbon_sink is traded in the whole province, got place '瓯江'"),
        (4, {"place": "全省"}, r"line 6: water_right moves within one basin, got place '全省'.*钱塘江"),
        (0, {"side": "swap"}, r"line 2: side must be buy or sell, got 'swap'"),
        (0, {"trader": "bank"}, r"line 2: trader must be government or enterprises, got 'bank'"),
        (0, {"quantity": 95}, r"line 2: order A must be whole lots of 10 t, above 0, got 95"),
        (0, {"quantity": 0}, r"line 2: order A must be whole lots of 10 t, above 0, got 0"),
        (0, {"quantity": -10}, r"line 2: order A must be whole lots"),
        (0, {"quantity": float("nan")}, r"line 2: order A must be whole lots"),
        (0, {"price_cny": 151.0}, r"line 2: order A at 151 is outside the prices of .*, 20 to 150 CNY"),
        (0, {"price_cny": 19.9}, r"line 2: order A at 19.9 is outside the prices"),
        (0, {"price_cny": 60.05}, r"line 2: order A at 60.05 is not on a tick of 0.1"),
        (0, {"placed_on": "2022-12-31"}, r"line 2: order A of 2023 was placed on 2022-12-31"),
        (0, {"placed_on": "March"}, r"line 2: order A of 2023 was placed on March"),
        (2, {"quantity": 210}, r"line 5: 331181 sells 310 t of carbon_sink in 全省 by C \(line 4\), "
         r"D \(line 5\), but holds 300"),
        (0, {"county_code": "331181"}, r"line 4: 331181 sells carbon_sink at 50 \(order C\) and buys it "
         r"at 60 \(order A, line 2\): it would trade with itself. Withdraw one"),
        (0, {"county_code": "330106"}, r"line 2: order A: 330106 has no budget of carbon_sink in 全省"),
        (5, {"place": "椒江"}, r"line 7: order F: 331121 has no budget of water_right in 椒江"),
    ],
)  # fmt: skip
def test_orders_refused(row, values, message):
    found = problems(market_orders=edited(ORDERS, row, **values))
    assert any(re.search(message, problem) for problem in found), found


@pytest.mark.parametrize(
    ("row", "values", "message"),
    [
        (0, {"allocated_quantity": 950}, r"line 2: 330102 was allocated 950 of carbon_sink, more than"),
        (0, {"used_quantity": -1}, r"line 2: used_quantity must be 0 or more, got -1"),
        (0, {"limit_quantity": float("nan")}, r"line 2: limit_quantity must be 0 or more, got nan"),
        (0, {"product": "timber"}, r"line 2: 'timber' is no right"),
        (3, {"place": "全省"}, r"line 5: water_right moves within one basin"),
    ],
)  # fmt: skip
def test_budgets_refused(row, values, message):
    found = problems(resource_budgets=edited(BUDGETS, row, **values))
    assert any(re.search(message, problem) for problem in found), found


def test_all_problems_are_told_at_once():
    bad = edited(edited(ORDERS, 0, price_cny=500.0, quantity=1), 3, placed_on="2021-01-01")
    found = problems(market_orders=bad, energy_use=ENERGY.assign(energy_tce=-1.0))
    assert sum("energy_tce must be 0 or more" in p for p in found) == len(ENERGY)
    assert sum("order A" in p for p in found) == 2
    assert sum("order D" in p for p in found) == 1


def test_wrong_rules_are_told_with_the_registers_that_do_not_need_them():
    entries = dict(PARAMS.entries)
    for name, change in (
        ("rights_trading.carbon_sink", {"lot": 10}),
        ("carbon_quota.emissions_weight", 1.5),
    ):
        entries[name] = entries[name].model_copy(update={"value": change})
    rules = PARAMS.model_copy(update={"entries": entries})
    bad = ENERGY.assign(energy_tce=-1.0)
    found = trading.SCHEME.check(Registers(pack(energy_use=bad), 2023), rules)
    assert any("rights_trading.carbon_sink" in p for p in found)
    assert any("carbon_quota.emissions_weight" in p for p in found)
    assert any("energy_tce" in p for p in found)


def test_own_orders_that_do_not_cross_are_no_wash_trade():
    low = edited(ORDERS, 0, county_code="331181", price_cny=49.9)
    assert problems(market_orders=low) == []


def test_payments_balances_and_audit_trail():
    result = trading.SCHEME.compute(province())
    # carbon: bids 100 @ 60, 50 @ 55; asks 200 @ 50. At 50 to 55 all 150 t trade: (50 + 55) / 2 = 52.5
    books = result.tables["books"].set_index("product")
    assert books.loc["carbon_sink", ["traded_quantity", "price_cny", "amount_cny"]].tolist() == [
        150, 52.5, 7875,
    ]  # fmt: skip
    assert books.loc["water_right", "outcome"] == "apart"
    paid = flows.build(result.flows, 2023)
    assert paid[["payer", "payee", "amount_cny", "rule"]].to_numpy().tolist() == [
        ["330102/enterprises", "331181", 5250.0, "rights_trading/carbon_sink"],
        ["330105", "331181", 2625.0, "rights_trading/carbon_sink"],
    ]
    trades = result.tables["trades"]
    assert trades[["number", "buy_order", "sell_order", "quantity"]].to_numpy().tolist() == [
        [1, "A", "C", 100], [2, "B", "C", 50],
    ]  # fmt: skip
    own = result.tables["balances"].set_index("county_code").loc[["330102", "331181"]]
    moves = ["opening", "bought", "sold", "closing", "still_lacking"]
    assert own[[f"{m}_quantity" for m in moves]].to_numpy().tolist() == [
        [0, 100, 0, 100, 0],
        [300, 0, 150, 150, 0],
    ]
    assert result.tables["traders"].loc["331181"].tolist() == [2, 1, 0, 7875]
    net = {(c, e["item"]): e["value"] for c, e in result.figures if e["measure"] == "net_bought"}
    assert net == {
        ("330102", "trading.carbon_sink"): 100,
        ("330105", "trading.carbon_sink"): 50,
        ("331181", "trading.carbon_sink"): -150,
    }


def test_figures_make_a_ledger():
    result = trading.SCHEME.compute(province())
    own = [entry for code, entry in result.figures if code == "331181"]
    table = ledger.build(own, release="t", year=2023, county_code="331181")
    assert set(table["item"]) == {
        "trading.carbon_sink", "trading.carbon_quota", "trading.carbon_quota_link",
    }  # fmt: skip
    assert set(table["quality"]) == {"design"}


@pytest.mark.parametrize(
    ("missing", "tables"),
    [
        ("market_orders", {"budgets", "carbon_quota"}),
        ("resource_budgets", {"carbon_quota"}),
        ("energy_use", {"budgets", "books", "orders", "trades", "balances", "traders", "curves"}),
    ],
)
def test_what_lacks_is_left_out_and_named(missing, tables):
    assert problems(**{missing: None}) == []
    result = trading.SCHEME.compute(province(**{missing: None}))
    assert set(result.tables) == tables
    assert result.lacking == (missing,)


def test_total_is_not_shared_while_the_energy_of_a_county_is_unknown():
    result = trading.SCHEME.compute(province(energy_use=ENERGY.iloc[1:]))
    assert "carbon_quota" not in result.tables
    assert result.lacking == ("energy_use",)


@pytest.mark.parametrize("year", OPEN.years)
def test_open_pack_trades_within_its_rules(year):
    whole = make_province(year)
    assert trading.SCHEME.check(whole.registers, whole.params) == []
    result = trading.SCHEME.compute(whole)
    books, balances = result.tables["books"], result.tables["balances"]
    assert len(balances["county_code"].unique()) == 90
    assert set(books["outcome"]) >= {"traded", "apart"}
    assert books["amount_cny"].sum() == pytest.approx(
        flows.build(result.flows, year)["amount_cny"].sum()
    )
    moved = balances["opening_quantity"] + balances["bought_quantity"] - balances["sold_quantity"]
    assert (moved - balances["closing_quantity"]).abs().max() < 1e-6
    assert (balances["closing_quantity"] >= 0).all()
    assert result.tables["budgets"]["over_limit"].any()


def settled(year, whole):
    result = trading.SCHEME.compute(whole)
    return Compensation([], None, flows.build(result.flows, year), {"trading": result}, whole)


def run(code, year=2023):
    return SimpleNamespace(county_code=code, year=year)


class TestReports:
    COUNTY = (
        reports.sentence, reports.budget_table, reports.order_table, reports.book_figure,
        reports.quota_table,
    )  # fmt: skip
    PROVINCE = (
        reports.province_sentence, reports.province_book_table, reports.province_book_figure,
        reports.province_quota_table,
    )  # fmt: skip

    def test_county_that_trades(self):
        result = settled(2023, province())
        text = reports.sentence(result, run("331181")).text
        assert "提交委托 2 笔，成交 1 笔" in text
        assert "卖出收入 **0.8 万元**" in text  # 7 875 CNY
        table = reports.budget_table(result, run("331181"))
        assert table.rows[0][:10] == [
            "碳汇", "t", "900", "800", "500", "300", "0", "150", "150", "0",
        ]  # fmt: skip
        assert all(f(result, run("331181")) is not None for f in self.COUNTY)

    def test_county_that_is_not_concerned(self):
        result = settled(2023, province())
        assert "没有生态资源预算" in reports.sentence(result, run("330822")).text
        shown = [f(result, run("330822")) for f in (reports.budget_table, reports.order_table)]
        assert shown == [None, None]
        assert reports.book_figure(result, run("330822")) is None

    def test_province(self):
        result = settled(2023, make_province(2023))
        shown = [f(result, SimpleNamespace(year=2023)) for f in self.PROVINCE]
        assert None not in shown
        assert any(row[-1].startswith("未成交") for row in shown[1].rows)
        assert shown[2]._repr_png_()[:4] == b"\x89PNG"
        assert [row[0] for row in shown[3].rows][-1] == "全省"

    def test_pack_without_registers(self):
        none = {"resource_budgets": None, "market_orders": None, "energy_use": None}
        result = settled(2023, province(**none))
        assert "未计算" in reports.sentence(result, run("331181")).text
        assert "未计算" in reports.province_sentence(result, SimpleNamespace(year=2023)).text
        assert [f(result, run("331181")) for f in self.COUNTY[1:]] == [None] * 4
        assert [f(result, SimpleNamespace(year=2023)) for f in self.PROVINCE[1:]] == [None] * 3
