"""A server on loopback that speaks two wire protocols for driving times, as their documentation has them.

OSRM's table service after docs/http.md of Project-OSRM/osrm-backend (errors are status 400 with a `code`;
`durations` and `distances` only as `annotations` asks; null where there is no route; TooBig past
--max-table-size). Google's computeRouteMatrix after google/maps/routing/v2/routes_service.proto and
https://developers.google.com/maps/documentation/routes/compute_route_matrix (field mask required and
obeyed; 625 elements; a departure in the past fails; errors of one element in its `status`; elements in
any order; what is zero left out of the JSON; the error of a streaming method comes in a list).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Place = tuple[float, float]

KEY = "key-of-the-tests"
TABLE_SIZE = 100
ELEMENTS = 625


@dataclass
class TravelServer:
    """What the server knows and was asked; every drive takes `seconds`, or what `drives` says of a pair.

    `answers` are sent first, one a request: status, headers. Nothing leads to or from `islands`;
    Google has an error for destinations among `faults`.
    """

    url: str = ""
    seconds: float = 600.0
    metres: float = 5000.0
    drives: dict[tuple[Place, Place], float] = field(default_factory=dict)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    islands: set[Place] = field(default_factory=set)
    faults: set[Place] = field(default_factory=set)
    requests: list[tuple[list[Place], list[Place]]] = field(default_factory=list)
    departures: list[str | None] = field(default_factory=list)

    def drive(self, origin: Place, destination: Place) -> float | None:
        """Return the seconds of a drive; None without a road."""
        if origin == destination:
            return 0.0
        if origin in self.islands or destination in self.islands:
            return None
        return self.drives.get((origin, destination), self.seconds)

    def osrm(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Answer a request for a table: coordinates in the path are longitude,latitude."""
        service, version, profile, coordinates = path.strip("/").split("/")
        if (service, version, profile) != ("table", "v1", "driving"):
            return 400, {"code": "InvalidService", "message": "Service is not valid"}
        places = [(float(y), float(x)) for x, y in (one.split(",") for one in coordinates.split(";"))]
        origins, destinations = (
            [places[int(i)] for i in query[name][0].split(";")] if name in query else places
            for name in ("sources", "destinations")
        )
        if len(origins) * len(destinations) > TABLE_SIZE**2 or len(places) > TABLE_SIZE:
            return 400, {"code": "TooBig", "message": "Too many table coordinates"}
        self.requests.append((origins, destinations))
        table = [[self.drive(a, b) for b in destinations] for a in origins]
        wanted = query.get("annotations", ["duration"])[0].split(",")
        body: dict[str, Any] = {"code": "Ok", "sources": [], "destinations": []}
        if "duration" in wanted:
            body["durations"] = table
        if "distance" in wanted:
            body["distances"] = [
                [None if one is None else self.metres if one else 0 for one in row] for row in table
            ]
        return 200, body

    def google(self, headers: Any, body: Any) -> tuple[int, Any]:
        """Answer a request for a route matrix."""
        if headers.get("X-Goog-Api-Key") != KEY:
            return 403, [{"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "The key."}}]
        mask = headers.get("X-Goog-FieldMask", "").split(",")
        origins, destinations = (
            [
                (
                    one["waypoint"]["location"]["latLng"]["latitude"],
                    one["waypoint"]["location"]["latLng"]["longitude"],
                )
                for one in body[name]
            ]
            for name in ("origins", "destinations")
        )
        departure = body.get("departureTime")
        late = departure and datetime.fromisoformat(departure) <= datetime.now(UTC)
        if mask == [""] or len(origins) * len(destinations) > ELEMENTS or late:
            return 400, [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "The request."}}]
        self.requests.append((origins, destinations))
        self.departures.append(departure)
        elements = [
            {"originIndex": i, "destinationIndex": j} | self._element(a, b)
            for i, a in enumerate(origins)
            for j, b in enumerate(destinations)
        ]
        return 200, [{name: one[name] for name in mask if name in one} for one in reversed(elements)]

    def _element(self, origin: Place, destination: Place) -> dict[str, Any]:
        if destination in self.faults:
            return {"status": {"code": 14, "message": "Try later."}}
        seconds = self.drive(origin, destination)
        if seconds is None:
            return {"status": {}, "condition": "ROUTE_NOT_FOUND"}
        found = {"status": {}, "condition": "ROUTE_EXISTS", "duration": f"{seconds:g}s"}
        return found | ({"distanceMeters": int(self.metres)} if seconds else {})


@contextmanager
def travel_server() -> Iterator[TravelServer]:
    """Serve on a free port of loopback."""
    here = TravelServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            self._reply(lambda: here.osrm(address.path, parse_qs(address.query)))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/distanceMatrix/v2:computeRouteMatrix"
            self._reply(lambda: here.google(self.headers, body))

        def _reply(self, answer: Any) -> None:
            if here.answers:
                status, headers = here.answers.pop(0)
                here.requests.append(([], []))
                body: Any = {"message": "Not now."}
            else:
                (status, body), headers = answer(), {}
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server has
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
