"""What a banner's number says."""

import pytest

from amiflow.ami.versions import at_least, escapes, marks_lists, oldest_asterisk


@pytest.mark.parametrize(
    ("ami", "asterisk"),
    [
        ("1.0", (1, 4)),
        ("1.1", (1, 6)),
        ("1.3", (11, 0)),
        ("2.5.0", (12, 5)),  # 12.5 to 12.8, or 13.0
        ("2.8.0", (13, 5)),  # 13.5 to 13.12, or 14.0 and 14.1
        ("2.10.6", (13, 15)),
        ("3.2.2", (14, 2)),
        ("5.0.4", (16, 0)),
        ("11.0.0", (22, 0)),
        ("99.0", (24, 0)),
        ("0.9", (0, 0)),
        ("", (0, 0)),
        ("x.y", (0, 0)),
        ("123456789.1", (0, 0)),
    ],
)
def test_the_oldest_asterisk_of_a_number(ami: str, asterisk: tuple[int, int]) -> None:
    assert oldest_asterisk(ami) == asterisk


def test_features_are_claimed_for_sure_or_not_at_all() -> None:
    assert (escapes("2.7.0"), escapes("2.8.0")) == (False, True)
    assert (marks_lists("2.6.0"), marks_lists("2.7.0")) == (False, True)
    assert at_least("5.0.4", (16, 0)) and not at_least("5.0.4", (16, 1))
    assert not at_least("", (1, 4))


def test_a_later_number_never_means_an_older_asterisk() -> None:
    numbers = [f"{major}.{minor}" for major in range(15) for minor in range(12)]
    asterisks = [oldest_asterisk(number) for number in numbers]
    assert asterisks == sorted(asterisks)
