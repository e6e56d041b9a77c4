"""What the parser complains of, in one line of our own.

jsonargparse has no codes for its errors, only English; the patterns hold for the versions that setup.cfg allows, and a
message that none of them knows is passed on in one line.
"""

import difflib
import re
from collections.abc import Sequence

UNION = re.compile(r"Parser key \"([\w.]+)\": Does not validate against any of the Union subtypes.* Given value: (.*)")
TYPE = re.compile(r"Parser key \"([\w.]+)\": (?:.* )?Expected an? <class '(\w+)'>\. Got value: (.*)")
MISSING = re.compile(r"the following arguments are required: (?!target)(\w+)")
STRAY = re.compile(r"unrecognized arguments: (\w.*)")
UNKNOWN = re.compile(r"(?:unrecognized arguments: |Option ')(-*[\w.]+)")


def explain_complaint(message: str, options: Sequence[str]) -> str:
    """Returns the parser's complaint in one line, with the nearest option where one is misspelt.

    >>> explain_complaint("unrecognized arguments: --epoch 3", ["--epochs", "--seed"])
    "unknown option 'epoch': did you mean 'epochs'?"
    """
    message = re.sub(r"\s+", " ", message).strip()
    if message.startswith("Unexpected config"):
        return "the file of --config holds no settings: each line should read 'name: value'"
    if union := UNION.fullmatch(message):
        return f"{union[1]} cannot be {union[2]}; --help tells what it takes"
    if wrong := TYPE.fullmatch(message):
        return f"{wrong[1]} takes a value of type {wrong[2]}, not {wrong[3]!r}"
    if missing := MISSING.fullmatch(message):
        return f"--{missing[1]} is missing; --help tells what it takes"
    if stray := STRAY.fullmatch(message):
        return f"{stray[1]!r} is one word too many; --help tells what the command takes"
    if unknown := UNKNOWN.search(message):
        return _suggest_option(unknown[1].lstrip("-"), options)
    message = message.replace("required: target", "required: RUN")
    return message.replace("Problems parsing config", "the file of --config is not YAML")


def _suggest_option(name: str, options: Sequence[str]) -> str:
    known = [option.lstrip("-") for option in options]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"unknown option {name!r}: did you mean {near[0]!r}?"
    return f"unknown option {name!r}; --help lists the options"
