"""Framing: each case whole, byte by byte, and with the beginning of something behind it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from amiflow.ami import codec
from amiflow.ami.codec import MAX_ACTION_ID, MAX_HEADERS, MAX_LINE, Banner, Decoder, Item, Malformed, encode
from amiflow.ami.errors import LocalError
from amiflow.ami.message import Message
from amiflow.ami.request import Request, RequestDecoder
from support.captures import pieces
from support.properties import examples

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
OLD_BANNER = b"Asterisk Call Manager/1.3\r\n"


def plain(items: list[Item]) -> list[bytes | str]:
    """Items as values that can be compared."""
    return [item.raw if isinstance(item, Message) else repr(item) for item in items]


def decode(data: bytes, size: int = 0) -> list[bytes | str]:
    decoder = Decoder()
    return plain([item for piece in pieces(data, size or max(1, len(data))) for item in decoder.feed(piece)])


def messages(body: bytes, banner: bytes = BANNER) -> list[bytes | str]:
    """The messages of a body, after a banner; the same however it is cut and whatever follows."""
    data = banner + body
    whole = decode(data)
    assert decode(data, 1) == decode(data, 7) == decode(data + b"Event: tai") == whole
    assert whole[0] == repr(Banner(banner.decode().strip().partition("/")[2]))
    return whole[1:]


@pytest.mark.parametrize(
    ("line", "version"),
    [
        (b"Asterisk Call Manager/1.0\r\n", "1.0"),
        (b"Asterisk Call Manager/5.0.4\r\n", "5.0.4"),
        (b"Asterisk Call Manager/11.0.0\n", "11.0.0"),
        (b"Asterisk Call Manager Proxy/1.1 (x)\r\n", "1.1"),
    ],
)
def test_the_banner_is_one_line_and_the_next_message_follows_at_once(line: bytes, version: str) -> None:
    data = line + b"Response: Success\r\n\r\n"
    assert decode(data) == decode(data, 1) == [repr(Banner(version)), b"Response: Success"]


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x01\n", b"x" * 1022]
)
def test_a_peer_that_is_no_manager_interface(data: bytes) -> None:
    decoder = Decoder()
    [item] = decoder.feed(data)
    assert isinstance(item, Malformed) and item.reason.startswith("no Asterisk manager interface: it says `")
    assert decoder.feed(BANNER) == [] and decoder.unfinished() == b""


def test_a_proxy_without_a_banner() -> None:
    data = b"Response: Error\r\nMessage: x\r\n\r\n"
    assert decode(data) == decode(data, 1) == [b"Response: Error\r\nMessage: x"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"Event: A\r\n\r\nEvent: B\r\nX: y\r\n\r\n", [b"Event: A", b"Event: B\r\nX: y"]),
        (b"\r\n\r\nEvent: A\r\n\r\n\r\n\r\n\r\nEvent: B\r\n\r\n\r\n", [b"Event: A", b"Event: B"]),
        (
            b"Response: Success\r\nMessage: Park successful\n\r\n\r\n",
            [b"Response: Success\r\nMessage: Park successful\n"],
        ),
        (b"Event: A\r\nV: a\n\n\nb\r\n\r\n", [b"Event: A\r\nV: a\n\n\nb"]),
        (b"Event: A\r\nV: a\rb\r\n\r\n", [b"Event: A\r\nV: a\rb"]),
        (b"Event: A\r\nHalf", []),
    ],
)
def test_messages_end_at_an_empty_line_of_crlf_alone(body: bytes, expected: list[bytes]) -> None:
    assert messages(body) == expected


def test_what_is_cut_off_is_no_message() -> None:
    decoder = Decoder()
    assert plain(decoder.feed(BANNER + b"Event: A\r\n\r\n\r\nEvent: Hang")) == [repr(Banner("11.0.0")), b"Event: A"]
    assert decoder.unfinished() == b"Event: Hang"


FOLLOWS = b"Response: Follows\r\nPrivilege: Command\r\n"


@pytest.mark.parametrize(
    ("text", "output"),
    [
        (b"Asterisk 11.25\n--END COMMAND--", ["Asterisk 11.25"]),
        (b"no newline--END COMMAND--", ["no newline"]),
        (b"--END COMMAND--", [""]),
        (b"a: b\n\n  two blanks\n\r\n\r\nlast\n--END COMMAND--", ["a: b", "", "  two blanks", "", "", "last"]),
        (b"--END COMMAND--\nnot yet\n--END COMMAND--", ["--END COMMAND--", "not yet"]),
        (b"Privilege: x\r\nEvent: Hangup\r\n\r\n--END COMMAND--", ["Privilege: x", "Event: Hangup", ""]),
        (b"ActionID: forged\r\n--END COMMAND--", ["ActionID: forged"]),
    ],
)
def test_the_old_command_output_reads_like_the_new_one(text: bytes, output: list[str]) -> None:
    [raw, after] = messages(FOLLOWS + b"ActionID: 7\r\n" + text + b"\r\n\r\nEvent: B\r\n\r\n", OLD_BANNER)
    assert isinstance(raw, bytes) and after == b"Event: B"
    message = Message(raw)
    assert (message.kind, message.name, message.get("ActionID")) == ("response", "Follows", "7")
    assert message.all("Output") == output
    assert message.all("Privilege") == ["Command"] and message.all("ActionID") == ["7"]


def test_nothing_swallows_the_stream_of_a_server_that_sends_no_bare_output() -> None:
    assert messages(FOLLOWS + b"\r\nEvent: B\r\n\r\n") == [FOLLOWS.rstrip(), b"Event: B"]


def test_the_new_command_output_keeps_its_blanks() -> None:
    [raw] = messages(b"Response: Success\r\nMessage: Command output follows\r\nOutput:   x\r\nOutput: \r\n\r\n")
    assert isinstance(raw, bytes) and Message(raw).all("Output") == ["  x", ""]


@pytest.mark.parametrize("endless", [b"Event: " + b"a" * 99, b"X: y\r\n" * 20, FOLLOWS + b"text\n\r\n\r\n" * 12])
def test_an_endless_message_costs_no_more_than_the_limit(endless: bytes) -> None:
    decoder = Decoder(limit=100)
    found = plain(decoder.feed(OLD_BANNER)) + plain(
        [one for piece in pieces(endless, 10) for one in decoder.feed(piece)]
    )
    assert found[1:] == [repr(Malformed("a message of more than 100 bytes"))]
    assert decoder.feed(b"\r\n\r\n") == [] and decoder.unfinished() == b""


def test_the_buffer_grows_for_a_long_message_and_shrinks_again() -> None:
    decoder, long = Decoder(size=1000), b"Event: A\r\nValue: " + b"x" * 100_000
    decoder.feed(BANNER)
    for piece in pieces(long, 300):
        assert decoder.feed(piece) == [] and len(decoder.room()) >= 250
    assert plain(decoder.feed(b"\r\n\r\nEvent: B")) == [long]
    assert len(decoder.room()) < 1000 and decoder.unfinished() == b"Event: B"


def test_a_message_of_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_LINES", 10)
    fits = b"a\r\n" * 10 + b"b\r\n\r\n"
    assert decode(BANNER + fits)[1:] == [fits.removesuffix(b"\r\n\r\n")]
    assert decode(BANNER + b"a\r\n" + fits + b"Event: A\r\n\r\n")[1:] == [
        repr(Malformed("a message of more than 10 lines"))
    ]


# --- any stream ---

_BLOCK = st.sampled_from(
    [b"\r\n", b"\r", b"\n", b"Event: A", b"Response: Follows\r\n", b"--END COMMAND--", b"ActionID: 1", b": ", b"x"]
) | st.binary(max_size=4)


@examples(25)
@given(st.lists(_BLOCK, max_size=30).map(b"".join), st.lists(st.integers(0, 200), max_size=8), st.booleans())
@example(b"\r\n" * 3, [1], True)
def test_a_stream_split_anywhere_gives_the_same_items(body: bytes, cuts: list[int], greeted: bool) -> None:
    data = BANNER + body if greeted else body
    decoder = Decoder(size=16)
    places = sorted(min(cut, len(data)) for cut in cuts)
    parts = [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
    assert plain([item for part in parts for item in decoder.feed(part)]) == decode(data)


# --- actions ---


def test_an_action_as_the_oldest_server_reads_it() -> None:
    assert (
        encode([("Action", "Ping"), ("ActionID", "p-1"), ("Empty", "")])
        == b"Action: Ping\r\nActionID: p-1\r\nEmpty: \r\n\r\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Channel", "a\r\nAction: Command", "holds a CR, LF or NUL"),
        ("Channel", "a\nb", "holds a CR, LF or NUL"),
        ("Channel", "a\rb", "holds a CR, LF or NUL"),
        ("Channel", "a\x00b", "holds a CR, LF or NUL"),
        ("Bad\r\nAction", "x", "is no header name"),
        ("Bad:", "x", "is no header name"),
        ("Bad ", "x", "is no header name"),
        (" Bad", "x", "is no header name"),
        ("", "x", "is no header name"),
        ("Name", "half \ud800", "half a character"),
        ("Name", "x" * (MAX_LINE - 5), "1022 bytes"),
        ("Name", "é" * 508 + "xx", "1024 bytes"),
        ("ActionID", "x" * (MAX_ACTION_ID + 1), "an ActionID of more than 67 bytes"),
        ("actionid", "é" * 34, "an ActionID of more than 67 bytes"),
    ],
)
def test_what_would_not_arrive_is_not_sent(name: str, value: str, reason: str) -> None:
    with pytest.raises(LocalError, match=reason):
        encode([("Action", "X"), (name, value)])


def test_the_most_that_can_be_sent() -> None:
    action = [("Action", "Ping"), ("ActionID", "x" * MAX_ACTION_ID), ("L", "x" * (MAX_LINE - 3))]
    headers = [*action, *(("H", str(number)) for number in range(MAX_HEADERS - 3))]
    [request] = RequestDecoder().feed(encode(headers))
    assert isinstance(request, Request) and list(request.headers) == headers
    with pytest.raises(LocalError, match="128 headers"):
        encode([*headers, ("H", "one more")])


_NAME = st.text(st.characters(exclude_characters=":\r\n\x00", exclude_categories=["Cs"]), min_size=1, max_size=12)
_VALUE = st.text(st.characters(exclude_characters="\r\n\x00"), max_size=20)


@examples(25)
@given(st.lists(st.tuples(_NAME, _VALUE), max_size=6), st.integers(1, 40))
def test_the_server_reads_what_was_written_or_nothing_was(headers: list[tuple[str, str]], size: int) -> None:
    given_headers = [("Action", "X"), *headers]
    try:
        data = encode(given_headers)
    except LocalError:
        return
    decoder = RequestDecoder()
    [request] = [found for piece in pieces(data, size) for found in decoder.feed(piece)]
    blanks = "".join(map(chr, range(33)))
    assert isinstance(request, Request) and request.name == "X"
    assert list(request.headers) == [(name, value.lstrip(blanks)) for name, value in given_headers]
