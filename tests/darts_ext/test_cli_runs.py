"""Commands that work on a run: what they write, and what they refuse without harm to it."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

import supernet
from darts_ext.cli import main
from darts_ext.search.bilevel import Search

DATA = "--data digits --train_limit 120 --test_limit 60 --batch_size 30 --epochs 1 --threads 1".split()
SMALL = [*DATA, *"--space tiny --channels 2 --layers 1".split()]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["search", *SMALL, "--out", str(out)]) == 0
    return out


def test_what_select_and_report_are_given_must_be_a_run(fails, tmp_path, run):
    fails("select", tmp_path / "nothing", says="is not a run")
    fails("report", tmp_path, says=str(tmp_path))
    fails("select", run, "--criterion", "magnitud", says=["unknown criterion", "'magnitude'"])


def test_retrain_needs_a_genotype(fails, tmp_path, run):
    fails("retrain", run, says=["no genotype yet", "select"])
    fails("retrain", tmp_path / "cell.json", says="neither a run nor a genotype file")


def test_select_retrain_and_report_follow_a_search(run, capsys, tmp_path):
    """What they write can be read."""
    run = shutil.copytree(run, tmp_path / "run")
    assert main(["select", str(run), "--criterion", "perturbation", "--select_images", "40"]) == 0
    assert capsys.readouterr().out.startswith("Genotype(normal=[")
    scores = json.loads((run / "scores.json").read_text())
    assert scores["criterion"] == "perturbation"
    settled = (1 + 3 * len(scores["settled"])) if scores["settled"] else 0  # ties, measured again by the loss
    assert scores["evaluations"] == 1 + 15 + 3 + settled
    retrain = "--epochs 2 --channels 4 --layers 2 --batch_size 30 --auxiliary_weight 0.4 --drop_path 0.2".split()
    assert main(["retrain", str(run), *retrain]) == 0
    genotype = supernet.Genotype.from_json((run / "genotype.json").read_text())
    net = supernet.build(genotype, channels=4, layers=2, num_classes=10, in_chans=1, auxiliary=True)
    net.load_state_dict(load_file(run / "evaluate" / "model.safetensors"))
    assert main(["report", str(run)]) == 0
    assert "<svg" in (run / "report.html").read_text()


def test_a_genotype_file_is_retrained(tmp_path, capsys):
    cell = tmp_path / "cell.txt"
    cell.write_text("|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|\n")
    argv = [*DATA, "--channels", "4", "--layers", "1", "--out", str(tmp_path / "out")]
    assert main(["retrain", str(cell), *argv]) == 0
    assert "test accuracy" in capsys.readouterr().out
    assert (tmp_path / "out" / "evaluate" / "model.safetensors").exists()


def test_a_genotype_of_another_space_is_refused(fails, run):
    path = run / "genotype.json"
    path.write_text("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    fails("retrain", run, says="space tiny")
    assert not (run / "evaluate").exists()
    path.unlink()


def test_another_setting_on_the_same_folder_is_refused(fails, run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    fails("search", *SMALL, "--learning_rate", "0.1", "--out", run, says=["learning_rate=0.025", "0.1"])
    fails("compare", *SMALL, "--out", run, says=["command=search", "compare"])
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x80\x02}q\x00."], ids=["empty", "zip", "pickle"])
def test_a_broken_checkpoint_is_named_and_kept(fails, run, content):
    path = run / "search" / "last.pt"
    before = path.read_bytes()
    path.write_bytes(content)
    fails("select", run, says=["last.pt", "checkpoint"])
    fails("search", *SMALL, "--out", run, says=["last.pt", "checkpoint"])
    assert path.read_bytes() == content
    path.write_bytes(before)


def test_a_checkpoint_of_another_program_or_network_is_refused(fails, run):
    path = run / "search" / "last.pt"
    before = path.read_bytes()
    torch.save({"state_dict": {}}, path)
    fails("select", run, says=["last.pt", "not a checkpoint that this program wrote"])
    torch.save({"format": "darts_ext/1", "stage": {"net": {}, "average": {}}, "history": [{"epoch": 1}]}, path)
    fails("select", run, says=["last.pt", "another network"])
    fails("search", *SMALL, "--out", run, says=["last.pt", "another network"])
    path.write_bytes(before)


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(fails, tmp_path, monkeypatch):
    original = Search.run_epoch

    def poisoned(self, epoch, bar):
        if epoch == 1:
            with torch.no_grad():
                self.weights[0].fill_(float("nan"))
        return original(self, epoch, bar)

    monkeypatch.setattr(Search, "run_epoch", poisoned)
    argv = ["search", *SMALL, "--epochs", "3", "--out", str(tmp_path / "run")]
    fails(*argv, says=["nan", "epoch 2", "--learning_rate", "last good checkpoint"])
    saved = torch.load(tmp_path / "run" / "search" / "last.pt", weights_only=True)
    assert len(saved["history"]) == 1
    assert all(torch.isfinite(tensor).all() for tensor in saved["stage"]["net"].values() if tensor.is_floating_point())
    fails("select", tmp_path / "run", says="stopped after 1 of 3 epochs")
