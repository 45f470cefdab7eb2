"""The API reference says what the catalogue says."""

from __future__ import annotations

from support.sql import Connection
from truckroll_local import reference


def test_the_api_reference_is_up_to_date(db: Connection) -> None:
    assert reference.API.read_text(encoding="utf-8") == reference.reference(db), "run `make reference`"
