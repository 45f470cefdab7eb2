"""A call as handlers see it, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.types import StringConstraints

from truckroll.auth import Caller
from truckroll.database import Connection, Database
from truckroll.errors import ApiError
from truckroll.planning.worker import Background

Model = TypeVar("Model", bound="Body")

Instant = AwareDatetime
Key = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Body(BaseModel):
    """A request body: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid")

    idempotency_key: Key | None = None


@dataclass
class Call:
    """One request: who asks, for what, with what; `log` gathers figures for the canonical line."""

    caller: Caller
    request_id: str
    database: Database
    background: Background | None
    parameters: Mapping[str, str]
    payload: Any
    idempotency_header: str | None
    log: dict[str, Any] = field(default_factory=dict)

    def body(self, model: type[Model]) -> Model:
        """Return the body as a model. Raises ApiError 400 naming every field that is wrong."""
        if not isinstance(self.payload, dict):
            raise ApiError(
                HTTPStatus.BAD_REQUEST, "request_invalid", "The body is not a JSON object.", "Send an object."
            )
        try:
            return model.model_validate(self.payload)
        except ValidationError as error:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "request_invalid",
                told(error),
                f"Known fields: {', '.join(sorted(model.model_fields))}.",
            ) from error

    def key(self, body: Body) -> str:
        """Return the idempotency key: of the body, of the header, else the request's own id.

        The last makes a transaction that is retried within this request safe to repeat.
        """
        return body.idempotency_key or self.idempotency_header or f"request:{self.request_id}"

    def id(self, name: str) -> UUID:
        """Return a path parameter that is an id. Raises ApiError 400."""
        found: UUID = self._parameter(name, UUID, "an id (UUID)")
        return found

    def date(self, name: str) -> date:
        """Return a path parameter that is a date. Raises ApiError 400."""
        found: date = self._parameter(name, date, "a date such as 2027-03-01")
        return found

    def transaction(self, **options: Any) -> AbstractContextManager[Connection]:
        """Open a transaction as the caller."""
        return self.database.acting_as(self.caller, request_id=self.request_id, **options)

    def run(self, work: Any, **options: Any) -> Any:
        """Do work that is safe to repeat in a transaction as the caller."""
        return self.database.run(work, self.caller, request_id=self.request_id, **options)

    def _parameter(self, name: str, kind: type[Any], meaning: str) -> Any:
        try:
            return TypeAdapter(kind).validate_python(self.parameters[name])
        except ValidationError as error:
            raise ApiError(
                HTTPStatus.BAD_REQUEST,
                "path_invalid",
                f"{self.parameters[name]!r} in the path is not {meaning}.",
                "Correct the path.",
            ) from error


def told(error: ValidationError) -> str:
    """Return every complaint of pydantic as `field: what is wrong`, one after the other."""
    complaints = []
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        place = ".".join(str(part) for part in one["loc"]) or "body"
        complaints.append(f"{place}: {one['msg']}")
    return "; ".join(complaints)


__all__ = ["Body", "Call", "Field", "Instant", "Key", "told"]
