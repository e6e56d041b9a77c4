"""Commands that are killed without warning, and commands that must fail in one line."""

import signal

import killed_command
import pytest

from darts_ext.cli import main


@pytest.fixture
def run_killed(tmp_path_factory):
    """run_killed("os.replace", 3, ["search", ...]) runs the command in a process that is killed at the third call of
    os.replace."""

    def run(where, number, argv):
        errors = tmp_path_factory.mktemp("killed") / "stderr"
        code = killed_command.run_killed(where, number, [str(word) for word in argv], errors)
        assert code == -signal.SIGKILL, f"was not killed: {errors.read_text()[-800:]}"

    return run


@pytest.fixture
def fails(capsys):
    """fails("search", ..., says=[...], out=folder): the command exits with 2 after one line that contains each of
    `says`, and leaves no file in `out`."""

    def run(*argv, says, out=None):
        capsys.readouterr()
        assert main([str(word) for word in argv]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        lines = printed.err.strip().splitlines()
        assert len(lines) == 1, printed.err
        assert lines[0].startswith("run_darts.py: ")
        for part in [says] if isinstance(says, str) else says:
            assert part in lines[0], lines[0]
        if out is not None and out.exists():
            assert not [path for path in out.rglob("*") if path.is_file()], "something was written"

    return run
