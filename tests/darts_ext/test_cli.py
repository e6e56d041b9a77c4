"""The command line: help without torch, presets, options."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from darts_ext.cli import main
from darts_ext.cli.arguments import PRESETS
from darts_ext.cli.commands import COMMANDS

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_a_preset_is_understood(preset, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["compare", "--config", preset, "--print_config"])
    assert not stop.value.code
    assert "space:" in capsys.readouterr().out


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


def test_compare_without_a_word_is_the_preset_digits(capsys):
    assert printed(capsys, "compare") == printed(capsys, "compare", "--config", "digits")


def test_torch_and_torchvision_that_do_not_fit_are_said_in_one_line(tmp_path):
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
