"""The front door: score, measure, select."""

import inspect
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import isfinite

from torch import Tensor, nn

from . import criteria  # noqa: F401  (registers them)
from .combination import spelt_out
from .errors import SelectionError, unknown
from .kernels import GRAM_SETTINGS, NTK_SETTINGS
from .measures.memo import kernels_shared
from .probe import FAILURES, MANNERS, Listener, Manner, Probe, check_runs, first_line, fitted
from .protocol import Batches, Selectable, allowed_options, check_batches, check_selectable
from .registry import find_criterion, find_measure, list_measures
from .strategies import JOINT, SINGLE, Decisions, Judge


def _keywords(function: Callable) -> list[str]:
    """The parameters that are given by keyword only."""
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]


HANDED_ON = {  # {module: what its measures with **settings hand on}
    "selection.measures.ntk": {"images", *NTK_SETTINGS},
    "selection.measures.alignment": {"images", *GRAM_SETTINGS},
    "selection.measures.saliency": {"images", "training"},
}


@dataclass
class Selection:
    """What was chosen, and why.

    Args:
        criterion: its name, or several joined by "+".
        decisions: {choice: option}.
        inputs: {node: [choices it keeps, strongest first]}.
        scores: {choice: {option: score}}, higher = keep. edges: {choice: score}.
        history: rounds of a progressive strategy, with the measure after each, or levels of a beam.
        candidates: the best whole architectures that were compared. reasons: {choice: {"chosen", "atoms", "deciding",
            "runner_up", ...}} where several criteria met.
        evaluations: how many times the network was measured, in passes over the batches. saved: those that were not
            needed.
        notes: what the measures had to say, as parameters for which the kernel has no formula. seconds: wall time.
    """

    criterion: str
    strategy: str
    decisions: dict[str, str]
    inputs: dict[str, list[str]]
    scores: dict[str, dict[str, float]]
    edges: dict[str, float] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    candidates: list[dict] = field(default_factory=list)
    reasons: dict[str, dict] = field(default_factory=dict)
    evaluations: float = 0.0
    saved: float = 0.0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> str:
        """All of it as JSON; numbers that are not finite are null."""
        return json.dumps(_finite(asdict(self)), indent=1, allow_nan=False)


def measure(name: str, model: nn.Module, x: Tensor, y: Tensor, **options) -> float:
    """One number for a network on one batch, higher is better.

    Args:
        name: see `list_measures`.
        x: inputs [B, ...]. y: labels [B].
        options: of the measure, as `batchnorm="running"` of those that take a kernel.

    >>> measure("parameters", nn.Linear(3, 2), Tensor(2, 3), Tensor(2))
    8.0
    """
    found, batches = find_measure(name), fitted(model, check_batches([(x, y)]))
    check_runs(model, batches)
    try:
        return float(found(model, batches, **options))
    except SelectionError:
        raise
    except FAILURES as error:
        raise SelectionError(f"{name}: {first_line(error)}") from error


def measure_all(names: Iterable[str], model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    """Several measures of one network on one batch, with the kernels that they share computed once."""
    ((x, y),) = fitted(model, check_batches([(x, y)]))  # once: measures share what they take of the same images
    with kernels_shared():
        return {name: measure(name, model, x, y) for name in names}


def score(
    net: Selectable,
    criterion: str,
    batches: Batches | None = None,
    *,
    seed: int = 0,
    listener: Listener | None = None,
    settings: Mapping | None = None,
) -> dict[str, dict[str, float]]:
    """{choice: {option: score}} of every option on the network as it is, measured on all batches; higher = keep.

    Args:
        criterion: see `list_criteria`; or "LIFT:MEASURE".
        settings: of the measure, as {"ntk": {"images": 64, "batchnorm": "running"}}.

    Raises:
        SelectionError: an unknown criterion, no batches where they are needed, or a measure that is not a number
            (named).
    """
    _check_settings(settings, [criterion])
    judge = _judge(net, criterion, batches, settings, seed=seed, listener=listener, manner=Manner(race=0.0))
    return {choice: judge.lift(judge.probe, choice) for choice in net.choices()}


def select(
    net: Selectable,
    criterion: str = "perturbation",
    strategy: str = "progressive",
    *,
    batches: Batches | Callable[[], Iterable] | None = None,
    tune: Callable[[Decisions], None] | None = None,
    seed: int = 0,
    race: float | None = None,
    protocol: str = "paired",
    settings: Mapping | None = None,
    listener: Listener | None = None,
    **options,
) -> Selection:
    """Chooses an architecture.

    Args:
        net: answers choices(), logits() and inputs().
        criterion: see `list_criteria`; "LIFT:MEASURE" for any pair of `list_lifts` and `list_measures`; several joined
            by "+" for "sample" and "beam"; "combination" for `COMBINATION`, joined so.
        strategy: "oneshot", "progressive", "sample" or "beam"; see there for their options. Perturbation is progressive
            with a `tune`; without one, a network in which some choices are committed and none has been trained for it
            says little: take "oneshot".
        batches: [(x, y)] of validation images, for the criteria that measure; or a function that returns them anew for
            each evaluation.
        tune: trains the network between the rounds of "progressive"; called with the `Decisions` so far: `.options`
            {choice: option}, `.inputs` {node: [choices]}.
        seed: of what is drawn: random scores and architectures, the order "random", the sequence of batches in a race.
        race: error rate at which an option may be given up before all batches are seen; 0.05, or 0 to see them all.
            Only measures that are means over images race; and by default not in a beam, which weighs all options, not
            only the best.
        protocol: "paired" compares all options on the same batches, and measures nothing that is known. "darts-pt" is
            Wang et al.'s (2021): every option on all of the batches (give a function that shuffles and augments them),
            rounds of one random choice of each cell type, an edge measured again after each that is dropped.
        settings: of the measures, as {"ntk": {"images": 64, "batchnorm": "running"}}.
        listener: called with (done, expected) evaluations after each.
        options: of the strategy, as `order` of "progressive" or `limits` of "beam".

    Raises:
        SelectionError: see `score`; or options that the strategy does not take.
    """
    start = time.perf_counter()
    if not isinstance(criterion, str):
        raise SelectionError(
            f"criterion is a name, as 'perturbation', not an object of type {type(criterion).__name__}"
        )
    if tune is not None and not callable(tune):
        raise SelectionError(
            f"tune is a function that trains the network, called with the decisions so far, not an object of type "
            f"{type(tune).__name__}"
        )
    if protocol not in MANNERS:
        raise unknown("protocol", protocol, MANNERS)
    race = 0.0 if race is None and strategy in JOINT else race
    manner = MANNERS[protocol] if race is None else replace(MANNERS[protocol], race=race)
    if not 0 <= manner.race < 1:
        raise SelectionError(f"race is an error rate in [0, 1), not {race}")
    if strategy not in SINGLE | JOINT:
        raise unknown("strategy", strategy, SINGLE | JOINT)

    def heard(*_: float) -> None:
        if listener:
            listener(
                sum(judge.probe.evaluations for judge in panel),
                sum(judge.probe.remaining + judge.probe.evaluations for judge in panel),
            )

    names = [name.strip() for name in spelt_out(criterion.strip()).split("+")]
    _check_settings(settings, names)
    panel = [
        _judge(net, name, batches, settings, whole=strategy == "sample", seed=seed, listener=heard, manner=manner)
        for name in names
    ]
    options |= {"tune": tune} if tune is not None else {}
    _check_options(strategy, options)
    if strategy in SINGLE:
        if len(panel) > 1:
            raise SelectionError(
                f"strategy {strategy} takes one criterion, not {criterion}: beam and sample combine several"
            )
        made = SINGLE[strategy](panel[0].probe, panel[0].lift, **options)
    else:
        made = JOINT[strategy](panel, **options)
    ties = _ties(net, made.scores) if any(judge.probe.measure for judge in panel) else []
    return Selection(
        criterion,
        strategy,
        made.options,
        made.inputs,
        made.scores,
        made.edges,
        made.history,
        made.candidates,
        made.reasons,
        evaluations=round(sum(judge.probe.evaluations for judge in panel), 6),
        saved=round(sum(judge.probe.saved for judge in panel), 6),
        notes=list(dict.fromkeys([*(note for judge in panel for note in judge.probe.notes), *ties])),
        seconds=time.perf_counter() - start,
    )


def _ties(net: Selectable, scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A note on the choices that their order decided."""
    best = {
        choice: sorted((of[option] for option in allowed_options(net, choice)), reverse=True)[:2]
        for choice, of in scores.items()
    }
    tied = [choice for choice, values in best.items() if len(values) > 1 and values[0] == values[1]]
    if not tied:
        return []
    return [
        f"{len(tied)} of {len(best)} choices have equal best scores, as {tied[0]}, and take the first option: more "
        f"images, or a loss, may tell them apart"
    ]


def _judge(net: Selectable, name: str, batches, settings: Mapping | None, *, whole: bool = False, **manner) -> Judge:
    """A criterion with its probe; `whole` architectures are judged by a measure, and some criteria are called like the
    one that does what they read."""
    check_selectable(net)
    criterion = find_criterion(name)
    measured = criterion.measure or (name if whole and name in list_measures() else None)
    if whole and not measured:
        raise SelectionError(
            f"criterion {name} reads options and measures nothing of a whole architecture: take one with a measure"
        )
    if measured and not batches:
        raise SelectionError(f"criterion {name} measures the network on data: give batches=[(x, y), ...]")
    _check_known(name, measured, (settings or {}).get(name) or {})
    probe = Probe(
        net, _with_settings(measured, (settings or {}).get(name)) if measured else None, batches or [], **manner
    )
    if measured and probe.batches:
        check_runs(net, probe.batches)
    return Judge(name, probe, _checked(name, criterion.lift))


def _check_settings(settings: object, names: Iterable[str]) -> None:
    """Raises SelectionError unless these are {criterion: {setting: value}}."""
    if not isinstance(settings or {}, Mapping):
        raise SelectionError(
            f"settings is a dict {{criterion: {{setting: value}}}}, not an object of type {type(settings).__name__}"
        )
    strange = [str(name) for name in settings or {} if name not in names]
    if strange:
        raise SelectionError(f"settings names {', '.join(strange)}, which is not among the criteria {', '.join(names)}")
    for name, given in (settings or {}).items():
        if not isinstance(given, Mapping):
            raise SelectionError(
                f"settings of {name} is a dict {{setting: value}}, not an object of type {type(given).__name__}"
            )


def _check_known(name: str, measured: str | None, given: Mapping) -> None:
    """Raises SelectionError for a setting that the criterion's measure does not have."""
    known = _known_settings(find_measure(measured)) if measured else set()
    for setting in given if known is not None else ():
        if not known:
            raise SelectionError(f"{name} takes no settings: leave {setting!r} out")
        if setting not in known:
            raise unknown(f"setting of {name}", setting, known)


def _known_settings(measure: Callable) -> set[str] | None:
    """What a measure can be told by keyword; None where it hands on whatever it is told."""
    parameters = list(inspect.signature(measure).parameters.values())
    known = {
        parameter.name
        for parameter in parameters[2:]
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    }
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return known
    handed_on = HANDED_ON.get(getattr(measure, "__module__", None))
    return known | handed_on if handed_on else None


def _with_settings(name: str, settings: Mapping | None) -> Callable:
    measure = find_measure(name)

    def measured(net: nn.Module, batches: Batches) -> float:
        return measure(net, batches, **(settings or {}))

    measured.__name__, measured.additive = name, getattr(measure, "additive", False)
    return measured


def _checked(name: str, lift: Callable) -> Callable:
    """The lift; an error in it, an option that it forgets and a score that is not a number are said in one line."""

    def scores(probe: Probe, choice: str) -> dict[str, float]:
        try:
            found = lift(probe, choice)
        except SelectionError:
            raise
        except FAILURES as error:
            raise SelectionError(f"{name} of {choice}: {first_line(error)}") from error
        for option in probe.net.choices()[choice]:
            if option not in found or found[option] is None or found[option] != found[option]:
                raise SelectionError(
                    f"{name} is not a number for option {option} of {choice}: {found.get(option, 'it has no score')}"
                )
        return found

    return scores


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _check_options(strategy: str, options: Mapping) -> None:
    known = _keywords((SINGLE | JOINT)[strategy])
    strange = [name for name in options if name not in known]
    if strange:
        raise SelectionError(
            f"strategy {strategy} takes no {', '.join(strange)}; its options: {', '.join(known) or 'none'}"
        )
