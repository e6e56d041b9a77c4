"""The command line. Nothing heavy is imported until the arguments are understood."""

import difflib
import inspect
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from .config import (
    CompareSettings,
    DataSettings,
    ImportSettings,
    RankSettings,
    RetrainSettings,
    RunSettings,
    SearchSettings,
    SelectionSettings,
    SelectSettings,
)
from .runtime.errors import UsageError, unknown

PROGRAM = "run-darts" if Path(sys.argv[0]).stem == "run-darts" else "run_darts.py"
PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class Command:
    """A sub-command: one line about it, the settings that it takes, what it works on, and what it does with both."""

    summary: str
    settings: tuple[type, ...]
    act: Callable
    target: str | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns 0, or 2 after one line that says what the user can mend."""
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        if not argv or argv[0] in ("-h", "--help"):
            print(_overview())
            return 0
        if argv[0] not in COMMANDS:
            raise unknown("command", argv[0], COMMANDS)
        return _run(COMMANDS[argv[0]], argv[0], argv[1:])
    except UsageError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("interrupted: the same command goes on from the last whole epoch or round", 130)


def _run(command: Command, name: str, argv: list[str]) -> int:
    if name == "compare" and not any(
        word.split("=")[0] in ("--config", "--data", "--run", "-h", "--help") for word in argv
    ):
        argv = ["--config", "digits", *argv]  # the main job without a word: the demo on the embedded data
    parser = _parser(command, name)
    switches = {
        f"--{field.name}" for kind in command.settings for field in fields(kind) if field.type in (bool, bool | None)
    }
    namespace = parser.parse_args(_with_values(_with_presets(argv, command), switches))
    values = parser.instantiate(namespace) if hasattr(parser, "instantiate") else parser.instantiate_classes(namespace)
    settings = [kind(**{field.name: values[field.name] for field in fields(kind)}) for kind in command.settings]
    targets = [Path(values["target"])] if command.target else []
    # thousands of small operations: threads that spin while they wait cost more than they do
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    mistakes = _load_stages()
    try:
        command.act(*targets, *settings)
    except mistakes as error:
        return _complain(str(error))
    except OSError as error:
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: {error.strerror}")
    return 0


def _load_stages() -> tuple[type[Exception], ...]:
    """Imports torch and the stages; returns the exceptions that are the user's to mend."""
    try:
        import selection
        import supernet
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        raise UsageError(
            "torch and torchvision do not fit together (operator torchvision::nms does not exist): install both from "
            "the same index in one call, "
            "pip install --force-reinstall torch torchvision"
        ) from None
    return UsageError, supernet.SpaceError, selection.SelectionError


def _search(run: RunSettings, data: DataSettings, search: SearchSettings) -> None:
    from .pipeline import run_search

    print(f"run: {run_search(run, data, search)}")


def _select(folder: Path, run: RunSettings, settings: SelectSettings, how: SelectionSettings) -> None:
    from .pipeline import run_select

    run_select(folder, run, settings, how)


def _retrain(target: Path, run: RunSettings, data: DataSettings, settings: RetrainSettings) -> None:
    from .pipeline import run_retrain

    run_retrain(target, run, data, settings)


def _compare(
    run: RunSettings, data: DataSettings, search: SearchSettings, settings: CompareSettings, how: SelectionSettings
) -> None:
    from .comparison import run_compare

    run_compare(run, data, search, settings, how)


def _rank(run: RunSettings, data: DataSettings, settings: RankSettings) -> None:
    from .ranking import run_rank

    run_rank(run, data, settings)


def _import(checkpoint: Path, run: RunSettings, data: DataSettings, settings: ImportSettings) -> None:
    from .importing import run_import

    print(f"run: {run_import(checkpoint, run, data, settings)}")


def _report(folder: Path) -> None:
    from .runtime.folder import read_args

    if read_args(folder).get("command") == "rank":
        from .ranking import report_rank

        report_rank(folder)
    else:
        from .pipeline import run_report

        run_report(folder)


def _spaces() -> None:
    from supernet import create_space, describe_spaces, list_activations

    for name, summary in describe_spaces().items():
        choices = create_space(name).choices()
        print(f"{name:12} {summary} {len(choices)} choices of up to {max(map(len, choices.values()))} options.")
    print(
        f"--activations and --added_skip give every edge with a convolution two more choices; activations: "
        f"{', '.join(list_activations())}."
    )


def _criteria() -> None:
    from selection import COMBINATION, describe_criteria, list_lifts, list_measures
    from selection.registry import find_lift, find_measure

    lifts = {name: find_lift(name) for name in list_lifts()}
    measures = {name: find_measure(name) for name in list_measures()}
    for title, names in (
        ("criteria", describe_criteria()),
        (
            "lifts: how a measure, or the supernet itself, scores options",
            {name: _first_line(lift) for name, lift in lifts.items()},
        ),
        (
            "measures: one number for a network, higher is better",
            {name: _first_line(measure) for name, measure in measures.items()},
        ),
    ):
        print(f"{title}\n" + "\n".join(f"  {name:26} {summary}" for name, summary in names.items()) + "\n")
    print(
        "LIFT:MEASURE is a criterion too, as removal:naswot; so are several joined, as perturbation+parameters, with "
        "the strategies beam and sample."
    )
    print(f"combination stands for {'+'.join(COMBINATION)}, by default with the strategy sample.")


def _first_line(thing: Callable) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


COMMANDS = {
    "search": Command("train a supernet", (RunSettings, DataSettings, SearchSettings), _search),
    "select": Command(
        "choose an architecture on a trained supernet",
        (RunSettings, SelectSettings, SelectionSettings),
        _select,
        "folder that `search` wrote",
    ),
    "retrain": Command(
        "train the chosen network from scratch",
        (RunSettings, DataSettings, RetrainSettings),
        _retrain,
        "folder that `select` wrote, or a genotype file",
    ),
    "compare": Command(
        "search, select by several criteria, retrain each, show the table",
        (RunSettings, DataSettings, SearchSettings, CompareSettings, SelectionSettings),
        _compare,
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
        "its checkpoint",
    ),
    "report": Command("write the report of a run or a comparison anew", (), _report, "folder of a run or a comparison"),
    "spaces": Command("list the search spaces", (), _spaces),
    "criteria": Command("list the criteria, and what more can be made of lifts and measures", (), _criteria),
}


def _overview() -> str:
    lines = [f"usage: {PROGRAM} COMMAND [options]", "", "commands:"]
    lines += [f"  {name:10} {command.summary}" for name, command in COMMANDS.items()]
    presets = ", ".join(sorted(path.stem for path in PRESETS.glob("*.yaml")))
    return "\n".join(
        [
            *lines,
            "",
            f"{PROGRAM} COMMAND --help tells its options; --config takes a YAML file or one of the presets {presets}.",
        ]
    )


def _parser(command: Command, name: str):
    from jsonargparse import ArgumentParser, set_parsing_settings

    set_parsing_settings(docstring_parse_attribute_docstrings=True)

    class Parser(ArgumentParser):
        def error(self, message: str, ex: Exception | None = None):
            raise UsageError(
                _one_line(message, [action.option_strings[0] for action in self._actions if action.option_strings])
            )

    parser = Parser(prog=f"{PROGRAM} {name}", description=command.summary, allow_abbrev=False)
    if command.settings:
        parser.add_argument("--config", action="config", help="YAML file with settings, or the name of a preset")
    if command.target:
        parser.add_argument("target", type=str, metavar="RUN", help=command.target)
    for settings in command.settings:
        parser.add_class_arguments(settings, as_group=True)
    return parser


def _with_presets(argv: list[str], command: Command) -> list[str]:
    """Brings `--config` to the front, so that options override it wherever they stand, and replaces a preset's name by
    what it says to this command."""
    argv = [part for word in argv for part in (word.split("=", 1) if word.startswith("--config=") else [word])]
    configs, rest = [], []
    while argv:
        word = argv.pop(0)
        if word == "--config" and argv:
            name = argv.pop(0)
            configs += ["--config", name if Path(name).is_file() else _preset(name, command)]
        else:
            rest.append(word)
    return configs + rest


def _preset(name: str, command: Command) -> str:
    import yaml

    path = PRESETS / f"{name}.yaml"
    if not path.is_file():
        raise unknown("preset or file", name, [path.stem for path in PRESETS.glob("*.yaml")])
    settings = yaml.safe_load(path.read_text())
    if RetrainSettings in command.settings:
        settings |= settings.pop("retrain", {})
    known = {field.name for kind in command.settings for field in fields(kind)}
    return json.dumps({key: value for key, value in settings.items() if key in known})


def _with_values(argv: list[str], switches: set[str]) -> list[str]:
    """Lets a switch stand alone: `--download` means `--download true`."""
    alone = [
        word in switches and following not in ("true", "false", "null")
        for word, following in zip(argv, [*argv[1:], ""])
    ]
    return [part for word, bare in zip(argv, alone) for part in ([word, "true"] if bare else [word])]


def _one_line(message: str, options: list[str]) -> str:
    """The parser's complaint in one line, with the nearest option where one is misspelt."""
    message = (
        re.sub(r"\s+", " ", message).strip().replace("Problems parsing config", "the file of --config is not YAML")
    )
    if message.startswith("Unexpected config"):
        return "the file of --config holds no settings: each line should read 'name: value'"
    message = message.replace("required: target", "required: RUN")
    union = re.fullmatch(
        r"Parser key \"([\w.]+)\": Does not validate against any of the Union subtypes.* Given value: (.*)", message
    )
    if union:
        return f"{union[1]} cannot be {union[2]}; --help tells what it takes"
    wrong = re.fullmatch(r"Parser key \"([\w.]+)\": (?:.* )?Expected an? <class '(\w+)'>\. Got value: (.*)", message)
    if wrong:
        return f"{wrong[1]} takes a value of type {wrong[2]}, not {wrong[3]!r}"
    missing = re.fullmatch(r"the following arguments are required: (?!RUN)(\w+)", message)
    if missing:
        return f"--{missing[1]} is missing; --help tells what it takes"
    stray = re.fullmatch(r"unrecognized arguments: (\w.*)", message)
    if stray:
        return f"{stray[1]!r} is one word too many; --help tells what the command takes"
    found = re.search(r"(?:unrecognized arguments: |Option ')(-*[\w.]+)", message)
    if found:
        name = found[1].lstrip("-")
        near = difflib.get_close_matches(name, [option.lstrip("-") for option in options], n=1, cutoff=0.6)
        return f"unknown option {name!r}" + (f": did you mean {near[0]!r}?" if near else "; --help lists the options")
    return message


def _complain(message: str, code: int = 2) -> int:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
    return code
