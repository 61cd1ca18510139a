"""A YAML text read strictly: every key known, every value of its kind, every mistake a diagnostic at its place.

Belongs here: nodes to plain values, with spans. Never here: what the keys mean (`config`), or opening a file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias, TypeVar

import yaml

from amiflow.live.problems import nearest, problem
from amiflow.plan.durations import duration_text
from amiflow.report.diagnostic import Diagnostic
from amiflow.report.source import Source, Span
from amiflow.report.suggest import near

Raw: TypeAlias = str | list["Raw"] | dict[str, "Raw"] | None
Choice = TypeVar("Choice", bound=str)

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d{1,15})\s*(B|kB|KB|MB|GB|)")
_BYTES = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
MOST_NODES = 50_000
"""Keys and values in one document, each counted as often as an alias repeats it."""
MOST_DEPTH = 60
"""How deep they may be nested; no alias leads back to what holds it, so."""
MOST_TEXT = 1_000_000
"""Characters in one document."""
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})


def seconds(text: str) -> float | None:
    """Seconds of `250ms`, `1h30m` or a bare number; none for anything else."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(f"({_PART.pattern})+", text):
        return None
    return sum(float(amount) * _SECONDS[unit] for amount, unit in _PART.findall(text))


def boolean(text: str) -> bool | None:
    """`true`, `yes`, `on` and their opposites, in any case; none for anything else."""
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None


# What the library calls its tokens, for people; what is written as a sign (`','`) stays as it is.
_TOKEN = re.compile(r"'?<([a-z ]+)>'?")
_TOKENS = {
    "stream end": "the end of the file",
    "document start": "the end of the file",  # which is expected, where something stands behind the only value
    "document end": "the end of the file",
    "block end": "the end of the block",
    "block mapping start": "a key that is indented otherwise",
    "block sequence start": "a list that is indented otherwise",
    "scalar": "a value",
}


def _in_words(token: re.Match[str]) -> str:
    return _TOKENS.get(token[1], f"a YAML {token[1]}")


@dataclass(slots=True)
class Reader:
    """Reads the nodes of one source; what is wrong is collected in `found`, and reading goes on. `hidden` are the
    spans of secrets, never to be shown."""

    source: Source
    found: list[Diagnostic] = field(default_factory=list)
    hidden: list[Span] = field(default_factory=list)

    def root(self) -> yaml.Node | None:
        """The document's node; none where it is empty, no YAML, or larger than anything that was written by hand."""
        if len(self.source.text) > MOST_TEXT:
            self.bad(Span(self.source.path, 0, 1), f"at most {MOST_TEXT} characters are read", "longer than that")
            return None
        try:
            node = yaml.compose(self.source.text, Loader=yaml.SafeLoader)
            return node if node is None or self._measured(node) else None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = mark.index if mark else 0
            why = _TOKEN.sub(_in_words, (error.problem or "cannot be read").lower())
            self.bad(Span(self.source.path, at, at + 1), "this is not YAML", why)
        except (yaml.YAMLError, ValueError) as error:  # the latter for an escape that names no character
            at = getattr(error, "position", 0)
            self.bad(Span(self.source.path, at, at + 1), "this is not YAML", "a character that YAML does not allow")
        except RecursionError:
            self.bad(Span(self.source.path, 0, 1), "this YAML is nested too deep", "nested too deep")
        return None

    def _measured(self, root: yaml.Node) -> bool:
        """Whether the document is within its bounds: what walks it may recurse, and aliases may double it again."""
        count, todo = 0, [(root, 0)]
        while todo:
            node, depth = todo.pop()
            count += 1
            if depth > MOST_DEPTH or count > MOST_NODES:
                why = "nested too deep" if depth > MOST_DEPTH else f"more than {MOST_NODES} values, aliases counted"
                self.bad(self.span(node), "this YAML holds too much", why)
                return False
            if isinstance(node, yaml.MappingNode):
                todo += [(one, depth + 1) for pair in node.value for one in pair]
            elif isinstance(node, yaml.SequenceNode):
                todo += [(one, depth + 1) for one in node.value]
        return True

    def span(self, node: yaml.Node) -> Span:
        """Where a node stands."""
        return Span(self.source.path, node.start_mark.index, node.end_mark.index)

    def bad(self, span: Span, headline: str, label: str, help: str | None = None, code: str = "bad-value") -> None:
        """Note an error."""
        self.found.append(problem(code, headline, span, label, help))

    def pairs(self, node: yaml.Node, what: str) -> list[tuple[str, yaml.Node, yaml.Node]]:
        """The entries of a mapping as (key, key's node, value's node); a key written twice is an error."""
        if _is_null(node):
            return []
        if not isinstance(node, yaml.MappingNode):
            self.bad(self.span(node), f"{what} is a mapping of keys and values", "no mapping")
            return []
        entries: dict[str, tuple[str, yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.bad(self.span(key), f"a key of {what} is a word", "no word")
            elif key.value in entries:
                self.bad(
                    self.span(key), f"`{key.value}` is written twice in {what}", "the second one", code="double-key"
                )
            else:
                entries[key.value] = (key.value, key, value)
        return list(entries.values())

    def section(self, node: yaml.Node | None, what: str, known: Collection[str]) -> dict[str, yaml.Node]:
        """The values of a mapping whose keys are all known."""
        values = {}
        for name, key, value in self.pairs(node, what) if node is not None else ():
            if name in known:
                values[name] = value
            else:
                headline = f"{what} has no key `{name}`"
                self.bad(self.span(key), headline, "no such key", nearest(name, known), code="unknown-key")
        return values

    def text(self, node: yaml.Node | None, what: str) -> str | None:
        """A text as it is written (`0123` stays `0123`); none where it is absent or wrong."""
        if node is None:
            return None
        if isinstance(node, yaml.ScalarNode) and not _is_null(node):
            return str(node.value)
        self.bad(self.span(node), f"{what} is a text", "no text")
        return None

    def integer(self, node: yaml.Node | None, what: str, low: int, high: int, default: int) -> int:
        """A whole number from `low` to `high`."""
        if node is None:
            return default
        text = self.text(node, what) or ""
        if re.fullmatch(r"\d{1,9}", text) and low <= int(text) <= high:
            return int(text)
        return self._instead(node, f"{what} is a whole number from {low} to {high}", default)

    def duration(self, node: yaml.Node | None, what: str, default: float, most: float = 86400.0) -> float:
        """Seconds, from 50 ms to `most`, of `10s`; a number without a unit might be meant as days."""
        if node is None:
            return default
        text = self.text(node, what) or ""
        value = seconds(text)
        if value is not None and 0.05 <= value <= most and not text[-1].isdigit():
            return value
        longest = duration_text(timedelta(seconds=most))
        return self._instead(node, f"{what} is a duration such as `10s`, from 50ms to {longest}", default)

    def size(self, node: yaml.Node | None, what: str, least: int, default: int) -> int:
        """Bytes of `512MB` or a bare number of bytes, from `least` to a terabyte."""
        if node is None:
            return default
        found = _SIZE.fullmatch(self.text(node, what) or "")
        value = int(found[1]) * _BYTES[found[2].upper()] if found else 0
        if least <= value <= 1 << 40:
            return value
        return self._instead(node, f"{what} is a size such as `512MB`, at least {least >> 20}MB", default)

    def flag(self, node: yaml.Node | None, what: str, default: bool) -> bool:
        """`true` or `false`."""
        if node is None:
            return default
        value = boolean(self.text(node, what) or "")
        return value if value is not None else self._instead(node, f"{what} is `true` or `false`", default)

    def choice(self, node: yaml.Node | None, what: str, choices: Sequence[Choice], default: Choice) -> Choice:
        """One of a few words; YAML's `on` and the like are taken as written."""
        if node is None:
            return default
        text = self.text(node, what) or ""
        chosen = next((one for one in choices if one == text), None)
        if chosen is None:
            headline = f"{what} is one of " + ", ".join(f"`{one}`" for one in choices)
            return self._instead(node, headline, default, nearest(text, choices) if near(text, choices) else None)
        return chosen

    def raw(self, node: yaml.Node) -> Raw:
        """Any value, its scalars as written."""
        if isinstance(node, yaml.MappingNode):
            return {name: self.raw(value) for name, _, value in self.pairs(node, "a record")}
        if isinstance(node, yaml.SequenceNode):
            return [self.raw(item) for item in node.value]
        return None if _is_null(node) else str(node.value)

    def _instead(self, node: yaml.Node, headline: str, default: Default, help: str | None = None) -> Default:
        span = self.span(node)
        if not any(one.span == span for one in self.found):
            self.bad(span, headline, "not this", help)
        return default


Default = TypeVar("Default")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
