"""A sample of the mutants of all recipes is told of at its line; `python -m support.mutation` judges them all."""

from support.mutation import RECIPES, run


def test_mutants_are_told_of_at_their_line() -> None:
    tally = run(RECIPES, every=149)
    assert len(tally.all) > 5, tally.table()
    assert tally.share >= 0.95, "\n".join(f"{path}:{one.lines}: {one.kind}" for path, one in tally.missed)
