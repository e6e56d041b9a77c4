"""One self-contained HTML page about a run or a comparison."""

import json
from collections.abc import Callable, Mapping, Sequence
from math import isnan
from pathlib import Path

from ..runtime.files import write_whole
from ..runtime.lock import folders_held, hold_folder
from .alphacharts import draw_alphas
from .charts.dotplot import draw_dots
from .charts.palette import Look, assign_looks
from .chosen import draw_chosen
from .criteriatable import tabulate_criteria
from .headline import write_headline
from .labels import BASELINES, label_criterion
from .legend import draw_swatches, list_options
from .measures import draw_measures, tabulate_measures
from .picks import draw_picks
from .progress import describe_run, list_missing
from .resultfiles import Rows, number
from .runfolder import Contents, Run, read_folder
from .samecells import Group, group_outcomes
from .template import fill_template
from .trainingcurves import draw_search_curves
from .variance import cross, describe_variance, draw_cells


@folders_held()
def write_report(folder: Path) -> Path:
    """Writes report.html into a run folder or a comparison folder and returns its path.

    A page that is there already is replaced in one step.

    Raises:
        UsageError: the folder has no args.yaml, or one of its files cannot be read.
    """
    folder = Path(folder)
    html = _render(read_folder(folder))
    page = folder / "report.html"
    hold_folder(folder, "report")
    write_whole(page, html.encode("utf-8", errors="replace"))
    return page


def _render(contents: Contents) -> str:
    look = assign_looks(list_options(contents))
    judge = contents.args.get("judge", "retrain")
    if contents.comparison:
        sentences = write_headline(contents.criteria, contents.results)
        picks = draw_picks(contents.runs)
        cells = cross(contents.results, contents.args.get("relaxation", "softmax"))
    else:
        sentences = describe_run(contents.runs[0])
        picks, cells = [], {}
    return fill_template(
        "page.html",
        name=contents.name,
        comparison=contents.comparison,
        sentences=sentences,
        missing=list_missing(contents),
        table=tabulate_criteria(contents.criteria, judge, contents.args.get("task", "")),
        dots=_draw_accuracies(contents.results),
        matrix=draw_cells(cells) if cells else "",
        variance=describe_variance(cells) if cells else "",
        picks=picks,
        chosen=[(part, draw_swatches(part.options, look)) for part in draw_chosen(contents.runs, look)],
        table_judges=judge == "table",
        measures=tabulate_measures(contents.measures),
        scatters=draw_measures(contents.measures, contents.population),
        population=len(contents.population),
        runs=[_show_run(run, look) for run in contents.runs],
        settings=_show_settings(contents),
    )


def _show_run(run: Run, look: Mapping[str, Look]) -> dict:
    """What the template shows of one run."""
    options = dict.fromkeys(option for names in run.options.values() for option in names)
    return {
        "name": run.name,
        "curves": draw_search_curves(run.epochs),
        "alphas": draw_alphas(run.alphas, look),
        "moments": len((run.alphas or {}).get("epochs", [])),
        "swatches": draw_swatches(options, look),
        "groups": [_add_json(group) for group in group_outcomes(run, look)],
        "swatch": _make_legend(look),
    }


def _add_json(group: Group) -> tuple[Group, str]:
    return group, json.dumps(group.genotype) if group.genotype else ""


def _make_legend(look: Mapping[str, Look]) -> Callable[[Sequence[str]], list[tuple[str, str]]]:
    def draw_legend(options: Sequence[str]) -> list[tuple[str, str]]:
        return draw_swatches([option for option in options if option in look], look)

    return draw_legend


def _draw_accuracies(results: Rows) -> str:
    """A dot for each seed of each criterion, the best criterion first; empty before anything is retrained."""
    accuracies: dict[str, list[float]] = {}
    for row in results:
        accuracy = number(row, "test_accuracy")
        if not isnan(accuracy):
            accuracies.setdefault(label_criterion(row["criterion"]), []).append(accuracy)
    if not accuracies:
        return ""
    ranked = dict(sorted(accuracies.items(), key=lambda item: -sum(item[1]) / len(item[1])))
    return draw_dots(
        ranked,
        title="test accuracy by criterion",
        x_label="test accuracy (%): a dot for each seed, a bar at their mean",
        quiet=[label_criterion(name) for name in BASELINES],
    )


def _show_settings(contents: Contents) -> list[tuple[str, list[tuple[str, str]]]]:
    """(title, its (name, value)) of what was asked for, and of where it ran."""
    settings = []
    for title, values in (("Settings", contents.args), ("Environment", contents.environment)):
        if values:
            settings.append((title, [(str(name), _show_value(value)) for name, value in values.items()]))
    return settings


def _show_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
