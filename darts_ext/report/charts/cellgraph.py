"""A cell as a drawing: inputs at the left, output at the right, what every edge carries in a box in front of its node.

An operation's activation stands behind its name where it is not ReLU; of fully-connected layers only the activation is
named. An added skip is an arc of its own.
"""

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from ...runtime.errors import UsageError
from ..macros import is_dense
from .cellarcs import CONCAT_PORT, PORT, STUB, Arc, Column, draw_arc, label_width
from .graphlayout import Layout, arrange
from .palette import Look, assign_looks
from .svg import drawing, element, text

NODE_WIDTH, NODE_HEIGHT = 34, 30
CHANNEL = 58  # pixels for the curves between two layers
GAP, MARGIN = 16, 10
LANE_ROOM = 8  # pixels that a lane's line takes above and below its centre


def find_arcs(edge: Mapping[str, object]) -> list[Arc]:
    """Returns what an edge of genotype.json is drawn as.

    >>> [arc.label for arc in find_arcs({"op": "sep_conv_3x3", "from": 0, "to": 2, "act": "gelu", "add_skip": True})]
    ['sep_conv_3x3 gelu', 'add_skip']
    """
    source, target = edge["from"], edge["to"]
    operation = str(edge["op"])
    activation = str(edge.get("act", "relu"))
    if is_dense(operation):
        arcs = [Arc(source, target, activation, activation)]
    elif activation == "relu":
        arcs = [Arc(source, target, operation, operation)]
    else:
        arcs = [Arc(source, target, operation, f"{operation} {activation}")]
    if edge.get("add_skip"):
        arcs.append(Arc(source, target, "add_skip", "add_skip"))
    return arcs


def draw_cell(
    edges: Iterable[Mapping[str, object]],
    *,
    inputs: int,
    concat: Sequence[int],
    title: str,
    look: Mapping[str, Look] | None = None,
) -> str:
    """Returns an SVG of one cell.

    Args:
        edges: mappings with "op", "from", "to", and perhaps "act" and "add_skip"; other keys are ignored. Edges run
            from lower to higher node numbers.
        inputs: number of input nodes, numbered from 0.
        concat: the nodes whose outputs are joined; a single one is drawn as the output itself.
        title: the name that screen readers and tooltips show.
        look: how each operation looks; by default as in `palette.assign_looks`.

    Raises:
        UsageError: an edge that does not run forward, or that ends in an input.

    >>> svg = draw_cell([{"op": "skip_connect", "from": 0, "to": 1}], inputs=1, concat=[1], title="tiny")
    >>> svg.count('class="edge"'), svg.count('class="node"')
    (1, 2)
    """
    arcs = [arc for edge in edges for arc in find_arcs(edge)]
    _check_forward(arcs, inputs, title)
    look = look or assign_looks(arc.op for arc in arcs)
    nodes = {*range(inputs), *concat}
    for arc in arcs:
        nodes |= {arc.source, arc.target}
    if len(concat) == 1:
        output = concat[0]
    else:
        output = max(nodes) + 1
        arcs += [Arc(node, output, None) for node in concat]
    heights = {node: _node_height(node, arcs) for node in nodes | {output}}
    layout = arrange([(arc.source, arc.target) for arc in arcs], heights, inputs, GAP)
    return _draw(arcs, layout, heights, _name_nodes(inputs, output), look, title)


def _check_forward(arcs: Iterable[Arc], inputs: int, title: str) -> None:
    for arc in arcs:
        if not 0 <= arc.source < arc.target or arc.target < inputs:
            raise UsageError(
                f"{title}: edge {arc.source} -> {arc.target} does not run forward to a node after the {inputs} inputs"
            )


def _node_height(node: int, arcs: Iterable[Arc]) -> float:
    """Room for all arcs that enter."""
    ports = 0
    for arc in arcs:
        if arc.target == node:
            ports += CONCAT_PORT if arc.op is None else PORT
    return max(NODE_HEIGHT, 6 + ports)


def _name_nodes(inputs: int, output: int) -> dict[int, object]:
    """DARTS' names of inputs and output, where there are several inputs: c_{k-2}, c_{k-1} and c_k."""
    if inputs == 1:
        return {0: "in", output: "out"}
    names = {node: _name_state(f"k\u2212{inputs - node}") for node in range(inputs)}
    names[output] = _name_state("k")
    return names


def _name_state(index: str) -> Markup:
    return element("tspan", "c", font_style="italic") + element("tspan", index, dy=3, font_size=9)


def _find_columns(arcs: Sequence[Arc], layout: Layout) -> list[Column]:
    """The places of each layer's labels and nodes, from left to right."""
    columns = []
    x = MARGIN
    for layer in layout.layers:
        labels = [label_width(arc.label) for arc in arcs if arc.target in layer and arc.op is not None]
        node = x + max(labels) + STUB if labels else x
        columns.append(Column(x, node, node + NODE_WIDTH))
        x = node + NODE_WIDTH + CHANNEL
    return columns


def _find_ports(arcs: Sequence[Arc], layout: Layout) -> list[float]:
    """The height at which each arc enters its node, in the order in which they come in, so that they do not cross."""
    ports = [0.0] * len(arcs)
    for node in {arc.target for arc in arcs}:
        entering = [i for i, arc in enumerate(arcs) if arc.target == node]
        entering.sort(key=lambda i: layout.centre[layout.routes[i][-2]])
        distance = CONCAT_PORT if arcs[entering[0]].op is None else PORT
        middle = (len(entering) - 1) / 2
        for rank, i in enumerate(entering):
            ports[i] = layout.centre[node] + distance * (rank - middle)
    return ports


def _draw(
    arcs: Sequence[Arc],
    layout: Layout,
    heights: Mapping[int, float],
    names: Mapping[int, object],
    look: Mapping[str, Look],
    title: str,
) -> Markup:
    columns = _find_columns(arcs, layout)
    column = {item: columns[i] for i, layer in enumerate(layout.layers) for item in layer}
    top, foot = _find_extent(layout, heights)
    shift = MARGIN - top
    y = {item: centre + shift for item, centre in layout.centre.items()}
    parts = []
    for arc, route, port in zip(arcs, layout.routes, _find_ports(arcs, layout), strict=True):
        parts.append(draw_arc(arc, route, column, y, port + shift, look))
    for node, height in heights.items():
        name = names.get(node, str(node))
        parts.append(_draw_node(node, name, column[node].node, y[node], height))
    return drawing(columns[-1].right + MARGIN, foot + shift + MARGIN, title, *parts)


def _find_extent(layout: Layout, heights: Mapping[int, float]) -> tuple[float, float]:
    """The top of the highest item and the foot of the lowest."""
    tops, feet = [], []
    for node, height in heights.items():
        tops.append(layout.centre[node] - height / 2)
        feet.append(layout.centre[node] + height / 2)
    for centre in layout.centre.values():
        tops.append(centre - LANE_ROOM)
        feet.append(centre + LANE_ROOM)
    return min(tops), max(feet)


def _draw_node(node: int, name: object, left: float, y: float, height: float) -> Markup:
    box = element(
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
    )
    words = text(left + NODE_WIDTH / 2, y + 4, name, size=13, anchor="middle")
    return element("g", box, words, class_="node", data_node=node)
