"""Entry points of the deployed functions: parse, answer. One target serves every path."""

import flask
import functions_framework

from truckroll.api import answer


@functions_framework.http
def truckroll(request: flask.Request) -> flask.Response:
    """Answer any path below /functions/v1."""
    return answer(request)
