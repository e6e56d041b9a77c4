"""Genotypes as people copy them from logs, genotypes.py, issues and papers: each is the one that was printed."""

import json
import random

import pytest

from supernet import Genotype, GenotypeError, build

NORMAL = [("sep_conv_3x3", 0), ("sep_conv_3x3", 1), ("skip_connect", 0), ("dil_conv_3x3", 2)]
REDUCE = [("max_pool_3x3", 0), ("max_pool_3x3", 1), ("skip_connect", 2), ("max_pool_3x3", 1)]
TEXT = f"Genotype(normal={NORMAL}, normal_concat=range(2, 4), reduce={REDUCE}, reduce_concat=range(2, 4))"
PRETTY = TEXT.replace("), (", "),\n            (").replace(", normal_concat", ",\n    normal_concat")
FIELDS = {"normal": NORMAL, "normal_concat": [2, 3], "reduce": REDUCE, "reduce_concat": [2, 3]}
GENOTYPE = Genotype("darts", Genotype.from_text(TEXT).cells)
CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"


def nest(pairs):
    return [pairs[:2], pairs[2:]]


def begin_lines(prefix, text=PRETTY):
    return "\n".join(prefix + line for line in text.split("\n"))


def nested_text(group_of=list):
    fields = f"normal={group_of(nest(NORMAL))}, normal_concat=range(2, 4)"
    return f"Genotype({fields}, reduce={group_of(nest(REDUCE))}, reduce_concat=range(2, 4))"


AROUND = {
    "assignment": f"DARTS_V2 = {TEXT}",
    "attribute": f"self.genotype: Genotype = genotypes.{TEXT}",
    "log line": f"2019-12-31 02:51:20,249 genotype = {TEXT}",
    "prose with brackets": f"Genotype(s) of the search, genotype (epoch 49) = {TEXT}",
    "accuracy behind": f"{TEXT}, 97.24 % (test)",
    "comment behind": f"{TEXT}  # don't use [1]",
    "full stop": f"{TEXT}.",
    "semicolon": f"{TEXT};",
    "comma": f"{TEXT},",
    "a list of one": f"[{TEXT}]",
    "a print of Python 2": f"('genotype', {TEXT})",
    "the same twice": f"epoch 1 {TEXT}\nepoch 2 {TEXT}",
    "quotes": f'"{TEXT}"',
    "repr": repr(PRETTY),
    "JSON string": json.dumps({"genotype": TEXT.replace("'", '"'), "accuracy": 97}),
    "backticks": f"`{TEXT}`",
    "code fence": f"```python\r\n{PRETTY}\r\n```\r\n",
    "Markdown escapes": TEXT.replace("_", "\\_").replace("[", "\\["),
    "colours": f"\x1b[1;32mgenotype\x1b[0m = {TEXT}\x1b[0m",
    "mark of a file": "\ufeff" + TEXT,
    "genotypes.py": f"Genotype = namedtuple('Genotype', 'normal normal_concat')\nV2 = {TEXT}\nDARTS = V2\n",
    "doctest": ">>> x = " + PRETTY.replace("\n", "\n... "),
    "citation": begin_lines("> "),
    "old Macintosh": PRETTY.replace("\n", "\r"),
}
LOGS = {
    "logging": "2019-12-31 02:51:20,249 ",
    "logging with names": "2024-01-01 10:00:00,123 - root - INFO - ",
    "basicConfig": "INFO:root:",
    "pt.darts": "06/12 10:20:11 AM | ",
    "NASLib": "[12/31 02:51:20 nl.defaults.trainer]: ",
    "loguru": "2024-01-01 10:00:00.123 | INFO     | search:main:12 - ",
    "glog": "[INFO 2024-01-01 10:00:00,123 search.py:99] ",
    "ray": "(train pid=312) 10:00:00 ",
    "ISO": "2024-01-01T10:00:00Z ",
}
WRITTEN = {
    "double quotes": TEXT.replace("'", '"'),
    "typographic quotes": TEXT.replace("('", "(\u2018").replace("',", "\u2019,"),
    "hard spaces": TEXT.replace(" ", "\u00a0"),
    "full-width signs": TEXT.replace("(", "\uff08").replace(",", "\uff0c"),
    "inner spaces": TEXT.replace("(", "( ").replace("=", " = ").replace(",", " ,").replace("Genotype(", "Genotype ("),
    "lists for pairs": TEXT.replace("('", "['").replace("0)", "0]").replace("1)", "1]").replace("2)", "2]"),
    "trailing commas": TEXT.replace(")]", "),]")[:-1] + ",\n)",
    "comments inside": PRETTY.replace("),\n", "),  # it's [one\n"),
    "numpy 2": TEXT.replace("', 1)", "', np.int64(1))").replace("'max_pool_3x3'", "np.str_('max_pool_3x3')"),
    "torch": TEXT.replace("', 1)", "', tensor(1, device='cuda:0'))").replace("range(2, 4)", "tensor([2, 3])"),
    "numpy arrays": TEXT.replace("range(2, 4)", "array([2, 3], dtype=int64)"),
    "list(range())": TEXT.replace("range(2, 4)", "list(range(2, 4))"),
    "arange": TEXT.replace("range(2, 4)", "np.arange(2, 4)"),
    "tuples": TEXT.replace("range(2, 4)", "(2, 3)"),
    "Unicode of Python 2": TEXT.replace("('", "(u'"),
    "positional": f"Genotype({NORMAL}, range(2, 4), {REDUCE}, [2, 3])",
    "both": f"Genotype({NORMAL}, range(2, 4), reduce_concat=[2, 3], reduce={REDUCE})",
    "one list for each node": nested_text(),
    "tuples for each node": nested_text(tuple),
    "unused fields": TEXT[:-1] + ", connectN=None, connects=None)",
    "another name": TEXT.replace("Genotype(", "Genotype_opt("),
    "tuple": f"best = {tuple(FIELDS.values())}",
    "dict": str(FIELDS),
    "call of dict": f"dict(normal={NORMAL}, normal_concat=[2, 3], reduce={REDUCE}, reduce_concat=[2, 3])",
    "OrderedDict": f"OrderedDict({list(FIELDS.items())})",
    "JSON of the fields": json.dumps(FIELDS),
    "JSON of ours": GENOTYPE.to_json(),
    "repr of that JSON": str(json.loads(GENOTYPE.to_json())),
}


@pytest.mark.parametrize("text", [*AROUND.values(), *WRITTEN.values()], ids=[*AROUND, *WRITTEN])
def test_a_copied_genotype_is_the_one_printed(text):
    assert Genotype.from_text(text) == GENOTYPE


@pytest.mark.parametrize("prefix", LOGS.values(), ids=LOGS)
def test_a_genotype_over_several_lines_of_a_log_is_the_one_printed(prefix):
    assert Genotype.from_text(begin_lines(prefix)) == GENOTYPE
    assert Genotype.from_text(begin_lines(prefix, "genotype:\n" + CELL.replace("+", "\n+"))).to_text() == CELL


STRINGS = {
    "Structure": f"Structure(4 nodes with {CELL})",
    "a log of AutoDL": f"[2020-01-01-10:00:00] [Search-the-2-th] genotype : {CELL}",
    "pt.darts": f"06/12 10:20:11 AM | {CELL}",
    "inner spaces": CELL.replace("|", " | ").replace("~", " ~ "),
    "lines": CELL.replace("+", "+\n  "),
    "quotes": f'"{CELL}".',
    "a table": f"| cell | accuracy |\n|---|---|\n| {CELL} | 93.2 |",
    "Markdown escapes": CELL.replace("|", "\\|").replace("_", "\\_"),
    "JSON": json.dumps({"arch": CELL, "accuracy": 93.2}),
    "accuracy behind": f"arch={CELL} 93.2",
    "lists of pairs": "[(('nor_conv_3x3', 0),), [('none', 0), ('skip_connect', 1)], "
    "(('none', 0), ('none', 1), ('avg_pool_3x3', 2))]",
}


@pytest.mark.parametrize("text", STRINGS.values(), ids=STRINGS)
def test_a_copied_string_of_nasbench201_is_the_one_printed(text):
    assert Genotype.from_text(text).to_text() == CELL


@pytest.mark.parametrize(
    "rest",
    [
        "",
        ", reduce=None, reduce_concat=None",
        ", reduce=[], reduce_concat=range(2, 4)",
        ", reduce=(), reduce_concat=[]",
    ],
)
def test_without_reduction_cells_every_cell_is_normal(rest):
    genotype = Genotype.from_text(f"Genotype(normal={NORMAL}, normal_concat=range(2, 4){rest})")
    assert list(genotype.cells) == ["normal"]
    assert Genotype.from_text(genotype.to_text()) == Genotype.from_json(genotype.to_json()) == genotype
    for layers in (1, 4):
        net = build(genotype, channels=2, layers=layers, num_classes=2)
        assert [spec.reduction for spec in net.cell_specs] == [False] * layers


def test_names_of_naslib_are_read():
    names = {(1, 3): "SepConv3x3", (2, 3): "SepConv3x3", (1, 4): "Identity", (3, 4): "DilConv3x3"}
    reduce = {(1, 3): "MaxPool", (2, 3): "MaxPool", (3, 4): "FactorizedReduce", (2, 4): "MaxPool"}
    assert Genotype.from_text(str({"normal_cell": names, "reduction_cell": reduce})) == GENOTYPE
    cell = {
        (1, 2): "ReLUConvBN3x3",
        (1, 3): "Zero",
        (2, 3): "Identity",
        (1, 4): "Zero",
        (2, 4): "Zero",
        (3, 4): "AvgPool1x1",
    }
    assert Genotype.from_text(str({"cell": cell})).to_text() == CELL


DEFAULT = {"normal": NORMAL, "normal_concat": [2, 3]}


def text_of(**fields):
    return f"Genotype({', '.join(f'{name}={value}' for name, value in {**DEFAULT, **fields}.items())})"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"A = {TEXT}\nB = {TEXT.replace('dil', 'sep')}", r"2 genotypes, which differ \(A, B\)"),
        (TEXT.rpartition("(")[0], "does not close, so the text was cut off"),
        (PRETTY.replace("'skip_connect'", "'skip_connect"), "line 3: a quote opens"),
        (TEXT.replace("2)]", "2))", 1), r"\[ is closed by \)"),
        (TEXT.replace("0), (", "0) (", 1), "a comma is missing in"),
        (TEXT.replace("dil_conv_3x3", "dil_conv3x3"), "normal, into node 3: unknown operation .* mean 'dil_conv_3x3'"),
        (TEXT.replace("reduce_concat", "reduce_concats"), "unknown field .* did you mean 'reduce_concat'"),
        (TEXT.replace("', 2)", "', 9)"), "dil_conv_3x3 into node 3 reads state 9, which does not come before it"),
        (TEXT.replace("'dil_conv_3x3', 2", "'dil_conv_3x3', 2, 0.3"), r"pair 4 \(node 3\) .* which has 3 entries"),
        (TEXT.replace("'dil_conv_3x3', 2", "..."), r"\.\.\. stands for what was left out"),
        (TEXT.replace("'dil_conv_3x3'", "dil_conv_3x3"), "normal: 'dil_conv_3x3' is a name"),
        (text_of(normal=[[("none", 0), ("none", 1), ("none", 1)]]), "node 2 has 3 pairs"),
        (text_of(normal=[[("none", 0), ("none", 1)], ("none", 1), ("none", 1)]), "pairs and lists of pairs"),
        (text_of(normal_concat=None), "normal and normal_concat together"),
        (text_of(normal_bottleneck="''"), "unknown field of Genotype.* 'normal_bottleneck'"),
        (f"{tuple(FIELDS.values()) * 2}", "8 fields without names"),
        ("[4, 3, 2, 1, 0, 2]", "6 fields without names"),
        ("{'normal_cell': {(1, 3): 3}}", "normal_cell has the edge .1, 3.: 3, not .tail, head.: name"),
        ("{'normal_cell': {'1-3': 'Zero'}}", "normal_cell has the edge '1-3'"),
        ("{'cell': {(1, 2): 'Mixed'}}", "into node 1: unknown operation 'Mixed'"),
        ("{3: 4}", "is not .field, value."),
        ('{"format": "generic", "decisions": {"a": "b"}}', "only that network reads them"),
        (CELL[:-4], "node 3 of the NAS-Bench-201 string"),
        (f"{CELL}{CELL[1:]}", "node 3 of the NAS-Bench-201 string"),
        ("[(('none', 0),), (('none', 1), ('none', 0))]", r"node 2 .* must read states 0 to 1 .* \[1, 0\]"),
        ("an issue without one", "is not of the form"),
    ],
)
def test_what_is_wrong_with_a_text_is_said(text, message):
    with pytest.raises(GenotypeError, match=message) as caught:
        Genotype.from_text(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("value", [None, 3, b"|none~0|", (NORMAL, [2, 3])])
def test_what_is_no_text_is_refused(value):
    for read in (Genotype.from_text, Genotype.from_json):
        with pytest.raises(GenotypeError, match=f"not {type(value).__name__}"):
            read(value)


@pytest.mark.parametrize(
    "piece", ["genotype", "|", "(", "[a:", "Genotype(normal=[", "|a~0|+", "1:00 AM ", "\\'", "'", " "]
)
def test_long_texts_of_anything_are_refused(piece):
    with pytest.raises(GenotypeError) as caught:
        Genotype.from_text(piece * 3000)
    assert len(str(caught.value)) < 700


JUNK = [
    "(",
    ")",
    "]",
    "{",
    "'",
    '"',
    "\\",
    "\0",
    "\n",
    "\ud800",
    "\x1b[",
    "|",
    "~",
    "+",
    "...",
    "**",
    "lambda: 0",
    "f'{x}'",
]
JUNK += [
    "0x" + "f" * 5000,
    "9" * 5000,
    "1e999",
    "b'x'",
    "nan",
    "range(",
    "#",
    "\u0660",
    "yield",
    "not ",
    "(" * 40,
    "1_0",
]


def test_mutated_copies_are_read_or_refused():
    draw, read = random.Random(0), 0
    copies = [*AROUND.values(), *WRITTEN.values(), *STRINGS.values()]
    for _ in range(1500):
        text = draw.choice(copies)
        for _ in range(draw.randint(1, 3)):
            start = draw.randrange(len(text) + 1)
            text = text[:start] + draw.choice([*JUNK, "", text[start : start + 8]]) + text[start + draw.randrange(9) :]
        try:
            genotype = Genotype.from_text(text)
        except GenotypeError as error:
            assert "\n" not in str(error)
            assert len(str(error).encode()) < 700
        else:
            assert Genotype.from_text(genotype.to_text()) == Genotype.from_json(genotype.to_json()) == genotype
            read += 1
    assert read > 20
