"""From the words of a command line to settings: presets, switches, and the parser."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import RetrainSettings
from ..runtime.errors import UsageError, unknown
from ..runtime.reading import parse_yaml, read_text
from .commands import Command
from .complaints import explain_complaint
from .program import PROGRAM

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

PRESETS = Path(__file__).parents[1] / "presets"
SETTLING = ("--config", "--data", "--run", "-h", "--help")  # with one of these no default preset is taken


def read_arguments(name: str, command: Command, words: Sequence[str]) -> list[object]:
    """Returns the arguments of a command's act: its target, where it has one, and its settings.

    Raises:
        UsageError: the words cannot be understood; the nearest option is named.
    """
    words = list(words)
    if command.default_config and not any(word.split("=")[0] in SETTLING for word in words):
        words = ["--config", command.default_config, *words]
    parser = _build_parser(name, command)
    namespace = parser.parse_args(_expand_switches(_expand_presets(words, command), command))
    # `instantiate` is what jsonargparse calls it from 4.49 on
    values = parser.instantiate(namespace) if hasattr(parser, "instantiate") else parser.instantiate_classes(namespace)
    arguments: list[object] = []
    if command.target:
        arguments.append(Path(values["target"]))
    for kind in command.settings:
        arguments.append(kind(**{field.name: values[field.name] for field in fields(kind)}))
    return arguments


def list_presets() -> list[str]:
    """Lists the names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def _build_parser(name: str, command: Command) -> "ArgumentParser":
    from jsonargparse import ArgumentParser, set_parsing_settings

    set_parsing_settings(docstring_parse_attribute_docstrings=True)

    class Parser(ArgumentParser):
        def error(self, message: str, ex: Exception | None = None):
            options = [action.option_strings[0] for action in self._actions if action.option_strings]
            raise UsageError(explain_complaint(message, options))

    parser = Parser(prog=f"{PROGRAM} {name}", description=command.summary, allow_abbrev=False)
    if command.settings:
        parser.add_argument("--config", action="config", help="YAML file with settings, or the name of a preset")
    if command.target:
        parser.add_argument("target", type=str, metavar="RUN", help=command.target)
    for settings in command.settings:
        parser.add_class_arguments(settings, as_group=True)
    return parser


def _expand_presets(words: Sequence[str], command: Command) -> list[str]:
    """Brings `--config` to the front, so that options override it wherever they stand, and replaces the name of a
    preset by what it says to this command."""
    configs: list[str] = []
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        option, _, value = word.partition("=")
        if option == "--config":
            value = value or next(remaining, "")
        if option == "--config" and value:
            configs += ["--config", _recode_file(value) if Path(value).is_file() else _read_preset(value, command)]
        else:
            rest.append(word)
    return configs + rest


def _recode_file(value: str) -> str:
    """Returns the path of a file in ASCII as it is, and as JSON what any other says: the parser reads files in the
    encoding of this machine only."""
    content = Path(value).read_bytes()
    if content.isascii() and b"\0" not in content:
        return value
    try:
        settings = parse_yaml(read_text(Path(value))) or {}
    except ValueError as error:
        raise UsageError(f"the file of --config is not YAML: {error}") from None
    if not isinstance(settings, dict):
        raise UsageError("the file of --config holds no settings: each line should read 'name: value'")
    return json.dumps(settings, default=str)


def _read_preset(name: str, command: Command) -> str:
    """Returns as JSON what a preset says of the settings of a command."""
    import yaml

    path = PRESETS / f"{name}.yaml"
    if not path.is_file():
        raise unknown("preset or file", name, list_presets())
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    if RetrainSettings in command.settings:
        settings |= settings.pop("retrain", {})
    known = {field.name for kind in command.settings for field in fields(kind)}
    return json.dumps({key: value for key, value in settings.items() if key in known})


def _expand_switches(words: Sequence[str], command: Command) -> list[str]:
    """Lets a switch stand alone: `--download` means `--download true`."""
    switches = set()
    for kind in command.settings:
        for field in fields(kind):
            if field.type in (bool, bool | None):
                switches.add(f"--{field.name}")
    expanded = []
    for word, following in zip(words, [*words[1:], ""]):
        expanded.append(word)
        if word in switches and following not in ("true", "false", "null"):
            expanded.append("true")
    return expanded
