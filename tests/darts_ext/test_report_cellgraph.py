"""The drawing of a cell: complete, well-formed, and with nothing on top of a label."""

import random
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from report_folders import NORMAL, OPERATIONS, REDUCE, darts_cell, random_darts_cell
from report_pages import SVG, of_class

from darts_ext.report import draw_cell
from darts_ext.runtime.errors import UsageError

CURVE_STEPS = 40
NUMBERS = {"M": 2, "C": 6, "H": 1, "h": 1}  # of each command of a path


def draw(edges, inputs, concat):
    return ET.fromstring(draw_cell(edges, inputs=inputs, concat=concat, title="cell"))


@pytest.fixture(scope="module")
def normal():
    """The normal cell of DARTS V2, with a key that the drawing does not know."""
    cell = darts_cell(NORMAL)
    return draw([edge | {"activation": "relu"} for edge in cell["edges"]], 2, cell["concat"])


def test_edges_of_the_drawing_are_those_of_the_cell(normal):
    drawn = [(e.get("data-op"), int(e.get("data-from")), int(e.get("data-to"))) for e in of_class(normal, "edge")]
    edges = [(edge["op"], edge["from"], edge["to"]) for edge in darts_cell(NORMAL)["edges"]]
    assert sorted(drawn) == sorted(edges)


def test_nodes_are_gathered_into_the_output(normal):
    assert [arc.get("data-from") for arc in of_class(normal, "concat")] == ["2", "3", "4", "5"]


def test_only_skip_connections_are_dashed(normal):
    dashed = {}
    for edge in of_class(normal, "edge"):
        dashed[edge.get("data-op")] = edge.find(f"{SVG}path").get("stroke-dasharray") is not None
    assert dashed == {"sep_conv_3x3": False, "skip_connect": True, "dil_conv_3x3": False}


def find_boxes(svg):
    """{("node", i) or ("edge", i): (left, top, right, bottom)}"""
    boxes = {}
    for i, group in enumerate(of_class(svg, "edge") + of_class(svg, "node")):
        rect = group.find(f"{SVG}rect")
        left, top, width, height = (float(rect.get(name)) for name in ("x", "y", "width", "height"))
        boxes[group.get("class"), int(group.get("data-node", i))] = (left, top, left + width, top + height)
    return boxes


def trace(path):
    """Points on a path made of M, C, H and h, read from its text."""
    for command in NUMBERS:
        path = path.replace(command, f" {command} ")
    words = path.split()
    place = (0.0, 0.0)
    points = []
    while words:
        command = words.pop(0)
        values = [float(words.pop(0)) for _ in range(NUMBERS[command])]
        if command == "M":
            place = (values[0], values[1])
            continue
        corners = [place, *zip(values[::2], values[1::2])]
        if command != "C":
            end = values[0] if command == "H" else place[0] + values[0]
            corners = [place, place, (end, place[1]), (end, place[1])]
        points += [bezier(corners, i / CURVE_STEPS) for i in range(CURVE_STEPS + 1)]
        place = corners[-1]
    return points


def bezier(corners, t):
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    x = sum(weight * corner[0] for weight, corner in zip(weights, corners, strict=True))
    y = sum(weight * corner[1] for weight, corner in zip(weights, corners, strict=True))
    return x, y


def complete_cell(nodes, inputs):
    edges = []
    for source, target in combinations(range(nodes), 2):
        if target >= inputs:
            edges.append({"op": OPERATIONS[1:][(source + target) % 7], "from": source, "to": target})
    return edges


PARALLEL = [
    {"op": "sep_conv_3x3", "from": 0, "to": 1},
    {"op": "skip_connect", "from": 0, "to": 1},
    {"op": "none", "from": 0, "to": 3},
    {"op": "none", "from": 0, "to": 3},
    {"op": "noise", "from": 1, "to": 2},
    {"op": "noise", "from": 2, "to": 3},
]
CELLS = {
    "normal": (darts_cell(NORMAL)["edges"], 2, [2, 3, 4, 5]),
    "reduce": (darts_cell(REDUCE)["edges"], 2, [2, 3, 4, 5]),
    "complete": (complete_cell(6, 2), 2, [2, 3, 4, 5]),
    "complete, one input": (complete_cell(4, 1), 1, [3]),
    "parallel edges": (PARALLEL, 1, [3]),
    "empty": ([], 1, [0]),
}
for seed in range(20):
    CELLS[f"random {seed}"] = (random_darts_cell(random.Random(seed))["edges"], 2, [2, 3, 4, 5])


@pytest.fixture(scope="module", params=CELLS.values(), ids=CELLS)
def drawing(request):
    return draw(*request.param)


def test_no_two_boxes_overlap(drawing):
    for a, b in combinations(find_boxes(drawing).values(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_every_box_is_inside_the_drawing(drawing):
    width, height = float(drawing.get("width")), float(drawing.get("height"))
    for left, top, right, bottom in find_boxes(drawing).values():
        assert left >= 0
        assert top >= 0
        assert right <= width
        assert bottom <= height


def test_no_arc_runs_under_another_box(drawing):
    boxes = find_boxes(drawing)
    for i, edge in enumerate(of_class(drawing, "edge")):
        others = [box for name, box in boxes.items() if name != ("edge", i)]
        for x, y in trace(edge.find(f"{SVG}path").get("d")):
            for left, top, right, bottom in others:
                assert not (left + 0.1 < x < right - 0.1 and top + 0.1 < y < bottom - 0.1)


def test_arcs_between_the_same_nodes_stay_apart(drawing):
    arcs = [trace(edge.find(f"{SVG}path").get("d")) for edge in of_class(drawing, "edge")]
    for a, b in combinations(arcs, 2):
        assert a[CURVE_STEPS:] != b[CURVE_STEPS:]
        (a_x, a_y), (b_x, b_y) = a[-1], b[-1]
        assert abs(a_y - b_y) + abs(a_x - b_x) > 10


def test_an_edge_that_runs_backwards_is_refused():
    with pytest.raises(UsageError, match="2 -> 1"):
        draw_cell([{"op": "none", "from": 2, "to": 1}], inputs=1, concat=[2], title="cell")
