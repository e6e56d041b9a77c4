"""News for whoever watches a command."""

import sys

from tqdm import tqdm


def say(line: str) -> None:
    """Prints one line on standard error, which leaves standard output to results; it does not tear a progress bar."""
    tqdm.write(line, file=sys.stderr)
