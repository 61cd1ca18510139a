"""A manager interface that means ill: it answers twice, to nothing, with lists and lines without an end, with other
actions' ids, and with messages inside of values.

What belongs here: what it says, by dice, between what an honest one would. What never does: what the run is to make of
it (`support.fuzz_live`).
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from support.faults import Line
from support.world import VirtualLink, VirtualPbx

_IDS = re.compile(rb"ActionID: (\S+)")
_LEGS = (b"PJSIP/alice-00000000", b"PJSIP/bob-00000001", b"PJSIP/mallory-1")
_WORDS = (b"Success", b"Error", b"Goodbye", b"Follows", b"", b"\xff\xfe")
_NAMES = (b"BridgeEnter", b"ConfbridgeJoin", b"UserEvent", b"OriginateResponse", b"Shutdown", b"FullyBooted", b"Hangup",
          b"StatusComplete", b"x" * 5000)  # fmt: skip
_RUBBISH = (b"\r\n", b"\r\n\r\n", b"\n", b"\0", b": ", b"--END COMMAND--", b"Asterisk Call Manager/99\r\n", b"\x80" * 9)


@dataclass
class HostilePbx(VirtualPbx):
    """Honest calls, and between them what its dice say."""

    dice: random.Random = field(default_factory=random.Random)
    malice: float = 0.1
    _seen: list[bytes] = field(default_factory=lambda: [b"af000000000000m0-1"])

    def _carry(self, number: int, link: VirtualLink, now: float) -> bool:
        line = link.line
        before = len(line.put_in["to client"])
        moved = super()._carry(number, link, now)
        self._seen += _IDS.findall(bytes(line.put_in["to server"][-4096:]))[-4:]
        if len(line.put_in["to client"]) > before and self.dice.random() < self.malice:
            self._harm(line, now)
            return True
        return moved

    def _harm(self, line: Line, now: float) -> None:
        for _ in range(self.dice.randint(1, 4)):
            line.put("to client", self._word(), now)

    def _word(self) -> bytes:
        dice, action_id = self.dice, self.dice.choice(self._seen)
        match dice.randrange(9):
            case 0:
                return b"Response: %b\r\nActionID: %b\r\n\r\n" % (dice.choice(_WORDS), action_id)
            case 1:
                rows = b"Event: BridgeEnter\r\nActionID: %b\r\nChannel: x\r\n\r\n" % action_id
                return b"Response: Success\r\nActionID: %b\r\nEventList: start\r\n\r\n" % action_id + rows * 200
            case 2:
                return self._event(dice.choice(_NAMES))
            case 3:
                inner = b"Text: x\r\nEvent: Hangup\r\nResponse: Success\r\nActionID: %b\r\n" % action_id
                return b"Event: UserEvent\r\nUserEvent: Evil\r\n" + inner + b"\r\n"
            case 4:
                return b"Event: Long\r\n" + b"Header: value\r\n" * dice.choice((10, 50_000)) + b"\r\n"
            case 5:
                return b"Line: " + b"x" * dice.choice((100, 100_000))
            case 6:
                return bytes(dice.randrange(256) for _ in range(dice.randint(1, 300)))
            case 7:
                return b"Response: Follows\r\nActionID: %b\r\nno end\n\r\n\r\n" % action_id
        return b"".join(dice.choices(_RUBBISH, k=dice.randint(1, 6)))

    def _event(self, name: bytes) -> bytes:
        dice = self.dice
        headers = [b"Event: " + name, b"Channel: " + dice.choice(_LEGS), b"BridgeType: basic"]
        headers += [b"BridgeUniqueid: evil-%d" % dice.randrange(3), b"ActionID: " + dice.choice(self._seen)]
        dice.shuffle(rest := headers[1:])
        return b"\r\n".join([headers[0], *rest]) + b"\r\n\r\n"
