"""How a criterion chose: what it cost, the order of its decisions, its reasons, candidates and remarks."""

from collections.abc import Iterable, Iterator, Mapping
from math import nan
from typing import NamedTuple

from selection import edge_of, kind_of

from .amounts import format_amount
from .candidates import Candidate, list_candidates, list_shortlist
from .charts.heatmap import draw_heat_map
from .charts.palette import Look
from .charts.stepchart import Step, draw_steps
from .choicenames import edge_number, sort_choices
from .labels import join_names, label_criterion
from .reasons import Reason, list_criteria, list_reasons
from .runfolder import Outcome

LIMITS = {
    "max_parameters": ("parameters", "{:,.0f}"),
    "max_flops": ("multiply-adds", "{:,.0f}"),
    "max_latency": ("seconds", "{:.3g}"),
}
EDGE = " (edge)"  # how selection marks the reasons of edges


class Explanation(NamedTuple):
    """One criterion's way to its cell; what does not apply is empty.

    Attributes:
        name: of the criterion, as readers see it.
        facts: what was asked for, and what it cost.
        limits: a sentence on what an architecture may cost.
        steps: the chart of the decisions in their order.
        maps: a heat map of the scores for each kind of choice.
        criteria: the criteria that judged together.
        reasons, edges: why each option, and each edge, was chosen.
        measures: the names of what was measured of the candidates.
        candidates: the best whole architectures.
        verdicts: the names of what the second judge said.
        shortlist: the architectures that were judged again, best first.
        options: the options that the candidates' squares show.
        notes: what the measures remarked.
    """

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
    verdicts: list[str]
    shortlist: list[Candidate]
    options: list[str]
    notes: list[str]


def explain(outcome: Outcome, look: Mapping[str, Look]) -> Explanation:
    """Returns the explanation of an outcome, as far as its scores.json has one."""
    scores = outcome.scores or {}
    rows = scores.get("reasons") or {}
    choices, edges = _split_reasons(rows)
    measures, candidates = list_candidates(scores.get("candidates") or [], look)
    verdicts, shortlist = list_shortlist(scores.get("shortlist") or [], look)
    return Explanation(
        name=label_criterion(outcome.criterion),
        facts=list_facts(scores),
        limits=_describe_limits(scores),
        steps=_draw_decisions(scores, look),
        maps=_draw_maps(scores, look),
        criteria=list_criteria(rows),
        reasons=list_reasons(choices),
        edges=list_reasons(edges),
        measures=measures,
        candidates=candidates,
        verdicts=verdicts,
        shortlist=shortlist,
        options=_list_options(scores) if candidates else [],
        notes=[str(note) for note in scores.get("notes") or []],
    )


def list_facts(scores: Mapping) -> list[str]:
    """Returns what was asked for, and what it cost.

    >>> costs = {"evaluations": 20.5, "saved": 1.5, "seconds": 2.0}
    >>> list_facts({"criterion": "perturbation", "strategy": "oneshot", **costs})
    ['perturbation', 'oneshot', '20.5 evaluations', '1.5 saved', '2.0 s']
    """
    facts = [str(scores[name]) for name in ("criterion", "strategy") if name in scores]
    facts += _list_settings(scores.get("settings") or {})
    for name in ("evaluations", "saved"):
        if name in scores:
            count = format_amount(scores[name], "{:,.1f}").removesuffix(".0")
            facts.append(f"{count} {name}")
    if isinstance(scores.get("seconds"), (int, float)):
        facts.append(f"{scores['seconds']:.1f} s")
    return facts


def _list_settings(settings: Mapping) -> Iterator[str]:
    """Yields what differs from the defaults."""
    protocol = settings.get("protocol", "paired")
    if protocol != "paired":
        yield f"protocol {protocol}"
    epochs = settings.get("tune_epochs")
    if epochs:
        unit = "epoch" if epochs == 1 else "epochs"
        yield f"{epochs:g} {unit} of tuning after each round"
    weights = settings.get("candidate_weights") or "supernet"
    if weights != "supernet":
        yield "candidates untrained" if weights == "initial" else f"candidates untrained, weights {weights}"
    if (settings.get("draws") or 1) > 1:
        yield f"{settings['draws']} networks of each"
    if settings.get("then"):
        yield f"shortlist judged by {settings['then']}"


def _describe_limits(scores: Mapping) -> str:
    """What an architecture may cost, and how many unfinished ones cost more."""
    settings = scores.get("settings") or {}
    limits = []
    for name, (unit, form) in LIMITS.items():
        if settings.get(name) is not None:
            limits.append(f"{format_amount(settings[name], form)} {unit}")
    if not limits:
        return ""
    sentence = f"At most {join_names(limits)}, counted in the supernet"
    if scores.get("strategy") == "beam":
        sentence += f"; {_count_dropped(scores)} could not stay below"
    return f"{sentence}."


def _count_dropped(scores: Mapping) -> str:
    dropped = sum(row.get("over") or 0 for row in scores.get("history") or [])
    noun = "architecture" if dropped == 1 else "architectures"
    return f"{dropped or 'no'} unfinished {noun}"


def _draw_decisions(scores: Mapping, look: Mapping[str, Look]) -> str:
    """The step chart; empty where nothing was decided in rounds."""
    beam = scores.get("strategy") == "beam"
    measure = scores.get("measure")
    per_cent = measure == "accuracy" and not beam
    steps = []
    for row in scores.get("history") or []:
        if not beam or _decides(row["decided"], scores):
            steps.append(_read_step(row, scores, 100.0 if per_cent else 1.0))
    if not steps:
        return ""
    title = "value of the best after each decision" if beam else f"{measure or 'measure'} after each round"
    return draw_steps(steps, title=title, unit="%" if per_cent else "", look=look)


def _decides(names: Iterable[str], scores: Mapping) -> bool:
    """Whether a beam's round decided anything: not if the edge was dropped by its node before."""
    inputs = scores.get("inputs", {})
    reasons = scores.get("reasons", {})
    return any(name in inputs or name in reasons for name in names)


def _read_step(row: Mapping, scores: Mapping, scale: float) -> Step:
    value = row.get("value")
    decided = [(name, _describe_decision(name, scores)) for name in row["decided"]]
    return Step(decided, nan if value is None else scale * value)


def _describe_decision(name: str, scores: Mapping) -> str:
    """The option of a choice, or the edges that a node keeps."""
    kept = (scores.get("inputs") or {}).get(name)
    if kept is not None:
        return f"keeps {', '.join(edge_number(choice) for choice in kept)}"
    return str((scores.get("decisions") or {}).get(name, "?"))


def _draw_maps(scores: Mapping, look: Mapping[str, Look]) -> list[str]:
    """A heat map for each kind of choice: operations, activations, added skips."""
    rows = scores.get("scores") or {}
    sorted_rows = sort_choices(rows)
    title = f"scores of {scores.get('criterion', 'the criterion')}"
    chosen = scores.get("decisions") or {}
    kept = _list_kept(scores, sorted_rows)
    maps = []
    for kind in dict.fromkeys(kind_of(choice) for choice in rows):
        alike = {choice: row for choice, row in sorted_rows.items() if kind_of(choice) == kind}
        maps.append(draw_heat_map(alike, title=title, chosen=chosen, kept=kept, look=look))
    return maps


def _list_kept(scores: Mapping, choices: Iterable[str]) -> list[str] | None:
    """The choices on the edges that the nodes keep; None where all stay."""
    inputs = scores.get("inputs") or {}
    edges = {edge_of(choice) for kept in inputs.values() for choice in kept}
    return [choice for choice in choices if edge_of(choice) in edges] or None


def _split_reasons(rows: Mapping[str, Mapping]) -> tuple[dict[str, Mapping], dict[str, Mapping]]:
    """The reasons of choices, and those of edges."""
    choices, edges = {}, {}
    for name, row in rows.items():
        if name.endswith(EDGE):
            edges[name.removesuffix(EDGE)] = row
        else:
            choices[name] = row
    return choices, edges


def _list_options(scores: Mapping) -> list[str]:
    rows = (scores.get("scores") or {}).values()
    return list(dict.fromkeys(option for row in rows for option in row))
