"""Any text gives a plan or diagnostics: a short run of what `make fuzz` does for longer."""

from amiflow.ami.catalog import load
from amiflow.lang.grammar import build
from support.fuzz import judge, maker


def test_any_text_gives_a_plan_or_diagnostics() -> None:
    made = maker(7)
    texts = [made.text() for _ in range(20)]
    assert len(set(texts)) == len(texts)
    for text in texts:
        judge(text, load(), build())
