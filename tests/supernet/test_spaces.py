"""The named spaces against lists written out from the papers, and what a space refuses."""

from itertools import product

import pytest

from supernet import (
    CellSpace,
    Edge,
    Genotype,
    GenotypeError,
    Space,
    SpaceError,
    create_space,
    describe_spaces,
    list_spaces,
)

DARTS_EDGES = (
    (0, 2),
    (1, 2),
    (0, 3),
    (1, 3),
    (2, 3),
    (0, 4),
    (1, 4),
    (2, 4),
    (3, 4),
    (0, 5),
    (1, 5),
    (2, 5),
    (3, 5),
    (4, 5),
)
DARTS_OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
SKIP, D3, D5, S3, MP, AP = (
    "skip_connect",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "sep_conv_3x3",
    "max_pool_3x3",
    "avg_pool_3x3",
)
S1_NORMAL = (
    (SKIP, D3),
    (SKIP, D5),
    (SKIP, D5),
    (SKIP, S3),
    (SKIP, D3),
    (MP, SKIP),
    (SKIP, S3),
    (SKIP, S3),
    (SKIP, D3),
    (SKIP, S3),
    (MP, SKIP),
    (SKIP, D3),
    (D3, D5),
    (D3, D5),
)
S1_REDUCE = (
    (MP, AP),
    (MP, D3),
    (MP, AP),
    (MP, AP),
    (SKIP, D5),
    (MP, AP),
    (MP, S3),
    (SKIP, D3),
    (SKIP, D5),
    (MP, AP),
    (MP, AP),
    (SKIP, D5),
    (SKIP, D5),
    (SKIP, D5),
)
DARTS_LIKE = {
    "darts": (DARTS_OPERATIONS,) * 14,
    "darts_pt": (DARTS_OPERATIONS[1:],) * 14,
    "s1": (S1_NORMAL, S1_REDUCE),
    "s2": ((SKIP, S3),) * 14,
    "s3": (("none", SKIP, S3),) * 14,
    "s4": (("noise", S3),) * 14,
}
DARTS_INPUTS = {
    "n1": (2, [0, 1]),
    "n2": (2, [2, 3, 4]),
    "n3": (2, [5, 6, 7, 8]),
    "n4": (2, [9, 10, 11, 12, 13]),
}


def test_every_space_is_listed():
    published = {"darts", "darts_pt", "mlp", "nasbench201", "s1", "s2", "s3", "s4"}
    assert published <= set(list_spaces())
    for name, line in describe_spaces().items():
        assert line
        assert "\n" not in line
        assert create_space(name).name == name
    assert list(describe_spaces()) == list_spaces()


@pytest.mark.parametrize("name", DARTS_LIKE)
def test_darts_like_spaces_have_their_operations_and_rules(name):
    space = create_space(name)
    normal, reduce = DARTS_LIKE[name] if name == "s1" else (DARTS_LIKE[name],) * 2
    assert (space.macro, space.keep, list(space.cells)) == ("darts", 2, ["normal", "reduce"])
    for cell, operations in zip(space.cells.values(), (normal, reduce)):
        assert (cell.inputs, cell.edges, cell.operations, cell.concat) == (2, DARTS_EDGES, operations, (2, 3, 4, 5))
    choices = {
        f"{group}/{row}/op": options
        for group, operations in (("normal", normal), ("reduce", reduce))
        for row, options in enumerate(operations)
    }
    assert list(space.choices().items()) == list(choices.items())
    assert space.inputs() == {
        f"{group}/{node}": (keep, [f"{group}/{row}/op" for row in rows])
        for group in ("normal", "reduce")
        for node, (keep, rows) in DARTS_INPUTS.items()
    }
    assert "none" in space.excluded or all("none" not in options for options in space.choices().values())


def test_nasbench201_has_six_edges_of_five_operations():
    space = create_space("nasbench201")
    cell = space.cells["cell"]
    assert (space.macro, space.keep, space.excluded, space.inputs()) == ("nasbench201", None, (), {})
    assert (cell.inputs, cell.edges, cell.concat) == (1, ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)), (3,))
    options = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    assert list(space.choices().items()) == [(f"cell/{row}/op", options) for row in range(6)]


def test_tiny_has_two_nodes_and_no_reduction():
    space = create_space("tiny")
    cell = space.cells["normal"]
    assert (list(space.cells), cell.inputs, cell.edges, cell.concat) == (["normal"], 2, DARTS_EDGES[:5], (2, 3))
    assert space.choices() == {f"normal/{row}/op": (MP, SKIP, S3) for row in range(5)}
    assert space.inputs() == {
        "normal/n1": (2, ["normal/0/op", "normal/1/op"]),
        "normal/n2": (2, ["normal/2/op", "normal/3/op", "normal/4/op"]),
    }


def test_every_architecture_of_tiny_once():
    space = create_space("tiny")
    expected = set()
    for a, b, c, d in product((MP, SKIP, S3), repeat=4):
        for first, second in ((0, 1), (0, 2), (1, 2)):
            expected.add(((a, 0, 2), (b, 1, 2), (c, first, 3), (d, second, 3)))
    found = list(space.architectures())
    assert len(found) == len(set(found)) == len(expected) == 243
    assert {tuple(edge[:3] for edge in genotype.cells["normal"][0]) for genotype in found} == expected
    for genotype in found:
        space.check(genotype)


def test_every_architecture_of_nasbench201_once():
    space = create_space("nasbench201")
    options = space.choices()["cell/0/op"]
    expected = {f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|" for a, b, c, d, e, f in product(options, repeat=6)}
    found = {genotype.to_text() for genotype in space.architectures()}
    assert len(expected) == 15625
    assert found == expected


def test_architectures_leave_out_the_excluded():
    cell = CellSpace(2, ((0, 2), (1, 2)), (("none", "skip_connect", "max_pool_3x3"),) * 2, (2,))
    space = Space("small", "darts", {"normal": cell}, keep=2, excluded=("none",))
    assert {edge.op for genotype in space.architectures() for edge in genotype.cells["normal"][0]} == {
        "skip_connect",
        "max_pool_3x3",
    }
    assert sum(1 for _ in space.architectures()) == 4


def one_line(caught):
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dart", {}, "did you mean 'darts'"),
        ("nasbench-201", {}, "did you mean 'nasbench201'"),
        ("", {}, "known: darts, "),
        ("line\nbreak", {}, "unknown space"),
        ("tiny", {"steps": 3}, "steps"),
    ],
)
def test_unknown_spaces_and_options_are_refused(name, options, message):
    with pytest.raises(SpaceError, match=message) as caught:
        create_space(name, **options)
    one_line(caught)


@pytest.mark.parametrize(
    ("edges", "operations", "message"),
    [
        (((0, 2), (1, 2)), (("none",),), "2 edges"),
        (((0, 2), (1, 2)), (("none",), ("none", "noise")), "same number"),
        (((0, 2), (2, 2)), (("none",),) * 2, "earlier"),
        (((0, 2), (3, 2)), (("none",),) * 2, "earlier"),
        (((0, 3), (1, 3)), (("none",),) * 2, "reach every state"),
        ((), (), "edge"),
    ],
)
def test_cells_that_cannot_be_are_refused(edges, operations, message):
    with pytest.raises(SpaceError, match=message) as caught:
        CellSpace(2, edges, operations, (2,))
    one_line(caught)


TINY = {f"normal/{row}/op": SKIP for row in range(5)}
KEPT = {"normal/n2": ["normal/4/op", "normal/2/op"]}


def test_decisions_and_kept_inputs_make_the_genotype():
    genotype = create_space("tiny").genotype({**TINY, "normal/4/op": S3}, KEPT)
    edges = (Edge(SKIP, 0, 2), Edge(SKIP, 1, 2), Edge(S3, 2, 3), Edge(SKIP, 0, 3))
    assert genotype == Genotype("darts", {"normal": (edges, (2, 3))})


@pytest.mark.parametrize(
    ("decisions", "inputs", "message"),
    [
        ({}, KEPT, "normal/0/op is undecided"),
        ({key: value for key, value in TINY.items() if key != "normal/4/op"}, KEPT, "normal/4/op is undecided"),
        ({**TINY, "normal/0/op": "none"}, KEPT, "'none' is not an option"),
        ({**TINY, "normal/5/op": SKIP}, KEPT, "no such choice"),
        (TINY, None, "node 3 takes 3 edges"),
        (TINY, {"normal/n2": ["normal/2/op"]}, "node 3 takes 1 edges"),
        (TINY, {"normal/n2": ["normal/2/op", "normal/2/op"]}, "different ones"),
        (TINY, {"normal/n2": []}, "node 3 takes 0 edges"),
        (TINY, {"normal/n2": ["normal/0/op", "normal/1/op"]}, "normal/n2"),
        (TINY, {"normal/n2": ["normal/2/op", "normal/9/op"]}, "normal/n2"),
        (TINY, {**KEPT, "normal/n3": ["normal/2/op"]}, "normal/n3"),
        (TINY, {**KEPT, "reduce/n1": ["normal/2/op"]}, "reduce/n1"),
    ],
)
def test_decisions_that_make_no_genotype_are_refused(decisions, inputs, message):
    with pytest.raises(GenotypeError, match=message) as caught:
        create_space("tiny").genotype(decisions, inputs)
    one_line(caught)


def darts_genotype(op="sep_conv_3x3", source=0, concat=(2, 3, 4, 5), groups=("normal", "reduce")):
    edges = tuple(
        Edge(op if (node, rank) == (2, 0) else S3, source if (node, rank) == (2, 0) else rank, node)
        for node in range(2, 6)
        for rank in range(2)
    )
    return Genotype("darts", dict.fromkeys(groups, (edges, concat)))


@pytest.mark.parametrize(
    ("name", "genotype", "message"),
    [
        ("darts", darts_genotype("none"), "none on edge 0->2"),
        ("darts_pt", darts_genotype("none"), "none on edge 0->2"),
        ("s2", darts_genotype(MP), "max_pool_3x3 on edge 0->2"),
        ("s1", darts_genotype(), "sep_conv_3x3 on edge 0->2"),
        ("darts", darts_genotype(source=1), "different"),
        ("darts", darts_genotype(concat=(2, 3, 4)), "output"),
        ("darts", darts_genotype(groups=("normal",)), "cells normal, reduce"),
        ("tiny", darts_genotype(groups=("normal",)), "output"),
        ("tiny", darts_genotype(), "cells normal"),
        ("nasbench201", darts_genotype(), "cells cell"),
        ("darts", Genotype.from_text("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), "cells normal, reduce"),
        (
            "nasbench201",
            Genotype.from_text("|sep_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|"),
            "sep_conv_3x3 on edge 0->1",
        ),
        ("nasbench201", Genotype.from_text("|none~0|+|none~0|none~1|"), "output"),
    ],
)
def test_genotypes_of_other_spaces_are_refused(name, genotype, message):
    with pytest.raises(GenotypeError, match=message) as caught:
        create_space(name).check(genotype)
    one_line(caught)
    create_space("darts").check(darts_genotype())
