"""One self-contained HTML page about a run or a comparison."""

import json
import os
from collections.abc import Mapping
from importlib.resources import files
from math import isnan
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from .charts import dot_plot, last
from .explanation import facts
from .headline import BASELINES, headline, label
from .measures import measure_rows, measure_scatters
from .palette import Look, looks
from .picks import pick_charts
from .results import results
from .runcharts import alpha_curves, groups, options, search_curves, swatches
from .runfolder import SEED, Choice, Contents, Rows, Run, column, number, read


def write_report(folder: Path) -> Path:
    """Write report.html into a run folder or a comparison folder and return its path; an older one is replaced in one
    step.

    Raises:
        UsageError: the folder has no args.yaml, or one of its files cannot be read.
    """
    contents = read(folder)
    page = Path(folder) / "report.html"
    unfinished = page.with_name("report.html.part")
    unfinished.write_text(_render(contents), encoding="utf-8", errors="replace")
    os.replace(unfinished, page)
    return page


def _render(contents: Contents) -> str:
    look = looks(options(contents))
    jinja = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = jinja.from_string(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    return template.render(
        name=contents.name,
        style=files(__package__).joinpath("page.css").read_text(encoding="utf-8"),
        comparison=contents.comparison,
        sentences=headline(contents.criteria, contents.results)
        if contents.comparison
        else _run_sentences(contents.runs[0]),
        missing=_missing(contents),
        table=results(contents.criteria, contents.args.get("judge", "retrain")),
        dots=_dots(contents),
        picks=pick_charts(contents.runs) if contents.comparison else [],
        table_judges=contents.args.get("judge") == "table",
        measures=measure_rows(contents.measures),
        scatters=measure_scatters(contents.measures, contents.population),
        population=len(contents.population),
        runs=[_run(run, look) for run in contents.runs],
        settings=[
            (title, _plain(values))
            for title, values in (("Settings", contents.args), ("Environment", contents.environment))
            if values
        ],
    )


def _run(run: Run, look: Mapping[str, Look]) -> dict:
    used = dict.fromkeys(option for names in (run.alphas or {}).get("choices", {}).values() for option in names)
    return {
        "name": run.name,
        "curves": search_curves(run.epochs),
        "alphas": alpha_curves(run.alphas, look),
        "moments": len((run.alphas or {}).get("epochs", [])),
        "swatches": swatches(used, look),
        "groups": [(group, json.dumps(group.genotype) if group.genotype else "") for group in groups(run, look)],
        "swatch": lambda names: swatches([name for name in names if name in look], look),
    }


def _run_sentences(run: Run) -> list[str]:
    """What came out, the last stage first."""
    sentences = []
    for choice in run.choices:
        if choice.retraining:
            accuracy = _per_cent(choice.retraining, "test_accuracy")
            sentences.append(f"Test accuracy {accuracy} after retraining for {_count(choice.retraining, 'epoch')}.")
        if choice.scores or choice.genotype:
            sentences.append(f"The cell was chosen by {label(choice.criterion)}.")
            sentences += [f"How: {', '.join(facts(choice.scores))}."] if choice.scores else []
    if run.epochs:
        accuracy = _per_cent(run.epochs, "val_accuracy")
        sentences.append(
            f"The search ran for {_count(run.epochs, 'epoch')}; the supernet ended with a validation accuracy of "
            f"{accuracy}."
        )
    return sentences or ["Nothing has been run yet."]


def _missing(contents: Contents) -> list[str]:
    """What a finished folder would have and this one does not have yet."""
    missing = [] if contents.criteria or not contents.comparison else ["the table of criteria (comparison.csv)"]
    criteria = dict.fromkeys(
        [row["criterion"] for row in contents.criteria] + [c.criterion for run in contents.runs for c in run.choices]
    )
    done = {(row["seed"], row["criterion"]) for row in contents.results if not isnan(number(row, "test_accuracy"))}
    for run in contents.runs:
        parts = [] if run.epochs else ["search curves (summary.csv)"]
        parts += [] if run.alphas else ["alpha (search/alphas.json)"]
        if contents.comparison:
            asked = [name for name in criteria if name.rpartition("/")[0] == run.supernet]
            parts += [f"test accuracy of {name}" for name in asked if (SEED.fullmatch(run.name)[1], name) not in done]
        else:
            parts += _missing_choice(run.choices[0] if run.choices else Choice("", None, None, []))
        if parts:
            missing.append((f"{run.name}: " if contents.comparison else "") + ", ".join(parts))
    return missing


def _missing_choice(choice: Choice) -> list[str]:
    parts = {
        "scores (scores.json)": choice.scores,
        "cells (genotype.json)": choice.genotype,
        "retraining (evaluate/summary.csv)": choice.retraining,
    }
    return [name for name, there in parts.items() if not there]


def _dots(contents: Contents) -> str:
    values: dict[str, list[float]] = {}
    for row in contents.results:
        if not isnan(accuracy := number(row, "test_accuracy")):
            values.setdefault(label(row["criterion"]), []).append(accuracy)
    ranked = dict(sorted(values.items(), key=lambda item: -sum(item[1]) / len(item[1])))
    quiet = [label(name) for name in BASELINES]
    x_label = "test accuracy (%): a dot for each seed, a bar at their mean"
    return dot_plot(ranked, title="test accuracy by criterion", x_label=x_label, quiet=quiet) if ranked else ""


def _plain(values: Mapping) -> list[tuple[str, str]]:
    return [
        (str(name), value if isinstance(value, str) else json.dumps(value, default=str))
        for name, value in values.items()
    ]


def _count(rows: Rows, what: str) -> str:
    return f"{len(rows)} {what}{'' if len(rows) == 1 else 's'}"


def _per_cent(rows: Rows, name: str) -> str:
    return _figure(last(column(rows, name)), "{:.2f}\u00a0%", "unknown")


def _figure(value: float, form: str, missing: str = "\u2013") -> str:
    return missing if isnan(value) else form.format(value)
