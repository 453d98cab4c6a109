"""Answers that are no data: errors as JSON."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse


class RejectedError(Exception):
    """A request that an endpoint refuses.

    :param status: the HTTP status to answer with.
    :param message: what is wrong.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def invalid(field: str, accepted: str) -> RejectedError:
    """Return the rejection of a value that is not what ``accepted`` says."""
    return RejectedError(400, f"{field}: must be {accepted}")


def not_found() -> RejectedError:
    """Return the rejection of an id that nothing has."""
    return RejectedError(404, "Not found")


def error_body(status: int, key: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as the sandbox words it."""
    return JSONResponse({"message": message, "status": status, "error_key": key}, status, headers)


def add_error_bodies(app: FastAPI) -> None:
    """Let all errors of an application have such a body."""

    @app.exception_handler(404)
    async def unknown(_request: Request, _error: Exception) -> Response:
        return error_body(404, "not_found", "Not found")

    @app.exception_handler(405)
    async def not_allowed(_request: Request, error: HTTPException) -> Response:
        # They name the methods that are allowed, as RFC 9110, 15.5.6 demands.
        return error_body(405, "method_not_allowed", "Method not allowed", error.headers)

    @app.exception_handler(RequestValidationError)
    async def not_valid(_request: Request, error: RequestValidationError) -> Response:
        problem = error.errors()[0]
        return error_body(400, "validation_error", f"{problem['loc'][-1]}: {problem['msg']}")

    @app.exception_handler(RejectedError)
    async def refused(_request: Request, error: RejectedError) -> Response:
        keys = {404: "not_found", 413: "payload_too_large"}
        return error_body(error.status, keys.get(error.status, "validation_error"), str(error))
