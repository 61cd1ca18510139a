"""The catalogue against what real servers sent: every event, header and value of the transcripts is as it says."""

import gzip
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from amiflow.ami.catalog import Header, load
from support.catalog_check import Headers, missing_headers, unknown_things, wrong_values

FOLDER = Path(__file__).parent / "transcripts"
# Asterisk cuts what follows an ActionID over 67 bytes: these hold frames that ran into each other.
FUSED = ("actionid-length", "confbridge-actionid80")
# Requests that are wrong on purpose.
WRONG = ("Nosuch", "FilterList")


def frames(path: Path) -> list[Headers]:
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "surrogateescape")
    text = re.sub(r"^Asterisk Call Manager/[^\r]*\r\n", "", text)
    parts = (frame.split("\r\n") for frame in text.split("\r\n\r\n"))
    split = ([line.partition(":")[::2] for line in lines if line] for lines in parts)
    return [[(name, value.strip()) for name, value in lines] for lines in split if lines]


def transcripts(version: str, requests: bool = False) -> list[Path]:
    found = FOLDER.glob(f"*{version}{'.req' if requests else ''}.ami.gz")
    return sorted(path for path in found if not path.name.startswith(FUSED))


@cache
def messages(version: str) -> list[Headers]:
    return [message for path in transcripts(version) for message in frames(path)]


@cache
def known(version: str) -> list[tuple[str, Header, str]]:
    return list(_known(version))


def _known(version: str) -> Iterator[tuple[str, Header, str]]:
    for message in messages(version):
        event = load().event(message[0][1]) if message[0][0] == "Event" else None
        for name, value in message[1:] if event else []:
            if header := event.header(name) if event else None:
                yield f"{message[0][1]}.{name}", header, value


versions = pytest.mark.parametrize("version", ["16", "22"])


@versions
def test_every_event_and_header_is_known(version: str) -> None:
    assert len(messages(version)) > 5000
    assert unknown_things(messages(version), version) == []


@versions
def test_every_value_is_as_the_catalogue_says(version: str) -> None:
    assert wrong_values(messages(version)) == []


def test_an_empty_value_is_as_good_as_none_where_none_may_come() -> None:
    unanswered = [("Event", "Cdr"), ("AnswerTime", ""), ("StartTime", "")]
    assert wrong_values([unanswered]) == ["Cdr.StartTime: time "]


@versions
def test_a_header_that_is_not_optional_is_always_there(version: str) -> None:
    assert missing_headers(messages(version), version) == []


@versions
def test_escapes_are_where_the_catalogue_says(version: str) -> None:
    escaped = {where for where, header, value in known(version) if not header.escaped and "\\'" in value}
    plain = {where for where, header, value in known(version) if header.escaped and re.search(r"(?<!\\)'", value)}
    assert (escaped, plain) == (set(), set())


@versions
def test_every_header_sent_and_answered_is_known(version: str) -> None:
    unknown = set()
    for path in transcripts(version, requests=True):
        if path.name.startswith("framing-edge"):
            continue
        sent = {}
        for request in frames(path):
            headers = {name.casefold(): value for name, value in request}
            action = load().action(headers.get("action", ""))
            if "actionid" in headers:
                sent[headers["actionid"]] = action
            if action is None and headers.get("action", "Nosuch") not in WRONG:
                unknown.add(headers["action"])
            if action and not action.open:
                names = [name for name in headers if name not in ("action", "actionid", "suppressevents")]
                unknown |= {f"{action.name}.{name}" for name in names if not action.header(name)}
        for message in frames(path.with_name(path.name.replace(".req.", "."))):
            answered = sent.get(dict(message).get("ActionID", ""))
            if answered and message[0][0] == "Response" and not answered.response_open:
                unknown |= {f"{answered.name}->{name}" for name, _ in message if not answered.answer(name)}
    assert unknown == set()
