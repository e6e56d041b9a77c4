"""The arcs of a cell's drawing: curves around the nodes, with the operation in a box before the arrow head."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from .graphlayout import Item
from .palette import Look, pick_ink
from .svg import MONO, MONO_ASPECT, element, text

LABEL_SIZE, LABEL_HEIGHT = 11, 18
PORT = 24  # pixels from one labelled arc to the next at its node
CONCAT_PORT = 9
STUB, HEAD = 20, 8  # pixels from a box to its node, and of the arrow head


class Arc(NamedTuple):
    """One arc; `op`, which its look goes by, is None for the arcs that gather the nodes into the output."""

    source: int
    target: int
    op: str | None
    label: str = ""


class Column(NamedTuple):
    """One layer of the drawing, in pixels from the left."""

    left: float  # side of the labels
    node: float  # left side of the nodes
    right: float


def label_width(label: str) -> float:
    """Returns the width of an operation's box in pixels."""
    return len(label) * LABEL_SIZE * MONO_ASPECT + 12


def draw_arc(
    arc: Arc,
    route: Sequence[Item],
    column: Mapping[Item, Column],
    y: Mapping[Item, float],
    port: float,
    look: Mapping[str, Look],
) -> Markup:
    """Returns the arc along its route.

    Args:
        arc: what is drawn.
        route: the items on its way, its two nodes included.
        column, y: where each item lies.
        port: the height at which it enters its node.
        look: how each operation looks.
    """
    path = _trace_path(route, column, y, port)
    if arc.op is None:
        return _draw_gathering(arc, path)
    return _draw_labelled(arc, path, column[arc.target], port, look[arc.op])


def _trace_path(route: Sequence[Item], column: Mapping[Item, Column], y: Mapping[Item, float], port: float) -> str:
    """Curves in the channels between the layers, straight lines along the lanes."""
    start, *lanes, target = route
    stops = [(column[start].right, y[start])]
    for lane in lanes:
        stops += [(column[lane].left, y[lane]), (column[lane].right, y[lane])]
    stops.append((column[target].left, port))
    x, level = stops[0]
    path = [f"M{x:.1f} {level:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(stops):
        middle = (x0 + x1) / 2
        path.append(f"C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}")
    return " ".join(path)


def _draw_labelled(arc: Arc, path: str, column: Column, port: float, look: Look) -> Markup:
    """The option "none" has an empty, dashed box."""
    absent = arc.op == "none"
    right = column.node - STUB
    width = label_width(arc.label)
    line = element(
        "path",
        d=f"{path} H{right - width:.1f}M{right:.1f} {port:.1f}h{STUB - HEAD}",
        fill="none",
        stroke=look.colour,
        stroke_width=2,
        stroke_dasharray=look.dash or None,
    )
    head = element("path", d=f"M{column.node - 1:.1f} {port:.1f}l-{HEAD} -4v8z", fill=look.colour)
    box = element(
        "rect",
        x=right - width,
        y=port - LABEL_HEIGHT / 2,
        width=width,
        height=LABEL_HEIGHT,
        rx=LABEL_HEIGHT / 2,
        fill="none" if absent else look.colour,
        stroke=look.colour,
        stroke_dasharray="2 2" if absent else None,
    )
    ink = "currentColor" if absent else pick_ink(look.colour)
    middle = right - width / 2
    label = text(middle, port + 3.8, arc.label, size=LABEL_SIZE, anchor="middle", font_family=MONO, fill=ink)
    return element(
        "g",
        element("title", f"{arc.label}: {arc.source} \u2192 {arc.target}"),
        line,
        head,
        box,
        label,
        class_="edge",
        data_op=arc.op,
        data_from=arc.source,
        data_to=arc.target,
        opacity=0.7 if absent else None,
    )


def _draw_gathering(arc: Arc, path: str) -> Markup:
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
