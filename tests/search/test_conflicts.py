"""Nothing that can be written is read in two ways: neither by the grammar nor by its terminals (with interegular)."""

from lark import Lark

from amiflow.lang.grammar import grammar_text


def test_there_is_no_conflict_in_strict_mode() -> None:
    Lark(grammar_text(), parser="lalr", lexer="contextual", start=["file", "interpolation"], strict=True)
