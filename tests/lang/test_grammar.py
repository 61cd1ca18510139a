"""The grammar itself: words for everything, a cache that helps and never harms."""

from pathlib import Path

import pytest

from amiflow.lang import grammar
from amiflow.lang.grammar import Grammar, build
from amiflow.lang.words import word_for
from support.parsed import shape


def test_every_terminal_has_human_words() -> None:
    for terminal in build().terminals:
        word = word_for(build(), terminal)
        assert word and terminal not in word, terminal


@pytest.mark.parametrize("damage", [b"", b"rubbish\nmore", None])
def test_a_damaged_cache_is_made_anew_and_then_gives_the_same_grammar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None
) -> None:
    made: list[str] = []
    table = build()._table
    monkeypatch.setattr(grammar, "_made_by_lark", lambda text: made.append(text) or table)
    cache = tmp_path / "grammar"
    Grammar(str(cache))
    cache.write_bytes(cache.read_bytes()[:-1] if damage is None else damage)
    fresh, cached = Grammar(str(cache)), Grammar(str(cache))
    assert len(made) == 2
    text = 'flow f on start { log "x" }'
    assert fresh.terminals == cached.terminals == build().terminals
    assert shape(fresh.parse(text, 0, len(text), "file")) == shape(cached.parse(text, 0, len(text), "file")) is not None
    assert cached.parse("flow", 0, 4, "file") is None


def test_another_grammar_s_table_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = build()._table
    monkeypatch.setattr(grammar, "_made_by_lark", lambda _: table)
    cache = tmp_path / "grammar"
    Grammar(str(cache))
    kept = cache.read_bytes()
    monkeypatch.setattr(grammar, "grammar_text", lambda: "another")
    Grammar(str(cache))
    assert cache.read_bytes() != kept


def test_where_nothing_can_be_kept_it_goes_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = build()._table
    monkeypatch.setattr(grammar, "_made_by_lark", lambda _: table)
    assert Grammar(str(tmp_path / "absent" / "grammar")).words == build().words


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
