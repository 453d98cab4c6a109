"""Validation of requests: query parameters and JSON bodies, as types for the endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from airflow_provider_minut.sandbox.simulation.timestamps import from_datetime

MAX_BODY_BYTES = 65_536  # an assumption
OPTIONAL: Any = None  # the default of a field that may be missing, but not null


def _milliseconds(text: str) -> int:
    try:
        return from_datetime(datetime.fromisoformat(text))
    except ValueError:
        raise ValueError("must be ISO 8601 with a UTC offset or Z") from None


Limit = Annotated[int, Query(ge=1, le=100)]
Offset = Annotated[int, Query(ge=0)]
Time = Annotated[int, BeforeValidator(_milliseconds)]
Text = Annotated[str, Field(min_length=1)]


class JsonObject(BaseModel):
    """A JSON object in the body of a request, without other fields and without conversion of types."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    @classmethod
    async def read(cls, request: Request) -> Self:
        """Return the validated body of a request."""
        body = await limited_body(request)
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            problems = error.errors()
        raise RequestValidationError([{**problem, "loc": ("body", *problem["loc"])} for problem in problems])

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_fields(cls, content: Any) -> Any:
        accepted = ", ".join(cls.model_fields)
        for name in content if isinstance(content, dict) else ():
            if name not in cls.model_fields:
                # Not as a ValueError, which would be reported for the object instead of the field.
                raise HTTPException(400, f"{name}: unknown field; must be one of {accepted}")
        return content


async def limited_body(request: Request) -> bytes:
    """Return the body of a request.

    :raises HTTPException: if it is too long. A chunked body has no Content-Length to check in advance.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, "Payload too large")
    return bytes(body)
