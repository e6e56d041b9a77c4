"""A cell as a drawing: inputs at the left, output at the right, what every edge carries in a box in front of its node.

An operation's activation stands behind its name where it is not ReLU; of fully-connected layers only the activation is
named. An added skip is an arc of its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from ..runtime.errors import UsageError
from .graphlayout import Layout, arrange
from .palette import Look, ink_on, looks
from .svg import MONO, MONO_ASPECT, drawing, element, text

LABEL_SIZE, LABEL_HEIGHT = 11, 18
PORT = 24  # from one labelled edge to the next at its node
CONCAT_PORT = 9
NODE_WIDTH, NODE_HEIGHT = 34, 30
CHANNEL, STUB = 58, 20  # room for the curves between two layers; room for the arrow head
GAP, MARGIN = 16, 10


class Edge(NamedTuple):
    """One arc; `op`, which its look goes by, is None for the arcs that gather the nodes into the output."""

    source: int
    target: int
    op: str | None
    label: str = ""


def arcs_of(edge: Mapping[str, object]) -> list[Edge]:
    """What an edge of genotype.json is drawn as.

    >>> [arc.label for arc in arcs_of({"op": "sep_conv_3x3", "from": 0, "to": 2, "act": "gelu", "add_skip": True})]
    ['sep_conv_3x3 gelu', 'add_skip']
    """
    op, act = str(edge["op"]), str(edge.get("act", "relu"))
    name, label = (act, act) if op == "linear" else (op, op if act == "relu" else f"{op} {act}")
    ends = edge["from"], edge["to"]
    return [Edge(*ends, name, label)] + [Edge(*ends, "add_skip", "add_skip")] * bool(edge.get("add_skip"))


def draw_cell(
    edges: Iterable[Mapping[str, object]],
    *,
    inputs: int,
    concat: Sequence[int],
    title: str,
    look: Mapping[str, Look] | None = None,
) -> str:
    """An SVG of one cell.

    Args:
        edges: mappings with "op", "from", "to", and perhaps "act" and "add_skip"; other keys are ignored. Edges run
            from lower to higher node numbers.
        inputs: number of input nodes, numbered from 0.
        concat: the nodes whose outputs are joined; a single one is drawn as the output itself.
        title: the name that screen readers and tooltips show.
        look: how each operation looks; by default as in `palette.looks`.

    Raises:
        UsageError: an edge that does not run forward, or that ends in an input.

    >>> svg = draw_cell([{"op": "skip_connect", "from": 0, "to": 1}], inputs=1, concat=[1], title="tiny")
    >>> svg.count('class="edge"'), svg.count('class="node"')
    (1, 2)
    """
    arcs = [arc for edge in edges for arc in arcs_of(edge)]
    for arc in arcs:
        if not 0 <= arc.source < arc.target or arc.target < inputs:
            raise UsageError(
                f"{title}: edge {arc.source} -> {arc.target} does not run forward to a node after the {inputs} inputs"
            )
    look = look or looks(arc.op for arc in arcs)
    nodes = {*range(inputs), *concat, *(end for arc in arcs for end in arc[:2])}
    output = concat[0] if len(concat) == 1 else max(nodes) + 1
    if len(concat) != 1:
        arcs += [Edge(node, output, None) for node in concat]
    heights = {node: _height(node, arcs) for node in nodes | {output}}
    layout = arrange([arc[:2] for arc in arcs], heights, inputs, GAP)
    return _draw(arcs, layout, heights, _names(inputs, output), look, title)


def _height(node: int, arcs: Sequence[Edge]) -> float:
    return max(NODE_HEIGHT, 6 + sum(CONCAT_PORT if arc.op is None else PORT for arc in arcs if arc.target == node))


def _names(inputs: int, output: int) -> dict[int, object]:
    if inputs == 1:
        return {0: "in", output: "out"}
    return {node: _state(f"k\u2212{inputs - node}") for node in range(inputs)} | {output: _state("k")}


def _state(index: str) -> Markup:
    return element("tspan", "c", font_style="italic") + element("tspan", index, dy=3, font_size=9)


class _Column(NamedTuple):
    left: float  # of the labels
    node: float  # left side of the nodes
    right: float


def _columns(arcs: Sequence[Edge], layout: Layout) -> list[_Column]:
    columns, x = [], MARGIN
    for layer in layout.layers:
        label = max((_label_width(arc.label) for arc in arcs if arc.target in layer and arc.op is not None), default=0)
        node = x + label + (STUB if label else 0)
        columns.append(_Column(x, node, node + NODE_WIDTH))
        x = node + NODE_WIDTH + CHANNEL
    return columns


def _label_width(label: str) -> float:
    return len(label) * LABEL_SIZE * MONO_ASPECT + 12


def _ports(arcs: Sequence[Edge], layout: Layout) -> list[float]:
    """Height at which each arc enters its node: in the order in which the arcs come in, so that they do not cross
    there."""
    ports = [0.0] * len(arcs)
    for node in {arc.target for arc in arcs}:
        entering = [i for i, arc in enumerate(arcs) if arc.target == node]
        entering.sort(key=lambda i: layout.centre[layout.routes[i][-2]])
        step = CONCAT_PORT if arcs[entering[0]].op is None else PORT
        for place, i in enumerate(entering):
            ports[i] = layout.centre[node] + step * (place - (len(entering) - 1) / 2)
    return ports


def _draw(
    arcs: Sequence[Edge],
    layout: Layout,
    heights: Mapping[int, float],
    names: Mapping[int, Markup],
    look: Mapping[str, Look],
    title: str,
) -> Markup:
    columns = _columns(arcs, layout)
    column = {item: columns[i] for i, layer in enumerate(layout.layers) for item in layer}
    tops = [layout.centre[node] - height / 2 for node, height in heights.items()] + [
        y - 8 for y in layout.centre.values()
    ]
    feet = [layout.centre[node] + height / 2 for node, height in heights.items()] + [
        y + 8 for y in layout.centre.values()
    ]
    shift = MARGIN - min(tops)
    y = {item: centre + shift for item, centre in layout.centre.items()}
    ports = [port + shift for port in _ports(arcs, layout)]
    drawn = []
    for arc, route, port in zip(arcs, layout.routes, ports, strict=True):
        draw = _gathering if arc.op is None else _labelled
        drawn.append(draw(arc, _path(route, column, y, port), column[arc.target], port, look))
    boxes = [
        _node(node, names.get(node, str(node)), column[node].node, y[node], height) for node, height in heights.items()
    ]
    return drawing(columns[-1].right + MARGIN, max(feet) + shift + MARGIN, title, *drawn, *boxes)


def _path(route: Sequence[object], column: Mapping[object, _Column], y: Mapping[object, float], port: float) -> str:
    """Curves in the channels between the layers, straight lines along the lanes."""
    start = column[route[0]].right, y[route[0]]
    lanes = [(column[lane], y[lane]) for lane in route[1:-1]]
    stops = [
        start,
        *(point for lane, level in lanes for point in ((lane.left, level), (lane.right, level))),
        (column[route[-1]].left, port),
    ]
    path = [f"M{start[0]:.1f} {start[1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(stops):
        middle = (x0 + x1) / 2
        path.append(f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
    return " ".join(path)


def _labelled(arc: Edge, path: str, column: _Column, port: float, look: Mapping[str, Look]) -> Markup:
    colour, dash = look[arc.op]
    absent = arc.op == "none"
    width = _label_width(arc.label)
    right = column.node - STUB
    box = element(
        "rect",
        x=right - width,
        y=port - LABEL_HEIGHT / 2,
        width=width,
        height=LABEL_HEIGHT,
        rx=LABEL_HEIGHT / 2,
        fill="none" if absent else colour,
        stroke=colour,
        stroke_dasharray="2 2" if absent else None,
    )
    ink = "currentColor" if absent else ink_on(colour)
    return element(
        "g",
        element("title", f"{arc.label}: {arc.source} \u2192 {arc.target}"),
        element(
            "path",
            d=f"{path} H{right - width:.1f}M{right:.1f} {port:.1f}h{STUB - 8}",
            fill="none",
            stroke=colour,
            stroke_width=2,
            stroke_dasharray=dash or None,
        ),
        element("path", d=f"M{column.node - 1:.1f} {port:.1f}l-8 -4v8z", fill=colour),
        box,
        text(right - width / 2, port + 3.8, arc.label, size=LABEL_SIZE, anchor="middle", font_family=MONO, fill=ink),
        class_="edge",
        data_op=arc.op,
        data_from=arc.source,
        data_to=arc.target,
        opacity=0.7 if absent else None,
    )


def _gathering(arc: Edge, path: str, column: _Column, port: float, look: Mapping[str, Look]) -> Markup:
    return element(
        "path",
        d=path,
        fill="none",
        stroke="currentColor",
        stroke_opacity=0.35,
        stroke_width=1.5,
        class_="concat",
        data_from=arc.source,
    )


def _node(node: int, name: object, left: float, y: float, height: float) -> Markup:
    return element(
        "g",
        element(
            "rect",
            x=left,
            y=y - height / 2,
            width=NODE_WIDTH,
            height=height,
            rx=7,
            fill="currentColor",
            fill_opacity=0.07,
            stroke="currentColor",
            stroke_opacity=0.6,
        ),
        text(left + NODE_WIDTH / 2, y + 4, name, size=13, anchor="middle"),
        class_="node",
        data_node=node,
    )
