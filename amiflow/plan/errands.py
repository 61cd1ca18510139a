"""What a step may have done outside of the PBX: a request to a web server, a program, a line in a file, a signal.

Belongs here: the operations as frozen data, and the names of what a run must allow for them. Never here: how they are
awaited (`engine.errands`) and done (`live.effects`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from amiflow.plan.expressions import Const, Expr, Join, ListExpr
from amiflow.report.data import dataclass

Method: TypeAlias = Literal["get", "post", "put", "patch", "delete", "head"]
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)(?P<path>(?:[/?][!-~]*)?)"
)
"""The URLs that can be asked: no user name, no fragment's secrets, nothing but ASCII."""
ANY = "?"
"""Stands for what is known only at run time."""


@dataclass(frozen=True, slots=True)
class HttpCall:
    """`http post url json {…} headers {…}`; of `json`, `form` and `body` at most one is there."""

    method: Method
    url: Expr
    json: Expr | None
    form: Expr | None
    body: Expr | None
    headers: Expr | None


@dataclass(frozen=True, slots=True)
class ExecCall:
    """`exec ["prog", arg]`."""

    argv: Expr


@dataclass(frozen=True, slots=True)
class AppendCall:
    """`append "file.jsonl" {…}`."""

    path: Expr
    record: Expr


@dataclass(frozen=True, slots=True)
class SignalCall:
    """`signal name {…}`, to the flows of this run."""

    name: str
    fields: tuple[tuple[str, Expr], ...]


Operation: TypeAlias = HttpCall | ExecCall | AppendCall | SignalCall


def allowance(operation: Operation) -> str | None:
    """What a run must allow for it, such as `http:crm.example`; none for a signal, which stays in the run."""
    match operation:
        case HttpCall(url=url):
            return f"http:{_host(url)}"
        case ExecCall(argv=ListExpr(items=(Const(value=str() as program), *_))):
            return f"exec:{program}"
        case ExecCall():
            return f"exec:{ANY}"
        case AppendCall(path=Const(value=str() as path)):
            return f"append:{path}"
        case AppendCall():
            return f"append:{ANY}"
        case SignalCall():
            return None


def is_allowance(name: str) -> bool:
    """Whether people may allow this: a kind and something behind its colon."""
    kind, _, what = name.partition(":")
    return kind in ("http", "exec", "append") and bool(what)


def allowances(operations: Iterable[Operation]) -> tuple[str, ...]:
    """What a run must allow for all of them, each once, in order."""
    return tuple(sorted({name for one in operations if (name := allowance(one)) is not None}))


def _host(url: Expr) -> str:
    """The host, where the text says it before the first value that is put into it."""
    first = url.parts[0] if isinstance(url, Join) and url.parts else url
    if not isinstance(first, Const) or not isinstance(first.value, str):
        return ANY
    whole = first.value if first is url else first.value.rpartition("/")[0]
    return host_of(whole) or ANY


def host_of(url: str) -> str | None:
    """The host of a URL in lower case, with its port where that is written; none where there is none."""
    found = URL.fullmatch(url)
    return found["host"].lower() if found is not None else None
