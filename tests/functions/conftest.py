"""The functions as they are served: one target of functions-framework over a real database."""

from __future__ import annotations

from collections.abc import Iterator

import functions_framework
import pytest
from werkzeug.test import Client

from support.factory import CITY, Company
from support.functions import MAIN, SECRET, SERVICE_KEY, Day
from support.sql import Connect


@pytest.fixture
def client(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Serve the functions over an empty database of the test's own; runs wait for the cron."""
    monkeypatch.setenv("TRUCKROLL_DATABASE_URL", fresh_database)
    monkeypatch.setenv("TRUCKROLL_JWT_SECRET", SECRET)
    monkeypatch.setenv("TRUCKROLL_SERVICE_KEY", SERVICE_KEY)
    monkeypatch.setenv("TRUCKROLL_BACKGROUND_RUNS", "0")
    from truckroll.api import instance
    from truckroll.settings import Settings

    settings = Settings.from_environment()
    app = functions_framework.create_app("truckroll", str(MAIN))  # type: ignore[no-untyped-call]
    yield app.test_client()
    instance(settings).database.close()


@pytest.fixture
def day(client: Client, fresh_database: str, connect: Connect) -> Day:
    """Set the company up."""
    company = Company(connect(fresh_database, autocommit=True))
    home = company.add("customer_locations", kind="home_base", latitude=CITY[0], longitude=CITY[1])
    for name in ("Ann", "Bob"):
        company.technician({"plumbing": 3}, display_name=name, home_base_location_id=home["id"])
    company.technician({"electrical": 4}, display_name="Eve", home_base_location_id=home["id"])
    return Day(company, company.member("dispatcher"), client)
