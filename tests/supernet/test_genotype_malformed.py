"""Texts and JSON that are no genotype: each is refused in one line, and none is evaluated."""

import json
import sys

import pytest

from supernet import Genotype, GenotypeError


def assert_short_line(error):
    message = str(error)
    assert message
    assert "\n" not in message
    assert len(message) < 700
    message.encode()  # can be printed


CELL = "normal=[('skip_connect', 0), ('skip_connect', 1)], normal_concat=[2]"
MALFORMED_TEXTS = [
    ("", "form"),
    ("Genotype", "form"),
    ("Genotype()", "takes? nothing|not take nothing"),
    ("Genotype(", "does not close"),
    ("genotype(normal=[], normal_concat=[2])", "edges"),
    ("a.Genotype(normal=[], normal_concat=[2])", "edges"),
    ("Genotype([('skip_connect', 0)], [2])", "two"),
    (f"Genotype({CELL})._replace(normal_concat=[3])", r"behind the genotype stands '\._replace"),
    (f"Genotype({CELL})[0]", r"behind the genotype stands '\[0\]'"),
    (f"Genotype({CELL}, extra=1)", "extra"),
    (f"Genotype({CELL}, **{{}})", r"\*\*fields"),
    (f"Genotype({CELL}, {CELL})", "a field twice"),
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
    ("Genotype(normal={('skip_connect', 0), ('skip_connect', 1)}, normal_concat=[2])", "normal: .* plain value"),
    ("Genotype(normal=['ab', 'cd'], normal_concat=[2])", r"pair 1 .*'ab'"),
    ("Genotype(normal=[('skip_connect', 0, 1), ('skip_connect', 1)], normal_concat=[2])", "pair 1 .* 3 entries"),
    ("Genotype(normal=[('skip_connect', -1), ('skip_connect', 1)], normal_concat=[2])", "before"),
    ("Genotype(normal=[('skip_connect', 2), ('skip_connect', 1)], normal_concat=[2])", "before"),
    ("Genotype(normal=[('skip_connect', 1.0), ('skip_connect', 1)], normal_concat=[2])", "whole number"),
    ("Genotype(normal=[(0, 'skip_connect'), ('skip_connect', 1)], normal_concat=[2])", "operation comes first"),
    ("Genotype(normal=[(0, 0), ('skip_connect', 1)], normal_concat=[2])", "operation is a name"),
    ("Genotype(normal=[('skip\\nconnect', 0), ('skip_connect', 1)], normal_concat=[2])", "unknown operation"),
    ("Genotype(normal=[('conv', 0), ('skip_connect', 1)], normal_concat=[2])", "unknown operation 'conv'"),
    ("Genotype(normal=[(f'{1}', 0), ('skip_connect', 1)], normal_concat=[2])", "not evaluated"),
    ("Genotype(normal=[('skip_connect', x), ('skip_connect', 1)], normal_concat=[2])", "'x' is a name"),
    ("Genotype(normal=None, normal_concat=None)", "edges"),
    (f"Genotype({CELL}\0)", "null bytes|cannot be taken apart"),
    ("-" * 200000 + "1", "form"),
    ("(" * 5000, "form"),
    (f"Genotype(normal={'[' * 90}{']' * 90}, normal_concat=[2])", "30 deep"),
    (f"Genotype(normal=[('skip_connect', {'9' * 5000}), ('skip_connect', 1)], normal_concat=[2])", "limit|too large"),
    (f"Genotype(normal={'1+' * 20000}1, normal_concat=[2])", "taken apart|plain value"),
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
    ("|none~0|\n+|none~0|none~2|", "node 2"),
    ("|none~0| + |none~0|none~1", "node 2"),
    (f"|none~{'9' * 5000}|", "node 1"),
    ("|none~\u0660|", "node 1"),
]


@pytest.mark.parametrize(
    ("text", "message"),
    MALFORMED_TEXTS,
    ids=[f"{index}: {text[:40]!a}" for index, (text, _) in enumerate(MALFORMED_TEXTS)],
)
def test_texts_that_are_no_genotype_are_refused(text, message):
    with pytest.raises(GenotypeError, match=message) as caught:
        Genotype.from_text(text)
    assert_short_line(caught.value)


def cell_json(
    edges=(("skip_connect", 0, 2), ("skip_connect", 1, 2)), concat=(2,), group="normal", genotype_format="darts"
):
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
    (
        '{"format": "darts", "cells": {"normal": {"edges": [{"op": "none", "from": 0}], "concat": [2]}}}',
        "genotype is not",
    ),
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
    (
        cell_json([("skip_connect", 0, 3), ("skip_connect", 1, 3), ("skip_connect", 0, 2), ("skip_connect", 1, 2)]),
        "node",
    ),
    (
        cell_json([("skip_connect", 0, 2), ("skip_connect", 1, 3), ("skip_connect", 1, 2), ("skip_connect", 0, 3)]),
        "node",
    ),
    (cell_json(concat=[3]), "output"),
    (cell_json(concat=[0, 2]), "output"),
    (cell_json(concat=["2"]), "genotype is not"),
    (cell_json([("none", 0, 1), ("none", 0, 1)], [1], "cell", "nasbench201"), "node 1"),
    (cell_json([("none", 0, 1), ("none", 1, 2)], [2], "cell", "nasbench201"), "node 2"),
    (cell_json([("none", 0, 1), ("none", 1, 2), ("none", 0, 2)], [2], "cell", "nasbench201"), "node 2"),
    (cell_json([("none", 0, 2), ("none", 1, 2), ("none", 0, 1)], [2], "cell", "nasbench201"), "node"),
    (cell_json([("none", 0, 1), ("none", 0, 2), ("none", 1, 2)], [1], "cell", "nasbench201"), "output"),
    (cell_json([("none", 0, 1), ("none", 0, 2), ("none", 1, 2)], [1, 2], "cell", "nasbench201"), "output"),
]


@pytest.mark.parametrize(
    ("text", "message"),
    MALFORMED_JSONS,
    ids=[f"{index}: {text[:40]!a}" for index, (text, _) in enumerate(MALFORMED_JSONS)],
)
def test_json_that_is_no_genotype_is_refused(text, message):
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
