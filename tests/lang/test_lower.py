"""The code that steps become, and what else a plan says beyond the text."""

from datetime import timedelta
from functools import cache

from amiflow.lang.compile import compile_recipe
from amiflow.lang.grammar import Grammar, build
from amiflow.plan import expressions as ir
from amiflow.plan import model, triggers
from amiflow.plan import testmodel as tests
from amiflow.plan.types import Maybe, Scalar


@cache
def grammar() -> Grammar:
    return build()


def plan(text: str) -> model.Plan:
    result = compile_recipe("r.flow", lambda _: text, grammar=grammar())
    assert result.plan is not None, result.diagnostics
    return result.plan


def flow(text: str) -> model.Flow:
    return plan(text).flows[0]


def steps(body: str) -> model.Code:
    return flow(f"flow f on start lasting 9h {{ {body} }}").body


def kinds(code: model.Code) -> list[str]:
    return [type(step).__name__ for step in code]


def handler(step: model.Instruction) -> model.Handler:
    assert isinstance(step, model.Act | model.Await) and step.handler is not None
    return step.handler


def test_or_ignore_goes_on_behind_the_step() -> None:
    code = steps('Ping { } or ignore log "x"')
    assert kinds(code) == ["Act", "Log", "Stop"]
    assert handler(code[0]) == model.Handler(1, None)


def test_or_steps_stand_aside() -> None:
    code = steps('Ping { } or as e { log e.kind } log "x"')
    assert kinds(code) == ["Act", "Jump", "Log", "Log", "Stop"]
    assert handler(code[0]) == model.Handler(2, "e")
    assert isinstance(code[1], model.Jump) and code[1].target == 3


def test_or_fail_and_or_stop() -> None:
    code = steps('wait Hangup within 5s or fail "late" Ping { } or stop')
    assert kinds(code) == ["Await", "Jump", "Fail", "Act", "Jump", "Stop", "Stop"]
    assert (handler(code[0]).target, handler(code[3]).target) == (2, 5)


def test_a_loop_counts_and_an_or_continue_goes_to_its_head() -> None:
    code = steps('repeat 3 every 1s as i { Ping { } or continue if i == 2 { break } } log "x"')
    assert kinds(code) == ["Set", "Set", "Again", "Act", "JumpUnless", "Jump", "Jump", "Log", "Stop"]
    head = code[2]
    assert isinstance(head, model.Again) and (head.done, head.name) == (7, "i") and head.position.startswith("%")
    assert handler(code[3]).target == 2
    assert [step.target for step in code if isinstance(step, model.Jump)] == [7, 2]


def test_for_takes_items_and_tests_each() -> None:
    code = steps('for x in ["a"] where x != "b" { if x == "c" { continue } log x }')
    assert kinds(code) == ["Set", "Set", "Next", "JumpUnless", "JumpUnless", "Jump", "Log", "Jump", "Stop"]
    test, jumps = code[3], [step.target for step in code if isinstance(step, model.Jump)]
    assert isinstance(test, model.JumpUnless) and test.target == 2 and jumps == [2, 2]


def test_wait_any_goes_where_its_entry_says() -> None:
    code = steps('wait any { Hangup as h { log h.Channel } DialEnd { } after 5s { stop } } log "x"')
    wait = code[0]
    assert isinstance(wait, model.Await) and wait.mode == "any"
    assert [entry.target for entry in wait.entries] == [1, 3] and wait.timeout_target == 4
    assert kinds(code) == ["Await", "Log", "Jump", "Jump", "Stop", "Log", "Stop"]


def test_if_else_if_else() -> None:
    code = steps('if 1 > 2 { log "a" } else if 2 > 3 { log "b" } else { log "c" }')
    assert kinds(code) == ["JumpUnless", "Log", "Jump", "JumpUnless", "Log", "Jump", "Log", "Stop"]
    assert [step.target for step in code if isinstance(step, model.JumpUnless)] == [3, 6]
    assert [step.target for step in code if isinstance(step, model.Jump)] == [7, 7]


def test_an_originate_without_async_is_awaited() -> None:
    whole = plan('flow f on start { Originate { Channel: "PJSIP/1" Application: "Echo" Timeout: 20s } }')
    act = whole.flows[0].body[0]
    assert isinstance(act, model.Act) and act.awaits_call and not act.reads
    assert act.headers[-1].coding.unit == "ms" and act.privileges == ("originate",)
    assert [need.name for need in whole.needs.events] == ["DialBegin", "DialEnd", "OriginateResponse"]
    assert whole.needs.mask == "call,system"
    launched = steps('Originate { Channel: "PJSIP/1" Application: "Echo" Async: true }')[0]
    assert isinstance(launched, model.Act) and not launched.awaits_call


def test_a_list_action_knows_its_rows() -> None:
    act = steps('let r = queuestatus { } log "${len(r.queuemember)}"')[0]
    assert isinstance(act, model.Act) and act.action == "QueueStatus" and act.reads and act.into == "r"
    assert act.event_list == model.EventList(("QueueParams", "QueueMember", "QueueEntry"), "QueueStatusComplete")


def test_without_events_the_server_is_asked_for_none() -> None:
    assert plan("flow f on start { Ping { } }").needs.mask == "off"


def test_events_and_headers_are_spelt_as_on_the_wire() -> None:
    trigger = flow('flow f on NEWCHANNEL | hangup as e where e.channel == "a" { log e.CHANNEL }').trigger
    assert isinstance(trigger, triggers.OnEvents)
    pattern = trigger.stages[0].pattern
    assert pattern.events == ("Newchannel", "Hangup")
    assert [key.header for key in pattern.keys] == ["Channel"]


def test_a_key_does_not_depend_on_its_own_event() -> None:
    trigger = flow(
        "flow f on Newchannel as a then Hangup as h where h.Uniqueid == a.Uniqueid and h.Cause == 16 "
        'and h.Linkedid == h.Uniqueid within 5s { log "x" }'
    ).trigger
    assert isinstance(trigger, triggers.OnEvents)
    assert [key.header for key in trigger.stages[1].pattern.keys] == ["Uniqueid", "Cause"]


def test_a_declared_userevent_is_told_by_its_header() -> None:
    trigger = flow('userevent Hi { Room: text }\nflow f on userevent hi { UserEvent Hi { Room: "1" } }\n').trigger
    assert isinstance(trigger, triggers.OnEvents)
    pattern = trigger.stages[0].pattern
    assert pattern.events == ("UserEvent",) and pattern.name is not None and pattern.name.startswith("%")
    assert [(key.header, key.value) for key in pattern.keys] == [
        ("UserEvent", ir.Const("Hi", pattern.keys[0].value.span))
    ]


def test_the_key_is_known_with_its_last_name() -> None:
    begin = "flow f on Newchannel as a then Hangup as h where h.Uniqueid == a.Uniqueid within 5s "
    first = flow(begin + 'per a.Linkedid { log "x" }').per
    last = flow(begin + 'per [a.Linkedid, h.Channel] queued { log "x" }').per
    assert first is not None and (first.known_at, first.policy, len(first.key)) == (0, "single", 1)
    assert last is not None and (last.known_at, last.policy, len(last.key)) == (1, "queued", 2)


def lifetime(body: str, before: str = "") -> object:
    lasting = flow(f"{before} flow f on start {{ {body} }}").lasting
    return lasting.value if isinstance(lasting, ir.Const) else lasting


def test_the_default_lifetime_is_the_sum_of_the_bounds() -> None:
    assert lifetime("wait 5s") == timedelta(hours=1)
    assert lifetime("repeat 3 { wait 1h } wait Hangup within 2h") == timedelta(hours=5)
    assert lifetime("repeat 3 every 2h { wait 1h }") == timedelta(hours=6)
    assert lifetime('if 1 > 2 { wait 3h } else { wait 2h } log "x"') == timedelta(hours=3)
    assert lifetime("wait 2h Ping { } within 1s retry 2 every 3s") == timedelta(hours=2, seconds=9)
    assert lifetime("wait for pause", "let pause = 1h * 3") == timedelta(hours=3)


def test_a_lifetime_that_inputs_decide_is_computed_when_the_flow_starts() -> None:
    lasting = lifetime("repeat 2 { wait for pause }", "param pause = 1h")
    assert isinstance(lasting, ir.Apply) and lasting.function == "max"
    names = [part for part in _parts(lasting) if isinstance(part, ir.Global)]
    assert [name.name for name in names] == ["pause"]


def _parts(expr: object) -> list[object]:
    if isinstance(expr, ir.Apply):
        return [part for arg in expr.args for part in _parts(arg)]
    if isinstance(expr, ir.Binary):
        return [*_parts(expr.left), *_parts(expr.right)]
    return [expr]


def test_none_equals_only_a_written_none() -> None:
    body = flow(
        "flow f on Newchannel as c { if c.CallerIDNum == c.CallerIDName { stop } "
        "if c.CallerIDNum in [c.CallerIDName] { stop } if c.CallerIDNum not in [c.CallerIDName] { stop } "
        'if c.CallerIDNum in [c.CallerIDName, none] { stop } if c.CallerIDNum in ["5"] { stop } '
        "if c.CallerIDNum == none { stop } }"
    ).body
    conditions = [step.condition for step in body if isinstance(step, model.JumpUnless)]
    wanted = [ir.Both, ir.Both, ir.Not, ir.Compare, ir.Compare, ir.Compare]
    assert [type(condition) for condition in conditions] == wanted


def test_params_have_types_and_trusts_are_listed() -> None:
    whole = plan(
        "param a = 5  # how many\nparam b: text?\nparam c: duration = 5s\nsecret s\nlet d = a + 1\n"
        'flow f on Hangup as h { Originate { Channel: trust(h.Exten) Application: "Echo" Data: "${d} ${s}" } '
        'wait for c log "${b}" }'
    )
    assert [(param.type, param.help) for param in whole.params] == [
        (Scalar("int"), "how many"),
        (Maybe(Scalar("text")), ""),
        (Scalar("duration"), ""),
    ]
    assert [trust.text for trust in whole.trusts] == ["h.Exten"]
    assert [secret.name for secret in whole.secrets] == ["s"] and [let.name for let in whole.constants] == ["d"]


def test_a_test_is_lowered_with_its_values_typed() -> None:
    text = (
        'flow f on Hangup as h { log h.Channel } test "t" { event Hangup { Cause: "16" } '
        'repeat 2 { advance 5s } expect no Ping expect log "x" }'
    )
    result = compile_recipe("r.flow", lambda _: text, grammar=grammar())
    (test,) = result.tests
    given = test.steps[0]
    assert isinstance(given, tests.GiveEvent) and given.event == "Hangup"
    assert isinstance(given.headers[0].value, ir.Const) and given.headers[0].value.value == 16
    assert [type(step) for step in test.steps[1:]] == [tests.RepeatSteps, tests.ExpectNoAction, tests.ExpectLog]
