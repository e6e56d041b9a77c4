"""Random inputs from a seed: each is read, or refused in one line; no traceback, nothing written, nothing lost.

python -m pytest tests/darts_ext/test_fuzz.py --override-ini "addopts=" -q       # with FUZZ=1000 for a thousand
"""

import os

import pytest
import torch
from fuzz_inputs import KINDS, draw_input

from darts_ext.cli import main
from selection import SelectionError, select
from supernet import Supernet, create_space

COUNT = int(os.environ.get("FUZZ", "80"))


@pytest.mark.parametrize("number", [number for number in range(COUNT) if KINDS[number % 4] != "batches"])
def test_a_file_is_read_or_refused_in_one_line(tmp_path, capsys, number):
    drawn = draw_input(number)
    file = tmp_path / f"given{drawn.suffix}"
    out = tmp_path / "out"
    file.write_bytes(drawn.content)
    code = main([{"FILE": str(file), "OUT": str(out)}.get(word, word) for word in drawn.words])
    printed = capsys.readouterr()
    if code == 0:
        assert out.is_dir()
    else:
        assert code == 2
        assert len(printed.err.strip().splitlines()) == 1, printed.err
        assert not out.exists() or not [path for path in out.rglob("*") if path.is_file()], "something was written"
    assert not list(tmp_path.rglob("*.part"))
    assert file.read_bytes() == drawn.content


@pytest.fixture(scope="module")
def net():
    return Supernet(create_space("tiny"), channels=2, layers=1, num_classes=3, seed=0)


@pytest.mark.parametrize("number", [number for number in range(COUNT) if KINDS[number % 4] == "batches"])
def test_batches_are_read_or_refused_in_one_line(net, number):
    drawn = draw_input(number)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    try:
        found = select(net, batches=drawn.batches, **drawn.options)
    except SelectionError as error:
        assert "\n" not in str(error)
    else:
        assert set(found.decisions) == set(net.choices())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
