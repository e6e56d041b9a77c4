"""Mistakes on the command line: one line each, before anything is written."""

import pytest
from PIL import Image

DATA = "--data digits --train_limit 120 --test_limit 60 --batch_size 30 --epochs 1 --threads 1".split()
SMALL = [*DATA, *"--space tiny --channels 2 --layers 1".split()]


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["serch"], ["unknown command 'serch'", "'search'"]),
        (["search", "--space", "dart"], ["unknown space 'dart'", "'darts'"]),
        (["search", "--data", "cifar"], ["unknown data 'cifar'", "'cifar10'"]),
        (["search", "--learning_rat", "1"], ["unknown option 'learning_rat'", "'learning_rate'"]),
        (["search", "--learning_rate", "fast"], ["learning_rate takes a value of type float, not 'fast'"]),
        (["search", *SMALL, "extra"], ["'extra' is one word too many"]),
        (["select"], "RUN"),
        (["search", *SMALL, "--learning_rate", "-1"], "learning_rate must be above 0"),
        (["search", *SMALL, "--weight_decay", "-1"], "weight_decay must not be negative"),
        (["search", *SMALL, "--momentum", "1.5"], "momentum must lie in [0, 1)"),
        (["search", *SMALL, "--train_portion", "1"], "train_portion must lie between 0 and 1"),
        (["search", *SMALL, "--seed", "-1"], "seed must lie between 0 and"),
        (["search", *SMALL, "--pad", "-1"], "pad must not be negative"),
        (["search", *SMALL, "--cutout", "99"], ["cutout must be smaller than the images", "8 pixels"]),
        (["search", "--config", "digit"], ["unknown preset or file 'digit'", "'digits'"]),
        (["search", *SMALL, "--channels", "3"], "channels must be even and at least 2, not 3"),
        (["search", *SMALL, "--channels", "0"], "channels must be at least 1, not 0"),
        (["search", *SMALL, "--epochs", "0"], "epochs must be at least 1"),
        (["search", *SMALL, "--layers", "-1"], "layers must be at least 1"),
        (["search", *SMALL, "--batch_size", "500"], ["batch of 500", "60 images", "--batch_size"]),
        (["search", *SMALL, "--train_limit", "5"], "--train_limit 5"),
        (["search", *SMALL, "--device", "tpu9"], "device 'tpu9'"),
        (["search", *SMALL, "--threads", "-2"], "threads must not be negative"),
        (["search", *SMALL, "--hypergradient", "second"], "unknown hypergradient 'second'"),
        (["search", *SMALL, "--alpha", "frozen"], "alpha is learned or fixed"),
        (["search", *SMALL, "--average", "swa"], "average is none, ema or uniform"),
        (["search", *SMALL, "--data", "cifar10", "--data_root", "nowhere"], ["cifar10", "nowhere", "--download"]),
        (["search", *SMALL, "--data", "folder:nowhere"], "nowhere"),
        (
            ["compare", *SMALL, "--criteria", "magnitude,perturbaton"],
            ["unknown criterion 'perturbaton'", "'perturbation'"],
        ),
        (["compare", *SMALL, "--criteria", ","], "no criterion"),
        (["compare", *SMALL, "--criterja", "random"], "did you mean 'criteria'?"),
        (["retrain", "x", "--foo", "1"], "unknown option 'foo'; --help lists the options"),
        (["compare", *SMALL, "--seeds", "0"], "seeds must be at least 1"),
        (["compare", *SMALL, "--retrain.channels", "7"], "channels must be even and at least 2, not 7"),
        (["compare", *SMALL, "--retrain.batch_size", "700"], ["batch of 700", "120 images"]),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, list) and len(value) < 30 else None,
)
def test_a_mistake_in_an_argument_is_one_line_and_nothing_is_written(fails, tmp_path, monkeypatch, argv, says):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    command = argv if argv[0] == "serch" or argv == ["select"] else [*argv, "--out", out]
    fails(*command, says=says, out=tmp_path)


def test_a_mistake_in_a_config_is_named(fails, tmp_path):
    config, out = tmp_path / "mine.yaml", tmp_path / "out"
    argv = ["search", "--config", config, "--out", out]
    config.write_text("space: tiny\nchanels: 4\n")
    fails(*argv, says=["chanels", "'channels'"], out=out)
    config.write_text("space: [tiny\n")
    fails(*argv, says=["--config", "not YAML"], out=out)


def test_a_folder_that_cannot_be_made_is_named(fails, tmp_path):
    (tmp_path / "file").write_text("")
    fails("search", *SMALL, "--out", tmp_path / "file" / "run", says=str(tmp_path / "file"))


def test_an_image_folder_without_splits_or_images_is_named(fails, tmp_path):
    data, out = tmp_path / "images", tmp_path / "out"
    argv = ["search", *SMALL, "--train_limit", "null", "--data", f"folder:{data}", "--out", out]
    data.mkdir()
    fails(*argv, says=["images", "train"], out=out)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (data / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(data / split / name / "0.png")
    (data / "train" / "emu").mkdir()
    fails(*argv, says="emu", out=out)


def test_a_folder_of_somebody_else_is_left_alone(fails, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    fails("search", *SMALL, "--out", tmp_path, says="not a folder of this program")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "Genotype("),
        ("{", "JSON"),
        ('{"format": "darts"}', "cells"),
        ("|nor_conv_3x3~0|+|none~0|nor_conv_9x9~1|+|none~0|none~1|none~2|", "nor_conv_9x9"),
        ("Genotype(normal=__import__('os').system('true'), normal_concat=range(2, 6))", "normal"),
    ],
)
def test_a_malformed_genotype_file_is_refused(fails, tmp_path, text, says):
    cell, out = tmp_path / "cell.json", tmp_path / "out"
    cell.write_text(text)
    fails("retrain", cell, "--out", out, says=says, out=out)
