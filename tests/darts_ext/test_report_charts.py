"""Ticks, line chart, dot plot and heat map: to scale, and calm about missing numbers."""

import math
import random
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from report_pages import SVG, of_class, titles

from darts_ext.report.charts.axes import find_ticks
from darts_ext.report.charts.dotplot import draw_dots
from darts_ext.report.charts.heatmap import draw_heat_map
from darts_ext.report.charts.linechart import Line, draw_lines
from darts_ext.report.charts.palette import assign_looks

NAN = float("nan")


def random_ranges():
    rng = random.Random(0)
    for _ in range(500):
        low = rng.uniform(-1, 1) * 10 ** rng.uniform(-6, 6)
        yield low, low + abs(low) * 10 ** rng.uniform(-3, 3)


def test_ticks_are_a_handful_and_inside():
    for low, high in random_ranges():
        marks = find_ticks(low, high)
        assert 3 <= len(marks) <= 9
        slack = 1e-6 * (high - low)
        assert low - slack <= marks[0]
        assert marks[-1] <= high + slack


def test_ticks_are_round_and_even():
    for low, high in random_ranges():
        steps = [b - a for a, b in pairwise(find_ticks(low, high))]
        mantissas = {round(step / 10 ** math.floor(math.log10(step) + 1e-9), 3) for step in steps}
        assert len(mantissas) == 1
        assert mantissas <= {1.0, 2.0, 2.5, 5.0}


@pytest.mark.parametrize("low, high, marks", [(3, 3, [3.0]), (NAN, 1, []), (0, math.inf, [0.0]), (2, 1, [2.0])])
def test_ticks_of_no_range(low, high, marks):
    assert find_ticks(low, high) == marks


@pytest.mark.parametrize(
    "values, paths, dots",
    [
        ([], 0, 0),
        ([NAN], 0, 0),
        ([5.0], 0, 1),
        ([1.0, 1.0], 1, 0),
        ([1, 2, NAN, 3, NAN, 4, 5], 2, 1),
        ([math.inf, 1.0, 2.0], 1, 0),
    ],
)
def test_line_chart_leaves_gaps(values, paths, dots):
    text = draw_lines([Line("a < b", values, "#123456")], title="<t>")
    tags = [node.tag for node in of_class(ET.fromstring(text), "line")]
    assert tags.count(f"{SVG}path") == paths
    assert tags.count(f"{SVG}circle") == dots
    assert "nan" not in text.replace("a &lt; b: nan", "")
    assert "inf" not in text


def test_line_chart_is_to_scale():
    svg = ET.fromstring(draw_lines([Line("a", [0.0, 10.0, 5.0], "#123456")], title="t", low=0, high=10))
    path = of_class(svg, "line")[0].get("d")
    points = [point.split() for point in path.removeprefix("M").split("L")]
    (x0, y0), (x1, y1), (x2, y2) = ((float(x), float(y)) for x, y in points)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 < y2 < y0
    assert y0 - y2 == pytest.approx(y2 - y1, abs=0.2)


def test_dot_plot_leaves_out_missing_numbers():
    svg = ET.fromstring(draw_dots({"a": [], "b": [NAN], "c": [1.0]}, title="t", x_label="x"))
    assert len(list(svg.iter(f"{SVG}circle"))) == 1


@pytest.fixture(scope="module")
def heat_map():
    scores = {
        "cell/0/op": {"none": 1.0, "skip_connect": 3.0, "noise": 2.0},
        "cell/1/op": {"none": None, "skip_connect": NAN},
    }
    chosen = {"cell/0/op": "skip_connect", "cell/1/op": "none"}
    look = assign_looks(["none", "skip_connect", "noise"])
    return ET.fromstring(draw_heat_map(scores, title="t", chosen=chosen, look=look))


def test_heat_map_shades_by_score(heat_map):
    none, skip, noise = (float(node.get("fill-opacity")) for node in of_class(heat_map, "score"))
    assert none < noise < skip


def test_heat_map_marks_what_was_chosen(heat_map):
    assert "cell/0/op skip_connect: 3 (chosen)" in titles(heat_map)
    assert len(of_class(heat_map, "chosen")) == 2
