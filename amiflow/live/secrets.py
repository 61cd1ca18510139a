"""Secrets: where they come from, and how they are kept out of everything that is printed.

Belongs here: `env:NAME`, `file:PATH` and literals, and the mask. Never here: which secrets there are (`config`,
`inputs`), or their use on the wire.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import quote, quote_plus

from amiflow.ami.message import to_bytes
from amiflow.live.problems import Trouble
from amiflow.live.texts import refuse_pipe

MASKED = "***"


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret is to be found; `value` is the name, the path or, for a literal, the secret itself."""

    kind: Literal["env", "file", "literal"]
    value: str = field(repr=False)

    @staticmethod
    def parse(text: str, folder: str) -> SecretSource:
        """`env:NAME`, `file:PATH` (relative to `folder`), or the secret itself."""
        kind, colon, rest = text.partition(":")
        if colon and kind == "env":
            return SecretSource("env", rest)
        if colon and kind == "file":
            return SecretSource("file", os.path.join(folder, rest))
        return SecretSource("literal", text)

    def read(self, whose: str, environ: Mapping[str, str]) -> str:
        """The secret. Raises Trouble where the variable is not set or empty, or the file cannot be read."""
        match self.kind:
            case "literal":
                return self.value
            case "env":
                name = self.value
                if not environ.get(name):
                    fault = f"{name} is empty" if name in environ else f"the environment has no variable {name}"
                    raise Trouble(f"{whose}: {fault}", f"`export {name}=…` before amiflow starts")
                return environ[name]
            case "file":
                return read_secret_file(self.value, whose)


def read_secret_file(path: str, whose: str) -> str:
    """A file's first line. Raises Trouble where it cannot be read or is empty."""
    refuse_pipe(path)
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="surrogateescape")
    except (OSError, ValueError) as error:
        raise Trouble(f"{whose}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    secret = text.split("\n", 1)[0].rstrip("\r")
    if not secret:
        raise Trouble(f"{whose}: the first line of {path} is empty", "it is to hold the secret")
    return secret


def readable_by_all(path: str) -> bool:
    """Whether any user of this machine may read the file."""
    try:
        return bool(os.stat(path).st_mode & 0o004)
    except OSError:
        return False


def can_be_written_by_others(path: str) -> bool:
    """Whether another user than this one and root owns the file, or any user may write to it."""
    about = os.stat(path)
    return about.st_uid not in (os.geteuid(), 0) or bool(about.st_mode & 0o002)


@dataclass(slots=True)
class Mask:
    """The secrets known so far, longest first, so that one within another leaves no rest."""

    _known: list[str] = field(default_factory=list)
    _bytes: list[bytes] = field(default_factory=list)

    def add(self, secret: str) -> None:
        """Keep this out of all that goes through the mask from now on, as it is and as JSON, a traceback or a URL would
        write it; an empty text hides nothing."""
        raw = to_bytes(secret)
        in_url = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
        forms = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], *in_url} - {""}
        self._known = sorted(forms.union(self._known), key=len, reverse=True)
        self._bytes = [to_bytes(form) for form in self._known]

    def finds(self, data: bytes) -> bool:
        """Whether a secret is in it; told at once of much that is not text yet."""
        return any(secret in data for secret in self._bytes)

    def __call__(self, text: str) -> str:
        """The text with every known secret masked."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, MASKED)
        return text
