"""How far a run or a comparison has come: what a run reached, and what is not there yet."""

from collections.abc import Mapping
from math import isnan

from selection import parse

from .amounts import format_amount
from .charts.linechart import find_last
from .explanation import list_facts
from .labels import label_criterion
from .resultfiles import Rows, column, number
from .runfolder import Contents, Outcome, Run


def describe_run(run: Run) -> list[str]:
    """Returns what came out, in sentences, the last stage first."""
    sentences = []
    for outcome in run.outcomes:
        sentences += _describe_outcome(outcome)
    if run.epochs:
        epochs = _count_epochs(run.epochs)
        accuracy = _last_accuracy(run.epochs, "val_accuracy")
        sentences.append(f"The search ran for {epochs}; the supernet ended with a validation accuracy of {accuracy}.")
    return sentences or ["Nothing has been run yet."]


def _describe_outcome(outcome: Outcome) -> list[str]:
    sentences = []
    if outcome.retraining:
        accuracy = _last_accuracy(outcome.retraining, "test_accuracy")
        sentences.append(f"Test accuracy {accuracy} after retraining for {_count_epochs(outcome.retraining)}.")
    if outcome.scores or outcome.genotype:
        sentences.append(f"The cell was chosen by {label_criterion(outcome.criterion)}.")
    if outcome.scores:
        sentences.append(f"How: {', '.join(list_facts(outcome.scores))}.")
    return sentences


def _count_epochs(rows: Rows) -> str:
    return "1 epoch" if len(rows) == 1 else f"{len(rows)} epochs"


def _last_accuracy(rows: Rows, name: str) -> str:
    return format_amount(find_last(column(rows, name)), "{:.2f}\u00a0%", missing="unknown")


def list_missing(contents: Contents) -> list[str]:
    """Returns what a finished folder would have and this one does not have yet."""
    if not contents.comparison:
        run = contents.runs[0]
        outcome = run.outcomes[0] if run.outcomes else Outcome("", None, None, [])
        parts = _missing_of_search(run) + _missing_of_outcome(outcome)
        return [", ".join(parts)] if parts else []
    missing = [] if contents.criteria else ["the table of criteria (comparison.csv)"]
    for run in contents.runs:
        parts = _missing_of_search(run) + _missing_accuracies(run, contents)
        if parts:
            missing.append(f"{run.name}: {', '.join(parts)}")
    return missing


def _missing_of_search(run: Run) -> list[str]:
    return _name_absent({"search curves (summary.csv)": run.epochs, "alpha (search/alphas.json)": run.alphas})


def _missing_of_outcome(outcome: Outcome) -> list[str]:
    return _name_absent(
        {
            "scores (scores.json)": outcome.scores,
            "cells (genotype.json)": outcome.genotype,
            "retraining (evaluate/summary.csv)": outcome.retraining,
        }
    )


def _name_absent(parts: Mapping[str, object]) -> list[str]:
    return [name for name, content in parts.items() if not content]


def _missing_accuracies(run: Run, contents: Contents) -> list[str]:
    """Of the criteria that choose from this run's supernet."""
    retrained = {
        row["criterion"]
        for row in contents.results
        if row["seed"] == run.seed and not isnan(number(row, "test_accuracy"))
    }
    parts = []
    for name in _list_criteria(contents):
        if parse(name).supernet == run.supernet and name not in retrained:
            parts.append(f"test accuracy of {name}")
    return parts


def _list_criteria(contents: Contents) -> list[str]:
    """All that the table or any run names."""
    criteria = dict.fromkeys(row["criterion"] for row in contents.criteria)
    for run in contents.runs:
        criteria |= dict.fromkeys(outcome.criterion for outcome in run.outcomes)
    return list(criteria)
