"""Ecological credit: scores by hand, appeals, expiry, spending, refusals, and nobody recognisable."""

import re

import numpy as np
import pandas as pd
import pytest
from fake_pack import FakePack
from hypothesis import given, settings
from hypothesis import strategies as st

from gepbook import params
from gepbook.assessment import Assessment, credit
from gepbook.assessment.credit import registers as registry
from gepbook.assessment.credit.scoring import (
    CreditParams,
    appeal_state,
    balances,
    level,
    read_rules,
    scores,
    standing,
)
from gepbook.assessment.privacy import TOTAL
from gepbook.assessment.topic import Evidence
from gepbook.errors import ParameterError
from gepbook.inputs.pack import Pack
from gepbook.ledger import ORIGIN_ZH
from gepbook.paths import OPEN_PACK
from gepbook.province import Registers
from gepbook.publish.assessment import credit as published

RULE_FILE = params.resolve(None, 2023, "db33-2020")
RULES = CreditParams(
    first_year=2019,
    base_points=100.0,
    level_points={"AAA": 135.0, "AA": 115.0, "A": 100.0, "B": 75.0},
    positive_life_year=3,
    negative_life_year=5,
    linear_decay=False,
    appeal_days=60,
    decision_days=60,
    level_for_use={"scenic_tickets": "A", "credit_loan": "AA"},
    least_subjects=5,
    least_margin=0.1,
)
DEEDS = read_rules()
POOL = pd.DataFrame({"county_code": ["331181"], "origin": ["illustrative"]})
EVENT = ["event_id", "county_code", "subject_id", "subject_kind", "date", "rule", "count"]
APPEAL = ["appeal_id", "event_id", "county_code", "filed_on", "decided_on", "outcome"]
USE = ["use_id", "county_code", "subject_id", "date", "use", "points"]


class DatedPack(FakePack):
    """A pack that knows its years."""

    years = (2020, 2021, 2022, 2023)


def events(*rows, at="2023-12-31"):
    """Return events of one case from (date, rule, count, filed_on, decided_on, outcome)."""
    columns = ["date", "rule", "count", "filed_on", "decided_on", "outcome"]
    frame = pd.DataFrame([(*row, *(None,) * (6 - len(row))) for row in rows], columns=columns)
    days = {name: pd.to_datetime(frame[name]) for name in ("date", "filed_on", "decided_on")}
    ids = [f"E{i}" for i in range(len(frame))]
    return frame.assign(**days, event_id=ids, case="x", at=pd.Timestamp(at))


def score(*rows, at="2023-12-31", rules=RULES):
    return scores(events(*rows, at=at), DEEDS, rules)["x"]


def event(kind, date, rule, count, code="331181"):
    """Return a row of the register of events."""
    return "E1", code, "P001", kind, date, rule, count


def registers(event_rows=None, appeal_rows=(), use_rows=(), year=2023):
    rows = event_rows or [
        ("E1", "331181", "P001", "individual", "2022-05-01", "tree_planting", 3),
        ("E2", "331181", "P002", "individual", "2022-05-01", "littering", 1),
    ]
    tables = {
        "credit_events": pd.DataFrame(rows, columns=EVENT),
        "credit_appeals": pd.DataFrame(list(appeal_rows), columns=APPEAL),
        "credit_uses": pd.DataFrame(list(use_rows), columns=USE).astype({"points": "float64"}),
    }
    return Registers(DatedPack(tables, {}), year)


# Scores


def test_points_by_hand():
    """100 + 2 trees · 4 + 1 report · 10 − 1 littering · 8 = 110."""
    rows = [("2022-01-05", "tree_planting", 2), ("2022-03-01", "reporting", 1)]
    assert score(*rows, ("2023-02-01", "littering", 1)) == 110.0


def test_a_rule_gives_no_more_than_its_cap_in_a_year():
    """4 · 5 = 20 trees' points in 2022 are capped at 12; 2023 begins anew with 4."""
    rows = [("2022-01-05", "tree_planting", 2), ("2022-06-05", "tree_planting", 3)]
    assert score(*rows, ("2023-01-01", "tree_planting", 1)) == 116.0


def test_taking_has_a_cap_too():
    """Littering takes 8 each, at most 32 in a year: 100 − 32."""
    assert score(*[(f"2023-0{m}-01", "littering", 1) for m in range(1, 8)]) == 68.0


def test_good_deeds_expire_before_bad_ones():
    """A report of 2020-06-30 counts until 2023-06-29, littering of that day until 2025-06-29."""
    rows = [("2020-06-30", "reporting", 1), ("2020-06-30", "littering", 1)]
    assert score(*rows, at="2023-06-29") == 102.0
    assert score(*rows, at="2023-06-30") == 92.0
    assert score(*rows, at="2025-06-30") == 100.0


def test_linear_decay():
    """A report of 2020-01-01 ends on 2023-01-01, 1096 days later; after 274 days 3/4 of 10 are left."""
    rules = RULES.model_copy(update={"linear_decay": True})
    assert score(("2020-01-01", "reporting", 1), at="2020-10-01", rules=rules) == pytest.approx(
        107.5
    )


def test_later_events_do_not_count_yet():
    assert score(("2023-05-01", "reporting", 1), at="2023-04-30") == 100.0


@pytest.mark.parametrize(
    ("filed", "decided", "outcome", "at", "expected"),
    [
        ("2023-02-01", None, "pending", "2023-06-01", 100.0),
        ("2023-02-01", "2023-03-01", "upheld", "2023-02-28", 100.0),
        ("2023-02-01", "2023-03-01", "upheld", "2023-06-01", 100.0),
        ("2023-02-01", "2023-03-01", "rejected", "2023-02-28", 100.0),
        ("2023-02-01", "2023-03-01", "rejected", "2023-03-01", 92.0),
        ("2023-02-01", "2023-03-01", "upheld", "2023-01-31", 92.0),
        ("2023-06-01", "2023-07-01", "upheld", "2023-12-31", 92.0),
    ],
    ids=["open", "open then", "void", "open before", "kept", "before it is filed", "too late"],
)
def test_appeals(filed, decided, outcome, at, expected):
    """Littering of 2023-01-10 takes 8; appeals are in time until 60 days later, 2023-03-11."""
    assert score(("2023-01-10", "littering", 1, filed, decided, outcome), at=at) == expected


def test_what_is_void_leaves_room_under_the_cap():
    """Three reports of 10 under a cap of 20; when the first is void, the other two count."""
    rows = [("2023-03-01", "reporting", 1), ("2023-04-01", "reporting", 1)]
    assert score(("2023-01-01", "reporting", 1), *rows) == 120.0
    void = ("2023-01-01", "reporting", 1, "2023-01-05", "2023-02-05", "upheld")
    found = standing(events(void, *rows), DEEDS, RULES)
    assert found["granted"].tolist() == [0.0, 10.0, 10.0]
    assert found["state"].tolist() == ["void", "counted", "counted"]


def test_levels_begin_at_their_limits():
    values = pd.Series([135.0, 134.99, 115.0, 100.0, 99.9, 75.0, 74.0, -30.0])
    found = level(values, RULES).tolist()
    assert found == ["AAA", "AA", "AA", "A", "B", "B", "C", "C"]


day = st.dates(pd.Timestamp("2019-01-01").date(), pd.Timestamp("2023-12-31").date())
happening = st.tuples(
    day.map(str), st.sampled_from(list(DEEDS.index)), st.integers(1, 4),
    st.sampled_from([None, 10, 90]), st.sampled_from([None, 20]),
    st.sampled_from(["upheld", "rejected"]),
)  # fmt: skip


def with_appeal(row):
    date, rule, times, wait, decision, outcome = row
    if wait is None:
        return date, rule, times
    filed = pd.Timestamp(date) + pd.Timedelta(days=wait)
    if decision is None:
        return date, rule, times, filed, None, "pending"
    return date, rule, times, filed, filed + pd.Timedelta(days=decision), outcome


@settings(max_examples=20, deadline=None)
@given(st.lists(happening, min_size=1, max_size=12), st.randoms(), day.map(str))
def test_the_order_of_events_does_not_matter(rows, random, at):
    listed = events(*map(with_appeal, rows), at=at)
    shuffled = listed.iloc[random.sample(range(len(listed)), len(listed))]
    first = scores(listed, DEEDS, RULES)["x"]
    assert scores(shuffled.reset_index(drop=True), DEEDS, RULES)["x"] == pytest.approx(first)
    relabelled = shuffled.assign(event_id=[f"Z{i}" for i in range(len(shuffled))])
    assert scores(relabelled, DEEDS, RULES)["x"] == pytest.approx(first)


@settings(max_examples=15, deadline=None)
@given(st.lists(happening, min_size=1, max_size=12))
def test_no_rule_gives_more_than_its_cap_in_a_year(rows):
    listed = events(*map(with_appeal, rows))
    granted = standing(listed, DEEDS, RULES)["granted"]
    sums = granted.groupby([listed["rule"], listed["date"].dt.year]).sum().abs()
    caps = DEEDS["cap_points"][sums.index.get_level_values("rule")].to_numpy()
    assert (sums.to_numpy() <= caps + 1e-9).all()


# Spending


def test_points_are_spent_oldest_first():
    """30 earned, 12 spent. When the oldest 10 expire they were spent already: 18 are left."""
    uses = pd.DataFrame(
        {
            "use_id": ["U1", "U2", "U3"],
            "subject_id": "P1",
            "date": pd.to_datetime(["2022-01-01", "2023-01-01", "2023-06-01"]),
            "points": [12.0, 18.0, 1.0],
            "earned": 30.0,
            "expired": [0.0, 10.0, 10.0],
        }
    )
    assert balances(uses).tolist() == [30.0, 18.0, 0.0]


def test_expired_points_cannot_be_spent():
    """Of 30 earned, 20 expired unspent: 10 are left; a refused use takes nothing away."""
    uses = pd.DataFrame(
        {
            "use_id": ["U1", "U2"], "subject_id": "P1", "points": [11.0, 10.0], "earned": 30.0,
            "date": pd.to_datetime(["2023-01-01", "2023-02-01"]), "expired": 20.0,
        }
    )  # fmt: skip
    assert balances(uses).tolist() == [10.0, 10.0]


def test_a_use_stands_beside_level_and_balance_of_its_day():
    given_ = registers(
        [("E1", "331181", "P001", "individual", "2022-05-01", "reporting", 2)],
        use_rows=[("U1", "331181", "P001", "2022-06-01", "scenic_tickets", 5)],
    )
    uses = registry.of_uses(
        registry.read(given_, "credit_uses"), registry.with_appeals(given_), RULES
    )
    assert uses[["level", "balance"]].to_numpy().tolist() == [["AA", 20.0]]


# Registers


def test_sound_registers_are_taken():
    sound = registers(
        appeal_rows=[("S1", "E2", "331181", "2022-05-20", None, "pending")],
        use_rows=[("U1", "331181", "P001", "2022-06-01", "scenic_tickets", 12)],
    )
    assert credit.check(sound, RULE_FILE) == []


def problems(**changes):
    return credit.check(registers(**changes), RULE_FILE)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (event("individual", "2022-05-01", "tree_plantin", 1), "Did you mean 'tree_planting'"),
        (event("firm", "2022-05-01", "tree_planting", 1), "is for individual, got 'firm'"),
        (event("person", "2022-05-01", "tree_planting", 1), "kind must be one of"),
        (event("individual", "2022-05-01", "tree_planting", 1, "331199"), "county '331199'"),
        (event("individual", "2022-13-01", "tree_planting", 1), "date must be a date"),
        (event("individual", "2203-05-01", "tree_planting", 1), "to 2023, got 2203"),
        (event("individual", "2018-05-01", "tree_planting", 1), "must lie in 2019"),
        (event("individual", "2022-05-01", "tree_planting", 0), "count must be a whole number"),
    ],
)  # fmt: skip
def test_faulty_events_are_refused(row, message):
    found = problems(event_rows=[row])
    assert any(re.search(message, problem) for problem in found), found


@pytest.mark.parametrize(
    "name", ["张三", "330102199001011234", "13800000000", "91330100MA2ABCDE1X", "p001"]
)
def test_what_is_no_pseudonym_is_refused_and_not_repeated(name):
    rows = [("E1", "331181", name, "individual", "2022-05-01", "tree_planting", 1)]
    found = problems(event_rows=rows)
    assert len(found) == 1
    assert "must be a pseudonym" in found[0]
    assert name not in found[0]


def test_a_subject_has_one_kind_and_county():
    rows = [
        ("E1", "331181", "P001", "individual", "2022-05-01", "illegal_felling", 1),
        ("E1", "331127", "P001", "village", "2022-05-01", "illegal_felling", 1),
    ]
    found = " ".join(problems(event_rows=rows))
    assert "line 3: the subject has other kinds" in found
    assert "line 3: the subject has other counties" in found
    assert "event_id 'E1' stands twice" in found


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("S1", "E9", "331181", "2022-05-20", None, "pending"), "event 'E9' is not in credit_events"),
        (("S1", "E2", "331181", "2022-04-20", None, "pending"), "is filed before the event"),
        (("S1", "E2", "331181", "2022-05-20", "2022-05-19", "upheld"), "decided before it is filed"),
        (("S1", "E2", "331181", "2022-05-20", "2022-06-19", "pending"), "no decided_on"),
        (("S1", "E2", "331181", "2022-05-20", None, "upheld"), "no decided_on"),
        (("S1", "E2", "331181", "soon", None, "pending"), "filed_on must be a date"),
        (("S1", "E2", "331181", "2022-05-20", "soon", "upheld"), "decided_on must be a date"),
        (("S1", "E2", "331181", "2022-05-20", "2022-06-19", "won"), "outcome must be one of"),
    ],
)  # fmt: skip
def test_faulty_appeals_are_refused(row, message):
    found = problems(appeal_rows=[row])
    assert any(re.search(message, problem) for problem in found), found


def test_one_appeal_an_event():
    rows = [(f"S{i}", "E2", "331181", "2022-05-20", None, "pending") for i in (1, 2)]
    assert any("line 3: event 'E2' has an appeal already" in p for p in problems(appeal_rows=rows))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("U1", "331181", "P009", "2022-06-01", "scenic_tickets", 1), "has no event in credit_events"),
        (("U1", "331127", "P001", "2022-06-01", "scenic_tickets", 1), "belongs to 331181, got '331127'"),
        (("U1", "331181", "P001", "2022-04-01", "scenic_tickets", 1), "before the subject's first event"),
        (("U1", "331181", "P001", "2022-06-01", "tickets", 1), "use 'tickets' has no level"),
        (("U1", "331181", "P001", "2022-06-01", "scenic_tickets", 0), "points must be above 0"),
        (("U1", "331181", "P001", "2022-06-01", "scenic_tickets", 13), "spends 13 points, 12 were"),
        (("U1", "331181", "P001", "2025-06-01", "scenic_tickets", 1), "spends 1 points, 0 were"),
        (("U1", "331181", "P001", "2022-06-01", "credit_loan", 1), "needs level AA, .* had A"),
        (("U1", "331181", "P002", "2022-06-01", "scenic_tickets", 1), "needs level A, .* had B"),
    ],
)  # fmt: skip
def test_faulty_uses_are_refused(row, message):
    found = problems(use_rows=[row])
    assert any(re.search(message, problem) for problem in found), found


def test_rules_are_checked(tmp_path):
    head = "rule,name_zh,kinds,points,cap_points,source,confidence\n"
    path = tmp_path / "rules.csv"
    path.write_text(
        f"{head}a,甲,individual,0,5,s,design\nb,乙,dog,4,3,,sure\na,丙,firm,-4,x,s,design\n",
        encoding="utf-8",
    )
    with pytest.raises(ParameterError) as error:
        read_rules(path)
    told = "\n".join(error.value.problems)
    for part in (
        "line 4: rule 'a' stands twice", "line 2: points must be a number and not 0",
        "line 3: kinds must be of", "line 3: cap_points must be a number and at least 4",
        "line 3: confidence must be one of", "line 3: source is empty", "line 4: cap_points",
    ):  # fmt: skip
        assert part in told
    path.write_text("rule,points\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="columns must be"):
        read_rules(path)


def test_wrong_limits_of_levels_are_refused():
    with pytest.raises(ValueError, match="must fall"):
        CreditParams(**{**RULES.model_dump(), "level_points": {"AAA": 1, "AA": 2, "A": 0, "B": -1}})
    with pytest.raises(ValueError, match="must give the limits"):
        CreditParams(**{**RULES.model_dump(), "level_points": {"AAA": 1}})


# The topic


def crowd(number, code="331181", kind="individual"):
    """Return two events a subject; every third burns in the open, so levels differ."""
    rows = []
    for i in range(number):
        subject = f"{kind[0].upper()}{code}{i:03d}"
        bad = "open_burning" if i % 3 == 0 else "tree_planting"
        rows += [
            (f"{subject}a", code, subject, kind, "2022-05-01", "reporting", 1 + i % 2),
            (f"{subject}b", code, subject, kind, "2023-05-01", bad, 1),
        ]
    return rows


def compute(given_, year=2023):
    return credit.compute(Evidence(POOL, given_, RULE_FILE), {})


def test_levels_of_a_county():
    """30 subjects: 10 burn (98 or 108), 20 plant (114 or 124). Half reported twice."""
    found = compute(registers(crowd(30))).rows_of("331181", "levels").iloc[0]
    assert found["subjects"] == 30
    assert found[["AAA", "AA", "A", "B", "C"]].tolist() == [0, 10, 15, 5, 0]
    assert found["mean_points"] == pytest.approx((5 * 98 + 5 * 108 + 10 * 114 + 10 * 124) / 30)


def test_mean_is_withheld_beside_withheld_levels():
    """Of 24 subjects 4 stand at B: the mean beside the rest would narrow them down."""
    found = compute(registers(crowd(24))).rows_of("331181", "levels").iloc[0]
    assert np.isnan(found["B"])
    assert np.isnan(found["mean_points"])


def of_one_rule(number, rule, times):
    """Return one event a subject: all have the same score."""
    return [
        (f"E{i}", "331181", f"P{i:03d}", "firm", "2023-05-01", rule, times) for i in range(number)
    ]


def test_a_county_all_at_the_worst_level_is_withheld_whole():
    """Seven firms of 331181 all stand at C: no zero, total or mean tells it of each."""
    bad = next(r for r in DEEDS.index if "firm" in DEEDS["kinds"][r] and DEEDS["points"][r] < 0)
    rows = of_one_rule(7, bad, 99)
    subjects = [(f"X{r[0]}", "330802", f"Q{r[2]}", *r[3:]) for r in of_one_rule(30, bad, 1)]
    found = compute(registers(rows + subjects + crowd(30, "330803", "firm")))
    own = found.rows_of("331181", "levels")
    numbers = own.drop(columns=["kind", "group", "county_code"])
    assert numbers.isna().all(axis=None)


def test_mean_of_a_single_level_is_withheld():
    """Ten firms, all alike: the mean would be each one's score."""
    good = next(r for r in DEEDS.index if "firm" in DEEDS["kinds"][r] and DEEDS["points"][r] > 0)
    row = compute(registers(of_one_rule(10, good, 1))).rows_of("331181", "levels").iloc[0]
    assert row["subjects"] == 10
    assert np.isnan(row["mean_points"])


def test_cards_stand_only_where_the_share_follows_from_the_table():
    shown = compute(registers(crowd(30)))
    assert compute(registers(crowd(24))).cards == []
    assert [line["county_code"] for line in shown.cards] == ["331181"]
    assert shown.cards[0]["value"] == pytest.approx(100 / 3)
    assert shown.cards[0]["light"] == "none"


def test_withheld_numbers_have_no_ledger_row():
    figures = compute(registers(crowd(4))).figures
    values = [row["value"] for _, row in figures]
    assert values == [0.0] * len(values)
    assert all(code in (None, "331181") for code, _ in figures)


def test_open_pack_lacks_nothing_and_uses_are_counted():
    pack = Pack.open(OPEN_PACK)
    for year in pack.years:
        given_ = Registers(pack, year)
        assert credit.check(given_, RULE_FILE) == []
    found = compute(given_)
    assert found.lacking == ()
    assert found.cards
    levels = found.table("levels")
    assert levels["subjects"].isna().any()
    assert levels["subjects"].notna().any()
    assert found.table("uses").set_index("group").loc[TOTAL, TOTAL] > 0


def test_years_before_the_scheme_are_empty():
    early = registers(year=2020)
    assert compute(early, 2020).tables == {}


def test_registers_that_lack_are_named():
    bare = Registers(FakePack({}, {}), 2023)
    assert compute(bare).lacking == ("credit_events", "credit_appeals", "credit_uses")
    assert credit.check(bare, RULE_FILE) == []


def test_appeals_of_the_year():
    """Filed in 2023: decided either way, open, open for more than 60 days, filed too late."""
    rows = [
        ("2023-01-01", "littering", 1, "2023-01-20", "2023-02-20", "upheld"),
        ("2023-01-01", "littering", 1, "2023-01-20", "2023-02-20", "rejected"),
        ("2023-12-01", "littering", 1, "2023-12-20", None, "pending"),
        ("2023-05-01", "littering", 1, "2023-05-20", None, "pending"),
        ("2023-01-01", "littering", 1, "2023-08-01", "2023-09-01", "upheld"),
        ("2022-01-01", "littering", 1, "2022-01-20", "2023-02-01", "upheld"),
    ]
    found = credit.appeals_of_year(events(*rows), 2023, RULES)["appeal_state"]
    assert found.tolist() == ["upheld", "rejected", "open", "overdue", "late"]
    assert appeal_state(events(rows[4]), RULES)["late"].all()


def test_points_spent_are_shown_only_of_many():
    """Six subjects spend 10 each; of 60, 40 and four times 1 the second could read the first off."""
    uses = pd.DataFrame({"use": "scenic_tickets", "subject_id": list("abcdef"), "points": 10.0})
    uses = uses.assign(group="other")
    numbers = credit.numbers_by(uses, "use", RULES.level_for_use, RULES)
    assert credit.points_spent(uses, numbers, RULES).loc["scenic_tickets", "points"] == 60.0
    heavy = uses.assign(points=[60.0, 40.0] + [1.0] * 4)
    assert credit.points_spent(heavy, numbers, RULES)["points"].isna().all()


# Nobody can be recognised


@pytest.fixture(scope="module")
def assessed():
    given_ = Registers(Pack.open(OPEN_PACK), 2023)
    evidence = Evidence(POOL, given_, RULE_FILE)
    found = credit.compute(evidence, {})
    return Assessment([], "331181", {"credit": found}, pd.DataFrame(), evidence)


def subject_words(given_):
    frame = given_.table("credit_events")
    return set(frame["subject_id"]) | set(frame["event_id"])


def test_no_record_leaves_the_topic(assessed):
    """No cell of a table, figure, card or file is the number of an event or subject."""
    hidden = subject_words(assessed.evidence.registers)
    found = assessed.topics["credit"]
    for name, table in found.tables.items():
        cells = table.reset_index().astype("str").to_numpy().ravel()
        assert not hidden & set(cells), name
        assert not {"subject_id", "event_id", "use_id", "appeal_id"} & set(table.columns), name
        assert len(table) < 100, name
    said = str(found.cards) + str(found.figures)
    assert not hidden & set(re.findall(r"\w+", said))
    of_province = Assessment([], None, assessed.topics, pd.DataFrame(), assessed.evidence)
    for name, table in of_province.files.items():
        assert not hidden & set(table.astype("str").to_numpy().ravel()), name


def test_no_small_number_is_shown(assessed):
    """Counts of 1 to 4 are shown nowhere, and every row tells counts of subjects only."""
    tables = assessed.topics["credit"].tables
    for name in ("levels", "uses", "appeals", "deeds"):
        numbers = tables[name].select_dtypes("number").drop(columns="mean_points", errors="ignore")
        assert not ((numbers > 0) & (numbers < RULES.least_subjects)).any().any(), name


def test_the_reports_tell_no_record(assessed):
    run = type("R", (), {"county_code": "331181", "year": 2023, "params": RULE_FILE})()
    hidden = subject_words(assessed.evidence.registers)
    for render in (
        published.sentence, published.level_table, published.rule_table,
        published.province_sentence, published.province_level_table,
        published.province_county_table, published.province_use_table,
        published.province_appeal_table, published.province_deed_table,
    ):  # fmt: skip
        text = render(assessed, run)._repr_mimebundle_()["text/plain"]
        assert not hidden & set(re.findall(r"[A-Z][0-9]+", text)), render.__name__
    assert published.WITHHELD in published.province_county_table(assessed, run).markdown()
    assert ORIGIN_ZH["illustrative"] in published.level_table(assessed, run).note
    assert published.province_figure(assessed, run)._repr_png_().startswith(b"\x89PNG")


def test_a_county_without_credit_says_so(assessed):
    run = type("R", (), {"county_code": "330102", "year": 2023, "params": RULE_FILE})()
    assert "没有生态信用积分记录" in published.sentence(assessed, run).text
    assert published.level_table(assessed, run) is None
