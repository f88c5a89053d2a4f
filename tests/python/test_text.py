"""Numbers as people read them, and as messages about budgets have them."""

from __future__ import annotations

import pytest

from eenet.budgets import feasible_budgets
from eenet.errors import UserError
from eenet.text import file_size, number, signed


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (9.9996, 4, "10.00"),
        (0.99996, 3, "1.00"),
        (0.099996, 3, "0.100"),
        (9.9994, 4, "9.999"),
        (1.0, 3, "1.00"),
        (999.9, 3, "1,000"),
        (99_975_488.0, 4, "99,975,488"),
        (0.00012345, 3, "0.000123"),
        (0.0, 3, "0"),
        (-1.5, 3, "-1.5"),
    ],
)
def test_significant_digits(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_numbers_of_a_message_have_one_style() -> None:
    with pytest.raises(UserError) as caught:
        feasible_budgets([1.5e8], [33_000_000.0, 99_975_488.0], "flops")
    assert str(caught.value) == (
        "budget 150,000,000 flops is above full cost, so that nothing would leave early: feasible are 33,000,000 flops "
        "(exit 0, 33.01%) to 99,975,488 flops (full depth, 100%)"
    )


@pytest.mark.parametrize(
    ("value", "whole", "text"),
    [
        (0.5, 2.46, "+0.500"),
        (-0.0004, 2.46, "0"),
        (1e-18, 0.0117, "0"),
        (0.0, 1.0, "0"),
        (-0.0021, 0.0117, "-0.00210"),
        (1234567.8, 5e7, "+1,234,568"),
    ],
)
def test_differences_to_a_thousandth_of_the_whole(value: float, whole: float, text: str) -> None:
    assert signed(value, whole) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.00 kB"), (12_340, "12.3 kB"),
        (999_499, "999 kB"), (1_000_000, "1.00 MB"), (4_200_000, "4.20 MB"), (123_456_789, "123 MB"),
    ],
)  # fmt: skip
def test_sizes_of_files(size: int, text: str) -> None:
    assert file_size(size) == text
