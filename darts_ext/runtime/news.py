"""News for whoever watches a command."""

import sys

from tqdm import tqdm

from .streams import silence


def say(line: str) -> None:
    """Prints one line on standard error, which leaves standard output to results; it does not tear a progress bar."""
    try:
        tqdm.write(line, file=sys.stderr)
    except OSError:  # nobody listens; the work goes on
        silence(sys.stderr)
