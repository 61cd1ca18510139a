"""What the engine takes for granted of Originate, Hangup and Bridge."""

import uuid

import pytest

from support.plain_ami import PlainAmi


def originate(judge: PlainAmi, extension: str, **headers: str) -> str:
    """Call a Local channel with both of its ids chosen; the first one's."""
    chosen = f"chosen-{uuid.uuid4()}"
    answer = judge.action(
        "Originate",
        Channel=f"Local/{extension}@default",
        Context="default",
        Exten="1234",
        Priority="1",
        Async="true",
        ChannelId=chosen,
        OtherChannelId=f"{chosen};2",
        **headers,
    )
    assert answer.Response == "Success"
    return chosen


def test_chosen_ids_are_those_of_both_halves(judge: PlainAmi) -> None:
    chosen = originate(judge, "1234")
    assert judge.wait("Newchannel", Uniqueid=chosen).Channel.endswith(";1")
    assert judge.wait("Newchannel", Uniqueid=f"{chosen};2").Channel.endswith(";2")


@pytest.mark.parametrize("extension", ["1234", "noanswer"])
def test_a_call_can_be_hung_up_by_the_id_that_was_chosen(judge: PlainAmi, extension: str) -> None:
    chosen = originate(judge, extension)
    judge.wait("Newchannel", Uniqueid=chosen)
    assert judge.action("Hangup", Channel=chosen).Response == "Success"
    judge.wait("Hangup", Uniqueid=chosen)


def test_the_result_of_a_call_that_failed_carries_the_chosen_id(judge: PlainAmi) -> None:
    chosen = originate(judge, "noanswer", Timeout="500")
    result = judge.wait("OriginateResponse", Uniqueid=chosen)
    assert (result.Response, result.Reason) == ("Failure", "3")


def test_a_bridge_alone_takes_a_channel_whose_id_only_begins_like_the_one_given(judge: PlainAmi) -> None:
    chosen = originate(judge, "1234")
    judge.wait("Newchannel", Uniqueid=chosen)
    answer = judge.action("Bridge", Channel1=chosen[:-1], Channel2="nobody")
    assert answer.Message == "Channel2 does not exist: nobody"
    assert judge.action("Hangup", Channel=chosen[:-1]).Message == "No such channel"
