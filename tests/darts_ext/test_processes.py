"""Work on several processes: in order, on one thread each, and one line if a process dies."""

import os
import signal

import pytest
import torch
from joblib.externals.loky import reusable_executor

from darts_ext.runtime.errors import UsageError
from darts_ext.runtime.processes import Spread


def count_threads(number):
    return number, torch.get_num_threads()


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def fresh_pool():
    yield
    reusable_executor.get_reusable_executor().shutdown(wait=True, kill_workers=True)


def test_results_come_in_order_from_one_thread_each():
    assert list(Spread(2)(count_threads, range(5))) == [(number, 1) for number in range(5)]


def test_one_process_is_the_callers_own():
    assert list(Spread(1)(lambda number: os.getpid(), [1])) == [os.getpid()]


def test_a_killed_process_is_one_line():
    with pytest.raises(UsageError, match="lower --processes and repeat"):
        list(Spread(2)(die, range(2)))
