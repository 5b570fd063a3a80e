"""No small cell leaks: neither shown, nor worked out from what is shown, by linear programming."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from gepbook.assessment import privacy
from gepbook.assessment.privacy import TOTAL, protect, sum_is_safe, with_totals
from gepbook.errors import ParameterError

MINIMUM = 5


def table(rows, index=None, columns=None):
    index = index or [f"r{i}" for i in range(len(rows))]
    columns = columns or [f"c{i}" for i in range(len(rows[0]))]
    levels = isinstance(index[0], tuple)
    index = pd.MultiIndex.from_tuples(index) if levels else pd.Index(index, name="row")
    return pd.DataFrame(rows, index=index, columns=columns)


def labels(shown):
    """Return the labels of rows as tuples, with their levels or without."""
    return [row if isinstance(row, tuple) else (row,) for row in shown.index]


def numbers(shown):
    """Return the numbers of a table by label and column."""
    return {
        (row, column): value
        for row, values in zip(labels(shown), shown.to_numpy(), strict=True)
        for column, value in zip(shown.columns, values, strict=True)
    }


def relations(shown):
    """Yield every sum that a reader knows to hold, as (whole, parts), from the labels alone."""
    rows = labels(shown)
    leaf_columns = [c for c in shown.columns if c != TOTAL]
    for row in rows:
        yield (row, TOTAL), [(row, column) for column in leaf_columns]
    for row in rows:
        if TOTAL not in row:
            continue
        depth = row.index(TOTAL)
        below = [
            r for r in rows
            if r[:depth] == row[:depth] and r[depth] != TOTAL
            and (depth + 1 == len(r) or r[depth + 1] == TOTAL)
        ]  # fmt: skip
        for column in shown.columns:
            yield (row, column), [(r, column) for r in below]


def feasible(shown, cell):
    """Return the least and greatest value of a withheld cell that fit all that is shown.

    Withheld cells are at least 1, as every 0 is shown but in rows that are withheld whole.
    """
    seen = numbers(shown)
    hidden = [key for key, value in seen.items() if np.isnan(value)]
    place = {key: i for i, key in enumerate(hidden)}
    matrix, right = [], []
    for whole, parts in relations(shown):
        row, known = np.zeros(len(hidden)), 0.0
        for sign, key in [(-1.0, whole), *((1.0, part) for part in parts)]:
            if key in place:
                row[place[key]] += sign
            else:
                known += sign * seen[key]
        matrix.append(row)
        right.append(-known)
    blank = {row for row in labels(shown) if all(np.isnan(seen[row, c]) for c in shown.columns)}
    bounds = [(0.0 if row in blank else 1.0, 1e6) for row, _ in hidden]
    ends = []
    for sign in (1.0, -1.0):
        aim = np.zeros(len(hidden))
        aim[place[cell]] = sign
        found = linprog(aim, A_eq=np.array(matrix), b_eq=right, bounds=bounds)
        assert found.status == 0, found.message
        ends.append(sign * found.fun)
    return ends


def check_no_leak(counts, minimum=MINIMUM, persons=None, sensitive=()):
    """Assert that nothing small is shown, and nothing withheld can be narrowed down.

    Of a row all of whose persons are in sensitive categories nothing is shown, and others may be there.
    """
    whole, shown = with_totals(counts), protect(counts, minimum, persons, sensitive)
    told = set()
    for row, total in zip(labels(whole), whole[TOTAL], strict=True):
        own = whole.loc[row if len(row) > 1 else row[0]]
        if 0 < total == own[list(sensitive)].sum():
            told.add(row)
            assert shown.loc[row if len(row) > 1 else row[0]].isna().all()
            others = [c for c in counts.columns if c not in sensitive]
            assert max(feasible(shown, (row, c))[1] for c in others) >= minimum - 1e-6, row
    behind = numbers(whole if persons is None else persons)
    pd.testing.assert_frame_equal(shown.fillna(whole.astype(float)), whole.astype(float))
    seen_of = numbers(shown)
    for (row, column), value in numbers(whole).items():
        seen = seen_of[row, column]
        few = 0 < behind[row, column] < minimum
        if value == 0:
            assert np.isnan(seen) if row in told else seen == 0
            continue
        if few:
            assert np.isnan(seen)
        if np.isnan(seen):
            low, high = feasible(shown, (row, column))
            assert high - low > 0.5, (row, column)
            if few:
                reach = minimum if value < minimum else value + minimum - 1
                assert high >= reach - 1e-6, (row, column)
                assert low <= (value if TOTAL in (*row, column) else 1) + 1e-6, (row, column)


def test_nothing_small_nothing_withheld():
    counts = table([[5, 6], [0, 9]])
    assert protect(counts, MINIMUM).equals(with_totals(counts).astype(float))


def test_one_small_cell_takes_a_rectangle():
    """3 hides beside 8, 7 and 9: each row and column then lacks two numbers, and no total."""
    shown = protect(table([[3, 8, 40], [7, 9, 50], [60, 70, 80]]), MINIMUM)
    assert shown.isna().sum().sum() == 4
    assert shown.loc["r0", ["c0", "c1"]].isna().all()
    assert shown.loc["r1", ["c0", "c1"]].isna().all()
    assert shown[TOTAL].notna().all()


def test_two_ones_do_not_hide_each_other():
    """1 + 1 = 2 would tell both, as what is withheld is at least 1: something larger hides too."""
    counts = table([[1, 1, 20], [30, 30, 30]])
    shown = protect(counts, MINIMUM)
    assert np.isnan(shown.loc["r0", "c2"])
    check_no_leak(counts)


def test_a_row_of_few_hides_its_total():
    counts = table([[2, 1], [20, 30], [40, 50]])
    assert np.isnan(protect(counts, MINIMUM).loc["r0", TOTAL])
    check_no_leak(counts)


def test_group_totals_do_not_give_a_county_away():
    """The only small county of group a: its group's total and the other group must not tell it."""
    index = [("a", "1"), ("a", "2"), ("b", "3"), ("b", "4")]
    counts = table([[2, 30], [40, 20], [25, 25], [35, 45]], index=index)
    shown = protect(counts, MINIMUM)
    assert np.isnan(shown.loc[("a", "1"), "c0"])
    check_no_leak(counts)


def test_a_lone_cell_hides_everything():
    assert protect(table([[3]]), MINIMUM).isna().all().all()


def test_the_order_of_rows_does_not_matter():
    counts = table([[3, 8, 40], [7, 2, 50], [60, 70, 80]])
    assert protect(counts, MINIMUM).equals(protect(counts.iloc[::-1], MINIMUM))


def test_rows_called_like_totals_are_refused():
    with pytest.raises(ParameterError, match="called 'total'"):
        with_totals(table([[1, 2]], index=[TOTAL]))


shapes = st.tuples(st.integers(1, 4), st.integers(1, 4))


@settings(max_examples=25, deadline=None)
@given(st.data(), shapes, st.sampled_from([3, 5, 10]))
def test_no_small_cell_leaks(data, shape, minimum):
    rows, columns = shape
    row = st.lists(st.integers(0, 2 * minimum), min_size=columns, max_size=columns)
    check_no_leak(table(data.draw(st.lists(row, min_size=rows, max_size=rows))), minimum)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.lists(st.integers(0, 14), min_size=3, max_size=3), min_size=2, max_size=6))
def test_no_small_cell_leaks_through_groups(rows):
    check_no_leak(table(rows, index=[(f"g{i % 2}", f"r{i}") for i in range(len(rows))]))


@settings(max_examples=25, deadline=None)
@given(st.data(), shapes, st.sampled_from([3, 5]))
def test_no_group_is_told_by_a_row_of_one_kind(data, shape, minimum):
    """The last two categories speak against whoever is in them."""
    rows, columns = shape
    good = st.lists(st.sampled_from([0, 0, 0, 4, 9]), min_size=columns, max_size=columns)
    bad = st.lists(st.sampled_from([0, 1, 4, 9]), min_size=2, max_size=2)
    row = st.tuples(good, bad).map(lambda both: both[0] + both[1])
    numbers_ = data.draw(st.lists(row, min_size=rows, max_size=rows))
    columns_ = [f"c{i}" for i in range(columns + 2)]
    for index in (None, [(f"g{i % 2}", f"r{i}") for i in range(rows)]):
        check_no_leak(table(numbers_, index, columns_), minimum, sensitive=columns_[-2:])


def test_a_row_that_is_all_red_is_withheld_whole():
    """Four firms, all red: with a 0 beside them, the row would name each; others hide with it."""
    counts = table([[0, 0, 4], [9, 8, 7], [10, 20, 30]], columns=["green", "yellow", "red"])
    shown = protect(counts, 3, sensitive=("yellow", "red"))
    assert shown.loc["r0"].isna().all()
    assert shown.loc[TOTAL].notna().all()
    assert protect(counts, 3).notna().all(axis=None)


def test_all_in_the_province_are_red():
    """Nothing is shown of a table that tells of everybody."""
    counts = table([[0, 4], [0, 9]], [("a", "1"), ("b", "2")], ["green", "red"])
    assert protect(counts, 3, sensitive=("red",)).isna().all(axis=None)
    check_no_leak(counts, 3, sensitive=("red",))


people = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("123"), st.sampled_from("xyz"), st.integers(0, 8)),
    min_size=1,
    max_size=60,
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(people)
def test_numbers_of_few_persons_do_not_leak(cases):
    """Twenty uses by two persons are withheld like two."""
    records = pd.DataFrame(cases, columns=["group", "county", "use", "person"])
    counts, persons = privacy.count(records, ["group", "county"], "use", ["x", "y", "z"], "person")
    assert counts.sum().sum() == len(records)
    assert persons.loc[(TOTAL, TOTAL), TOTAL] == records["person"].nunique()
    check_no_leak(counts, MINIMUM, persons)


def test_a_sum_that_one_holds_is_not_safe():
    """Who holds 47 of 100 knows the largest to 53 at most, 6 % off: less than a tenth of 50.

    Four persons are fewer than five.
    """
    assert not sum_is_safe(pd.Series([1.0, 50, 1, 47, 1]), MINIMUM, 0.1)
    assert sum_is_safe(pd.Series([50.0, 45, 2, 2, 1]), MINIMUM, 0.1)
    assert sum_is_safe(pd.Series([30.0, 20, 20, 20, 10]), MINIMUM, 0.1)
    assert not sum_is_safe(pd.Series([25.0] * 4), MINIMUM, 0.1)
