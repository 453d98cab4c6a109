"""Error responses in JSON."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from airflow_provider_minut.sandbox.simulation.fleet import UnknownIdError

_KEYS = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large"}


def error_body(status: int, key: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error response with the JSON body of the sandbox."""
    return JSONResponse({"message": message, "status": status, "error_key": key}, status, headers)


def add_error_bodies(app: FastAPI) -> None:
    """Make all error responses of an application have this body."""

    @app.exception_handler(HTTPException)
    async def rejected(_request: Request, error: HTTPException) -> Response:
        key = _KEYS.get(error.status_code, "validation_error")
        # The headers of a 405 list the allowed methods, as RFC 9110, section 15.5.6, requires.
        return error_body(error.status_code, key, error.detail, error.headers)

    @app.exception_handler(UnknownIdError)
    async def unknown(_request: Request, _error: UnknownIdError) -> Response:
        return error_body(404, _KEYS[404], "Not Found")

    @app.exception_handler(RequestValidationError)
    async def not_valid(_request: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        source, *path = problem["loc"]  # for example: body, quiet_hours, start
        field = ".".join(map(str, path or [source]))
        return error_body(400, "validation_error", f"{field}: {problem['msg'].removeprefix('Value error, ')}")
