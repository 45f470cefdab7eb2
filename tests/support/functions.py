"""The functions as their callers see them: signed tokens, and a company whose days are planned."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import functions_framework
import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from werkzeug.test import Client, TestResponse

from support import sql, templates
from support.factory import CITY, Company
from support.sql import Connection, Row

MAIN = Path(__file__).parents[2] / "functions" / "main.py"
SECRET = "a secret of at least thirty-two bytes"  # noqa: S105 - signs tokens of this test only
SERVICE_KEY = "service-key-of-the-tests"
# A search limited by steps finds the same on any machine, however busy.
QUICK = {"time_limit_s": 60, "iteration_limit": 300}


def token(
    user_id: UUID | str | None, *, role: str = "authenticated", lives_s: int = 600, **claims: Any
) -> str:
    """Return a signed access token as GoTrue issues it."""
    claims = {"sub": str(user_id), "role": role, "aud": role, "exp": int(time.time()) + lives_s} | claims
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))


def environment(url: str) -> dict[str, str]:
    """Return the functions' settings over a database; runs wait for the cron."""
    return {
        "TRUCKROLL_DATABASE_URL": url,
        "TRUCKROLL_JWT_SECRET": SECRET,
        "TRUCKROLL_SERVICE_KEY": SERVICE_KEY,
        "TRUCKROLL_BACKGROUND_RUNS": "0",
    }


@contextmanager
def served_over_a_copy(server: str) -> Iterator[tuple[Connection, Client]]:
    """Serve the functions over a database that several tests share, with a connection to add rows through."""
    from truckroll.api import instance
    from truckroll.settings import Settings

    with templates.copy_of(server, templates.template(server)) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in environment(url).items():
            patch.setenv(name, value)
        app = functions_framework.create_app("truckroll", str(MAIN))  # type: ignore[no-untyped-call]
        with psycopg.connect(url, autocommit=True) as db:
            yield db, app.test_client()
        instance(Settings.from_environment()).database.close()


@dataclass
class Day:
    """A company with two plumbers, an electrician, a dispatcher and a few jobs; rows are committed."""

    company: Company
    dispatcher: UUID
    client: Client

    @property
    def db(self) -> Connection:
        """The connection the rows are written through, in autocommit."""
        return self.company.db

    def site(self, north_km: float = 0.0, **values: Any) -> Row:
        """Add a customer so many kilometres north of the centre."""
        at = {"latitude": CITY[0] + north_km / 111.2, "longitude": CITY[1]}
        return self.company.site(self.company.customer(), **at | values)

    def job(self, north_km: float = 0.0, **values: Any) -> Row:
        """Add a job of an hour there."""
        return self.company.job(self.site(north_km), **{"required_skills": {"plumbing": 2}} | values)

    def technician(self, name: str) -> Row:
        """Return somebody's profile as it is now."""
        return sql.one(self.db, "select * from public.technician_profiles where display_name = %s", (name,))

    def call(
        self, method: str, path: str, body: Any = None, *, as_user: UUID | str | None = None, **headers: str
    ) -> TestResponse:
        """Ask as the dispatcher, or somebody else."""
        bearer = token(as_user or self.dispatcher)
        return self.client.open(
            path, method=method, json=body, headers={"Authorization": f"Bearer {bearer}"} | headers
        )

    def post(self, path: str, body: Any = None, **options: Any) -> TestResponse:
        """Ask by POST."""
        return self.call("POST", path, body if body is not None else {}, **options)

    def cron(self) -> Any:
        """Work off the waiting runs as the scheduler does."""
        answer = self.client.post(
            "/cron/process_optimization_runs", headers={"Authorization": f"Bearer {SERVICE_KEY}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.get_json()["processed"]

    def run(self, path: str, body: Any = None) -> Any:
        """Ask for a run, have it worked off and return it as it then reads."""
        asked = self.post(path, body)
        assert asked.status_code == 202, asked.text
        self.cron()
        return self.call("GET", f"/dispatch/runs/{asked.get_json()['id']}").get_json()

    def applied(self, path: str, body: Any = None) -> Any:
        """Have a run worked off, apply all it proposes and return it as it was proposed."""
        run = self.run(path, body)
        assert run["status"] == "proposed", run["error"]
        answer = self.post(f"/dispatch/runs/{run['id']}/apply", {"base_revision": run["base_revision"]})
        assert answer.status_code == 200, answer.text
        assert answer.get_json()["booked"] == run["changes"]["book"]
        return run
