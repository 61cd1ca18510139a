"""Many small programs in one file, `---` between them; the diagnostic that a line must get stands behind it as
`##! code: beginning of its headline`, and is taken away before the program is read."""

import re
from dataclasses import dataclass
from pathlib import Path

_EXPECTED = re.compile(r"[ \t]*##! ([a-z-]+): (.*?)(?=[ \t]*##! |$)", re.MULTILINE)


@dataclass(frozen=True)
class Program:
    line: int
    text: str
    expected: tuple[tuple[int, str, str], ...]
    """Line, kind and beginning of the headline of each diagnostic."""


def programs(path: Path) -> list[Program]:
    found, line = [], 1
    for chunk in path.read_text(encoding="utf-8").split("---\n"):
        marks = [(chunk.count("\n", 0, mark.start()) + 1, mark[1], mark[2]) for mark in _EXPECTED.finditer(chunk)]
        found.append(Program(line, _EXPECTED.sub("", chunk), tuple(marks)))
        line += chunk.count("\n") + 1
    return found
