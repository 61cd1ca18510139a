import pytest
from hypothesis import given
from hypothesis import strategies as st

from amiflow.engine.dispatch import Index, Listener, Watch
from amiflow.engine.evaluate import Frame
from amiflow.engine.functions import World
from amiflow.engine.program import watch
from amiflow.engine.values import Value
from amiflow.plan import expressions as ir
from amiflow.plan.triggers import OnEvents, Pattern
from amiflow.plan.types import Coding
from support.machines import event
from support.plans import both, eq, local, ne, on, plan
from support.plans import flow as make_flow
from support.properties import examples


def keyed(pattern: Pattern) -> Watch:
    trigger = plan(make_flow("f", pattern)).flows[0].trigger
    assert isinstance(trigger, OnEvents)
    return watch(trigger.stages[0].pattern)


def frame(**names: Value) -> Frame:
    return Frame(names, World(), False)


def listen(index: Index, pattern: Pattern, **names: Value) -> Listener:
    listener = Listener(keyed(pattern), "start", None)
    index.add(listener, frame(**names))
    return listener


def test_only_listeners_of_the_event_with_the_right_value_are_candidates() -> None:
    index = Index()
    a = listen(index, on("Hangup", "h", eq("h.Channel", "A")))
    listen(index, on("Hangup", "h", eq("h.Channel", "B")))
    listen(index, on("Newchannel", "h", eq("h.Channel", "A")))
    unkeyed = listen(index, on("Hangup", "h", ne("h.Channel", "A")))
    assert index.candidates(event("Hangup", Channel="A"), False) == [a, unkeyed]
    assert index.candidates(event("Other", Channel="A"), False) == ()


def test_the_value_may_come_from_the_names_of_the_flow() -> None:
    index = Index()
    x = listen(index, on("Hangup", "h", eq("h.Channel", local("c"))), c="X")
    listen(index, on("Hangup", "h", eq("h.Channel", local("c"))), c="Y")
    assert index.candidates(event("Hangup", Channel="X"), False) == [x]


def test_two_equalities_are_looked_up_together() -> None:
    index = Index()
    both_fit = listen(index, on("Hangup", "h", both(eq("h.Queue", "q"), eq("h.Channel", "A"))))
    for channel in "BCD":
        listen(index, on("Hangup", "h", both(eq("h.Queue", "q"), eq("h.Channel", channel))))
    assert index.candidates(event("Hangup", Queue="q", Channel="A"), False) == [both_fit]


def test_alternatives_are_found_under_each_name_and_gone_after_removal() -> None:
    index = Index()
    listener = listen(index, on("Hangup|SoftHangupRequest", "h", eq("h.Channel", "A")))
    for name in ("Hangup", "SoftHangupRequest"):
        assert index.candidates(event(name, Channel="A"), False) == [listener]
    index.remove(listener)
    assert index.candidates(event("Hangup", Channel="A"), False) == ()
    assert not listener.live
    assert not index._shelves


def test_candidates_come_in_the_order_of_listening() -> None:
    index = Index()
    made = [listen(index, on("E", "e", eq("e.X", "1") if n % 2 else None)) for n in range(6)]
    assert index.candidates(event("E", X="1"), False) == made


@pytest.mark.parametrize(("coding", "text", "value"), [(Coding("int"), "07", 7), (Coding("bool"), "yes", True)])
def test_values_are_compared_decoded(coding: Coding, text: str, value: Value) -> None:
    pattern = on("E", "e")
    header = ir.Header(local("e"), "X", coding, pattern.span)
    where = ir.Compare("==", header, ir.Const(value, pattern.span), pattern.span)
    index = Index()
    listener = listen(index, Pattern(("E",), "e", where, (), pattern.span))
    assert index.candidates(event("E", X=text), False) == [listener]
    assert index.candidates(event("E", X="nonsense"), False) == []
    assert index.candidates(event("E"), False) == []


def test_a_value_that_cannot_be_hashed_is_tried_with_every_event() -> None:
    index = Index()
    listener = listen(index, on("E", "e", eq("e.X", local("r"))), r={"a": 1})
    assert index.candidates(event("E", X="1"), False) == [listener]


HEADERS = st.dictionaries(st.sampled_from("XYZ"), st.sampled_from(["1", "2", "<unknown>"]), max_size=3)
TESTS = st.lists(st.tuples(st.sampled_from("XYZ"), st.sampled_from(["1", "2", None]), st.booleans()), max_size=3)


@examples(20)
@given(
    st.lists(st.tuples(st.sampled_from(["A", "B", "A|B"]), TESTS, st.booleans()), max_size=12),
    st.sampled_from(["A", "B"]),
    HEADERS,
)
def test_the_index_finds_what_trying_all_would_find(
    wanted: list[tuple[str, list[tuple[str, str | None, bool]], bool]], name: str, headers: dict[str, str]
) -> None:
    index, listeners = Index(), []
    for events, tests, stays in wanted:
        parts = [(eq if equal else ne)(f"e.{header}", value) for header, value, equal in tests]
        listener = listen(index, on(events, "e", both(*parts) if parts else None))
        listeners.append(listener)
        if not stays:
            index.remove(listener)
    message = event(name, **headers)

    def fits(listener: Listener) -> bool:
        where = listener.watch.where
        return name in listener.watch.events and (where is None or bool(where(frame(e=message))))

    def fits_beyond(listener: Listener) -> bool:
        beyond = listener.watch.beyond if listener.values is not None else listener.watch.where
        return beyond is None or bool(beyond(frame(e=message)))

    candidates = index.candidates(message, False)
    assert list(map(fits_beyond, candidates)) == list(map(fits, candidates))
    found = list(filter(fits, candidates))
    assert found == [listener for listener in listeners if listener.live and fits(listener)]


def test_what_the_index_has_compared_is_not_compared_again_where_it_cannot_have_changed() -> None:
    other = ne("h.Exten", "9")
    assert keyed(on("Hangup", "h", eq("h.Channel", "A"))).beyond is None
    beyond = keyed(on("Hangup", "h", both(eq("h.Channel", "A"), other))).beyond
    assert beyond is not None
    assert [beyond(frame(h=event("Hangup", Channel="B", Exten=exten))) for exten in ("8", "9")] == [True, False]
    changing = keyed(on("Hangup", "h", eq("h.Channel", local("c")))).beyond
    assert changing is not None and not changing(frame(h=event("Hangup", Channel="A"), c="B"))


def test_a_comparison_of_another_message_is_left_though_it_looks_like_the_key() -> None:
    same = both(eq("h.Channel", "A"), eq("other.Channel", "A"))
    beyond = keyed(on("Hangup", "h", same)).beyond
    assert beyond is not None
    names = {"h": event("Hangup", Channel="A"), "other": event("Newchannel", Channel="B")}
    assert not beyond(frame(**names))
