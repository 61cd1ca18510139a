"""The parser's table is run as it should be: words are whole, lists are read in one go, what is empty is nowhere."""

import pytest

from amiflow.lang.grammar import build
from amiflow.lang.lalr import END, FOREIGN, Branch, Token
from support.parsed import shape


def tree(text: str) -> Branch | None:
    return build().parse(text, 0, len(text), "file")


def types(text: str) -> list[str]:
    """The types of the tokens of a text, as far as the grammar goes with it."""
    cursor, found = build().cursor(text, 0, len(text), "file"), list[str]()
    while (token := cursor.peek()).type != END and cursor.take(token.type):
        found.append(token.type)
        cursor.offset = token.end_pos
    return found


@pytest.mark.parametrize("text", ["flow f onstart { }", 'test "t" { repeatstart { } }', "leta = 1"])
def test_a_word_that_goes_on_is_another_word(text: str) -> None:
    assert tree(text) is None


@pytest.mark.parametrize("text", ["let max = 1", "let a = max(queue, start)", "flow map on start { log map }"])
def test_a_word_of_the_language_is_a_name_where_a_name_is_wanted(text: str) -> None:
    assert tree(text) is not None


def test_a_state_takes_the_narrower_meaning_that_it_knows() -> None:
    assert types("flow f on start { log debug") == ["FLOW", "NAME", "ON", "START", "LBRACE", "LOG", "LEVEL"]
    assert types("flow f on start { log debugs") == ["FLOW", "NAME", "ON", "START", "LBRACE", "LOG", "NAME"]
    assert types("flow f on UserEvent X as") == ["FLOW", "NAME", "ON", "USEREVENT", "AS"]


def test_a_piece_of_a_text_is_read_where_it_stands() -> None:
    text = "…  let a = 1  …"
    made = build().parse(text, 1, len(text) - 1, "file")
    assert shape(made) == (
        "file",
        (3, 12),
        [("constant", (3, 12), [("NAME", "a", 7, 8), ("NUMBER", "1", 11, 12)])],
    )


def test_what_is_empty_covers_no_text() -> None:
    assert shape(tree(" # nothing\n")) == ("file", None, [])


def test_what_no_state_knows_is_foreign() -> None:
    cursor = build().cursor("let a = 'x'", 8, 11, "interpolation")
    found = cursor.peek()
    assert (found.type, str(found), found.start_pos, found.end_pos) == (FOREIGN, "'x'", 8, 11)


def test_tokens_give_the_tree_that_their_text_gives() -> None:
    text = 'flow f on start { log "x" }'
    cursor, tokens = build().cursor(text, 0, len(text), "file"), list[Token]()
    while (token := cursor.peek()).type != END:
        assert cursor.take(token.type)
        tokens.append(token)
        cursor.offset = token.end_pos
    assert shape(build().tree(tokens, "file")) == shape(tree(text))


def test_a_long_list_is_read_in_one_go() -> None:
    made = tree("let a = 1\n" * 1_000)
    assert made is not None and len(made.children) == 1_000
