"""The options of a whole page and how they look: each the same in every drawing."""

from collections.abc import Iterable, Mapping

from .charts.cellgraph import find_arcs
from .charts.palette import Look
from .charts.svg import drawing, element
from .runfolder import Contents


def list_options(contents: Contents) -> list[str]:
    """Returns every option that appears anywhere in the folder."""
    options: dict[str, None] = {}
    for run in contents.runs:
        for names in run.options.values():
            options |= dict.fromkeys(names)
        for outcome in run.outcomes:
            options |= dict.fromkeys(_scored_options(outcome.scores))
            options |= dict.fromkeys(_drawn_options(outcome.genotype))
    return list(options)


def _scored_options(scores: Mapping | None) -> Iterable[str]:
    for row in (scores or {}).get("scores", {}).values():
        yield from row


def _drawn_options(genotype: Mapping | None) -> Iterable[str]:
    for cell in (genotype or {}).get("cells", {}).values():
        for edge in cell["edges"]:
            for arc in find_arcs(edge):
                yield arc.op


def draw_swatches(names: Iterable[str], look: Mapping[str, Look]) -> list[tuple[str, str]]:
    """Returns (name, a short line as it looks) for a legend outside the charts."""
    return [(name, _draw_swatch(name, look[name])) for name in names]


def _draw_swatch(name: str, look: Look) -> str:
    line = element("path", d="M1 5h24", stroke=look.colour, stroke_width=3, stroke_dasharray=look.dash or None)
    return drawing(26, 10, name, line)
