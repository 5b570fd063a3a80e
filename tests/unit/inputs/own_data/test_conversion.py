"""Units of users' figures: what each means, and what is refused."""

import pytest

from gepbook.errors import UnitError
from gepbook.inputs.own_data import conversion, dictionary


@pytest.mark.parametrize(
    ("declared", "wanted", "scale", "offset"),
    [
        ("亿元", "CNY a-1", 1e8, 0),
        ("千万元", "CNY", 1e7, 0),
        ("万亿元", "CNY", 1e12, 0),
        ("万亩", "ha", 10_000 / 15, 0),  # 1 亩 = 1/15 ha
        ("万公顷", "ha", 1e4, 0),
        ("万吨", "t a-1", 1e4, 0),
        ("千克", "t", 1e-3, 0),
        ("斤", "t", 5e-4, 0),
        ("万㎡", "m2", 1e4, 0),  # ten thousand square metres, not (10 000 m)²
        ("万m3", "m3", 1e4, 0),
        ("亿m³", "m3", 1e8, 0),
        ("亿立方米", "m3", 1e8, 0),
        ("平方公里", "ha", 100, 0),
        ("km2", "ha", 100, 0),
        ("万千瓦时", "kWh a-1", 1e4, 0),
        ("亿kWh", "kWh a-1", 1e8, 0),
        ("万人次", "person", 1e4, 0),
        ("%", "percent", 1, 0),
        ("\uff05", "percent", 1, 0),
        ("1", "percent", 100, 0),  # a fraction
        ("K", "degC", 1, -273.15),
        ("0.1 ℃", "degC", 0.1, 0),
        ("0.1 mm", "mm", 0.1, 0),
        ("0.0001 kg m-2 a-1", "g m-2 a-1", 0.1, 0),
        ("毫克/升", "mg L-1", 1, 0),
    ],
)
def test_units(declared, wanted, scale, offset):
    assert conversion.factor(declared, wanted) == pytest.approx((scale, offset))


@pytest.mark.parametrize(
    ("declared", "wanted", "said"),
    [
        ("度", "kWh a-1", "may be 千瓦时"),
        ("亩", "CNY", "does not measure the same"),
        ("万园", "CNY", "is not known"),
        ("", "percent", "has no unit"),
        ("((", "m", "is not known"),
        ("1e400 m", "m", "no finite scale"),
        ("1/0", "m", "is not known"),
        ("m0", "m", "is not known"),
        ("9**9**9", "m", "is no unit"),
        ("m" * 50, "m", "is no unit"),
        ("mm/month", "mm", "does not measure the same"),
    ],
)
def test_what_is_refused(declared, wanted, said):
    with pytest.raises(UnitError, match=said):
        conversion.factor(declared, wanted)


def test_every_template_unit_of_the_dictionary_converts():
    fields = [f for t in dictionary.tables().values() for f in t.fields.values() if f.unit]
    assert len(fields) > 60
    for field in fields:
        scale, offset = conversion.factor(field.template_unit, field.unit)
        assert scale > 0
        assert offset == 0
