"""What was measured of whole architectures, kept in a file line by line, so that a search goes on after a kill."""

import json
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from ..runtime.files import describe_fault, write_whole

Key = tuple[str, tuple]
Taken = tuple[list[float], list[str]]


class Memory(MutableMapping[Key, Taken]):
    """{(criterion, architecture): (values, notes)} in a file; what another call has left there is not taken.

    Args:
        identity: tells the call from others, in built-in types.
    """

    def __init__(self, path: Path, identity: dict):
        self.path = path
        self.taken: dict[Key, Taken] = {}
        first = json.dumps(identity, sort_keys=True)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith("\n") and "\0" not in line]
        if not whole or whole[0].rstrip("\n") != first:
            whole = [first + "\n"]
        for line in whole[1:]:
            (criterion, architecture), values, notes = json.loads(line)
            self.taken[criterion, tuple(map(tuple, architecture))] = (values, notes)
        write_whole(path, "".join(whole))

    def __getitem__(self, key: Key) -> Taken:
        return self.taken[key]

    def __setitem__(self, key: Key, taken: Taken) -> None:
        self.taken[key] = taken
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, *taken]) + "\n")
        except OSError as error:
            raise describe_fault(self.path, error) from None

    def __delitem__(self, key: Key) -> None:
        raise TypeError("what was measured stays known")

    def __iter__(self) -> Iterator[Key]:
        return iter(self.taken)

    def __len__(self) -> int:
        return len(self.taken)
