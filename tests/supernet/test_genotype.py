"""Genotypes as text and JSON: published architectures, random ones, and random edits of them."""

import json
import random
import re
from pathlib import Path

import pytest
import torch

from supernet import OPERATIONS, Genotype, GenotypeError, build

PUBLISHED = json.loads((Path(__file__).parents[1] / "fixtures" / "genotypes.json").read_text())
DARTS_V1, DARTS_V2 = PUBLISHED["DARTS_V1"], PUBLISHED["DARTS_V2"]
NASBENCH201 = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"


def random_text(seed):
    """A DARTS or NAS-Bench-201 text with random nodes, sources, operations and outputs."""
    draw = random.Random(seed)
    operations = sorted(OPERATIONS)
    if seed % 3 == 0:
        nodes = draw.randint(1, 5)
        return "+".join(
            "|" + "|".join(f"{draw.choice(operations)}~{source}" for source in range(node)) + "|"
            for node in range(1, nodes + 1)
        )
    parts = []
    for group in ("normal", "reduce") if seed % 3 == 1 else ("normal",):
        nodes = draw.randint(1, 6)
        pairs = [(draw.choice(operations), draw.randrange(2 + node)) for node in range(nodes) for _ in range(2)]
        concat = draw.sample(range(2, 2 + nodes), draw.randint(1, nodes))
        first, beyond = concat[0], concat[0] + len(concat)
        shown = f"range({first}, {beyond})" if concat == list(range(first, beyond)) else str(concat)
        parts.append(f"{group}={pairs}, {group}_concat={shown}")
    return f"Genotype({', '.join(parts)})"


def assert_round_trips(genotype):
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert Genotype.from_text(genotype.to_text()) == genotype
    assert Genotype.from_text(repr(genotype)) == genotype
    assert hash(Genotype.from_text(genotype.to_text())) == hash(genotype)


def assert_short_line(error):
    message = str(error)
    assert message
    assert "\n" not in message
    assert len(message) < 700
    message.encode()  # can be printed


def assert_runs(genotype):
    net = build(genotype, channels=2, layers=1 if genotype.format == "nasbench201" else 3, num_classes=2).eval()
    with torch.no_grad():
        assert net(torch.zeros(1, 3, 7, 7)).shape == (1, 2)


@pytest.mark.parametrize("text", [*PUBLISHED.values(), NASBENCH201], ids=[*PUBLISHED, "NAS-Bench-201"])
def test_published_architectures_round_trip(text):
    genotype = Genotype.from_text(text)
    assert_round_trips(genotype)
    assert_runs(genotype)
    text = text.replace("=[2, 3, 4, 5]", "=range(2, 6)")
    text = text.replace("=[2, 3, 4, 5, 6]", "=range(2, 7)").replace("=[4, 5, 6]", "=range(4, 7)")
    assert genotype.to_text() == text


def test_texts_give_edges_outputs_and_skips():
    genotype = Genotype.from_text(DARTS_V2)
    edges, concat = genotype.cells["normal"]
    assert genotype.format == "darts"
    assert concat == (2, 3, 4, 5)
    assert edges[0][:3] == ("sep_conv_3x3", 0, 2)
    assert edges[-1][:3] == ("dil_conv_3x3", 2, 5)
    assert edges[-1].node == 5
    assert genotype.skips == 5
    cell = Genotype.from_text(NASBENCH201)
    assert cell.format == "nasbench201"
    assert cell.skips == 1
    edges, concat = cell.cells["cell"]
    assert (tuple(edge[:3] for edge in edges), concat) == (
        (
            ("nor_conv_3x3", 0, 1),
            ("none", 0, 2),
            ("skip_connect", 1, 2),
            ("nor_conv_1x1", 0, 3),
            ("none", 1, 3),
            ("avg_pool_3x3", 2, 3),
        ),
        (3,),
    )
    assert json.loads(cell.to_json())["cells"]["cell"]["edges"][0] == {"op": "nor_conv_3x3", "from": 0, "to": 1}


@pytest.mark.parametrize(
    "text",
    [
        DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)"),
        DARTS_V2.replace("'", '"'),
        f"\n {DARTS_V2} \n",
        DARTS_V2.replace(" ", ""),
    ],
)
def test_spellings_of_one_genotype_are_read_alike(text):
    assert Genotype.from_text(text) == Genotype.from_text(DARTS_V2)


def test_random_genotypes_round_trip():
    seen = {random_text(seed): Genotype.from_text(random_text(seed)) for seed in range(150)}
    for text, genotype in seen.items():
        assert genotype.to_text() == text
        assert_round_trips(genotype)
    assert len(set(seen.values())) == len(seen) > 125


def test_random_genotypes_run():
    for seed in range(9):
        assert_runs(Genotype.from_text(random_text(seed)))


def test_equal_genotypes_have_equal_hashes_whatever_the_order_of_their_cells():
    genotype = Genotype.from_text(DARTS_V1)
    turned = Genotype("darts", dict(reversed(genotype.cells.items())))
    assert turned == genotype
    assert hash(turned) == hash(genotype)
    assert Genotype.from_text(turned.to_text()) == genotype


def mutated(text, draw):
    """The text with one to three random edits: a number or operation becomes another one, or a piece is deleted,
    repeated or replaced."""
    for _ in range(draw.randint(1, 3)):
        known = list(re.finditer(rf"\b([0-9]|{'|'.join(OPERATIONS)})\b", text))
        if known and draw.random() < 0.5:
            old = draw.choice(known)
            new = str(draw.randrange(6)) if old[0].isdigit() else draw.choice(sorted(OPERATIONS))
            text = text[: old.start()] + new + text[old.end() :]
            continue
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice((0, 1, 1, 2, 8)))
        piece = draw.choice(
            (
                "",
                text[start:end] * 2,
                draw.choice("()[]{}|+~,='\"\\\n\t-0123456789.*:#é\0 "),
                draw.choice(sorted(OPERATIONS)),
            )
        )
        text = text[:start] + piece + text[end:]
    return text


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("form", ["text", "json"])
def test_mutated_genotypes_are_read_or_refused(form):
    draw, read, sane = random.Random(0), getattr(Genotype, f"from_{form}"), []
    for seed in range(400):
        genotype = Genotype.from_text(random_text(seed % 100))
        text = mutated(getattr(genotype, f"to_{form}")(), draw)
        try:
            found = read(text)
        except GenotypeError as error:
            assert_short_line(error)
        else:
            assert_round_trips(found)
            sane += [found] * (found != genotype)
    assert len(sane) > 20
    for genotype in sane[:6]:
        assert_runs(genotype)


def replaced(value, draw):
    """JSON data with one random part replaced by something else."""
    junk = draw.choice(
        (
            None,
            True,
            -1,
            0,
            1,
            2,
            3,
            10**30,
            1.5,
            float("nan"),
            "",
            "none",
            "reduce",
            "\n",
            [],
            {},
            [0, 1],
            {"op": "none"},
        )
    )
    if not isinstance(value, (dict, list)) or not value or draw.random() < 0.15:
        return junk
    if isinstance(value, dict):
        key = draw.choice(sorted(value))
        kept = {k: v for k, v in value.items() if k != key}
        return draw.choice(
            (lambda: kept, lambda: {**kept, str(junk): value[key]}, lambda: {**value, key: replaced(value[key], draw)})
        )()
    index = draw.randrange(len(value))
    part = draw.choice(([], [value[index]] * 2, [replaced(value[index], draw)], [replaced(value[index], draw)]))
    return value[:index] + part + value[index + 1 :]


def test_json_with_a_part_replaced_is_read_or_refused():
    draw, read = random.Random(1), 0
    for seed in range(1400):
        data = replaced(json.loads(Genotype.from_text(random_text(seed % 100)).to_json()), draw)
        try:
            found = Genotype.from_json(json.dumps(data))
        except GenotypeError as error:
            assert_short_line(error)
        else:
            assert_round_trips(found)
            read += 1
    assert read > 20
