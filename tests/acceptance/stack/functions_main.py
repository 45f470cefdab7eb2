"""A function for the compatibility tests: it says what reached it."""

from __future__ import annotations

import functions_framework
from flask import Request, Response, jsonify


@functions_framework.http
def truckroll(request: Request) -> Response | tuple[Response, int]:
    """Return method, path, query, some headers and the JSON body; /teapot answers 418."""
    if request.path == "/teapot":
        return jsonify(code="teapot", message="short and stout"), 418
    return jsonify(
        method=request.method,
        path=request.path,
        query=dict(request.args),
        authorization=request.headers.get("authorization"),
        body=request.get_json(silent=True),
    )
