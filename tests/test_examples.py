"""Every example runs, and says what its text promises."""

import runpy
from pathlib import Path

import pytest

from selection import registry

EXAMPLES = Path(__file__).parents[1] / "examples"
SAYS = {
    "own_darts_code.py": ["Generic of Network, 3 choices", "the network is what it was: True", "trained in between"],
    "own_search_space.py": ["100% right", "ntk "],
    "own_criterion.py": ["margin+parameters"],
    "task_several_labels.py": ["epoch 3: loss 0", "are read as yes or no of each output"],
    "task_segmentation.py": ["perturbation       mean IoU  ['conv_5x5', 'conv_5x5', 'conv_5x5']", "ntk, outputs 4"],
    "task_signals.py": ["explained: 0.9", "taylor "],
}


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    """What an example registers is there for this example only."""
    for names in ("_MEASURES", "_LIFTS", "_CRITERIA"):
        monkeypatch.setattr(registry, names, dict(getattr(registry, names)))


@pytest.mark.parametrize("name", sorted(SAYS))
def test_an_example_runs(name, capsys):
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    printed = capsys.readouterr().out
    for words in SAYS[name]:
        assert words in printed
