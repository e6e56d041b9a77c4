"""Notes on a selection: what its measures had to say, and which choices were ties."""

from collections.abc import Mapping

from .decisions import Decisions
from .protocol import Selectable, allowed_options
from .strategies import Panel


def collect_notes(panel: Panel, decisions: Decisions) -> list[str]:
    """Returns what the measures had to say, and a note on ties, each once."""
    net = panel[0].evaluator.net
    notes: list[str] = []
    for judge in panel:
        notes += [*judge.evaluator.notes, *getattr(judge.evaluator.net, "notes", ())]
    if any(judge.evaluator.measure for judge in panel):
        notes += _describe_ties(net, decisions.scores)
    return list(dict.fromkeys(notes))


def _describe_ties(net: Selectable, scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Returns a note on the choices that their order decided, if there are any."""
    tied = []
    for choice, row in scores.items():
        values = sorted((row[option] for option in allowed_options(net, choice)), reverse=True)
        if len(values) > 1 and values[0] == values[1]:
            tied.append(choice)
    if not tied:
        return []
    return [
        f"{len(tied)} of {len(scores)} choices have equal best scores, as {tied[0]}, and take the first option: more "
        f"images, or a loss, may tell them apart"
    ]
