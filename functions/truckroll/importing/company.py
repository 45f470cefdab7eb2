"""The company row itself: found by its slug, or made."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from truckroll.importing.catalogue import Catalogue
from truckroll.importing.constraints import Meaning, is_about_data, meaning_of
from truckroll.importing.sheets import COMPANY


@dataclass(frozen=True)
class Company:
    """The company an import goes into."""

    org_id: UUID
    slug: str
    time_zone: str
    country: str
    is_new: bool


class CompanyRefusedError(Exception):
    """The company cannot be made or changed as asked; carries the meaning."""

    def __init__(self, meaning: Meaning) -> None:
        super().__init__(meaning.problem)
        self.meaning = meaning


def slug_of(name: str) -> str:
    """Return a name as a slug: `Müller & Söhne` becomes `muller-sohne`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def settle_company(
    connection: psycopg.Connection[Any], catalogue: Catalogue, slug: str, values: Mapping[str, Any]
) -> Company:
    """Make the company with these settings, or change the one with this slug.

    Raises CompanyRefusedError when the database refuses, or when a new company lacks a name or time zone.
    """
    found = connection.execute("select id from public.orgs where slug = %s for update", (slug,)).fetchone()
    settings = {name: value for name, value in values.items() if name != "slug" and value is not None}
    if not found:
        _require(settings, "name", "--name")
        _require(settings, "time_zone", "--time-zone")
    org_id = found[0] if found else uuid4()
    names = [sql.Identifier(name) for name in settings]
    casts = [sql.SQL("%s::{}").format(sql.SQL(catalogue["orgs"][name].sql_type)) for name in settings]
    try:
        with connection.transaction():
            if not found:
                connection.execute(
                    sql.SQL("insert into public.orgs (id, slug, {}) values (%s, %s, {})").format(
                        sql.SQL(", ").join(names), sql.SQL(", ").join(casts)
                    ),
                    (org_id, slug, *settings.values()),
                )
            elif settings:
                connection.execute(
                    sql.SQL(
                        "update public.orgs as o set ({0}) = row({1}) where o.id = %s and ({2}) is distinct from ({1})"
                    ).format(
                        sql.SQL(", ").join(names),
                        sql.SQL(", ").join(casts),
                        sql.SQL(", ").join(sql.SQL("o.{}").format(name) for name in names),
                    ),
                    (*settings.values(), org_id, *settings.values()),
                )
    except psycopg.Error as error:
        if not is_about_data(error):
            raise
        raise CompanyRefusedError(meaning_of(error, COMPANY)) from error
    row = connection.execute("select time_zone, country from public.orgs where id = %s", (org_id,)).fetchone()
    assert row is not None  # noqa: S101 - written or found above
    return Company(org_id, slug, row[0], row[1], is_new=not found)


def provisional_company(connection: psycopg.Connection[Any]) -> Company:
    """Make a company to judge the other files in when the real one cannot be; it is never committed."""
    org_id = uuid4()
    slug = f"import-{org_id}"
    connection.execute("insert into public.orgs (id, slug, name) values (%s, %s, %s)", (org_id, slug, slug))
    return Company(org_id, slug, "UTC", "US", is_new=True)


def make_owner(connection: psycopg.Connection[Any], company: Company, email: str) -> bool:
    """Make the user with this e-mail address an owner; return False if there is no such user."""
    found = connection.execute(
        "select id from auth.users where lower(email) = lower(%s)", (email,)
    ).fetchone()
    if not found:
        return False
    connection.execute(
        "insert into public.org_members (org_id, user_id, role) values (%s, %s, 'owner')"
        " on conflict on constraint org_members_one_row_per_role do update set is_active = true",
        (company.org_id, found[0]),
    )
    return True


def _require(settings: Mapping[str, Any], name: str, option: str) -> None:
    if not settings.get(name):
        problem = "A new company needs a name and a time zone."
        raise CompanyRefusedError(Meaning(name, problem, f"Fill {name} in company.csv, or give {option}."))
