"""The grammar of criteria and measures: one meaning a sign, two older spellings, and mistypes answered in one line."""

import random
from dataclasses import astuple

import pytest

from selection import (
    COMBINATION,
    SelectionError,
    find_criterion,
    list_criteria,
    list_lifts,
    list_measures,
    list_strategies,
    parse,
    parse_criterion,
    parse_measures,
    split_names,
)
from selection.numerics.tnorm import TNORMS

SPELLINGS = 200
NAMELESS = [
    *["", " ", "+", "naswot+", "+naswot", "naswot++flops", "removal:", ":naswot", "~noise"],
    *["minimum()", "minimum:", "@beam", "naswot@", "naswot@noise@", "/naswot", "fixed/", "fixed/@beam"],
]


def parts(text):
    """What a spelling says, without the words that it was written in."""
    spelling = parse(text)
    return spelling.supernet, spelling.tnorm, tuple(map(astuple, spelling.terms)), spelling.strategy


def term(name, lift="", inputs="images"):
    return name, lift, inputs


def test_a_bare_name_says_nothing_else():
    assert parts("perturbation") == ("", None, (term("perturbation"),), None)


def test_a_slash_ends_the_name_of_a_supernet():
    assert parts("fixed/perturbation") == ("fixed", None, (term("perturbation"),), None)


def test_a_colon_ends_the_name_of_a_lift():
    assert parts("removal:naswot") == ("", None, (term("naswot", lift="removal"),), None)


def test_a_plus_joins_terms_in_their_order():
    assert parts("ntk+naswot+flops") == ("", None, (term("ntk"), term("naswot"), term("flops")), None)


@pytest.mark.parametrize("tnorm", sorted(TNORMS))
def test_parentheses_follow_the_tnorm_that_joins_the_terms(tnorm):
    assert parts(f"{tnorm}(ntk+naswot)") == ("", tnorm, (term("ntk"), term("naswot")), None)


def test_a_tilde_shows_noise_to_one_term_only():
    assert parts("naswot~noise+flops") == ("", None, (term("naswot", inputs="noise"), term("flops")), None)


def test_an_at_sign_begins_the_strategy():
    assert parts("ntk+naswot@sample") == ("", None, (term("ntk"), term("naswot")), "sample")


def test_all_signs_together_keep_their_meanings():
    expected = ("fixed", "product", (term("loss", "removal"), term("naswot", inputs="noise")), "beam")
    assert parts("fixed/product(removal:loss+naswot~noise)@beam") == expected


@pytest.mark.parametrize(
    ("text", "supernet", "tnorm", "strategy"),
    [
        ("combination", "", None, None),
        ("fixed/combination@beam", "fixed", None, "beam"),
        ("minimum(combination)", "", "minimum", None),
    ],
)
def test_combination_stands_for_its_terms(text, supernet, tnorm, strategy):
    assert parts(text) == (supernet, tnorm, tuple(term(name) for name in COMBINATION), strategy)


def test_combination_is_a_term_of_a_sum_too():
    assert parse("ntk+combination").names == ["ntk", *COMBINATION]


@pytest.mark.parametrize(
    ("text", "alone"),
    [("combination", True), ("fixed/combination@beam", True), ("combination+ntk", False), ("ntk", False)],
)
def test_only_combination_by_itself_is_the_combination(text, alone):
    assert parse(text).is_combination is alone


@pytest.mark.parametrize(
    ("text", "criterion"),
    [
        ("fixed/combination@sample", "combination"),
        ("fixed / ntk + naswot @ beam", "ntk+naswot"),
        ("minimum:ntk+naswot@beam", "minimum:ntk+naswot"),
        ("naswot@noise", "naswot~noise"),
        ("minimum:naswot@noise+flops@beam", "minimum:naswot~noise+flops"),
    ],
)
def test_the_criterion_is_what_stands_between_supernet_and_strategy(text, criterion):
    assert parse(text).criterion == criterion


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("minimum:ntk+naswot", "minimum(ntk+naswot)"),
        ("product:removal:loss+ntk", "product(removal:loss+ntk)"),
        ("lukasiewicz:naswot", "lukasiewicz(naswot)"),
        ("fixed/minimum:ntk+naswot@beam", "fixed/minimum(ntk+naswot)@beam"),
        (" minimum : ntk + naswot @ beam ", "minimum(ntk+naswot)@beam"),
        ("naswot@noise", "naswot~noise"),
        ("naswot @ noise", "naswot~noise"),
        ("naswot@noise+flops", "naswot~noise+flops"),
        ("flops+naswot@noise", "flops+naswot~noise"),
        ("flops + naswot @noise + meco", "flops+naswot~noise+meco"),
        ("naswot@noise@sample", "naswot~noise@sample"),
        ("naswot@noise+meco@noise@sample", "naswot~noise+meco~noise@sample"),
        ("product(naswot@noise+meco@noise)@sample", "product(naswot~noise+meco~noise)@sample"),
        ("minimum:naswot@noise+flops@beam", "minimum(naswot~noise+flops)@beam"),
        ("fixed/minimum:combination", "fixed/minimum(combination)"),
    ],
)
def test_an_older_spelling_reads_as_the_new_one(older, newer):
    assert parts(older) == parts(newer)


def test_a_strategy_whose_name_begins_with_noise_is_no_noise():
    assert parts("naswot@noisewise") == ("", None, (term("naswot"),), "noisewise")


def test_spaces_mean_nothing():
    assert parts(" fixed / minimum ( ntk + removal : loss ) @ beam ") == parts("fixed/minimum(ntk+removal:loss)@beam")


def draw_term(draw):
    """A random term: a criterion, LIFT:MEASURE, or a measure on images or noise."""
    form = draw.randrange(4)
    if form == 0:
        return draw.choice(list_criteria())
    measure = draw.choice(list_measures())
    if form == 1:
        return f"{draw.choice(list_lifts())}:{measure}"
    if form == 2:
        return measure
    return measure + draw.choice(["~noise", "@noise"])


def draw_spelling(draw):
    """A random spelling of registered names, in the newer or the older form."""
    text = "+".join(draw_term(draw) for _ in range(draw.randint(1, 4)))
    if draw.random() < 0.5:
        tnorm = draw.choice(sorted(TNORMS))
        text = draw.choice([f"{tnorm}({text})", f"{tnorm}:{text}"])
    if draw.random() < 0.5:
        strategy = draw.choice(list_strategies())
        text = f"{text}@{strategy.name}"
    if draw.random() < 0.5:
        text = f"fixed/{text}"
    return text.replace("+", draw.choice(["+", " + "]))


def test_what_is_joined_reads_as_what_was_written():
    draw = random.Random(0)
    for _ in range(SPELLINGS):
        text = draw_spelling(draw)
        spelling = parse(text)
        again = parse(spelling.joined)
        assert (again.tnorm, again.terms) == (spelling.tnorm, spelling.terms), text


def test_what_is_joined_is_its_own_spelling():
    draw = random.Random(1)
    for _ in range(SPELLINGS):
        joined = parse(draw_spelling(draw)).joined
        assert parse(joined).joined == joined


def test_every_term_reads_as_itself():
    draw = random.Random(2)
    for _ in range(SPELLINGS):
        for single in parse(draw_spelling(draw)).terms:
            assert parse(str(single)).terms == (single,)


def test_supernet_and_strategy_around_what_is_joined_give_the_same_spelling():
    draw = random.Random(3)
    for _ in range(SPELLINGS):
        spelling = parse(draw_spelling(draw))
        text = spelling.joined
        if spelling.supernet:
            text = f"{spelling.supernet}/{text}"
        if spelling.strategy:
            text = f"{text}@{spelling.strategy}"
        assert parts(text) == parts(spelling.text)


def refuse(read, text):
    """The one line in which `read` refuses the text."""
    with pytest.raises(SelectionError) as caught:
        read(text)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("perturbaton", "unknown criterion 'perturbaton': did you mean 'perturbation'?"),
        ("ntk+nasswot", "unknown criterion 'nasswot': did you mean 'naswot'?"),
        ("combinaton", "unknown criterion 'combinaton': did you mean 'combination'?"),
        ("remove:loss", "unknown lift 'remove': did you mean 'removal'?"),
        ("removal:nasswot", "unknown measure 'nasswot': did you mean 'naswot'?"),
        ("minimun(ntk+naswot)", "unknown t-norm 'minimun': did you mean 'minimum'?"),
        ("naswot~noise", "a criterion sees the images that it is given: leave ~noise out"),
    ],
)
def test_a_mistyped_criterion_is_answered_with_the_nearest_name(text, says):
    assert says in refuse(parse_criterion, text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nasswot", "unknown measure 'nasswot': did you mean 'naswot'?"),
        ("naswot+combinaton", "unknown measure 'combinaton': did you mean 'combination'?"),
        ("minimun(naswot+flops)", "unknown t-norm 'minimun': did you mean 'minimum'?"),
        ("minimun:naswot+flops", "unknown t-norm 'minimun': did you mean 'minimum'?"),
        ("perturbation", "unknown measure 'perturbation'"),
        ("removal:naswot", "a measure of a whole network has no lift: leave removal: out"),
        ("naswot@beam", "a measure has no strategy: leave @beam out"),
        ("naswot@noise@beam", "a measure has no strategy: leave @beam out"),
        ("naswot@nose", "leave @nose out, or write ~noise"),
        ("fixed/naswot", "a measure is taken of networks, not of a supernet: leave fixed/ out"),
    ],
)
def test_a_mistyped_measure_is_answered_with_the_nearest_name_or_what_to_leave_out(text, says):
    assert says in refuse(parse_measures, text)


@pytest.mark.parametrize("read", [parse, parse_criterion, parse_measures])
@pytest.mark.parametrize("text", NAMELESS)
def test_an_empty_part_is_named_as_missing(read, text):
    assert f"a name is missing in {text!r}" in refuse(read, text)


@pytest.mark.parametrize("read", [parse, parse_criterion, parse_measures])
@pytest.mark.parametrize("text", ["naswot~nose", "naswot~", "naswot~noise~noise", "naswot~images"])
def test_only_noise_stands_behind_a_tilde(read, text):
    assert f"{text!r}: behind ~ stands noise" in refuse(read, text)


@pytest.mark.parametrize("read", [parse, parse_criterion, parse_measures])
@pytest.mark.parametrize("text", ["max(naswot)", "max(naswot+flops)", "beam(naswot)"])
def test_a_tnorm_that_does_not_exist_is_answered_with_those_that_do(read, text):
    name, _, _ = text.partition("(")
    assert f"unknown t-norm {name!r} (known: lukasiewicz, minimum, product)" in refuse(read, text)


@pytest.mark.parametrize("read", [parse, parse_criterion, parse_measures])
@pytest.mark.parametrize(
    "text",
    [
        "minimum(naswot+flops",
        "naswot+flops)",
        "minimum((naswot)",
        "minimum(naswot))",
        "(naswot+flops)",
        "naswot)+(flops",
        "naswot+minimum(flops+meco)",
        "minimum(naswot)+flops",
        "minimum(naswot)flops",
        "minimum(product(naswot))",
    ],
)
def test_parentheses_that_do_not_close_or_do_not_hold_all_terms_are_refused(read, text):
    message = refuse(read, text)
    assert message == f"{text!r}: parentheses stand behind a t-norm, around all terms, as in minimum(A+B)"


@pytest.mark.parametrize("read", [parse, parse_criterion, parse_measures])
def test_a_tnorm_within_a_sum_is_refused(read):
    assert "a t-norm stands in front of all terms, as in minimum(A+B)" in refuse(read, "naswot+minimum:flops")


@pytest.mark.parametrize("read", [parse, parse_criterion, parse_measures])
@pytest.mark.parametrize("text", ["combination~noise", "combination@noise", "removal:combination"])
def test_combination_takes_no_lift_and_no_noise(read, text):
    assert "combination stands for several measures: it takes no lift and no ~noise" in refuse(read, text)


@pytest.mark.parametrize("read", [parse, parse_criterion, parse_measures, find_criterion])
@pytest.mark.parametrize("thing", [None, 3, ["naswot"], b"naswot"], ids=str)
def test_what_is_no_string_is_refused(read, thing):
    assert f"an object of type {type(thing).__name__}" in refuse(read, thing)


def test_one_criterion_is_found_at_a_time():
    assert refuse(find_criterion, "ntk+naswot") == "'ntk+naswot' names 2 criteria, where one is expected"


def test_a_measure_alone_is_what_is_reached_with_the_option_alone():
    assert find_criterion("naswot") == find_criterion("alone:naswot")


def test_names_of_a_list_come_once_and_in_order():
    assert split_names(" ntk,minimum(naswot+flops)@beam ,, ntk") == ["ntk", "minimum(naswot+flops)@beam"]
