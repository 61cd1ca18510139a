"""What someone may have meant: near names, best first.

Belongs here: distance between words. Never: where the candidates come from, or the sentence around them.
"""

from __future__ import annotations

from collections.abc import Iterable

_MOST = 3
_LONGEST = 100


def near(word: str, candidates: Iterable[str]) -> list[str]:
    """At most three candidates of which at most a third of the letters differ, best first; case and `-_` do not count.

    Two letters that changed places are one difference.
    """
    if len(word) > _LONGEST:
        return []
    wanted = _folded(word)
    found = []
    for candidate in set(candidates) - {word}:
        folded = _folded(candidate)
        bound = max(len(wanted), len(folded)) // 3
        if abs(len(wanted) - len(folded)) <= bound:
            distance = _distance(wanted, folded)
            if distance <= bound:
                found.append((distance, candidate.casefold() != word.casefold(), candidate))
    return [candidate for _, _, candidate in sorted(found)[:_MOST]]


def _folded(word: str) -> str:
    return word.casefold().replace("-", "").replace("_", "")


def _distance(one: str, two: str) -> int:
    """Insertions, deletions, changes and swaps of neighbours that make `two` of `one`."""
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, a in enumerate(one):
        earlier, before, row = before, row, [i + 1]
        for j, b in enumerate(two):
            best = min(before[j + 1] + 1, row[j] + 1, before[j] + (a != b))
            if i and j and a == two[j - 1] and one[i - 1] == b:
                best = min(best, earlier[j - 1] + 1)
            row.append(best)
    return row[-1]
