"""The grammar itself: words for everything, a cache that helps and never harms."""

from pathlib import Path

import pytest

from amiflow.lang.grammar import Grammar, build
from amiflow.lang.words import word_for
from support.parsed import shape


def test_every_terminal_has_human_words() -> None:
    for terminal in build().terminals:
        word = word_for(build(), terminal)
        assert word and terminal not in word, terminal


def test_a_damaged_cache_is_made_anew_and_then_gives_the_same_grammar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lark.lexer.has_interegular", False)  # builds in half the time
    cache = tmp_path / "grammar"
    cache.write_bytes(b"rubbish\nmore")
    fresh, cached = Grammar(str(cache)), Grammar(str(cache))
    text = 'flow f on start { log "x" }'
    assert cache.read_bytes()[:7] != b"rubbish"
    assert fresh.terminals == cached.terminals == build().terminals
    assert shape(fresh.parse(text, 0, len(text), "file")) == shape(cached.parse(text, 0, len(text), "file")) is not None
    assert cached.parse("flow", 0, 4, "file") is None


def test_words_that_are_names_as_well_can_be_declared_used_and_called() -> None:
    grammar = build()
    for word in [word for word, terminal in grammar.words.items() if terminal in grammar.soft]:
        text = f"let {word} = {word}({word}.{word}, {word}[{word}])"
        assert grammar.parse(text, 0, len(text), "file") is not None, word


def test_reserved_words_are_no_names_but_headers_and_members() -> None:
    grammar = build()
    for word in ["log", "in", "wait", "or", "true", "within", "http", "stop", "where"]:
        assert grammar.words[word] not in grammar.soft
        for text, fits in [(f"let {word} = 1", False), (f"let a = b.{word}", True), (f"let a = {{{word}: 1}}", True)]:
            assert (grammar.parse(text, 0, len(text), "file") is not None) is fits, text
