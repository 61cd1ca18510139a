"""How long things take, in buckets."""

from amiflow.ami.message import Message
from amiflow.engine.effects import Received, Send, Sent, Tick, Withdraw
from amiflow.live.meter import BOUNDS, Histogram, Meter
from amiflow.report.source import Span

EVENT = Received("pbx", Message.build((("Event", "Hangup"),)))


def send(number: str) -> Send:
    return Send("pbx", number, (("Action", "Redirect"),), None, False, 9.0, 1, Span("a.flow", 0, 1))


def test_a_bucket_holds_what_lasted_at_most_so_long() -> None:
    histogram = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 10.0, 11.0):
        histogram.add(seconds)
    assert [histogram.counts[at] for at in (0, 1, -2, -1)] == [2, 1, 1, 1]
    assert sum(histogram.counts) == 5 and len(histogram.counts) == len(BOUNDS) + 1


def test_from_an_event_to_its_action_to_the_answer() -> None:
    meter = Meter()
    meter.measure(EVENT, [send("1"), send("2")], 100.0, 100.001)
    meter.measure(Tick(), [send("3")], 100.0, 100.002)
    for number, now in (("1", 100.02), ("2", 100.3), ("3", 100.4)):
        meter.measure(Sent(number), [], 0.0, now)
    meter.settled(send("1"), True, 100.1)
    meter.settled(send("2"), False, 105.0)
    assert sum(meter.reaction.counts) == 2 and round(meter.reaction.sum, 3) == 0.32
    assert sum(meter.answers["Redirect"].counts) == 1 and round(meter.answers["Redirect"].sum, 3) == 0.08
    assert set(meter._sent) == {"3"} and meter._caused == {}


def test_what_is_withdrawn_before_it_was_handed_to_the_connection_is_let_go() -> None:
    """As what waits for the journal."""
    meter = Meter()
    meter.measure(EVENT, [send("1"), send("2")], 100.0, 100.001)
    meter.measure(Tick(), [Withdraw("pbx", "1")], 100.0, 105.0)
    assert set(meter._caused) == {"2"}
