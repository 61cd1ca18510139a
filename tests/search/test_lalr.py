"""Our own run of the parser's table makes of every text what Lark makes of it."""

from __future__ import annotations

import re
from pathlib import Path

from amiflow.lang.grammar import Grammar, build
from support.fuzz import maker, recipes
from support.parsed import shape, shape_by_lark

TEXTS = 400
# Lark takes `repeatstart` for `repeat start`, as it looks for words where the grammar wants them, whole or not.
_GLUED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def test_it_agrees_with_lark_on_recipes_and_on_what_nobody_would_write() -> None:
    made = maker(11)
    refused = 0
    for text in [*recipes(), *(made.text() for _ in range(TEXTS))]:
        ours, theirs = shape(build().parse(text, 0, len(text), "file")), shape_by_lark(text, "file")
        refused += ours is None
        assert ours == theirs or (ours is None and _has_glued_words(text)), text
    assert TEXTS // 4 < refused < TEXTS


def _has_glued_words(text: str) -> bool:
    words = {word for word in _GLUED.findall(text) if word not in build().words}
    return any(word != one and word.startswith(one) for word in words for one in build().words)


def test_what_lark_makes_is_kept_as_it_is(tmp_path: Path) -> None:
    fresh, cached = Grammar(str(tmp_path / "grammar")), Grammar(str(tmp_path / "grammar"))
    assert fresh._table == cached._table
