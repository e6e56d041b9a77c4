"""Every example runs, and says what its text promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAYS = {
    "own_darts_code.py": ["Generic of Network, 3 choices", "the network is what it was: True", "trained in between"],
    "own_search_space.py": ["100% right", "ntk "],
    "own_criterion.py": ["margin+parameters"],
}


@pytest.mark.parametrize("name", sorted(SAYS))
def test_an_example_runs(name):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name)], capture_output=True, text=True, env=environment, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    for words in SAYS[name]:
        assert words in ran.stdout
