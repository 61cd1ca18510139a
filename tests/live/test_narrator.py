"""What a machine does, in words: which run of a flow a line is about, and which action an answer belongs to."""

from __future__ import annotations

import json

import pytest

from amiflow.ami.message import Message
from amiflow.engine.effects import AppendRequest, Errand, FlowEnded, Noted, Send, Signal
from amiflow.live.log import Log
from amiflow.live.narrator import Narrator
from amiflow.live.secrets import Mask
from amiflow.report.source import Span
from support.runs import compiled

PLAN = compiled(
    """\
flow both on start lasting 1m {
  for room in ["680", "681"] parallel max 2 {
    Setvar { Variable: "ROOM" Value: room }
    let r = Getvar { Variable: "ROOM" }
    log "${r.Value}"
  }
}
"""
)


def span(words: str) -> Span:
    start = PLAN.sources[0].text.index(words)
    return Span(PLAN.sources[0].path, start, start + len(words))


SETTING, GETTING = span("Setvar"), span("Getvar")


class Told:
    """A narrator and the lines it wrote, of a flow that runs."""

    def __init__(self, form: str = "text") -> None:
        self.lines: list[str] = []
        kind = "json" if form == "json" else "text"
        self.narrator = Narrator(Log(self.lines.append, lambda: 0.0, Mask(), kind, sources=PLAN.sources), PLAN)
        self.narrator.tell(Noted("flow-started", "info", "", "both", 7, span("flow both"), {}))
        self.lines.clear()

    def send(self, action_id: str, action: str, at: Span) -> None:
        headers = (("Action", action), ("Variable", "ROOM"))
        self.narrator.handed(Send("pbx", action_id, headers, None, False, 5.0, 7, at))
        self.narrator.sent(action_id)

    def answer(self, action_id: str, at: Span, *headers: tuple[str, str]) -> None:
        message = Message.build((("Response", "Success"), ("ActionID", action_id), *headers))
        self.narrator.tell(Noted("answer", "debug", "", "both", 7, at, {"action_id": action_id}, message))
        self.narrator.settled(action_id)

    def fail(self, at: Span) -> str:
        self.narrator.tell(FlowEnded("both", 7, "failed", "no", at, None))
        return self.lines[-1]


def test_an_answer_is_told_of_the_action_that_it_answers_though_others_are_open() -> None:
    told = Told()
    told.send("1", "Setvar", SETTING)
    told.send("2", "Getvar", GETTING)
    told.answer("1", SETTING, ("Message", "Variable Set"))
    told.answer("2", GETTING)
    assert told.lines[2].endswith("both#7 (recipe.flow:3) Setvar was answered: Success, Variable Set")
    assert told.lines[3].endswith("both#7 (recipe.flow:4) Getvar was answered: Success")


def test_a_failure_shows_an_action_with_its_own_answer() -> None:
    told = Told()
    told.send("1", "Setvar", SETTING)
    told.send("2", "Getvar", GETTING)
    told.answer("1", SETTING, ("Message", "Variable Set"))
    frame = told.fail(SETTING)
    assert (
        "its last action was Setvar Variable=ROOM" in frame and "the answer was Success Message=Variable Set" in frame
    )


def test_a_failure_shows_no_answer_of_an_action_before() -> None:
    told = Told()
    told.send("1", "Setvar", SETTING)
    told.answer("1", SETTING)
    told.send("2", "Getvar", GETTING)
    frame = told.fail(GETTING)
    assert "its last action was Getvar Variable=ROOM" in frame and "the answer was" not in frame


def test_what_is_sent_is_told_of_its_flow_and_of_its_server() -> None:
    told, fields = Told(), Told("json")
    for one in (told, fields):
        one.send("1", "Setvar", SETTING)
    assert told.lines[0].endswith(" info  pbx both#7 (recipe.flow:3) sends Setvar Variable=ROOM")
    found = json.loads(fields.lines[0])
    assert (found["server"], found["flow"], found["instance"], found["line"]) == ("pbx", "both", 7, 3)


@pytest.mark.parametrize(
    ("effect", "words"),
    [
        (Errand("e1", AppendRequest("/tmp/x", "{}\n"), 5.0, 7, SETTING), "does append"),
        (Signal("ring", {}, 7, SETTING), "does signal ring"),
    ],
)
def test_what_is_done_outside_is_told_of_its_flow(effect: Errand | Signal, words: str) -> None:
    told = Told()
    told.narrator.does(effect)
    assert f"both#7 (recipe.flow:3) {words}" in told.lines[0]


def test_what_is_sent_for_a_flow_that_has_ended_is_told_of_the_server_alone() -> None:
    told = Told()
    told.fail(SETTING)
    told.send("1", "Hangup", SETTING)
    assert told.lines[-1].endswith(" info  pbx (recipe.flow:3) sends Hangup Variable=ROOM")
