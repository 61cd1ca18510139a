"""Our frozen data behaves as the standard library's does."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from amiflow.report.data import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where."""

    path: str
    start: int
    end: int = 7

    @property
    def width(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    place: Place
    parts: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    path: str
    start: int
    end: int = 7


def test_it_is_made_and_shown_as_the_standard_one() -> None:
    for given in (("a", 1), ("a", 1, 2)):
        assert repr(Place(*given)) == repr(Standard(*given)).replace("Standard", "Place")
    assert Place(path="a", start=1).width == 6
    assert (Place.__doc__, Place.__name__, Place.__module__) == ("Where.", "Place", __name__)
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'start'"):
        Place("a")  # type: ignore[call-arg]


def test_it_is_equal_by_value_or_to_itself_alone() -> None:
    assert Place("a", 1) == Place("a", 1) != Place("a", 2)
    assert len({Place("a", 1), Place("a", 1), Place("b", 1)}) == 2
    assert Place("a", 1) != Standard("a", 1)
    assert Nothing() == Nothing()
    assert len({Node(Place("a", 1)), Node(Place("a", 1))}) == 2


@pytest.mark.parametrize("name", ["path", "other"])
def test_it_cannot_be_changed(name: str) -> None:
    place: Any = Place("a", 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(place, name, "b")
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(place, name)
    assert not hasattr(place, "__dict__")


def test_the_standard_library_knows_it() -> None:
    place = Place("a", 1)
    assert dataclasses.is_dataclass(Place)
    ours, theirs = dataclasses.fields(Place), dataclasses.fields(Standard)
    assert [(f.name, f.type, f.default, f.init) for f in ours] == [(f.name, f.type, f.default, f.init) for f in theirs]
    assert dataclasses.replace(place, end=9) == Place("a", 1, 9)
    assert dataclasses.asdict(Node(place, (Node(place),)))["parts"][0]["place"] == {"path": "a", "start": 1, "end": 7}
    match place:
        case Place(path, start, end):
            assert (path, start, end) == ("a", 1, 7)


def test_it_can_be_copied_and_written_down() -> None:
    place = Place("a", 1)
    assert copy.copy(place) == copy.deepcopy(place) == pickle.loads(pickle.dumps(place)) == place


def test_what_can_be_changed_is_not_its_business() -> None:
    with pytest.raises(AssertionError, match="standard library"):
        dataclass(slots=True)
