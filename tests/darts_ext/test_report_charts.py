"""Ticks, line chart, dot plot and heat map: to scale, and calm about missing numbers."""

import math
import random
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from darts_ext.report.axes import find_ticks
from darts_ext.report.dotplot import draw_dots
from darts_ext.report.heatmap import draw_heat_map
from darts_ext.report.linechart import Line, draw_lines
from darts_ext.report.palette import assign_looks

NAN = float("nan")
SVG = "{http://www.w3.org/2000/svg}"


def of_class(svg, name):
    return [node for node in svg.iter() if node.get("class") == name]


def test_ticks_are_round_even_and_inside():
    rng = random.Random(0)
    for _ in range(500):
        low = rng.uniform(-1, 1) * 10 ** rng.uniform(-6, 6)
        high = low + abs(low) * 10 ** rng.uniform(-3, 3)
        marks = find_ticks(low, high)
        steps = {round((b - a) / 10 ** math.floor(math.log10(b - a) + 1e-9), 3) for a, b in pairwise(marks)}
        assert 3 <= len(marks) <= 9 and steps <= {1.0, 2.0, 2.5, 5.0} and len(steps) == 1
        slack = 1e-6 * (high - low)
        assert low - slack <= marks[0] and marks[-1] <= high + slack


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
    drawn = of_class(ET.fromstring(text), "line")
    assert [sum(node.tag == SVG + tag for node in drawn) for tag in ("path", "circle")] == [paths, dots]
    assert "nan" not in text.replace("a &lt; b: nan", "") and "inf" not in text


def test_line_chart_is_to_scale():
    svg = ET.fromstring(draw_lines([Line("a", [0.0, 10.0, 5.0], "#123456")], title="t", low=0, high=10))
    (x0, y0), (x1, y1), (x2, y2) = (
        [float(v) for v in p.split()] for p in of_class(svg, "line")[0].get("d")[1:].split("L")
    )
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2) and y1 < y2 < y0
    assert y0 - y2 == pytest.approx(y2 - y1, abs=0.2)


def test_dot_plot_without_numbers():
    svg = ET.fromstring(draw_dots({"a": [], "b": [NAN], "c": [1.0]}, title="t", x_label="x"))
    assert len(list(svg.iter(f"{SVG}circle"))) == 1


def test_heat_map_marks_the_choice_and_shades_by_rank():
    scores = {
        "cell/0/op": {"none": 1.0, "skip_connect": 3.0, "noise": 2.0},
        "cell/1/op": {"none": None, "skip_connect": NAN},
    }
    svg = ET.fromstring(
        draw_heat_map(
            scores,
            title="t",
            chosen={"cell/0/op": "skip_connect", "cell/1/op": "none"},
            look=assign_looks(["none", "skip_connect", "noise"]),
        )
    )
    shades = [float(node.get("fill-opacity")) for node in of_class(svg, "score")]
    assert len(shades) == 3 and shades[0] < shades[2] < shades[1]
    hints = [node.text for node in svg.iter(f"{SVG}title")]
    assert "cell/0/op skip_connect: 3 (chosen)" in hints and len(of_class(svg, "chosen")) == 2
