"""Errands and signals in recipe tests: what the test says comes of them, and what it expects of them."""

import pytest

from amiflow.tools.testing import run_tests
from support.recipes import compile_text

FLOWS = """
flow lookup on Newchannel as c {
  let r = http post "https://crm.example/calls" json {caller: c.Channel, n: 1} headers {Key: "1"}
    retry 2 every 1s or as e {
    log warn "${e.kind}: ${e.Message}"
    stop
  }
  log "${r.status} ${r.data.name ?? "-"}"
  append "calls.jsonl" {channel: c.Channel} or ignore
  let x = exec ["/bin/echo", "hi"]
  log "${x.code} ${x.out}"
  signal tell { who: c.Channel }
}
flow click on signal click(agent: text, n: int?) as s where s.agent != "" { return {answer: "ok", n: s.n ?? 0} }
flow tell on signal tell(who: text) as s { log "told ${s.who}" return none }
"""
CALL = 'event Newchannel { Channel: "PJSIP/a-1" }'
GOOD = {
    "tried again, and all that follows": f"""
  reply http post "https://crm*" {{ status: 503 text: "busy" }}
  reply http post "https://crm*" {{ status: 201 json: {{name: "Ann"}} }}
  reply exec {{ code: 3 out: "x" }}
  {CALL}
  expect http post "https://crm.example/*" {{ json: {{caller: "PJSIP/a-1"}} headers: {{key: "1"}} }}
  advance 1s
  expect http post "https://crm.example/*"
  expect log "201 Ann"
  expect append "calls.jsonl" {{ channel: "PJSIP/a-1" }}
  expect exec ["/bin/echo", "hi"]
  expect log "3 x"
  expect signal tell {{ who: "PJSIP/a-1" }}
  expect log "told PJSIP/a-1"
  expect nothing more""",
    "a refusal": f"""
  repeat 3 {{ reply http post "*" {{ status: 500 text: "no" }} }}
  {CALL}
  advance 2s
  expect log warn "error: the server answered 500: no\"""",
    "a reply to a signal": """
  signal click { agent: "a" n: 7 }
  expect return {answer: "ok", n: 7}
  expect flow click done""",
}
BAD = {
    "another body": (f'{CALL} expect http post "*" {{ json: {{caller: "PJSIP/b-1"}} }}', "expected http post"),
    "another program": (f'{CALL} expect exec ["/bin/ls"]', "expected exec [/bin/ls]"),
    "something left over": (f'{CALL} expect log "200 -" expect nothing more', "expected nothing more"),
    "another reply": ('signal click { agent: "a" } expect return {answer: "no"}', "expected return"),
}


def unmet(steps: str) -> str | None:
    result = compile_text(f'{FLOWS}\ntest "t" {{ {steps}\n}}\n')
    assert result.plan is not None, result.diagnostics
    found = run_tests(result.plan, result.tests)[0].unmet
    return found.headline if found is not None else None


@pytest.mark.parametrize("steps", GOOD.values(), ids=GOOD)
def test_met(steps: str) -> None:
    assert unmet(steps) is None


@pytest.mark.parametrize(("steps", "headline"), BAD.values(), ids=BAD)
def test_unmet(steps: str, headline: str) -> None:
    assert (unmet(steps) or "").startswith(headline)


def test_what_came_in_place_of_a_reply_is_shown() -> None:
    result = compile_text(f'{FLOWS}\ntest "t" {{ signal click {{ agent: "" }} expect return {{answer: "ok"}} }}\n')
    assert result.plan is not None, result.diagnostics
    (found,) = run_tests(result.plan, result.tests)
    assert found.unmet is not None and found.unmet.came == ("no reply: no flow was started by it",)
