"""Numbers as people read them, and as messages about budgets have them."""

from __future__ import annotations

import pytest

from eenet.budgets import feasible_budgets
from eenet.errors import UserError
from eenet.text import number


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
