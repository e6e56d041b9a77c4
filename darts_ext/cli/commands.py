"""The commands: what each takes, and what it does. A stage is imported when its command runs.

The report of a run is written here, after the stage that made the run: a stage knows nothing of the stages after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config import (
    CompareSettings,
    CriterionSettings,
    DataSettings,
    ExportSettings,
    ImportSettings,
    RankSettings,
    RetrainSettings,
    RunSettings,
    SearchSettings,
    StrategySettings,
)
from ..runtime.streams import show


@dataclass(frozen=True)
class Command:
    """A sub-command.

    Args:
        summary: one line about it.
        settings: the settings that it takes, in the order of the arguments of `act`.
        act: does the work; takes the target, where there is one, and the settings.
        target: what the command works on, in words; None where it works on nothing that is there.
        default_config: a preset that is taken where nothing is said of settings or data.
    """

    summary: str
    settings: tuple[type, ...]
    act: Callable[..., None]
    target: str | None = None
    default_config: str | None = None


def _search(run: RunSettings, data: DataSettings, search: SearchSettings) -> None:
    from ..report import write_report
    from ..search import run_search

    folder = run_search(run, data, search)
    write_report(folder)
    show(f"run: {folder}")


def _select(folder: Path, run: RunSettings, criterion: CriterionSettings, strategy: StrategySettings) -> None:
    from ..report import write_report
    from ..select import run_select

    write_report(run_select(folder, run, criterion, strategy))


def _retrain(target: Path, run: RunSettings, data: DataSettings, settings: RetrainSettings) -> None:
    from ..report import write_report
    from ..retrain import run_retrain

    write_report(run_retrain(target, run, data, settings))


def _compare(
    run: RunSettings,
    data: DataSettings,
    search: SearchSettings,
    compare: CompareSettings,
    strategy: StrategySettings,
) -> None:
    from ..compare import run_compare
    from ..report import write_report

    folder = run_compare(run, data, search, compare, strategy)
    show(f"report: {write_report(folder)}")


def _rank(run: RunSettings, data: DataSettings, settings: RankSettings) -> None:
    from ..rank import run_rank
    from ..report import write_ranking

    board = run_rank(run, data, settings)
    show(f"report: {write_ranking(board.folder, board.rows, board.columns, board.accuracies)}")


def _import(checkpoint: Path, run: RunSettings, data: DataSettings, settings: ImportSettings) -> None:
    from ..importing import run_import
    from ..report import write_report

    folder = run_import(checkpoint, run, data, settings)
    write_report(folder)
    show(f"run: {folder}")


def _export(target: Path, settings: ExportSettings) -> None:
    from ..export import run_export

    run_export(target, settings)


def _report(folder: Path) -> None:
    from ..rank import rerank
    from ..report import is_study, write_ranking, write_report, write_study
    from ..runtime.folder import read_args

    if is_study(folder):
        show(f"report: {write_study(folder)}")
    elif read_args(folder).get("command") == "rank":
        board = rerank(folder)
        show(f"report: {write_ranking(board.folder, board.rows, board.columns, board.accuracies)}")
    else:
        show(f"report: {write_report(folder)}")


def _spaces() -> None:
    from supernet import create_space, describe_spaces, list_activations

    for name, summary in describe_spaces().items():
        choices = create_space(name).choices()
        most = max(len(options) for options in choices.values())
        show(f"{name:12} {summary} {len(choices)} choices of up to {most} options.")
    show(
        f"--activations and --added_skip give every edge with a convolution two more choices; activations: "
        f"{', '.join(list_activations())}."
    )


def _criteria() -> None:
    from selection import COMBINATION, describe_criteria, find_lift, find_measure, list_lifts, list_measures

    _print_list("criteria", describe_criteria())
    _print_list(
        "lifts: how a measure, or the supernet itself, scores options (the strength of operations)",
        {name: find_lift(name).summary for name in list_lifts()},
    )
    _print_list(
        "measures: one number for a network, higher is better (zero-cost proxies, where it is untrained)",
        {name: find_measure(name).summary for name in list_measures()},
    )
    show(
        "LIFT:MEASURE is a criterion too, as removal:naswot; so are several joined, as perturbation+parameters, with "
        "the strategies beam and sample."
    )
    show(f"combination stands for {'+'.join(COMBINATION)}, by default with the strategy sample.")


def _print_list(title: str, summaries: Mapping[str, str]) -> None:
    show(title)
    for name, summary in summaries.items():
        show(f"  {name:26} {summary}")
    show("")


COMMANDS = {
    "search": Command("train a supernet", (RunSettings, DataSettings, SearchSettings), _search),
    "select": Command(
        "choose an architecture on a trained supernet",
        (RunSettings, CriterionSettings, StrategySettings),
        _select,
        target="folder that `search` wrote",
    ),
    "retrain": Command(
        "train the chosen network from scratch",
        (RunSettings, DataSettings, RetrainSettings),
        _retrain,
        target="folder that `select` wrote, or a genotype file",
    ),
    "compare": Command(
        "search, select by several criteria, retrain each, show the table",
        (RunSettings, DataSettings, SearchSettings, CompareSettings, StrategySettings),
        _compare,
        default_config="digits",
    ),
    "rank": Command(
        "training-free measures against the accuracies of NAS-Bench-201",
        (RunSettings, DataSettings, RankSettings),
        _rank,
    ),
    "import": Command(
        "make a run of a supernet that another code trained",
        (RunSettings, DataSettings, ImportSettings),
        _import,
        target="its checkpoint",
    ),
    "export": Command(
        "write a retrained network as ONNX, or as a program of torch.export",
        (ExportSettings,),
        _export,
        target="folder that `retrain` wrote, or its weights",
    ),
    "report": Command(
        "write the report of a run or a comparison anew, or of comparisons that differ in a number",
        (),
        _report,
        target="folder of a run or a comparison, or of comparisons",
    ),
    "spaces": Command("list the search spaces", (), _spaces),
    "criteria": Command("list the criteria, and what more can be made of lifts and measures", (), _criteria),
}
