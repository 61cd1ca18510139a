"""A simulated PBX on the bench: its actions, its events and its time, without a manager session.

Belongs here: driving `amiflow.tools.pbx` and reading what it told. Never here: what a test expects of it.
"""

from __future__ import annotations

from amiflow.ami.request import Request
from amiflow.tools.pbx.answer import Answer
from amiflow.tools.pbx.channel import Headers
from amiflow.tools.pbx.exchange import Event
from amiflow.tools.pbx.pbx import Pbx
from amiflow.tools.scenario import read_scenario

EPOCH = 1_800_000_000.0


class Told(dict[str, str]):
    """A message's headers by name; `name` is the event's."""

    def __init__(self, name: str, headers: Headers) -> None:
        super().__init__(headers)
        self.name = name


class Bench:
    """A PBX that has begun its scenario. `events` holds all that was told, `late` what was answered afterwards."""

    def __init__(self, **scenario: object) -> None:
        found, problems = read_scenario({"calls": [], **scenario})
        assert found is not None, [str(one) for one in problems]
        self.events: list[Told] = []
        self.late: list[Answer] = []
        self.now = EPOCH
        self.pbx = Pbx(found, self.now, self._take)
        self.pbx.begin(self.now)

    def _take(self, event: Event) -> None:
        self.events.append(Told(event.name, event.headers))

    def ask(self, action: str, **headers: str) -> Answer | None:
        asked = (("Action", action), ("ActionID", "a1"), *headers.items())
        return self.pbx.act(Request(action, asked, "a1"), self.late.append, self.now)

    def act(self, action: str, seconds: float = 0.0, **headers: str) -> Told:
        """The response of an action that answers at once, after letting some time pass."""
        answer = self.ask(action, **headers)
        assert answer is not None
        self.pass_time(seconds)
        return Told("", answer.response)

    def rows(self, action: str, **headers: str) -> list[Told]:
        """The rows of a list, its last event being the last."""
        answer = self.ask(action, **headers)
        assert answer is not None
        assert dict(answer.response).get("EventList") == "start", answer.response
        return [Told(row[0][1], row) for row in answer.rows]

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.pbx.advance(self.now)

    def originate(self, channel: str, exten: str = "1234", seconds: float = 1.0, **headers: str) -> Told:
        """Call and connect to an extension, without waiting for the call itself."""
        given = {"Context": "default", "Exten": exten, "Priority": "1", "Async": "true", **headers}
        return self.act("Originate", seconds, Channel=channel, **given)

    def told(self, name: str, **headers: str) -> list[Told]:
        """The events of that name with those headers."""
        return [one for one in self.events if one.name == name and headers.items() <= one.items()]

    def names(self, channel: str) -> list[str]:
        """The names of a channel's events in order, without variables and devices."""
        return [one.name for one in self.events if one.get("Channel") == channel and one.name != "VarSet"]

    def legs(self) -> tuple[str, str]:
        """The two channels that entered a basic bridge last."""
        one, two = self.told("BridgeEnter", BridgeType="basic")[-2:]
        return one["Channel"], two["Channel"]
