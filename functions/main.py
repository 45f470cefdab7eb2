"""Entry points of the deployed functions: parse, answer. One target serves every path."""

import flask
import functions_framework
from werkzeug.exceptions import HTTPException

from truckroll.api import answer, refuse


@functions_framework.http
def truckroll(request: flask.Request) -> flask.Response:
    """Answer any path below /functions/v1."""
    return answer(request)


# Set while an app is being made: what the framework refuses by itself would be HTML otherwise.
if functions_framework.errorhandler is not None:
    functions_framework.errorhandler(HTTPException)(refuse)
