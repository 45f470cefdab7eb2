"""Phone numbers as people write them become E.164, or are refused with a reason."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truckroll.phone import PhoneError, to_e164


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("(608) 555-0100", "US", "+16085550100"),
        ("608.555.0100", "US", "+16085550100"),
        ("1 608 555 0100", "US", "+16085550100"),
        ("+43 1 4000", "US", "+4314000"),
        ("0664 123456", "AT", "+43664123456"),
        ("020 7946 0018", "GB", "+442079460018"),
    ],
)
def test_usual_ways_of_writing_are_understood(text: str, country: str, number: str) -> None:
    assert to_e164(text, country) == number


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a phone number"),
        ("call me", "not a phone number"),
        ("555-0100", "without its area code"),
        ("608 555", "too short"),
        ("+1 608 555 0100 9999", "too long"),
        ("608 555 0100 ext. 12", "extension"),
        ("+999 123456", "not a phone number"),
    ],
)
def test_what_cannot_be_dialled_says_why(text: str, reason: str) -> None:
    with pytest.raises(PhoneError, match=reason):
        to_e164(text, "US")


@given(
    region=st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    style=st.sampled_from([0, 1, 2, 3]),  # E.164, international, national, RFC 3966
)
def test_every_country_s_own_format_is_read_back(region: str, style: int) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    text = phonenumbers.format_number(example, style)
    number = to_e164(text, region)
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}", number)
    assert number == to_e164(number, "US")
