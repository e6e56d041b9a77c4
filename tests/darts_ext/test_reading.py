"""Files as Windows and other editors save them: whatever the encoding, the same settings and genotypes."""

import json

import pytest
import yaml

from darts_ext import zoo
from darts_ext.cli import main
from darts_ext.report.resultfiles import read_json, read_settings
from darts_ext.runtime.errors import UsageError
from darts_ext.runtime.folder import read_args
from darts_ext.runtime.genotypes import read_genotype
from darts_ext.runtime.reading import parse_yaml, read_text
from darts_ext.zoo.sources import read_source
from supernet import Genotype, GenotypeError

CELL = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|"
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_file_is_read_in_its_encoding(encoding, tmp_path):
    path = tmp_path / "file"
    path.write_bytes("a: größe\r\nb: “1”\r\n".encode(encoding))
    assert read_text(path) == "a: größe\nb: “1”\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_genotype_file_is_read_in_its_encoding(encoding, form, tmp_path):
    genotype = Genotype.from_text(CELL)
    path = tmp_path / "genotype (1).json"  # as a browser names it
    path.write_bytes((getattr(genotype, f"to_{form}")() + "\r\n").encode(encoding))
    assert read_genotype(path) == read_source(str(path)).genotype == genotype


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_files_of_a_run_are_read_in_their_encoding(encoding, tmp_path):
    path = tmp_path / "args.yaml"
    path.write_bytes("space: größe\r\nepochs: 1\r\n".encode(encoding))
    expected = {"space": "größe", "epochs": 1}
    assert read_args(tmp_path) == read_settings(path) == expected
    path.write_bytes(json.dumps(expected, ensure_ascii=False).encode(encoding))
    assert read_json(path, "space") == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_config_file_is_read_in_its_encoding(encoding, tmp_path, fails):
    path = tmp_path / "größe.yaml"
    path.write_bytes("# größe\r\nspace: nope\r\nepochs: 1\r\n".encode(encoding))
    fails("search", "--config", path, "--data", "digits", says="unknown space 'nope'")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("epochs: größe".encode("latin-1"), "is no text in UTF-8 or UTF-16 (line 1)"),
        ("space: [ü\n".encode("utf-16"), "the file of --config is not YAML"),
        ("größe".encode(), "the file of --config holds no settings"),
        ("spaces: ü".encode(), "did you mean 'space'"),
        ("epochs: ü".encode(), "epochs takes a value of type int"),
    ],
)
def test_a_config_file_that_is_none_is_refused_in_one_line(content, says, tmp_path, fails):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    fails("search", "--config", path, "--data", "digits", says=says)


def test_a_config_of_any_encoding_is_run(tmp_path, capsys):
    path = tmp_path / "config.yaml"
    path.write_bytes("# größe\nspace: tiny\nepochs: 1\n".encode("utf-16"))
    words = "--data digits --train_limit 64 --test_limit 20 --batch_size 16 --channels 2 --layers 2".split()
    assert main(["search", "--config", str(path), *words, "--out", str(tmp_path / "run")]) == 0
    assert yaml.safe_load((tmp_path / "run" / "args.yaml").read_text())["space"] == "tiny"


@pytest.mark.parametrize(
    "text", ["a: [", "2020-13-45", '!!int ""', "!!bool x", "!!timestamp x", "[" * 5000, "\0", "{[1]: 2}"]
)
def test_what_is_no_yaml_is_a_value_error(text):
    with pytest.raises(ValueError) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"\xe4|", b"", b"\0\0"],
)
def test_a_genotype_file_that_is_none_is_refused_and_named(content, tmp_path):
    path = tmp_path / "genotype.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"genotype\.txt") as caught:
        read_genotype(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"2019-12-31 02:51:20,249 arch = {CELL}",
        f"`{CELL}`",
        f"\ufeff{CELL}\r\n",
        "cell = [(('nor_conv_3x3', 0),), (('none', 0), ('skip_connect', 1)), "
        "(('none', 0), ('none', 1), ('avg_pool_3x3', 2))]",
        f"\n{Genotype.from_text(CELL).to_json()}",
        repr(Genotype.from_text(CELL)),
    ],
)
def test_a_copied_text_is_a_source_of_the_zoo(text):
    assert read_source(text).genotype == Genotype.from_text(CELL)


@pytest.mark.parametrize("source", ["a" * 300, "x/" + "y" * 5000, "\0", "darts_ext." + "a" * 500, "(1).json", " "])
def test_what_is_neither_text_nor_path_is_refused(source):
    with pytest.raises((UsageError, GenotypeError)) as caught:
        zoo.create_model(source)
    assert "\n" not in str(caught.value)
