"""The scanner agrees with the full codec on every stream, cut anywhere: nothing wanted is left out, nothing is changed,
and what certainly nobody wants never becomes a message."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.ami.codec import Decoder, Item
from amiflow.ami.message import Message
from amiflow.ami.scanner import Sieve, Value, Wanted
from support.properties import examples

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
OLD_BANNER = b"Asterisk Call Manager/1.1\r\n"
WANTED = (
    Wanted("Hangup"),
    Wanted("BridgeEnter", (Value("BridgeNumChannels", 2), Value("Context", "default"))),
    Wanted("BridgeEnter", (Value("Exten", "700"),)),
    Wanted("VarSet", (Value("Value", 'a\\b "x" é', escaped=True),)),
)


def decode(data: bytes, sizes: list[int], wanted: tuple[Wanted, ...] | None) -> list[Item]:
    decoder = Decoder(size=64)  # so that it has to grow for most messages
    decoder.sieve = Sieve(wanted) if wanted is not None else None
    found, at = [], 0
    while at < len(data):
        size = sizes.pop() if sizes else len(data)
        found += decoder.feed(data[at : at + size])
        at += size
    return found


def is_wanted(item: Item) -> bool:
    """What the sieve must let pass, said in the words of the full codec."""
    if not isinstance(item, Message) or item.kind != "event":
        return True
    wishes = [wish for wish in WANTED if wish.event == item.name]
    return item.name == "Shutdown" or any(all(meets(item, value) for value in wish.values) for wish in wishes)


def meets(message: Message, wish: Value) -> bool:
    text = message.get(wish.header)
    if text is None:
        return False
    if isinstance(wish.value, int):
        try:
            return int(text.strip()) == wish.value
        except ValueError:
            return False
    return (re.sub(r"\\(.)", r"\1", text) if wish.escaped else text) == wish.value


def shown(items: list[Item]) -> list[object]:
    return [(item.kind, item.name, item.raw) if isinstance(item, Message) else repr(item) for item in items]


NAMES = st.sampled_from(
    ["Hangup", "BridgeEnter", "VarSet", "Shutdown", "Newexten", "hangup", "HangupRequest", "Hang", ""]
)
HEADERS = st.sampled_from(
    ["BridgeNumChannels", "Context", "Exten", "Value", "context", "XExten", "Event", "Channel", "ActionID", "Exten "]
)
VALUES = st.sampled_from(
    ["2", " 2", "02", "3", "22", "+2", "٢", "", "default", "Event: Hangup", "700", "a\nExten: 1", "a\rb",
     'a\\\\b "x" é', 'a\\b "x" é', "BridgeNumChannels: 3", "\r", "x\n\nEvent: Hangup\n"]
)  # fmt: skip
HEADER = st.builds("{}{}{}\r\n".format, HEADERS, st.sampled_from([": ", ": ", ": ", ":", " : "]), VALUES)
BLANKS = st.sampled_from(["\r\n", "\r\n", "\r\n", "\r\n\r\n", "\r\n\r\n\r\n"])
BODY = st.lists(HEADER, max_size=6).map("".join)
FIRST = st.sampled_from(["Event: ", "Event: ", "Event: ", "Event:", "event: ", "Response: ", "Foo: "])
MESSAGE = st.builds("{}{}\r\n{}{}".format, FIRST, NAMES, BODY, BLANKS)
COMMAND = st.builds(
    "Response: Follows\r\nPrivilege: Command\r\nActionID: 1\r\n{}--END COMMAND--\r\n\r\n".format,
    st.lists(st.one_of(MESSAGE, st.sampled_from(["text\n", "\r\n\r\n", "Event: Hangup\r\n\r\n"])), max_size=3).map(
        "".join
    ),
)
STREAM = st.builds(
    lambda banner, messages, tail: banner + "".join([*messages, tail]).encode(),
    st.sampled_from([BANNER, OLD_BANNER]),
    st.lists(st.one_of(MESSAGE, MESSAGE, MESSAGE, COMMAND), max_size=8),
    st.sampled_from(["", "Event: Hangup\r\nX: 1", "\r", "\r\n"]),
)


@examples(40)
@given(STREAM, st.lists(st.integers(1, 40), max_size=60))
def test_scanner_and_codec_agree(data: bytes, sizes: list[int]) -> None:
    everything = decode(data, [], None)
    scanned = decode(data, sizes, WANTED)
    assert shown(list(filter(is_wanted, scanned))) == shown(list(filter(is_wanted, everything)))
    assert all(one in shown(everything) for one in shown(scanned))


@pytest.mark.parametrize(
    "unwanted",
    [
        b"Event: Newexten\r\nAppData: Event: Hangup\r\n\r\n",
        b"Event: UserEvent\r\nUserEvent: x\r\nEvent: Hangup\r\n\r\n",
        b"Event: HangupRequest\r\nChannel: x\r\n\r\n",
        b"Event: BridgeEnter\r\nBridgeNumChannels: 3\r\nContext: default\r\nExten: 1\r\n\r\n",
        b"Event: BridgeEnter\r\nBridgeNumChannels: 2\r\nContext: defaults\r\nExten: 1\r\n\r\n",
        b"Event: BridgeEnter\r\nXContext: default\r\nBridgeNumChannels: 2\r\nContext: other\r\nExten: 1\r\n\r\n",
        b"Event: VarSet\r\nValue: plain\r\n\r\n",
        b"Event: Newexten\r\n\nEvent: Hangup\n\r\n\r\n",
    ],
)
def test_what_nobody_wants_is_left_out(unwanted: bytes) -> None:
    after = b"Event: Hangup\r\nCause: 16\r\n\r\n"
    found = decode(BANNER + unwanted * 3 + after + unwanted, [7] * 100, WANTED)
    assert shown(found[1:]) == [("event", "Hangup", after[:-4])]


@pytest.mark.parametrize(
    "kept",
    [
        b"Event: BridgeEnter\r\nBridgeNumChannels: 2\r\nContext: default\r\nExten: 1\r\n\r\n",
        b"Event: BridgeEnter\r\nBridgeNumChannels: 3\r\nContext: other\r\nExten: 700\r\n\r\n",
        b"Event: BridgeEnter\r\nNote: a\nContext: x\r\nBridgeNumChannels: 2\r\nContext: default\r\nExten: 1\r\n\r\n",
        b"Event: BridgeEnter\r\nBridgeNumChannels: 02\r\nContext: default\r\nExten: 1\r\n\r\n",
        b"Event: BridgeEnter\r\nbridgenumchannels:2\r\nContext: default\r\nExten: 1\r\n\r\n",
        b"Event: VarSet\r\nValue: \\141\r\n\r\n",
        b"event: Newexten\r\n\r\n",
        b"Response: Success\r\nActionID: 1\r\n\r\n",
        b"Event: Shutdown\r\nRestart: True\r\n\r\n",
        b"Nonsense\r\n\r\n",
    ],
)
def test_what_may_be_wanted_is_kept(kept: bytes) -> None:
    found = decode(BANNER + kept, [3] * 100, WANTED)
    assert [item.raw for item in found if isinstance(item, Message)] == [kept[:-4]]


def test_a_sieve_that_is_taken_away_between_two_messages_lets_all_pass_from_there_on() -> None:
    decoder = Decoder()
    decoder.sieve = Sieve(WANTED)
    names = []
    for item in decoder.items(BANNER + b"Event: A\r\n\r\nResponse: Success\r\n\r\nEvent: B\r\n\r\nEvent: A\r\n\r\n"):
        if isinstance(item, Message):
            names.append(item.name)
            decoder.sieve = None
    assert names == ["Success", "B", "A"]
