"""The one grammar in which criteria and measures are written, and the only place that reads it.

    [SUPERNET/]CRITERION[@STRATEGY[(START)][:THEN]]    CRITERION = TERM[+TERM ...] or TNORM(TERM[+TERM ...])
                                                       TERM = [LIFT:]NAME[~noise]

Each sign has one meaning: `/` ends the name of a supernet of a comparison, `:` the name of a lift, `+` joins terms that
judge together, `TNORM(...)` says how they are joined, `~noise` shows normal noise to a measure in place of images, `@`
begins a strategy. START is the criterion whose choice a local search begins at, THEN the criterion that judges its
shortlist again. `combination` stands for the terms of `COMBINATION`.

Two older spellings are understood: `TNORM:A+B` for `TNORM(A+B)`, and `A@noise` for `A~noise`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .combination import COMBINATION
from .errors import SelectionError, unknown
from .numerics.tnorm import TNORMS
from .registry import Criterion, find_lift, find_measure, find_registered, list_criteria, list_lifts, list_measures

IMAGES = "images"
NOISE = "noise"


@dataclass(frozen=True)
class Term:
    """One criterion or measure: its name, the lift of a measure, and what the measure is shown.

    >>> Term("naswot", lift="removal"), str(Term("trainability", inputs="noise"))
    (Term(name='naswot', lift='removal', inputs='images'), 'trainability~noise')
    """

    name: str
    lift: str = ""
    inputs: str = IMAGES

    def __str__(self) -> str:
        lift = f"{self.lift}:" if self.lift else ""
        inputs = "" if self.inputs == IMAGES else f"~{self.inputs}"
        return f"{lift}{self.name}{inputs}"


@dataclass(frozen=True)
class Spelling:
    """What somebody wrote, taken apart; `combination` is replaced by its terms.

    Args:
        text: as it was written.
        terms: those that judge together.
        tnorm: how they are joined; None where nothing is said.
        strategy: None where nothing is said.
        start, then: of the strategy; None where nothing is said.
        supernet: of those of a comparison; "" is the command's own.
    """

    text: str
    terms: tuple[Term, ...]
    tnorm: str | None = None
    strategy: str | None = None
    start: str | None = None
    then: str | None = None
    supernet: str = ""

    @property
    def names(self) -> list[str]:
        """The terms as text."""
        return [str(term) for term in self.terms]

    @property
    def joined(self) -> str:
        """The terms as one text, without supernet and strategy.

        >>> parse("fixed/minimum(ntk+parameters)@beam").joined
        'minimum(ntk+parameters)'
        """
        terms = "+".join(self.names)
        return f"{self.tnorm}({terms})" if self.tnorm else terms

    @property
    def criterion(self) -> str:
        """The text without supernet and strategy; `combination` is left as it is."""
        _, _, rest = _modernise(self.text).rpartition("/")
        criterion, _, _ = rest.partition("@")
        return criterion

    @property
    def is_combination(self) -> bool:
        """Whether `combination` alone is asked for."""
        return self.criterion == "combination"


def parse(text: str) -> Spelling:
    """Takes a spelling apart; whether its names exist is not asked here.

    Raises:
        SelectionError: not a string, a name is missing, the t-norm is unknown or does not join all terms, or something
            other than noise stands behind `~`.

    >>> parse("fixed/removal:accuracy+ntk@beam")  # doctest: +NORMALIZE_WHITESPACE
    Spelling(text='fixed/removal:accuracy+ntk@beam',
             terms=(Term(name='accuracy', lift='removal', inputs='images'),
                    Term(name='ntk', lift='', inputs='images')),
             tnorm=None, strategy='beam', start=None, then=None, supernet='fixed')
    >>> parse("minimum:naswot+trainability@noise").joined
    'minimum(naswot+trainability~noise)'
    >>> spelling = parse("trainability@local(perturbation):loss")
    >>> spelling.strategy, spelling.start, spelling.then
    ('local', 'perturbation', 'loss')
    """
    if not isinstance(text, str):
        raise SelectionError(
            f"a criterion or measure is given by name, a string, not as an object of type {type(text).__name__}"
        )
    supernet, slash, rest = _modernise(text).rpartition("/")
    body, at, strategy = rest.partition("@")
    if slash and not supernet:
        raise SelectionError(f"a name is missing in {text!r}: write SUPERNET/CRITERION")
    if at and not strategy:
        raise SelectionError(f"a name is missing in {text!r}: write CRITERION@STRATEGY")
    tnorm, body = _split_tnorm(body, text)
    terms: list[Term] = []
    for part in body.split("+"):
        terms += _read_terms(part, text)
    return Spelling(text, tuple(terms), tnorm, *_split_strategy(strategy, text), supernet)


def _split_strategy(strategy: str, text: str) -> tuple[str | None, str | None, str | None]:
    """Returns a strategy, where it starts, and who judges again."""
    if not strategy:
        return None, None, None
    found = re.fullmatch(r"([^():]+)(?:\((.+?)\))?(?::(.+))?", strategy)
    if not found:
        raise SelectionError(f"{text!r}: a strategy is written @STRATEGY, @STRATEGY(START) or @STRATEGY:THEN")
    name, start, then = found.groups()
    return name, start, then


def _modernise(text: str) -> str:
    """Returns the text without spaces, and `A~noise` for the older `A@noise`."""
    compact = re.sub(r"\s", "", text)
    return re.sub(r"@noise(?=$|[+)@])", "~noise", compact)


def _split_tnorm(body: str, text: str) -> tuple[str | None, str]:
    called = re.fullmatch(r"([\w-]+)\(([^()]*)\)", body)
    if called:
        name, inner = called.groups()
        if name not in TNORMS:
            raise unknown("t-norm", name, TNORMS)
        return name, inner
    if "(" in body or ")" in body:
        raise SelectionError(f"{text!r}: parentheses stand behind a t-norm, around all terms, as in minimum(A+B)")
    name, _, rest = body.partition(":")
    if name in TNORMS:
        return name, rest
    return None, body


def _read_terms(part: str, text: str) -> list[Term]:
    if part == "combination":
        return [Term(name) for name in COMBINATION]
    measured, tilde, inputs = part.partition("~")
    lift, colon, name = measured.rpartition(":")
    if not name or (colon and not lift):
        raise SelectionError(f"a name is missing in {text!r}: write A+B, or LIFT:MEASURE")
    if lift in TNORMS:
        raise SelectionError(f"{text!r}: a t-norm stands in front of all terms, as in {lift}(A+B)")
    if name == "combination":
        raise SelectionError(f"{text!r}: combination stands for several measures: it takes no lift and no ~noise")
    if tilde and inputs != NOISE:
        raise SelectionError(f"{text!r}: behind ~ stands noise, for normal noise in place of images, not {inputs!r}")
    return [Term(name, lift, inputs or IMAGES)]


def find_criterion(term: Term | str) -> Criterion:
    """Returns the criterion of a term: a registered one, LIFT:MEASURE, or a measure alone, which is `alone:MEASURE`.

    Raises:
        SelectionError: a name is unknown; the nearest is given.

    >>> import selection
    >>> find_criterion("removal:naswot").summary
    'naswot, by removal'
    """
    if not isinstance(term, (Term, str)):
        raise SelectionError(f"a criterion is given by name, a string, not as an object of type {type(term).__name__}")
    if isinstance(term, str):
        term = _read_single_term(term)
    if term.inputs != IMAGES:
        raise SelectionError(f"{term}: a criterion sees the images that it is given: leave ~{term.inputs} out")
    if term.lift:
        return _lift_measure(term.lift, term.name)
    registered = find_registered(term.name)
    if registered:
        return registered
    if term.name in list_measures():
        return _lift_measure("alone", term.name)
    raise unknown("criterion", term.name, {*list_criteria(), *list_measures(), "combination", "LIFT:MEASURE"})


def _read_single_term(text: str) -> Term:
    first, *others = parse(text).terms
    if others:
        raise SelectionError(f"{text!r} names {1 + len(others)} criteria, where one is expected")
    return first


def _lift_measure(lift: str, measure: str) -> Criterion:
    lifted = find_measure(measure)
    return Criterion(find_lift(lift), lifted, f"{measure}, by {lift}", strategy="progressive")


def parse_criterion(text: str) -> Spelling:
    """Takes the spelling of a criterion apart, and checks that its names exist.

    Raises:
        SelectionError: see `parse` and `find_criterion`.
    """
    if not isinstance(text, str):
        raise SelectionError(f"criterion is a name, as 'perturbation', not an object of type {type(text).__name__}")
    spelling = parse(text)
    for term in spelling.terms:
        find_criterion(term)
    return spelling


def parse_measures(text: str) -> Spelling:
    """Takes the spelling of a measure, or of several that are joined, apart, and checks that they exist.

    Raises:
        SelectionError: see `parse`; a lift, a strategy or a supernet, which measures of whole networks do not have; or
            an unknown measure.

    >>> parse_measures("minimum(naswot+parameters)").names
    ['naswot', 'parameters']
    """
    spelling = parse(text)
    if spelling.strategy:
        raise SelectionError(
            f"{text!r}: a measure has no strategy: leave @{spelling.strategy} out, or write ~noise for normal noise in "
            f"place of images"
        )
    if spelling.supernet:
        raise SelectionError(
            f"{text!r}: a measure is taken of networks, not of a supernet: leave {spelling.supernet}/ out"
        )
    for term in spelling.terms:
        _check_is_measure(term)
    return spelling


def _check_is_measure(term: Term) -> None:
    if term.lift in list_lifts():
        raise SelectionError(f"{term}: a measure of a whole network has no lift: leave {term.lift}: out")
    if term.lift:
        raise unknown("t-norm", term.lift, TNORMS)
    if term.name not in list_measures():
        raise unknown("measure", term.name, [*list_measures(), "combination"])


def split_names(text: str) -> list[str]:
    """Returns the spellings of a list separated by commas, each once.

    >>> split_names("ntk, perturbation@beam,,ntk")
    ['ntk', 'perturbation@beam']
    """
    return list(dict.fromkeys(_trim(text.split(","))))


def _trim(names: Sequence[str]) -> list[str]:
    return [name.strip() for name in names if name.strip()]
