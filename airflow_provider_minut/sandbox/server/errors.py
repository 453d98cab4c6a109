"""Error responses in JSON."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse


class RejectedError(Exception):
    """A request that an endpoint rejects.

    :param status: HTTP status of the response.
    :param message: reason for the rejection.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def invalid(field: str, accepted: str) -> RejectedError:
    """Return the rejection of an invalid value; ``accepted`` describes the valid ones."""
    return RejectedError(400, f"{field}: must be {accepted}")


def not_found() -> RejectedError:
    """Return the rejection of an unknown ID."""
    return RejectedError(404, "Not found")


def error_body(status: int, key: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error response with the JSON body of the sandbox."""
    return JSONResponse({"message": message, "status": status, "error_key": key}, status, headers)


def add_error_bodies(app: FastAPI) -> None:
    """Make all error responses of an application have this body."""

    @app.exception_handler(404)
    async def unknown(_request: Request, _error: Exception) -> Response:
        return error_body(404, "not_found", "Not found")

    @app.exception_handler(405)
    async def not_allowed(_request: Request, error: HTTPException) -> Response:
        # The headers list the allowed methods, as RFC 9110, section 15.5.6, requires.
        return error_body(405, "method_not_allowed", "Method not allowed", error.headers)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_request: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        return error_body(400, "validation_error", f"{problem['loc'][-1]}: {problem['msg']}")

    @app.exception_handler(RejectedError)
    async def rejected(_request: Request, error: RejectedError) -> Response:
        keys = {404: "not_found", 413: "payload_too_large"}
        return error_body(error.status, keys.get(error.status, "validation_error"), str(error))
