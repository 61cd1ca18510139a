"""Lines of the log: their form, what is masked, and that a stranger's text stays on its line."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

from amiflow.ami.message import Message
from amiflow.live.config import LogFormat
from amiflow.live.log import MOST, Line, Log, goes_to_journal
from amiflow.live.secrets import Mask
from amiflow.report.diagnostic import Diagnostic, Label
from amiflow.report.source import Source, Span

SOURCE = Source("r.flow", 'flow f on start {\n  fail "no"\n}\n')
STEP = Span("r.flow", 20, 29)


def written(line: Line, form: str = "text", level: str = "info", colour: bool = False) -> list[str]:
    mask, lines = Mask(), list[str]()
    mask.add('pa"ss')
    kind = "json" if form == "json" else "text"
    least = "debug" if level == "debug" else "info"
    Log(lines.append, lambda: 1_700_000_000.25, mask, kind, least, colour, [SOURCE]).line(line)
    return lines


def test_a_line_has_time_level_flow_place_and_text() -> None:
    (line,) = written(Line("warn", "x", "it is so", flow="f", instance=3, span=STEP))
    day, time, rest = line.split(" ", 2)
    assert day in ("2023-11-14", "2023-11-15") and time.endswith(":20.250")
    assert rest == "warn  f#3 (r.flow:2) it is so"


def test_json_has_the_same_and_the_facts() -> None:
    facts = {"m": Message(b"Event: Hangup"), "d": timedelta(seconds=1.5), "l": ("a", None), "r": {"k": 1}}
    (line,) = written(Line("info", "x", "café \udce9", server="pbx", span=STEP, facts=facts), "json")
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "info",
        "kind": "x",
        "text": "café \udce9",
        "server": "pbx",
        "file": "r.flow",
        "line": 2,
        "column": 3,
        "facts": {"m": "Hangup", "d": 1.5, "l": ["a", None], "r": {"k": 1}},
    }


def test_details_are_written_only_when_asked_for() -> None:
    assert written(Line("debug", "x", "detail")) == []
    assert len(written(Line("debug", "x", "detail"), level="debug")) == 1


def test_a_secret_is_masked_in_both_forms() -> None:
    for form in ("text", "json"):
        (line,) = written(Line("info", "x", 'it is pa"ss', facts={"s": 'pa"ss'}), form)
        assert "pa" not in line and "***" in line


def test_control_characters_are_spelt_out() -> None:
    (line,) = written(Line("info", "x", "a\r\n05:00 error b\x1b[2J\x9b"))
    assert line.endswith("a\\r\\n05:00 error b\\x1b[2J\\x9b")


def test_a_byte_that_is_no_utf8_is_shown_as_that_byte() -> None:
    (line,) = written(Line("info", "x", "Ren\udce9 René"))
    assert line.endswith("Ren\\xe9 René")


def test_colour_and_frame() -> None:
    frame = Diagnostic("flow-failed", "error", "flow `f` failed: no", Label(STEP, "this step", primary=True))
    (line,) = written(Line("error", "x", "failed: no", frame=frame), colour=True)
    assert line.startswith("\x1b[31m") and "r.flow:2:3" in line and 'fail "no"' in line
    (line,) = written(Line("error", "x", "failed: no", frame=frame))
    assert "\x1b" not in line


def storm(form: LogFormat, seconds: tuple[float, ...]) -> list[str]:
    """What is written of three lines about a flow more than a second may have, in each second, then of a warning."""
    lines, times = list[str](), iter([at for at in seconds for _ in range(MOST + 3)])
    now = [0.0]
    log = Log(lines.append, lambda: now[0], Mask(), form, sources=[SOURCE])
    for at in times:
        now[0] = at
        if log.takes("info"):
            log.line(Line("info", "sent", "sends", flow="f", instance=1))
    assert log.takes("warn") and log.takes("error") and not log.takes("debug")
    log.line(Line("warn", "x", "the last"))
    return lines


def test_of_a_storm_so_many_lines_are_written_as_people_can_read_and_the_others_counted() -> None:
    lines = storm("text", (5.0, 6.5))
    left_out = [at for at, one in enumerate(lines) if "3 lines about flows are left out" in one]
    assert left_out == [MOST, 2 * MOST + 1] and lines[-1].endswith("the last")
    assert len(lines) == 2 * MOST + 3


def test_what_recipes_log_in_a_storm_is_not_told_line_by_line_what_is_left_out() -> None:
    lines, now = list[str](), [5.0]
    log = Log(lines.append, lambda: now[0], Mask(), sources=[SOURCE])
    for at in (5.0, 6.5):
        now[0] = at
        for number in range(MOST):
            for _ in range(2):
                if log.takes("info"):
                    log.line(Line("info", "sent", "sends", flow="f", instance=number))
            log.line(Line("info", "log", f"call {number}", flow="f", instance=number))
    log.line(Line("info", "summary", "flows: 400 done"))
    left_out = [at for at, one in enumerate(lines) if f"{MOST} lines about flows are left out" in one]
    assert left_out == [2 * MOST, 4 * MOST + 1] and len(lines) == 4 * MOST + 3


def test_machines_are_told_of_every_line() -> None:
    assert len(storm("json", (5.0, 6.5))) == 2 * (MOST + 3) + 1


def test_the_journal_reads_a_level_before_each_line() -> None:
    lines: list[str] = []
    log = Log(lines.append, lambda: 0.0, Mask(), "text", "debug", sources=[SOURCE], prefixed=True)
    for level in ("debug", "info", "warn", "error"):
        log.line(Line(level, "k", "words"))  # type: ignore[arg-type]  # a literal
    assert [line[:3] for line in lines] == ["<7>", "<6>", "<4>", "<3>"]
    log.line(Line("error", "k", "words", frame=Diagnostic("x", "error", "no", Label(Span(SOURCE.path, 0, 1), "here"))))
    assert all(part.startswith("<3>") for part in lines[-1].splitlines()) and lines[-1].count("\n") > 2


def test_whether_the_journal_reads_it(tmp_path: Path) -> None:
    with open(tmp_path / "x", "w") as file:
        stat = os.fstat(file.fileno())
        assert goes_to_journal(file.fileno(), {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        assert not goes_to_journal(file.fileno(), {"JOURNAL_STREAM": f"{stat.st_dev}:1"})
        assert not goes_to_journal(file.fileno(), {})
