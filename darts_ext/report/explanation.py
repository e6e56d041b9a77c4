"""How a choice came about: what it cost, the order of its decisions, the reasons, the candidates, and what the measures
remarked."""

from collections.abc import Mapping
from math import nan
from typing import NamedTuple

from .headline import label, listed
from .heatmap import heat_map
from .palette import Look
from .runfolder import Choice
from .steps import Step, step_chart
from .tables import Candidate, Reason, amount, candidates, criteria_of, in_order, reasons

LIMITS = {
    "max_parameters": ("parameters", "{:,.0f}"),
    "max_flops": ("multiply-adds", "{:,.0f}"),
    "max_latency": ("seconds", "{:.3g}"),
}
EDGE = " (edge)"  # how selection marks the reasons of edges


class Account(NamedTuple):
    """One criterion's way to its cell; what does not apply is empty."""

    name: str
    facts: list[str]
    limits: str
    steps: str
    maps: list[str]
    criteria: list[str]
    reasons: list[Reason]
    edges: list[Reason]
    measures: list[str]
    candidates: list[Candidate]
    options: list[str]
    notes: list[str]


def account(choice: Choice, look: Mapping[str, Look]) -> Account:
    """The account of one choice that has scores."""
    scores = choice.scores or {}
    rows = scores.get("reasons") or {}
    edges = {name: row for name, row in rows.items() if name.endswith(EDGE)}
    heads, best = candidates(scores.get("candidates") or [], look)
    return Account(
        label(choice.criterion),
        facts(scores),
        _limits(scores),
        steps(scores, look),
        _maps(scores, look),
        criteria_of(rows),
        reasons({name: row for name, row in rows.items() if name not in edges}),
        reasons({name.removesuffix(EDGE): row for name, row in edges.items()}),
        heads,
        best,
        _options(scores) if best else [],
        [str(note) for note in scores.get("notes") or []],
    )


def facts(scores: Mapping) -> list[str]:
    """What was asked for, and what it cost.

    >>> facts({"criterion": "perturbation", "strategy": "oneshot", "evaluations": 20.5, "saved": 1.5, "seconds": 2.0})
    ['perturbation', 'oneshot', '20.5 evaluations', '1.5 saved', '2.0 s']
    """
    asked = scores.get("settings") or {}
    found = [str(scores[name]) for name in ("criterion", "strategy") if name in scores]
    if asked.get("protocol", "paired") != "paired":
        found.append(f"protocol {asked['protocol']}")
    if asked.get("tune_epochs"):
        found.append(f"{asked['tune_epochs']:g} epoch{'s' * (asked['tune_epochs'] != 1)} of tuning after each round")
    if asked.get("candidate_weights") == "initial":
        found.append("candidates untrained")
    for name, form in (("evaluations", "{} evaluations"), ("saved", "{} saved")):
        if name in scores:
            found.append(form.format(amount(scores[name], "{:,.1f}").removesuffix(".0")))
    if isinstance(scores.get("seconds"), (int, float)):
        found.append(f"{scores['seconds']:.1f} s")
    return found


def _limits(scores: Mapping) -> str:
    """What an architecture may cost, and how many unfinished ones cost more."""
    asked = scores.get("settings") or {}
    most = [
        f"{amount(asked[name], form)} {unit}" for name, (unit, form) in LIMITS.items() if asked.get(name) is not None
    ]
    if not most:
        return ""
    over = sum(row.get("over") or 0 for row in scores.get("history") or [])
    dropped = (
        f"; {over or 'no'} unfinished architecture{'s' * (over != 1)} could not stay below"
        if scores.get("strategy") == "beam"
        else ""
    )
    return f"At most {listed(most)}, counted in the supernet{dropped}."


def steps(scores: Mapping, look: Mapping[str, Look]) -> str:
    """The step chart; empty where nothing was decided in rounds."""
    measure, beam = scores.get("measure"), scores.get("strategy") == "beam"
    scale, unit = (100.0, "%") if measure == "accuracy" and not beam else (1.0, "")
    title = "value of the best after each decision" if beam else f"{measure or 'measure'} after each round"
    found = []
    for row in scores.get("history") or []:
        if beam and not any(
            name in scores.get("inputs", {}) or name in scores.get("reasons", {}) for name in row["decided"]
        ):
            continue  # the edge was dropped by its node before, and its option decides nothing
        value = row.get("value")
        found.append(Step([_decided(name, scores) for name in row["decided"]], nan if value is None else scale * value))
    return step_chart(found, title=title, unit=unit, look=look) if found else ""


def _decided(name: str, scores: Mapping) -> tuple[str, str]:
    """A choice with its option, or a node with the edges that it keeps."""
    kept = (scores.get("inputs") or {}).get(name)
    if kept is not None:
        return name, "keeps " + ", ".join(choice.split("/")[1] if choice.count("/") == 2 else choice for choice in kept)
    return name, str((scores.get("decisions") or {}).get(name, "?"))


def _maps(scores: Mapping, look: Mapping[str, Look]) -> list[str]:
    """A heat map for each kind of choice: operations, activations, added skips."""
    rows = in_order(scores.get("scores") or {})
    edges = {choice.rpartition("/")[0] for chosen in (scores.get("inputs") or {}).values() for choice in chosen}
    kept = [choice for choice in rows if choice.rpartition("/")[0] in edges] or None
    title = f"scores of {scores.get('criterion', 'the criterion')}"
    kinds = dict.fromkeys(choice.rpartition("/")[2] for choice in scores.get("scores") or {})
    alike = [{choice: row for choice, row in rows.items() if choice.rpartition("/")[2] == kind} for kind in kinds]
    return [heat_map(part, title=title, chosen=scores.get("decisions") or {}, kept=kept, look=look) for part in alike]


def _options(scores: Mapping) -> list[str]:
    return list(dict.fromkeys(option for row in (scores.get("scores") or {}).values() for option in row))
