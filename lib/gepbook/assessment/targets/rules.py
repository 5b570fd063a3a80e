"""The table of targets and how each is measured: `params/policy/targets.yaml` (目标表)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gepbook.assessment.topic import Light
from gepbook.errors import near
from gepbook.inputs.own_data import dictionary
from gepbook.params import Confidence, Params, parameter

SECTION = "targets"
UP, DOWN = "up", "down"
PERCENT = "percent"
CARDS = 2
FIGURES = ("number", "integer")
State = Literal[
    "met", "late", "missed", "on_track", "open", "off_track", "too_short", "partial", "unmeasured"
]
STATES: tuple[State, ...] = State.__args__  # type: ignore[attr-defined]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measure(_Closed):
    """How a target is measured: by a table and columns of the data dictionary.

    `confidence` is how surely this is what its source means.
    """

    percent: ClassVar[bool] = False
    confidence: Confidence

    table: str

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that hold figures."""
        return ()

    @property
    def words(self) -> tuple[str, ...]:
        """Columns that hold anything else."""
        return ()

    @model_validator(mode="after")
    def _known(self) -> Measure:
        entry = dictionary.tables().get(self.table)
        if entry is None:
            raise ValueError(
                f"table {self.table!r} is not in the data dictionary."
                f"{near(self.table, dictionary.tables())}"
            )
        for column in (*self.numbers, *self.words):
            if column not in entry.fields:
                raise ValueError(
                    f"table {self.table!r} has no column {column!r}.{near(column, entry.fields)}"
                )
        for column in self.numbers:
            if entry.fields[column].type not in FIGURES:
                raise ValueError(f"column {column!r} of {self.table!r} holds no figures")
        if self.numbers and "year" not in entry.fields:
            raise ValueError(f"table {self.table!r} has no years; measure it by dates (kind dated)")
        return self


class _Summed(Measure):
    """A column summed over the counties; with a `price_index` at prices of the baseline year."""

    column: str
    price_index: str | None = None

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that hold figures."""
        return (self.column,)


class Sum(_Summed):
    """The sum itself."""

    kind: Literal["sum"]


class Growth(_Summed):
    """What the sum has grown since the baseline year, percent."""

    percent = True
    kind: Literal["growth"]


class Share(Measure):
    """A column in another, both summed, percent."""

    percent = True
    kind: Literal["share"]
    column: str
    of: str

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that hold figures."""
        return (self.column, self.of)


class Mean(Measure):
    """A column's mean weighted by another; rows without a figure are left out."""

    kind: Literal["mean"]
    column: str
    weight: str

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that hold figures."""
        return (self.column, self.weight)


class Dated(Measure):
    """Rows that are in place at the year's end in all rows that count, percent.

    `date` holds a date or a year, empty = not in place. Rows count where they have the words of `where`;
    they are in place where they also have those of `having`.
    """

    percent = True
    kind: Literal["dated"]
    date: str
    where: dict[str, bool | str]
    having: dict[str, bool | str]

    @property
    def words(self) -> tuple[str, ...]:
        """Columns that hold anything but figures."""
        return (self.date, *self.where, *self.having)

    @model_validator(mode="after")
    def _fits_columns(self) -> Dated:
        fields = dictionary.tables()[self.table].fields
        date = fields[self.date]
        if date.type != "date" and (date.type not in FIGURES or date.unit):
            dated = [name for name, field in fields.items() if field.type == "date"]
            raise ValueError(
                f"date {self.date!r} of {self.table!r} holds neither dates nor years. Its dates are "
                f"{', '.join(dated) or 'none'}"
            )
        for column, word in [*self.where.items(), *self.having.items()]:
            if (fields[column].type == "boolean") != isinstance(word, bool):
                wanted = "true or false, without quotes" if isinstance(word, str) else "a word"
                raise ValueError(
                    f"column {column!r} of {self.table!r} cannot be {word!r}: write {wanted}"
                )
        return self


AnyMeasure = Sum | Growth | Share | Mean | Dated


class Target(_Closed):
    """One target (目标). Its unit, source and confidence are those of its entry.

    Parameters
    ----------
    name_zh, name_en, short_zh : str
        `short_zh` labels figures and scorecards.
    direction : {"up", "down"}
        Whether more or less is wanted.
    baseline_year : int
    baseline : float, optional
        Value of the baseline year; measured where it is not given.
    value : float
        What is to be reached by the end of `due_year`.
    proportion : bool
        Lies between 0 and 100: its trend is fitted on the log-odds.
    card : bool
        Whether it stands on the counties' scorecards.
    by_county : bool, optional
        False where a single county's figure says nothing, such as yes or no.
    """

    name_zh: str
    name_en: str
    short_zh: str
    direction: Literal["up", "down"]
    baseline_year: int
    baseline: float | None = None
    value: float
    due_year: int
    proportion: bool
    card: bool
    by_county: bool = True
    measure: Annotated[AnyMeasure, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _fits(self) -> Target:
        if self.due_year <= self.baseline_year:
            raise ValueError(
                f"due_year {self.due_year} must be after baseline_year {self.baseline_year}"
            )
        if self.proportion and not 0 <= self.value <= 100:
            raise ValueError(f"a proportion must lie between 0 and 100, value is {self.value:g}")
        if self.card and not self.by_county:
            raise ValueError("a scorecard shows counties: write card: false, or by_county: true")
        if isinstance(self.measure, Growth) and (self.proportion or self.baseline is not None):
            raise ValueError(
                "growth since the baseline year is no proportion and starts from 0: write "
                "proportion: false and leave baseline out"
            )
        return self

    @property
    def sign(self) -> float:
        """1 where more is wanted, -1 where less is."""
        return 1.0 if self.direction == UP else -1.0

    def unit_wanted(self) -> str:
        """Return the unit that the measure gives."""
        if isinstance(self.measure, Sum | Mean):
            return dictionary.tables()[self.measure.table].fields[self.measure.column].unit
        return PERCENT


class TargetParams(Params):
    """Targets of 浙委办发〔2021〕82号, and how they are tracked (目标跟踪规则).

    Every entry that is none of the rules named here is a target, keyed by its id.
    """

    model_config = ConfigDict(extra="allow")
    provincial = True
    __pydantic_extra__: dict[str, Target] = Field(init=False)

    interval_level: float = parameter("1", "预测区间的置信水平", gt=0, lt=1)
    least_years: int = parameter("1", "外推趋势所需的最少年数", ge=3)
    least_counties_share: float = parameter("1", "判定全省状态所需的有数县比例", gt=0, le=1)
    proportion_margin_percent: float = parameter(
        "percent", "比例离 0 和 100 的最小距离", gt=0, lt=50
    )
    rank_step_percent: float = parameter("percent", "相差不足一步的百分比并列", gt=0)
    years: dict[str, int] = parameter("a", "目标与机制各项可能所在的年份范围")
    lights: dict[State, Light] = parameter("1", "各状态对应的灯色")

    @field_validator("years")
    @classmethod
    def _span(cls, value: dict[str, int]) -> dict[str, int]:
        if set(value) != {"first", "last"} or value["first"] >= value["last"]:
            raise ValueError("must have first and last, first before last")
        return value

    @field_validator("lights")
    @classmethod
    def _every_state(cls, value: dict[State, Light]) -> dict[State, Light]:
        if set(value) != set(STATES):
            raise ValueError(f"must give a light to exactly {', '.join(STATES)}")
        return value

    @model_validator(mode="after")
    def _few_cards(self) -> TargetParams:
        carded = [name for name, target in self.targets.items() if target.card]
        if len(carded) > CARDS:
            raise ValueError(f"at most {CARDS} targets may have card: true, got {carded}")
        return self

    @property
    def targets(self) -> dict[str, Target]:
        """The targets by id, in the order of the file."""
        return dict(self.__pydantic_extra__ or {})
