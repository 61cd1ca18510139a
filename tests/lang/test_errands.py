"""Errands and signals through the compiler: what is wrong with them, and what a plan says of them."""

import pytest

from amiflow.plan.show import show
from amiflow.plan.store import dump, load
from support.recipes import compile_text

RIGHT = """
flow f on Newchannel as c {
  let r = http post "https://crm.example/x" json {n: c.Channel} headers {Key: "1"} within 2s retry 2 every 1s or stop
  log "${r.status} ${r.text} ${r.data.name}"
  let x = exec ["/bin/echo", "hi"] or ignore
  append "calls.jsonl" {channel: c.Channel} or ignore
  signal tell { who: c.Channel }
}
flow tell on signal tell(who: text, n: int?) as s where s.who != "" { log s.who return {n: s.n} }
"""


def test_a_plan_with_errands_survives_being_stored_and_shown() -> None:
    result = compile_text(RIGHT)
    assert result.plan is not None, result.diagnostics
    assert load(dump(result.plan)) == result.plan
    assert result.plan.needs.allowances == ("append:calls.jsonl", "exec:/bin/echo", "http:crm.example")
    text = show(result.plan)
    assert "allow       http:crm.example" in text and "on signal tell(who: text, n: int?) as s" in text
    assert 'r = http post "https://crm.example/x" json {n: c.Channel} headers {Key: "1"} within 2s' in text


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ('let r = http get "https://a.example" log r.body', "unknown-header"),
        ('http post "https://a.example" json {a: 1} body "x"', "duplicate-key"),
        ('http post "https://a.example" form "x"', "type-mismatch"),
        ('exec "ls"', "type-mismatch"),
        ('let a = append "x.jsonl" {a: 1}', "misplaced"),
        ('http get "https://a.example/${c.CallerIDNum ?? "x"}"', "unsafe-value"),
        ('exec ["/bin/x", c.CallerIDName ?? "x"]', "unsafe-value"),
        ("append c.Exten {a: 1}", "unsafe-value"),
        ('let r = http get "https://a.example" exec ["/bin/x", r.text]', "unsafe-value"),
        ('signal own { too: "x" }', "unknown-field"),
        ('signal others { to: "x" to: "y" }', "duplicate-key"),
    ],
)
def test_wrong_steps(steps: str, code: str) -> None:
    own = "flow own on signal own(to: text) as s { log s.to }"
    text = f"flow f on Newchannel as c {{ log c.Channel {steps} }} {own}"
    found = [one.code for one in compile_text(text).diagnostics]
    assert code in found, found


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ('signal tel { who: "x" }', "unknown-name"),
        ('signal tell { whom: "x" }', "unknown-field"),
        ('signal tell { who: "x" who: "y" }', "duplicate-key"),
        ("reply exec { status: 1 }", "unknown-field"),
        ('reply http get "*" { status: "200" }', "type-mismatch"),
        ('expect http get "*" { jsn: {a: 1} }', "unknown-field"),
    ],
)
def test_wrong_steps_of_tests(step: str, code: str) -> None:
    found = [one.code for one in compile_text(f'{RIGHT}\ntest "t" {{ {step} expect log "x" }}').diagnostics]
    assert code in found, found


def test_what_a_signal_carries_is_unsafe() -> None:
    text = 'flow f on signal go(to: text) as s { Getvar { Channel: "x" Variable: s.to } }'
    assert [one.code for one in compile_text(text).diagnostics] == ["unsafe-value"]
