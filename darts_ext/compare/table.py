"""The comparison as numbers: mean and spread over seeds."""

import statistics
from collections.abc import Mapping, Sequence

from ..tabular import DATASETS, TASKS

# accuracies of NAS-Bench-201 and scores of TransNAS-Bench-101, where the cells are theirs
HEADS = {f"table_{name}": f"nb201 {name}" for name in DATASETS} | {f"table_{name}": f"tnb101 {name}" for name in TASKS}
TABLE = tuple(HEADS)
MEANS = (
    "parameters",
    "skips",
    "added_skips",
    "evaluations",
    "saved",
    "search_seconds",
    "select_seconds",
    "retrain_seconds",
)


def aggregate(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Returns one line a criterion, best mean test accuracy first.

    The spread is the sample standard deviation over seeds, empty for one seed.

    >>> rows = [{"criterion": "random", "test_accuracy": a, **dict.fromkeys(MEANS, 1)} for a in (90.0, 92.0)]
    >>> (line,) = aggregate(rows)
    >>> line["criterion"], line["test_accuracy_mean"], round(line["test_accuracy_std"], 3)
    ('random', 91.0, 1.414)
    """
    by_criterion: dict[object, list[Mapping[str, object]]] = {}
    for row in rows:
        by_criterion.setdefault(row["criterion"], []).append(row)
    lines = [_aggregate_seeds(seeds) for seeds in by_criterion.values()]
    return sorted(lines, key=lambda line: -line["test_accuracy_mean"])


def _aggregate_seeds(rows: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Returns the line of one criterion."""
    accuracies = [float(row["test_accuracy"]) for row in rows]
    line = {
        "criterion": rows[0]["criterion"],
        "seeds": len(rows),
        "test_accuracy_mean": statistics.mean(accuracies),
        "test_accuracy_std": statistics.stdev(accuracies) if len(rows) > 1 else "",
    }
    for name in (*TABLE, *MEANS):
        if all(name in row for row in rows):  # a cell with an activation of its own is in no table
            line[f"{name}_mean"] = statistics.mean(float(row[name]) for row in rows)
    return line


def render(lines: Sequence[Mapping[str, object]]) -> str:
    """Renders the lines as a table for the terminal."""
    known = [name for name in TABLE if any(f"{name}_mean" in line for line in lines)]
    head = ["criterion", "test accuracy", "seeds"]
    head += [HEADS[name] for name in known]
    head += ["parameters", "skips", "added", "evaluations", "saved", "search s", "select s", "retrain s"]
    return align([head, *(_render_line(line, known) for line in lines)])


def _render_line(line: Mapping[str, object], known: Sequence[str]) -> list[str]:
    accuracy = f"{line['test_accuracy_mean']:.2f}"
    if line["test_accuracy_std"] != "":
        accuracy += f" ± {line['test_accuracy_std']:.2f}"
    cells = [line["criterion"], accuracy, str(line["seeds"])]
    cells += [f"{line[f'{name}_mean']:.2f}" if f"{name}_mean" in line else "-" for name in known]
    cells.append(f"{line['parameters_mean']:,.0f}")
    cells += [f"{line[f'{name}_mean']:.1f}" for name in ("skips", "added_skips")]
    cells += [f"{line[f'{name}_mean']:,.0f}" for name in ("evaluations", "saved")]
    cells += [f"{line[f'{stage}_seconds_mean']:.1f}" for stage in ("search", "select", "retrain")]
    return cells


def align(rows: Sequence[Sequence[str]]) -> str:
    """Aligns a table's columns, the first two to the left, with a rule under its head.

    >>> print(align([["name", "what", "n"], ["a", "b", "12"]]))
    name  what   n
    ----  ----  --
    a     b     12
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows)]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:2], widths)]
        right = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:])]
        lines.append("  ".join([*left, *right]).rstrip())
    rule = "  ".join("-" * width for width in widths)
    return "\n".join([lines[0], rule, *lines[1:]])
