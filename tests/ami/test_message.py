"""Messages: what their bytes say, however the header is spelt."""

from hypothesis import example, given
from hypothesis import strategies as st

from amiflow.ami.message import Message, to_bytes, to_text

HANGUP = Message(
    b"Event: Hangup\r\nPrivilege: call,all\r\nChannel: PJSIP/a-1\r\nCause-txt: Normal Clearing\r\nUniqueid: 1.2"
)


def test_the_first_line_alone_says_what_a_message_is() -> None:
    originate = Message(b"Event: OriginateResponse\r\nResponse: Failure\r\nReason: 5")
    assert (originate.kind, originate.name) == ("event", "OriginateResponse")
    assert originate.get("Response") == "Failure"
    assert (Message(b"Response: Pong\r\nActionID: 1").kind, Message(b"junk").kind) == ("response", "other")
    assert (Message(b"").kind, Message(b"").name, Message(b"").headers) == ("other", "", [])
    assert repr(HANGUP) == "<event Hangup>"


def test_a_user_event_cannot_pass_for_another() -> None:
    forged = Message(b"Event: UserEvent\r\nUserEvent: x\r\nEvent: Hangup\r\nevent: Hangup")
    assert forged.name == forged.get("Event") == forged.get("event") == forged.get("EVENT") == "UserEvent"
    assert forged.all("event") == ["UserEvent", "Hangup", "Hangup"]


def test_look_up_ignores_case_but_prefers_the_spelling_asked_for() -> None:
    assert HANGUP.get("uniqueID") == HANGUP.get("Uniqueid") == "1.2"
    both = Message(b"Event: CEL\r\nUniqueID: a\r\nUniqueid: b")
    assert (both.get("Uniqueid"), both.get("UniqueID"), both.get("uniqueid")) == ("b", "a", "a")
    assert (HANGUP.get("Exten"), HANGUP.all("Exten")) == (None, [])


def test_values_are_kept_as_they_were_sent() -> None:
    message = Message(
        b"Response: Success\r\nEmpty: \r\nOutput:   two blanks: kept\r\nOutput: \r\nTight:x\r\nLF: a\nb\n\r\n"
    )
    assert message.get("Empty") == ""
    assert message.all("Output") == ["  two blanks: kept", ""]
    assert message.get("Tight") == "x"
    assert message.get("LF") == "a\nb\n"


def test_bytes_that_are_no_utf8_come_out_as_they_went_in() -> None:
    message = Message(b"Event: X\r\nCallerIDName: caf\xe9 \xff\r\nOther: \xc3\xa9")
    name = message.get("CallerIDName")
    assert name is not None and to_bytes(name) == b"caf\xe9 \xff"
    assert message.get("Other") == "é"


def test_a_channel_with_colons_in_a_header_name() -> None:
    message = Message(b"Event: X\r\nChanVariable(SIP/::1-0a): A=b\r\nChanVariable(odd: C=d\r\nno colon")
    assert message.headers[1:] == [("ChanVariable(SIP/::1-0a)", "A=b"), ("ChanVariable(odd", "C=d"), ("", "no colon")]


HEADER = st.tuples(
    st.text("abcXYZ-0", min_size=1, max_size=8).map(lambda name: f"H{name}"),
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12),
)


@given(st.lists(HEADER, max_size=8))
def test_what_is_built_is_read_back(headers: list[tuple[str, str]]) -> None:
    message = Message.build([("Event", "X"), *headers])
    assert message.headers == [("Event", "X"), *headers]
    for name, _ in headers:
        values = [value for other, value in headers if other.casefold() == name.casefold()]
        assert message.all(name) == values
        exact = [value for other, value in headers if other == name]
        assert message.get(name) == exact[0]


@given(st.binary(max_size=60), st.text(st.characters(), max_size=5))
@example(b"X: y", "\ud800")
def test_any_bytes_can_be_asked(raw: bytes, header: str) -> None:
    """For any text too, also one that holds halves of characters, as JSON can write them."""
    message = Message(raw)
    assert b"\r\n".join(raw.split(b"\r\n")) == raw
    assert len(message.headers) == (raw.count(b"\r\n") + 1 if raw else 0)
    assert (message.get(header) is None) == (message.all(header) == [])


@given(st.binary())
def test_text_and_bytes_are_one(data: bytes) -> None:
    assert to_bytes(to_text(data)) == data
