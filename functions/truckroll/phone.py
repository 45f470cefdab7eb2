"""Phone numbers as people write them, to E.164."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult

_REFUSALS = {
    ValidationResult.TOO_SHORT: "too short",
    ValidationResult.TOO_LONG: "too long",
    ValidationResult.INVALID_LENGTH: "not a length that numbers of its country have",
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "without its area code",
    ValidationResult.INVALID_COUNTRY_CODE: "without a country code that exists",
}


class PhoneError(ValueError):
    """The text is no phone number that can be called from anywhere."""


def to_e164(text: str, country: str) -> str:
    """Return the number as E.164, `+16085550100`; `country` (ISO 3166, two letters) is where it is local.

    Possible numbers pass, assigned or not: numbering plans change faster than any library. Raises
    PhoneError.
    """
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException as error:
        raise PhoneError("not a phone number") from error
    if number.extension:
        raise PhoneError("with an extension, which cannot be dialled or texted directly")
    refusal = _REFUSALS.get(phonenumbers.is_possible_number_with_reason(number))
    if refusal:
        raise PhoneError(refusal)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
