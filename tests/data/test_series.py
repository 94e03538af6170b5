"""Series from CSV files: what is read, what is mended and said so, what is refused with its line."""

from __future__ import annotations

import datetime
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError, DataError
from gatefield.data.calendar import calendar_features
from gatefield.data.dates import parse_dates
from gatefield.data.frequency import Frequency
from gatefield.data.readers.airline import Airline
from gatefield.data.readers.csv_series import CsvSeries
from gatefield.data.readers.etth1 import ETTh1
from gatefield.data.readers.mackey_glass import MackeyGlass
from gatefield.data.readers.seasonal import Seasonal
from gatefield.data.readers.sunspots import Sunspots
from gatefield.data.readers.temperatures import Temperatures
from gatefield.data.series import Series


def read(text: str, **options) -> Series:
    return CsvSeries(path="sales.csv", **options).parse(text.encode(), "sales.csv")


def refused(text: str, **options) -> str:
    with pytest.raises(DataError) as caught:
        read(text, **options)
    assert caught.value.hint
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------------ reading


def test_dates_numbers_and_names():
    series = read("day,a,shop,b\n2024-02-28,1,north,2.5\n2024-02-29,3,north,-4e1\n2024-03-01,5,south,6\n")
    assert series.names == ["a", "b"]
    assert series.values.tolist() == [[1, 2.5], [3, -40], [5, 6]]
    assert series.stamps == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert str(series.frequency) == "day"
    assert series.notes == ["column 'shop' holds neither numbers nor dates that are known, and is left out"]
    assert series.stamp(4) == "2024-03-03"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_marks_and_line_ends_give_the_same(end):
    plain = read("t,v\n2020-01,1.5\n2020-02,2.5\n".replace("\n", end))
    for text, options in (
        ("t;v\n2020-01;1,5\n2020-02;2,5\n", {"decimal": ","}),
        ("t\tv\n2020-01\t1.5\n2020-02\t2.5", {}),
        ('\ufeff"t","v"\n"2020-01","1.5"\n\n"2020-02", 2.5\n\n', {}),
        ("v,t\n1.5,2020-01\n2.5,2020-02\n", {}),
    ):
        other = read(text.replace("\n", end), **options)
        assert torch.equal(other.values, plain.values)
        assert (other.stamps, other.frequency) == (plain.stamps, plain.frequency)


def test_a_column_of_numbers_alone():
    series = read("0.5\n-1\n2\n")
    assert series.values.flatten().tolist() == [0.5, -1, 2]
    assert series.names == ["series 1"]
    assert series.stamps == ["0", "1", "2"]
    assert series.stamp(5) == "5"
    assert read("year,v\n1999,1\n2000,2\n").stamps == ["1999-01-01", "2000-01-01"]


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.tuples(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12)), min_size=1, max_size=30),
    start=st.datetimes(datetime.datetime(1800, 1, 1), datetime.datetime(2100, 1, 1)),
    step=st.sampled_from([60, 900, 3600, 86400, 604800, 7]),
)
def test_what_is_written_is_read(rows, start, step):
    start = start.replace(microsecond=0)
    times = [start + datetime.timedelta(seconds=step * i) for i in range(len(rows))]
    text = "when,a,b\n" + "".join(f"{time},{a!r},{b!r}\n" for time, (a, b) in zip(times, rows))
    series = read(text)
    assert series.values.tolist() == [list(row) for row in rows]
    if len(rows) > 1:
        assert [datetime.datetime.fromisoformat(stamp) for stamp in series.stamps] == times
        assert datetime.datetime.fromisoformat(series.stamp(len(rows))) == times[-1] + datetime.timedelta(seconds=step)


@settings(deadline=None, max_examples=150)
@given(content=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_any_bytes_are_read_or_refused(content):
    try:
        series = CsvSeries(path="x.csv").parse(content, "x.csv")
    except DataError as error:
        assert error.hint
    else:
        assert series.values.isfinite().all()


# ---------------------------------------------------------------------------------------- gaps, duplicates, covariates

GAP = "d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-05,8\n2024-01-06,\n2024-01-07,10\n"


@pytest.mark.parametrize(
    ("rule", "values"),
    [("interpolate", [1, 2, 4, 6, 8, 9, 10]), ("forward", [1, 2, 2, 2, 8, 8, 10]), ("drop", [1, 2, 8, 10])],
)
def test_gaps_and_missing_values_by_rule(rule, values):
    series = read(GAP, missing=rule)
    assert series.values.flatten().tolist() == values
    assert "2 steps are not in the file, first 2024-01-03" in series.notes[0]
    assert "3 " in series.notes[1]
    assert len(series.stamps) == len(values)


def test_refusing_missing_values_names_the_first():
    assert "missing at 2024-01-03" in refused(GAP, missing="refuse")


def test_nothing_looks_ahead_unless_it_is_asked_for():
    """Whatever the later values are, the earlier ones stay; interpolation cannot promise that."""
    texts = [f"v\n1\n\n5\nNA\n{last}\n" for last in (7, -100)]
    one, two = (read(text).values for text in texts)
    assert torch.equal(one[:-1], two[:-1])
    one, two = (read(text, missing="interpolate").values for text in texts)
    assert not torch.equal(one[:-1], two[:-1])


def test_steps_before_all_columns_have_begun_are_left_out():
    series = read("d,a,b\n2024-01-01,1,\n2024-01-02,2,\n2024-01-03,3,4\n2024-01-04,,5\n")
    assert series.values.tolist() == [[3, 4], [3, 5]]
    assert series.stamps[0] == "2024-01-03"
    assert "the first 2 steps" in series.notes[0]


def test_repeated_and_unsorted_dates():
    series = read("d,v\n2024-01-03,3\n2024-01-01,1\n2024-01-02,9\n2024-01-02,2\n")
    assert series.values.flatten().tolist() == [1, 2, 3]
    assert series.notes[0] == "the rows were out of order and are sorted by date"
    assert series.notes[1] == "1 row repeats a date, first 2024-01-02: the last one counts"


def test_dates_that_are_no_grid():
    series = read("d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-09,3\n2024-02-17,4\n2024-02-18 07:13,5\n")
    assert series.frequency == Frequency()
    assert "no regular grid" in series.notes[0]
    assert len(series) == 5


def test_covariates_reach_into_the_future():
    text = "d,v,promotion\n2024-01-01,1,0\n2024-01-02,2,1\n2024-01-03,,0\n2024-01-04,,1\n"
    series = read(text, covariates=["promotion"])
    assert series.values.flatten().tolist() == [1, 2]
    assert series.covariates.flatten().tolist() == [0, 1, 0, 1]
    assert series.covariate_names == ["promotion"]
    assert "missing at 2024-01-04" in refused(text.replace("01-04,,1", "01-04,,"), covariates=["promotion"])


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("d,v\n2024-01-01,1\n2024-01-02,many\n", "sales.csv, line 3: 'many' in column 'v' is not a number"),
        ("d,v\n2024-01-01,1\n2024-01-02,inf\n", "line 3: 'inf' in column 'v' is not finite"),
        ("d,v\n2024-01-01,1\n2024-01-02,1e999\n", "line 3: '1e999' in column 'v' is not finite"),
        ("d,v\n2024-01-01,1\n2024-13-02,2\n", "line 3: '2024-13-02' is not a date"),
        ("d,v\n2024-01-01,1\n,2\n", "line 3: '' is not a date"),
        ("d,v\nsoon,1\n2024-01-02,2\n", "line 2: 'soon' is not a date"),
        ("d,v\n2024-01-01,1\n2024-01-02,1,5\n", "line 3: 3 cells where there are 2 columns"),
        ("d,v\n", "names of columns and no rows"),
        ("", "is empty"),
        ("d,v\n2024-01-01,\n2024-01-02,\n", "no column of numbers"),
        ("d,shop\n2024-01-01,north\n", "no column of numbers"),
        ("v,v\n1,2\n", "two columns named 'v'"),
        ("d,v\n01/02/2024,1\n02/02/2024,2\n", "may begin with the day or with the month"),
        ("v\n1_000\n2\n", "'1_000'"),
    ],
)
def test_refused(text, what):
    assert what in refused(text)


def test_hints_that_help():
    assert "decimal" in refused('v\n1\n"2,5"\n')
    assert "date_format" in refused("d,v\n2024-01-01,1\n2024.01:02,2\n")
    assert "did you mean 'sales'" in refused("d,sales\n2024-01-01,1\n", columns=["sale"])
    with pytest.raises(DataError, match="line 2: not UTF-8"):
        CsvSeries(path="x").parse("v\ncafé\n".encode("latin-1"), "x")


@pytest.mark.parametrize(
    ("named", "key"),
    [
        ({"columns": ["v", "v"]}, "columns"),
        ({"columns": ["v"], "covariates": ["v"]}, "covariates"),
        ({"date": "d", "columns": ["d", "v"]}, "columns"),
    ],
)
def test_a_column_has_one_part_to_play(named, key):
    """Above all, a series cannot be known ahead of itself."""
    with pytest.raises(ArgumentError, match="is named twice") as caught:
        CsvSeries(path="x", **named)
    assert caught.value.path == (key,)
    assert "once" in str(caught.value.hint)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere") as caught:
        CsvSeries(path=str(tmp_path / "nowhere.csv")).read()
    assert caught.value.hint


def test_days_first_is_settled_by_a_day_above_twelve_or_by_the_user():
    assert read("d,v\n12/02/2024,1\n13/02/2024,2\n").stamps == ["2024-02-12", "2024-02-13"]
    assert read("d,v\n01/02/2024,1\n02/02/2024,2\n", date_format="%d/%m/%Y").stamps[0] == "2024-02-01"
    assert "written as %d" in refused("d,v\n2024-01-01,1\n", date="d", date_format="%d/%m/%Y")


def test_offsets_become_utc():
    times = parse_dates(["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00"], ["1", "2"])
    assert [time.hour for time in times] == [0, 1]


# ----------------------------------------------------------------------------------------------------------- frequency


@pytest.mark.parametrize(
    ("stamps", "name", "season", "after"),
    [
        (["2023-11-30", "2023-12-31", "2024-01-31"], "month", 12, "2024-02-29"),
        (["2023-01-01", "2023-04-01", "2023-07-01"], "3 months", 4, "2023-10-01"),
        (["2020-01-01", "2021-01-01"], "12 months", 1, "2022-01-01"),
        (["2024-01-01", "2024-01-08"], "week", 52, "2024-01-15"),
        (["2024-02-28", "2024-02-29"], "day", 7, "2024-03-01"),
        (["2024-02-28 22:00", "2024-02-28 23:00"], "hour", 24, "2024-02-29"),
        (["2024-02-28 22:00", "2024-02-28 22:15"], "15 minutes", 96, "2024-02-28 22:30:00"),
    ],
)
def test_frequency(stamps, name, season, after):
    times = [datetime.datetime.fromisoformat(stamp) for stamp in stamps]
    frequency = Frequency.of(times)
    assert frequency is not None
    assert (str(frequency), frequency.season) == (name, season)
    assert frequency.after(stamps[-1], 1) == after
    assert frequency.distance(stamps[0], after) == len(stamps)
    assert [frequency.between(times[0], time) for time in times] == list(range(len(times)))


def test_calendar_positions():
    series = read("d,v\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n")
    features, names = calendar_features(series, ["week", "year"], 4)
    assert len(features) == 7
    assert names[0] == "sine of the week"
    monday = torch.tensor([0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(features[0, :2], monday)
    torch.testing.assert_close(features[:, 0], torch.sin(2 * math.pi * torch.arange(7, dtype=torch.float64) / 7))
    torch.testing.assert_close(features.square().sum(1), torch.full((7,), 2.0, dtype=torch.float64))
    with pytest.raises(DataError, match="numbers, not dates"):
        calendar_features(read("v\n1\n2\n"), ["day"], 1)


# ------------------------------------------------------------------------------------------------------ published sets


def test_published_sets_have_their_published_counts(data_folder):
    folder = str(data_folder / "time-series")
    airline, sunspots = Airline(folder).read(), Sunspots(folder).read()
    assert (len(airline), airline.stamps[-1], airline.frequency.season) == (144, "1960-12-01", 12)
    assert float(airline.values.sum()) == 40363
    assert (len(sunspots), sunspots.stamps[0]) == (2820, "1749-01-01")
    temperatures = Temperatures(folder).read()
    assert len(temperatures) == 3652
    assert temperatures.notes[0] == "2 steps are not in the file, first 1984-12-31"
    mackey_glass = MackeyGlass(folder).read()
    assert (len(mackey_glass), mackey_glass.frequency) == (10000, Frequency())
    etth1 = ETTh1(folder).read()
    assert (tuple(etth1.values.shape), etth1.parts, etth1.names[-1]) == ((14400, 7), (8640, 11520), "OT")
    assert ETTh1(folder, columns=["OT"]).read().values.shape == (14400, 1)


def test_mackey_glass_obeys_its_equation(data_folder):
    """The file holds tanh(x - 1) at whole times: dx/dt by central differences nearly fits, tau = 17."""
    y = MackeyGlass(str(data_folder / "time-series")).read().values.flatten()
    x = torch.atanh(y) + 1
    slope = (x[19:] - x[17:-2]) / 2
    delayed, now = x[1:-18], x[18:-1]
    expected = 0.2 * delayed / (1 + delayed**10) - 0.1 * now
    assert float((slope - expected).abs().mean()) < 0.05 * float(expected.abs().mean())


def test_a_generated_series_is_the_same_every_time():
    first, second = Seasonal(months=50).read(), Seasonal(months=50).read()
    assert torch.equal(first.values, second.values)
    assert first.fingerprint() == second.fingerprint() != Seasonal(months=50, seed=1).read().fingerprint()
    still = Seasonal(months=30, noise=0.0).read().values.flatten()
    torch.testing.assert_close(still[12:24] - still[:12], torch.full((12,), 1.2, dtype=torch.float64))


def test_values_that_are_not_finite_cannot_be_a_series():
    with pytest.raises(DataError, match="'a' is not finite at 1"):
        Series(torch.tensor([[1.0], [math.nan]], dtype=torch.float64), ["a"], ["0", "1"])
