"""The grammar itself: no conflict, words for everything, a cache that helps and never harms."""

from pathlib import Path

import pytest
from lark import Lark

from amiflow.lang.grammar import Grammar, build, grammar_text
from amiflow.lang.words import word_for


def test_there_is_no_conflict_in_strict_mode() -> None:
    Lark(grammar_text(), parser="lalr", lexer="contextual", start=["file", "interpolation"], strict=True)


@pytest.mark.parametrize("terminal", build().terminals)
def test_every_terminal_has_human_words(terminal: str) -> None:
    word = word_for(build(), terminal)
    assert word and terminal not in word


def test_the_cache_gives_the_same_grammar(tmp_path: Path) -> None:
    cache = tmp_path / "grammar"
    fresh, cached = Grammar(str(cache)), Grammar(str(cache))
    text = 'flow f on start { log "x" }'
    assert cache.stat().st_size > 0
    assert fresh.parse(text, 0, len(text), "file") == cached.parse(text, 0, len(text), "file")
    assert cached.terminals == fresh.terminals


def test_a_damaged_cache_is_rebuilt(tmp_path: Path) -> None:
    cache = tmp_path / "grammar"
    cache.write_bytes(b"rubbish\nmore")
    assert Grammar(str(cache)).terminals == build().terminals


def test_the_list_of_reserved_words_is_what_the_grammar_does_not_take_as_a_name() -> None:
    grammar = build()
    for word, terminal in grammar.words.items():
        text = f"let {word} = 1"
        if terminal in grammar.soft:
            assert grammar.parse(text, 0, len(text), "file") is not None, word
