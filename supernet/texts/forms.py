"""The forms of texts: finds the one architecture that a text holds, whatever stands around it."""

import re
from collections.abc import Callable
from typing import NamedTuple

from ..edge import Cell
from ..errors import GenotypeError, show
from . import darts, mlp, nasbench201, naslib, transnas101
from .cleaning import clean
from .data import read_data, read_json
from .fields import FIELDS, read_fields
from .literals import Literals, find_end

FORM = (
    "Genotype(normal=[('op', source), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6)), "
    "|op~0|+|op~0|op~1|+..., 64-41414-3_33_333, MLP(relu, ...) or JSON of it"
)
_CODE = re.compile(r"\.[A-Za-z_]|[\[(]")  # what follows would change the value
_BRACKET = re.compile(r"(?:\b(?:dict|OrderedDict)\s{0,9})?[(\[{]")


class _Form(NamedTuple):
    write: Callable[[dict[str, Cell]], str]
    find: Callable[[str], list[int]]
    read: Callable[[str, int], tuple[str, dict[str, Cell], int]]


_FORMS = {
    "darts": _Form(darts.write, darts.find, darts.read),
    "transnas101": _Form(transnas101.write, transnas101.find, transnas101.read),  # its call holds the next one's string
    "nasbench201": _Form(nasbench201.write, nasbench201.find, nasbench201.read),
    "mlp": _Form(mlp.write, mlp.find, mlp.read),
}


def write_text(genotype_format: str, cells: dict[str, Cell]) -> str:
    """Returns what the codes of that format print."""
    return _FORMS[genotype_format].write(cells)


def read_text(text: str) -> tuple[str, dict[str, Cell]]:
    """Returns format and cells of the architecture in a text.

    Raises:
        GenotypeError: there is none, there are several that differ, or something is wrong with it; one line says what.
    """
    if not isinstance(text, str):
        raise GenotypeError(f"the text of a genotype is a str, not {type(text).__name__}: str(...) of it may be one")
    if text.lstrip("\ufeff \t\r\n").startswith("{") and ('"cells"' in text or '"format"' in text):
        return read_json(text)
    cleaned = clean(text)
    for form in _FORMS.values():
        starts = form.find(cleaned)
        if starts:
            return _read_one(cleaned, starts, form)
    return _read_bare(cleaned)


def _read_one(text: str, starts: list[int], form: _Form) -> tuple[str, dict[str, Cell]]:
    """Returns what begins at one of the places, or at all of them if it is the same."""
    found: dict[int, tuple[str, dict[str, Cell]]] = {}
    end = 0
    for start in starts:
        if start >= end:
            name, cells, end = form.read(text, start)
            found[start] = name, cells
            _check_rest(text, end)
    first, *others = found.values()
    if any(other != first for other in others):
        names = [re.search(r"(\w+)[ \t]*[:=][ \t]*[\w.]*$", text[max(start - 60, 0) : start]) for start in found]
        listed = ", ".join(match[1] for match in names if match)
        raise GenotypeError(
            f"the text holds {len(found)} genotypes, which differ{listed and f' ({listed[:200]})'}: give one of them"
        )
    return first


def _check_rest(text: str, end: int) -> None:
    if _CODE.match(text, end):
        raise GenotypeError(f"behind the genotype stands {show(text[end : end + 40])}: give the genotype alone")


def _read_bare(text: str) -> tuple[str, dict[str, Cell]]:
    """Reads a genotype whose name is not there: a dict of its fields, a tuple of them, or lists of pairs."""
    match = _BRACKET.search(text)
    if not match:
        raise GenotypeError(f"{show(text.strip())} is not of the form {FORM}")
    try:
        end = find_end(text, match.end() - 1)
        _check_rest(text, end)
        positional, named = Literals(text[match.start() : end]).arguments(FIELDS)
        if "format" in named:
            return read_data(named)
        if naslib.looks_named(named):
            return naslib.read_names(named)
        if nasbench201.looks_nested(positional):
            return "nasbench201", nasbench201.read_nested(positional)
        return "darts", read_fields(positional, named)
    except GenotypeError as error:
        raise GenotypeError(f"{show(text.strip())} is not of the form {FORM}: {error}") from None
