"""The drawing of a cell: complete, well-formed, and with nothing on top of a label."""

import random
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest

from darts_ext.report import draw_cell
from darts_ext.runtime.errors import UsageError

SVG = "{http://www.w3.org/2000/svg}"
OPERATIONS = [
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]
NORMAL = [
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 0),
    ("sep_conv_3x3", 1),
    ("sep_conv_3x3", 1),
    ("skip_connect", 0),
    ("skip_connect", 0),
    ("dil_conv_3x3", 2),
]
REDUCE = [
    ("max_pool_3x3", 0),
    ("max_pool_3x3", 1),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
    ("max_pool_3x3", 0),
    ("skip_connect", 2),
    ("skip_connect", 2),
    ("max_pool_3x3", 1),
]


def of_class(svg, name):
    return [node for node in svg.iter() if node.get("class") == name]


def darts_cell(pairs):
    return {
        "edges": [{"op": op, "from": source, "to": 2 + i // 2} for i, (op, source) in enumerate(pairs)],
        "concat": [2, 3, 4, 5],
    }


def random_cell(seed):
    rng = random.Random(seed)
    return darts_cell(
        [(rng.choice(OPERATIONS), source) for node in range(2, 6) for source in rng.sample(range(node), 2)]
    )


def test_edges_of_the_drawing_are_those_of_the_cell():
    cell = darts_cell(NORMAL)
    svg = ET.fromstring(
        draw_cell(
            [edge | {"activation": "relu"} for edge in cell["edges"]], inputs=2, concat=cell["concat"], title="normal"
        )
    )
    drawn = sorted((e.get("data-op"), int(e.get("data-from")), int(e.get("data-to"))) for e in of_class(svg, "edge"))
    assert drawn == sorted((edge["op"], edge["from"], edge["to"]) for edge in cell["edges"])
    assert [node.get("data-from") for node in of_class(svg, "concat")] == ["2", "3", "4", "5"]
    dashed = {e.get("data-op"): e.find(f"{SVG}path").get("stroke-dasharray") is not None for e in of_class(svg, "edge")}
    assert dashed == {"sep_conv_3x3": False, "skip_connect": True, "dil_conv_3x3": False}


def boxes(svg):
    """{("node", i) or ("edge", i): (left, top, right, bottom)}"""
    found = {}
    for i, group in enumerate(of_class(svg, "edge") + of_class(svg, "node")):
        left, top, width, height = (float(group.find(f"{SVG}rect").get(name)) for name in ("x", "y", "width", "height"))
        found[group.get("class"), int(group.get("data-node", i))] = (left, top, left + width, top + height)
    return found


def points(path):
    """Points on a path made of M, C and H, read from its text."""
    numbers, place, found = (
        path.replace("M", " M ").replace("C", " C ").replace("H", " H ").replace("h", " h ").split(),
        (0.0, 0.0),
        [],
    )
    while numbers:
        kind = numbers.pop(0)
        values = [float(numbers.pop(0)) for _ in range({"M": 2, "C": 6, "H": 1, "h": 1}[kind])]
        if kind == "M":
            place = tuple(values)
        elif kind == "C":
            a, b, c, d = place, values[0:2], values[2:4], values[4:6]
            for t in (i / 40 for i in range(41)):
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                found.append(
                    tuple(sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True)) for axis in (0, 1))
                )
            place = tuple(d)
        else:
            end = values[0] if kind == "H" else place[0] + values[0]
            found += [(place[0] + (end - place[0]) * i / 40, place[1]) for i in range(41)]
            place = (end, place[1])
    return found


def complete_cell(nodes=6, inputs=2):
    return [
        {"op": OPERATIONS[(i + j) % 7], "from": i, "to": j} for i, j in combinations(range(nodes), 2) if j >= inputs
    ]


PARALLEL = [
    {"op": "sep_conv_3x3", "from": 0, "to": 1},
    {"op": "skip_connect", "from": 0, "to": 1},
    {"op": "none", "from": 0, "to": 3},
    {"op": "none", "from": 0, "to": 3},
    {"op": "noise", "from": 1, "to": 2},
    {"op": "noise", "from": 2, "to": 3},
]


@pytest.mark.parametrize(
    "edges, inputs, concat",
    [
        (darts_cell(NORMAL)["edges"], 2, [2, 3, 4, 5]),
        (darts_cell(REDUCE)["edges"], 2, [2, 3, 4, 5]),
        (complete_cell(), 2, [2, 3, 4, 5]),
        (complete_cell(4, 1), 1, [3]),
        (PARALLEL, 1, [3]),
        ([], 1, [0]),
        *((random_cell(seed)["edges"], 2, [2, 3, 4, 5]) for seed in range(20)),
    ],
)
def test_nothing_lies_on_a_label_or_a_node(edges, inputs, concat):
    svg = ET.fromstring(draw_cell(edges, inputs=inputs, concat=concat, title="cell"))
    places = boxes(svg)
    for a, b in combinations(places.values(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
    width, height = float(svg.get("width")), float(svg.get("height"))
    assert all(box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height for box in places.values())
    ways = []
    for i, edge in enumerate(of_class(svg, "edge")):
        way = points(edge.find(f"{SVG}path").get("d"))
        ways.append(way)
        strangers = [box for name, box in places.items() if name != ("edge", i)]
        assert not any(
            box[0] + 0.1 < x < box[2] - 0.1 and box[1] + 0.1 < y < box[3] - 0.1 for x, y in way for box in strangers
        )
    assert all(
        a[40:] != b[40:] and abs(a[-1][1] - b[-1][1]) + abs(a[-1][0] - b[-1][0]) > 10 for a, b in combinations(ways, 2)
    )


def test_edge_must_run_forward():
    with pytest.raises(UsageError, match="2 -> 1"):
        draw_cell([{"op": "none", "from": 2, "to": 1}], inputs=1, concat=[2], title="cell")
