"""The command line: help without torch, presets, and one line for every mistake."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from darts_ext.cli import COMMANDS, PRESETS, main

ROOT = Path(__file__).parents[2]
SMALL = "--data digits --train_limit 120 --test_limit 60 --space tiny --channels 2 --layers 1 --batch_size 30 --epochs 1 --threads 1".split()


def fails(capsys, *argv, says, out=None):
    """The command exits with 2 after one line that contains each of `says`, and leaves nothing at `out`."""
    assert main([str(word) for word in argv]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.strip().splitlines()
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("run_darts.py: ")
    for part in [says] if isinstance(says, str) else says:
        assert part in lines[0], lines[0]
    if out is not None:
        assert not out.exists() or not [path for path in out.rglob("*") if path.is_file()], "something was written"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["search", *SMALL, "--out", str(out)]) == 0
    return out


@pytest.mark.parametrize("words", [[], ["--help"], *([name, "--help"] for name in COMMANDS)], ids=" ".join)
def test_help_needs_no_torch(words):
    code = (
        "import sys\nfrom darts_ext.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit as stop: assert not stop.code\n"
        "heavy = {'torch', 'timm', 'torchvision', 'sklearn', 'numpy'} & set(sys.modules)\nassert not heavy, heavy"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert "usage: run_darts.py" in shown.stdout


def test_the_program_calls_itself_as_it_was_called():
    code = "import sys\nsys.argv[0] = '/usr/bin/run-darts'\nfrom darts_ext.cli import main\nmain(['nonsense'])"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert shown.stderr.startswith("run-darts: unknown command 'nonsense'")


def test_a_folder_that_cannot_be_made(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    fails(capsys, "search", *SMALL, "--out", tmp_path / "file" / "run", says=str(tmp_path / "file"))


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_presets_are_understood(preset, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--config", preset, "--print_config"])
    assert not stop.value.code
    assert "space:" in capsys.readouterr().out


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
        (["search", *SMALL, "--seed", "-1"], "seed must not be negative"),
        (["search", *SMALL, "--pad", "-1"], "pad must not be negative"),
        (["search", *SMALL, "--cutout", "99"], ["cutout must be smaller than the images", "8 pixels"]),
        (["search", "--config", "digit"], ["unknown preset or file 'digit'", "'digits'"]),
        (["search", *SMALL, "--channels", "3"], "channels must be even and at least 2, not 3"),
        (["search", *SMALL, "--channels", "0"], "channels must be even and at least 2, not 0"),
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
def test_mistakes_in_arguments(capsys, tmp_path, monkeypatch, argv, says):
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    command = argv if argv[0] == "serch" or argv == ["select"] else [*argv, "--out", out]
    fails(capsys, *command, says=says, out=tmp_path)


def test_a_mistyped_key_in_a_config(capsys, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("space: tiny\nchanels: 4\n")
    fails(
        capsys,
        "search",
        "--config",
        config,
        "--out",
        tmp_path / "out",
        says=["chanels", "'channels'"],
        out=tmp_path / "out",
    )
    config.write_text("space: [tiny\n")
    fails(
        capsys,
        "search",
        "--config",
        config,
        "--out",
        tmp_path / "out",
        says=["--config", "not YAML"],
        out=tmp_path / "out",
    )


def test_a_switch_may_stand_alone(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["search", "--download", "--print_config"])
    assert "download: true" in capsys.readouterr().out


def printed(capsys, *argv):
    """The settings that the command would run with."""
    with pytest.raises(SystemExit):
        main([*argv, "--print_config"])
    return yaml.safe_load(capsys.readouterr().out)


def test_options_override_a_preset_wherever_they_stand(capsys):
    assert printed(capsys, "compare", "--epochs", "3", "--config", "smoke")["epochs"] == 3
    assert printed(capsys, "compare", "--config", "smoke", "--epochs", "3")["epochs"] == 3
    assert printed(capsys, "compare", "--config=smoke")["epochs"] == 2


def test_a_preset_says_to_each_command_what_it_takes(capsys):
    assert printed(capsys, "search", "--config", "smoke")["train_limit"] == 600
    retrain = printed(capsys, "retrain", "--config", "smoke", "cell.json")
    assert (retrain["epochs"], retrain["train_limit"]) == (1, 600)


def test_compare_without_a_word_is_the_demo(capsys):
    assert printed(capsys, "compare") == printed(capsys, "compare", "--config", "digits")


def test_bad_image_folders(capsys, tmp_path):
    data, out = tmp_path / "images", tmp_path / "out"
    argv = ["search", *SMALL, "--train_limit", "null", "--data", f"folder:{data}", "--out", out]
    data.mkdir()
    fails(capsys, *argv, says=["images", "train"], out=out)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (data / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(data / split / name / "0.png")
    (data / "train" / "emu").mkdir()
    fails(capsys, *argv, says="emu", out=out)


def test_select_and_retrain_mistakes(capsys, tmp_path, run):
    fails(capsys, "select", tmp_path / "nothing", says="is not a run")
    fails(capsys, "report", tmp_path, says=str(tmp_path))
    fails(capsys, "select", run, "--criterion", "magnitud", says=["unknown criterion", "'magnitude'"])
    fails(capsys, "retrain", run, says=["no genotype yet", "select"])
    fails(capsys, "retrain", tmp_path / "cell.json", says="neither a run nor a genotype file")
    cell = tmp_path / "cell.json"
    for text, says in [
        ("nonsense", "Genotype("),
        ("{", "JSON"),
        ('{"format": "darts"}', "cells"),
        ("|nor_conv_3x3~0|+|none~0|nor_conv_9x9~1|+|none~0|none~1|none~2|", "nor_conv_9x9"),
        ("Genotype(normal=__import__('os').system('true'), normal_concat=range(2, 6))", "normal"),
    ]:
        cell.write_text(text)
        fails(capsys, "retrain", cell, "--out", tmp_path / "out", says=says, out=tmp_path / "out")


def test_a_genotype_of_another_space(capsys, run):
    path = run / "genotype.json"
    path.write_text("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    fails(capsys, "retrain", run, says="space tiny")
    assert not (run / "evaluate").exists()
    path.unlink()


def test_another_setting_on_the_same_folder(capsys, run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    fails(capsys, "search", *SMALL, "--learning_rate", "0.1", "--out", run, says=["learning_rate=0.025", "0.1"])
    fails(capsys, "compare", *SMALL, "--out", run, says=["command=search", "compare"])
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_folder_of_somebody_else_is_left_alone(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    fails(capsys, "search", *SMALL, "--out", tmp_path, says="not a folder of this program")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x80\x02}q\x00."], ids=["empty", "zip", "pickle"])
def test_broken_checkpoints(capsys, run, content):
    path = run / "search" / "last.pt"
    before = path.read_bytes()
    path.write_bytes(content)
    fails(capsys, "select", run, says=["last.pt", "checkpoint"])
    fails(capsys, "search", *SMALL, "--out", run, says=["last.pt", "checkpoint"])
    assert path.read_bytes() == content
    path.write_bytes(before)


def test_foreign_checkpoints(capsys, run):
    path = run / "search" / "last.pt"
    before = path.read_bytes()
    torch.save({"state_dict": {}}, path)
    fails(capsys, "select", run, says=["last.pt", "not a checkpoint that this program wrote"])
    torch.save({"format": "darts_ext/1", "stage": {"net": {}, "average": {}}, "history": [{"epoch": 1}]}, path)
    fails(capsys, "select", run, says=["last.pt", "another network"])
    fails(capsys, "search", *SMALL, "--out", run, says=["last.pt", "another network"])
    path.write_bytes(before)


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(capsys, tmp_path, monkeypatch):
    from darts_ext.search.bilevel import Search

    original = Search.run_epoch

    def poisoned(self, epoch, bar):
        if epoch == 1:
            with torch.no_grad():
                self.weights[0].fill_(float("nan"))
        return original(self, epoch, bar)

    monkeypatch.setattr(Search, "run_epoch", poisoned)
    argv = ["search", *SMALL, "--epochs", "3", "--out", str(tmp_path / "run")]
    fails(capsys, *argv, says=["nan", "epoch 2", "--learning_rate", "last good checkpoint"])
    saved = torch.load(tmp_path / "run" / "search" / "last.pt", weights_only=True)
    assert len(saved["history"]) == 1
    assert all(torch.isfinite(tensor).all() for tensor in saved["stage"]["net"].values() if tensor.is_floating_point())
    fails(capsys, "select", tmp_path / "run", says="stopped after 1 of 3 epochs")


def test_torch_and_torchvision_that_do_not_fit(tmp_path):
    """A torchvision that fails as a CPU build of torch beside the ordinary wheel does."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from darts_ext.cli import main; sys.exit(main(['spaces']))"
    )
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 2
    assert len(shown.stderr.strip().splitlines()) == 1
    assert "same index in one call" in shown.stderr


def test_the_whole_way(run, capsys, tmp_path):
    """select, retrain, report on a finished search; what they write can be read."""
    assert main(["select", str(run), "--criterion", "perturbation", "--select_images", "40"]) == 0
    assert capsys.readouterr().out.startswith("Genotype(normal=[")
    scores = json.loads((run / "scores.json").read_text())
    assert scores["criterion"] == "perturbation" and scores["evaluations"] == 1 + 15 + 3
    assert (
        main(
            [
                "retrain",
                str(run),
                *"--epochs 2 --channels 4 --layers 2 --batch_size 30 --auxiliary_weight 0.4 --drop_path 0.2".split(),
            ]
        )
        == 0
    )
    from safetensors.torch import load_file

    import supernet

    genotype = supernet.Genotype.from_json((run / "genotype.json").read_text())
    net = supernet.build(genotype, channels=4, layers=2, num_classes=10, in_chans=1, auxiliary=True)
    net.load_state_dict(load_file(run / "evaluate" / "model.safetensors"))
    assert main(["report", str(run)]) == 0
    assert "<svg" in (run / "report.html").read_text()


def test_a_genotype_file_is_retrained(tmp_path, capsys):
    cell = tmp_path / "cell.txt"
    cell.write_text("|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|\n")
    argv = "--data digits --train_limit 120 --test_limit 60 --epochs 1 --channels 4 --layers 1 --batch_size 30 --threads 1".split()
    assert main(["retrain", str(cell), *argv, "--out", str(tmp_path / "out")]) == 0
    assert "test accuracy" in capsys.readouterr().out
    assert (tmp_path / "out" / "evaluate" / "model.safetensors").exists()
