"""Genotypes as text and JSON: published architectures, random ones, and texts that are none."""

import json
import random
import re
import sys
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
        return "+".join("|" + "|".join(f"{draw.choice(operations)}~{source}" for source in range(node)) + "|" for node in range(1, nodes + 1))
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
    assert hash(Genotype.from_text(genotype.to_text())) == hash(genotype)


def assert_short_line(error):
    message = str(error)
    assert message and "\n" not in message and len(message) < 700
    message.encode()  # can be printed


def assert_runs(genotype):
    with torch.device("meta"):
        net = build(genotype, channels=4, layers=3, num_classes=2).eval()
    assert net(torch.empty(1, 3, 15, 15, device="meta")).shape == (1, 2)


@pytest.mark.parametrize("text", [*PUBLISHED.values(), NASBENCH201], ids=[*PUBLISHED, "NAS-Bench-201"])
def test_published_architectures(text):
    genotype = Genotype.from_text(text)
    assert_round_trips(genotype)
    assert_runs(genotype)
    text = text.replace("=[2, 3, 4, 5]", "=range(2, 6)")
    text = text.replace("=[2, 3, 4, 5, 6]", "=range(2, 7)").replace("=[4, 5, 6]", "=range(4, 7)")
    assert genotype.to_text() == text


def test_what_the_texts_mean():
    genotype = Genotype.from_text(DARTS_V2)
    edges, concat = genotype.cells["normal"]
    assert genotype.format == "darts" and concat == (2, 3, 4, 5)
    assert edges[0] == ("sep_conv_3x3", 0, 2) and edges[-1] == ("dil_conv_3x3", 2, 5) and edges[-1].node == 5
    assert genotype.skips == 5
    cell = Genotype.from_text(NASBENCH201)
    assert cell.format == "nasbench201" and cell.skips == 1
    assert cell.cells["cell"] == (
        (("nor_conv_3x3", 0, 1), ("none", 0, 2), ("skip_connect", 1, 2), ("nor_conv_1x1", 0, 3), ("none", 1, 3), ("avg_pool_3x3", 2, 3)),
        (3,),
    )
    assert json.loads(cell.to_json())["cells"]["cell"]["edges"][0] == {"op": "nor_conv_3x3", "from": 0, "to": 1}


@pytest.mark.parametrize("text", [DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)"), DARTS_V2.replace("'", '"'), f"\n {DARTS_V2} \n", DARTS_V2.replace(" ", "")])
def test_spellings_of_one_genotype(text):
    assert Genotype.from_text(text) == Genotype.from_text(DARTS_V2)


def test_random_genotypes_round_trip():
    seen = {random_text(seed): Genotype.from_text(random_text(seed)) for seed in range(300)}
    for text, genotype in seen.items():
        assert genotype.to_text() == text
        assert_round_trips(genotype)
    assert len(set(seen.values())) == len(seen) > 250


def test_random_genotypes_run():
    for seed in range(12):
        assert_runs(Genotype.from_text(random_text(seed)))


def test_equal_genotypes_have_equal_hashes_whatever_the_order_of_their_cells():
    genotype = Genotype.from_text(DARTS_V1)
    turned = Genotype("darts", dict(reversed(genotype.cells.items())))
    assert turned == genotype and hash(turned) == hash(genotype)
    assert Genotype.from_text(turned.to_text()) == genotype


CELL = "normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2]"
MALFORMED_TEXTS = [
    ("", "form"),
    ("Genotype", "form"),
    ("Genotype()", "takes? nothing|not take nothing"),
    ("Genotype(", "form"),
    ("genotype(normal=[], normal_concat=[2])", "form"),
    ("a.Genotype(normal=[], normal_concat=[2])", "form"),
    ("Genotype([('skip_connect', 0)], [2])", "form"),
    (f"Genotype({CELL}); print()", "form"),
    (f"[Genotype({CELL})]", "form"),
    (f"Genotype({CELL}, extra=1)", "extra"),
    (f"Genotype({CELL}, **{{}})", "None"),
    (f"Genotype({CELL}, {CELL})", "normal"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)])", "together"),
    ("Genotype(normal_concat=[2])", "together"),
    (f"Genotype({CELL}, reduce_concat=[2])", "reduce"),
    ("Genotype(normal=[], normal_concat=[2])", "edges"),
    ("Genotype(normal=[('skip_connect', 0)], normal_concat=[2])", "two"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[])", "output"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[3])", "output"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[1, 2])", "output"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2, 2])", "output"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=range(2, 9999999999))", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=range(2, 3, 1))", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=range())", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=range('2', 3))", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=2)", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat='2')", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2.0])", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[True])", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat={2})", "concat"),
    ("Genotype(normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat={2: 3})", "concat"),
    ("Genotype(normal={('skip_connect', 0), ('skip_connect', 1)}, normal_concat=[2])", "list"),
    ("Genotype(normal=['ab', 'cd'], normal_concat=[2])", "list"),
    ("Genotype(normal=[('skip_connect', 0, 1), ('skip_connect', 1)], normal_concat=[2])", "list"),
    ("Genotype(normal=[('skip_connect', -1), ('skip_connect', 1)], normal_concat=[2])", "before"),
    ("Genotype(normal=[('skip_connect', 2), ('skip_connect', 1)], normal_concat=[2])", "before"),
    ("Genotype(normal=[('skip_connect', 1.0), ('skip_connect', 1)], normal_concat=[2])", "list"),
    ("Genotype(normal=[(0, 'skip_connect'), ('skip_connect', 1)], normal_concat=[2])", "list"),
    ("Genotype(normal=[(0, 0), ('skip_connect', 1)], normal_concat=[2])", "pairs"),
    ("Genotype(normal=[('skip\\nconnect', 0), ('skip_connect', 1)], normal_concat=[2])", "unknown operation"),
    ("Genotype(normal=[('conv', 0), ('skip_connect', 1)], normal_concat=[2])", "unknown operation 'conv'"),
    ("Genotype(normal=[(f'{1}', 0), ('skip_connect', 1)], normal_concat=[2])", "list"),
    ("Genotype(normal=[('skip_connect', x), ('skip_connect', 1)], normal_concat=[2])", "list"),
    ("Genotype(normal=None, normal_concat=None)", "list"),
    (f"Genotype({CELL}\0)", "form"),
    ("-" * 200000 + "1", "form"),
    ("(" * 5000, "form"),
    (f"Genotype(normal={'[' * 90}{']' * 90}, normal_concat=[2])", "list"),
    (f"Genotype(normal=[('skip_connect', {'9' * 5000}), ('skip_connect', 1)], normal_concat=[2])", "form"),
    (f"Genotype(normal={'1+' * 20000}1, normal_concat=[2])", "form|list"),
    ("|", "node 1"),
    ("||", "node 1"),
    ("|none~0", "node 1"),
    ("|none~0|+", "node 2"),
    ("|none~0|+|none~0|", "node 2"),
    ("|none~0|+|none~1|none~0|", "node 2"),
    ("|none~0|none~0|", "node 1"),
    ("|none~1|", "node 1"),
    ("|none~-1|", "node 1"),
    ("|none|", "node 1"),
    ("|conv~0|", "unknown operation 'conv'"),
    ("|none~0|\n+|none~0|none~1|", "node 1"),
    ("|none~0| + |none~0|none~1|", "node 1"),
    (f"|none~{'9' * 5000}|", "node 1"),
    ("|none~\u0660|", "node 1"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MALFORMED_TEXTS, ids=[f"{index}: {text[:40]!a}" for index, (text, _) in enumerate(MALFORMED_TEXTS)])
def test_texts_that_are_no_genotype(text, message):
    with pytest.raises(GenotypeError, match=message) as caught:
        Genotype.from_text(text)
    assert_short_line(caught.value)


def cell_json(edges=(("skip_connect", 0, 2), ("skip_connect", 1, 2)), concat=(2,), group="normal", genotype_format="darts"):
    edges = [{"op": op, "from": source, "to": node} for op, source, node in edges]
    return json.dumps({"format": genotype_format, "cells": {group: {"edges": edges, "concat": list(concat)}}})


MALFORMED_JSONS = [
    ("", "not JSON"),
    ("{", "not JSON"),
    ("[" * 200000, "genotype"),
    ("null", "genotype is not"),
    ("[]", "genotype is not"),
    ("{}", "genotype is not"),
    ('"text"', "genotype is not"),
    ("9" * 5000, "genotype"),
    ('{"format": "darts"}', "genotype is not"),
    ('{"format": "darts", "cells": []}', "genotype is not"),
    ('{"format": "darts", "cells": {}}', "cells"),
    ('{"format": "darts", "cells": {"normal": {}}}', "genotype is not"),
    ('{"format": "darts", "cells": {"normal": {"edges": 3, "concat": [2]}}}', "genotype is not"),
    ('{"format": "darts", "cells": {"normal": {"edges": [[]], "concat": [2]}}}', "genotype is not"),
    ('{"format": "darts", "cells": {"normal": {"edges": [{"op": "none", "from": 0}], "concat": [2]}}}', "genotype is not"),
    ('{"format": "darts", "cells": {"normal": {"edges": [], "concat": []}}}', "edges"),
    (cell_json(genotype_format="pytorch"), "unknown genotype format 'pytorch'"),
    (cell_json(genotype_format="nasbench201"), "cell"),
    (cell_json(group="cell"), "normal, reduce"),
    (cell_json(group="nor\nmal"), "normal, reduce"),
    (cell_json(group="\ud800"), "normal, reduce"),
    (cell_json([("skip\nconnect", 0, 2), ("skip_connect", 1, 2)]), "unknown operation"),
    (cell_json([(None, 0, 2), ("skip_connect", 1, 2)]), "unknown operation"),
    (cell_json([("skip_connect", "0", 2), ("skip_connect", 1, 2)]), "genotype is not"),
    (cell_json([("skip_connect", 0.0, 2), ("skip_connect", 1, 2)]), "genotype is not"),
    (cell_json([("skip_connect", True, 2), ("skip_connect", 1, 2)]), "genotype is not"),
    (cell_json([("skip_connect", 2, 2), ("skip_connect", 1, 2)]), "before"),
    (cell_json([("skip_connect", 0, 3), ("skip_connect", 1, 3)]), "nodes"),
    (cell_json([("skip_connect", 0, 2)]), "two"),
    (cell_json([("skip_connect", 0, 2)] * 3), "two"),
    (cell_json([("skip_connect", 0, 3), ("skip_connect", 1, 3), ("skip_connect", 0, 2), ("skip_connect", 1, 2)]), "node"),
    (cell_json([("skip_connect", 0, 2), ("skip_connect", 1, 3), ("skip_connect", 1, 2), ("skip_connect", 0, 3)]), "node"),
    (cell_json(concat=[3]), "output"),
    (cell_json(concat=[0, 2]), "output"),
    (cell_json(concat=["2"]), "genotype is not"),
    (cell_json([("none", 0, 1), ("none", 0, 1)], [1], "cell", "nasbench201"), "node 1"),
    (cell_json([("none", 0, 1), ("none", 1, 2)], [2], "cell", "nasbench201"), "node 2"),
    (cell_json([("none", 0, 1), ("none", 1, 2), ("none", 0, 2)], [2], "cell", "nasbench201"), "node 2"),
    (cell_json([("none", 0, 2), ("none", 1, 2), ("none", 0, 1)], [2], "cell", "nasbench201"), "node"),
    (cell_json([("none", 0, 1), ("none", 0, 2), ("none", 1, 2)], [1], "cell", "nasbench201"), "output"),
    (cell_json([("none", 0, 1), ("none", 0, 2), ("none", 1, 2)], [1, 2], "cell", "nasbench201"), "output"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), MALFORMED_JSONS, ids=[f"{index}: {text[:40]!a}" for index, (text, _) in enumerate(MALFORMED_JSONS)])
def test_json_that_is_no_genotype(text, message):
    with pytest.raises(GenotypeError, match=message) as caught:
        Genotype.from_json(text)
    assert_short_line(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('exit 1')",
        "Genotype(normal=__import__('sys').modules.__setitem__('evaluated', 1), normal_concat=[2])",
        "Genotype(normal=[(__import__('sys').modules.__setitem__('evaluated', 1), 0), ('none', 1)], normal_concat=[2])",
        f"Genotype({CELL.replace('[2]', 'range(__import__(chr(115)).x, 3)')})",
        f"Genotype({CELL.replace('[2]', '(lambda: [2])()')})",
        f"(__import__('sys').modules.__setitem__('evaluated', 1) or Genotype)({CELL})",
    ],
)
def test_a_text_is_never_evaluated(text):
    for read in (Genotype.from_text, Genotype.from_json):
        with pytest.raises(GenotypeError):
            read(text)
    assert "evaluated" not in sys.modules


def mutated(text, draw):
    """The text with one to three random edits: a number or operation becomes another one, or a piece is deleted, repeated or replaced."""
    for _ in range(draw.randint(1, 3)):
        known = list(re.finditer(rf"\b([0-9]|{'|'.join(OPERATIONS)})\b", text))
        if known and draw.random() < 0.5:
            old = draw.choice(known)
            new = str(draw.randrange(6)) if old[0].isdigit() else draw.choice(sorted(OPERATIONS))
            text = text[: old.start()] + new + text[old.end() :]
            continue
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice((0, 1, 1, 2, 8)))
        piece = draw.choice(("", text[start:end] * 2, draw.choice("()[]{}|+~,='\"\\\n\t-0123456789.*:#é\0 "), draw.choice(sorted(OPERATIONS))))
        text = text[:start] + piece + text[end:]
    return text


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("form", ["text", "json"])
def test_mutated_genotypes_are_read_or_refused(form):
    draw, read, sane = random.Random(0), getattr(Genotype, f"from_{form}"), []
    for seed in range(1200):
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
    for genotype in sane[:20]:
        assert_runs(genotype)


def replaced(value, draw):
    """JSON data with one random part replaced by something else."""
    junk = draw.choice((None, True, -1, 0, 1, 2, 3, 10**30, 1.5, float("nan"), "", "none", "reduce", "\n", [], {}, [0, 1], {"op": "none"}))
    if not isinstance(value, (dict, list)) or not value or draw.random() < 0.15:
        return junk
    if isinstance(value, dict):
        key = draw.choice(sorted(value))
        kept = {k: v for k, v in value.items() if k != key}
        return draw.choice((lambda: kept, lambda: {**kept, str(junk): value[key]}, lambda: {**value, key: replaced(value[key], draw)}))()
    index = draw.randrange(len(value))
    part = draw.choice(([], [value[index]] * 2, [replaced(value[index], draw)], [replaced(value[index], draw)]))
    return value[:index] + part + value[index + 1 :]


def test_json_with_a_part_replaced_is_read_or_refused():
    draw, read = random.Random(1), 0
    for seed in range(2000):
        data = replaced(json.loads(Genotype.from_text(random_text(seed % 100)).to_json()), draw)
        try:
            found = Genotype.from_json(json.dumps(data))
        except GenotypeError as error:
            assert_short_line(error)
        else:
            assert_round_trips(found)
            read += 1
    assert read > 20
