"""The front door: scores of options, and the choice of an architecture."""

from collections.abc import Callable, Iterable

from .arguments import check_function
from .batches import Batches
from .budget import Budget, Listener
from .decisions import Decisions, Selection
from .losses import Loss, Metric
from .measure_settings import Settings
from .planning import make_plan
from .protocol import Selectable
from .task import Task


def score(
    net: Selectable,
    criterion: str,
    batches: Batches | None = None,
    *,
    seed: int = 0,
    listener: Listener | None = None,
    settings: Settings | None = None,
    loss: Loss = None,
    metric: Metric = None,
) -> dict[str, dict[str, float]]:
    """Returns {choice: {option: score}} of every option on the network as it is, measured on all batches.

    A higher score means keep: it is the strength of the operation by that criterion.

    Args:
        criterion: see `list_criteria`; or "LIFT:MEASURE".
        settings: of the measure, as {"ntk": {"images": 64, "batchnorm": "running"}}.
        loss, metric: see `select`.

    Raises:
        SelectionError: an unknown criterion, no batches where they are needed, or a measure that is not a number
            (named).
    """
    plan = make_plan(criterion, "oneshot", race=0.0, settings=settings, task=Task(loss, metric))
    (judge,) = plan.form_panel(net, batches, seed=seed, budget=Budget(listener))
    return {choice: judge.score(choice) for choice in net.choices()}


def select(
    net: Selectable,
    criterion: str = "perturbation",
    strategy: str | None = None,
    *,
    batches: Batches | Callable[[], Iterable] | None = None,
    tune: Callable[[Decisions], None] | None = None,
    seed: int = 0,
    race: float | None = None,
    protocol: str = "paired",
    settings: Settings | None = None,
    loss: Loss = None,
    metric: Metric = None,
    listener: Listener | None = None,
    **options: object,
) -> Selection:
    """Chooses an architecture.

    Args:
        net: answers choices(), logits() and inputs().
        criterion: see `list_criteria`; "LIFT:MEASURE" for any pair of `list_lifts` and `list_measures`; several joined
            by "+" for "sample", "local" and "beam", as "combination" is.
        strategy: see `strategies.list_strategies`; by default what suits, see `planning.suit_strategy`.
        batches: [(x, y)] of validation images, as a DataLoader; or a function that returns them anew each time.
        tune: trains the network between the rounds of "progressive"; called with the `Decisions` so far: `.options`
            {choice: option}, `.inputs` {node: [choices]}.
        seed: of what is drawn: random scores and architectures, the order "random", the sequence of batches in a race.
        race: error rate at which an option may be given up before all batches are seen; 0.05, or 0 to see them all.
            Only means over images race, and by default not in a beam, which weighs all options.
        protocol: "paired" compares all options on the same batches, and measures nothing that is known. "darts-pt" is
            Wang et al.'s (2021): every option on all of the batches (give a function that shuffles and augments them),
            rounds of one random choice of each cell type, an edge measured again after each that is dropped.
        settings: of the measures, as {"ntk": {"images": 64, "batchnorm": "running"}}.
        loss: a name or a function, see `Task`; by default what the targets ask for, see `selection.targets`.
        metric: (outputs, targets) -> number, higher is better, of all batches together, in place of the accuracy.
        listener: called with (done, expected) evaluations after each.
        options: of the strategy, as `order` of "progressive" or `limits` of "beam".

    Raises:
        SelectionError: see `score`; or options that the strategy does not take.
    """
    tuned = tune is not None
    if tuned:
        check_function("tune", tune, "that trains the network, called with the decisions so far")
        options["tune"] = tune
    task = Task(loss, metric)
    plan = make_plan(
        criterion, strategy, tuned=tuned, protocol=protocol, race=race, settings=settings, task=task, **options
    )
    return plan.run(net, batches, seed=seed, listener=listener)
