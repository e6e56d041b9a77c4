"""The page about a study: accuracy over a number, a table, and what each criterion takes."""

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from ..runtime.files import write_whole
from ..runtime.lock import folders_held, hold_folder
from .amounts import format_mean
from .charts.curves import Curve, Point, draw_curves
from .charts.palette import Look, assign_looks
from .chosen import Chosen, draw_chosen
from .labels import BASELINES, join_names, label_criterion
from .legend import draw_swatches, list_options
from .resultfiles import number
from .study import Comparison, Study, list_criteria, read_study
from .template import fill_template

Values = dict[float, list[float]]  # {number: the values of the seeds}


class Row(NamedTuple):
    """A criterion in the table: its name, whether it is a baseline, and (mean, whether it is the best) for each
    number."""

    name: str
    baseline: bool
    cells: list[tuple[str, bool]]


@folders_held()
def write_study(folder: Path) -> Path:
    """Writes report.html into a folder of comparisons and returns its path.

    Raises:
        UsageError: see `read_study`.
    """
    folder = Path(folder)
    study = read_study(folder)
    page = folder / "report.html"
    hold_folder(folder, "report")
    html = fill_template(
        "study.html",
        name=study.name,
        axis=study.axis,
        sentences=_write_sentences(study),
        panels=[_show_panel(title, panel, study.axis) for title, panel in study.panels.items()],
    )
    write_whole(page, html.encode("utf-8", errors="replace"))
    return page


def draw_accuracies(panel: Mapping[float, Comparison], axis: str, criteria: Sequence[str] | None = None) -> str:
    """Draws test accuracy over a number, a curve for each criterion."""
    names = list_criteria(panel.values()) if criteria is None else criteria
    values = {name: collect(panel, name, "test_accuracy") for name in names}
    return _draw(values, axis, "Test accuracy (%) of what each criterion chooses")


def collect(panel: Mapping[float, Comparison], criterion: str, column: str) -> Values:
    """Returns the values of a criterion in every seed, by number; numbers without any are left out."""
    values: Values = {}
    for x, comparison in panel.items():
        rows = [row for row in comparison.contents.results if row["criterion"] == criterion]
        found = [number(row, column) for row in rows]
        finite = [value for value in found if not isnan(value)]
        if finite:
            values[x] = finite
    return values


def _draw(values: Mapping[str, Values], axis: str, title: str) -> str:
    looks = assign_looks(values)
    curves = []
    seeds = set()
    for name, columns in values.items():
        look = Look(looks[name].colour, "5 3") if name in BASELINES else looks[name]
        points = [Point(x, fmean(column), min(column), max(column)) for x, column in columns.items()]
        seeds |= {len(column) for column in columns.values()}
        if points:
            curves.append(Curve(label_criterion(name), look, points))
    if not curves:
        return ""
    count = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    note = f"mean of {count} seeds, bars from the lowest to the highest of them"
    return draw_curves(curves, title=title, note=note, x_label=axis)


def _write_sentences(study: Study) -> list[str]:
    """Which criterion is best at which number, and where the others are above all baselines, in the mean."""
    sentences = []
    for title, panel in study.panels.items():
        where = f" ({title})" if title else ""
        sentences.append(_name_the_best(panel, study.axis) + where + ".")
        nowhere = []
        for name in list_criteria(panel.values()):
            numbers = _find_above_baselines(name, panel)
            if numbers:
                at = f"{study.axis} {', '.join(numbers)}"
                sentences.append(f"{label_criterion(name)} is above all baselines at {at}{where}.")
            elif name not in BASELINES:
                nowhere.append(label_criterion(name))
        if nowhere:
            sentences.append(f"Nowhere above all baselines: {join_names(nowhere)}{where}.")
    return sentences


def _name_the_best(panel: Mapping[float, Comparison], axis: str) -> str:
    """Says which criterion reaches the highest mean accuracy at which numbers.

    Of equals it is the first.
    """
    means = {}
    for name in list_criteria(panel.values()):
        for x, values in collect(panel, name, "test_accuracy").items():
            means.setdefault(x, {})[name] = fmean(values)
    best: dict[str, list[str]] = {}
    for x in panel:
        if x in means:
            best.setdefault(max(means[x], key=means[x].__getitem__), []).append(f"{x:g}")
    if not best:
        return "No criterion has been retrained yet"
    clauses = [f"{label_criterion(name)} at {axis} {', '.join(numbers)}" for name, numbers in best.items()]
    return f"Most accurate: {'; '.join(clauses)}"


def _find_above_baselines(name: str, panel: Mapping[float, Comparison]) -> list[str]:
    """Lists the numbers at which the mean of a criterion is above those of all baselines."""
    mine = collect(panel, name, "test_accuracy")
    others = [collect(panel, baseline, "test_accuracy") for baseline in BASELINES]
    above = []
    for x, values in mine.items():
        levels = [fmean(other[x]) for other in others if x in other]
        if name not in BASELINES and levels and fmean(values) > max(levels):
            above.append(f"{x:g}")
    return above


def _show_panel(title: str, panel: Mapping[float, Comparison], axis: str) -> dict:
    """What the template shows of the comparisons that differ in the number only."""
    criteria = list_criteria(panel.values())
    skips = {name: collect(panel, name, "added_skips") for name in criteria}
    has_skips = any(any(column) for values in skips.values() for column in values.values())
    return {
        "title": title,
        "accuracies": draw_accuracies(panel, axis),
        "numbers": [f"{x:g}" for x in panel],
        "rows": _tabulate(panel, criteria),
        "skips": _draw(skips, axis, "Added skips that each criterion takes") if has_skips else "",
        "comparisons": [_show_comparison(x, comparison) for x, comparison in panel.items()],
    }


def _tabulate(panel: Mapping[float, Comparison], criteria: Sequence[str]) -> list[Row]:
    values = {name: collect(panel, name, "test_accuracy") for name in criteria}
    best = {x: max(fmean(columns[x]) for columns in values.values() if x in columns) for x in panel}
    rows = []
    for name, columns in values.items():
        cells = []
        for x in panel:
            column = columns.get(x, [])
            mean = fmean(column) if column else float("nan")
            deviation = stdev(column) if len(column) > 1 else float("nan")
            cells.append((format_mean(mean, deviation), mean == best[x]))
        rows.append(Row(label_criterion(name), name in BASELINES, cells))
    return rows


def _show_comparison(x: float, comparison: Comparison) -> dict:
    look = assign_looks(list_options(comparison.contents))
    chosen: list[Chosen] = draw_chosen(comparison.contents.runs, look)
    legends = [draw_swatches(part.options, look) for part in chosen]
    return {"number": f"{x:g}", "place": comparison.place, "chosen": list(zip(chosen, legends))}
