"""The matrix notices: each of these is a mistake somebody could make in a policy, a grant or a look-up."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from support import access, sql
from support.sql import Connection
from support.two_companies import two_companies


@dataclass(frozen=True)
class Mutant:
    """A mistake, and who must be seen to profit from it where."""

    mistake: str
    actor: str
    table: str


def without(db: Connection, function: str, condition: str) -> str:
    """Return the definition of a look-up with one condition left out."""
    source: str = sql.value(db, "select pg_get_functiondef(%s::regprocedure)", (function,))
    changed, count = re.subn(re.escape(condition), " ", source)
    assert count == 1, f"{function} no longer contains {condition!r}"
    return changed


MUTANTS = {
    "everything readable": Mutant(
        "alter policy select_by_staff_who_may_view on public.customers using (true)", "stranger", "customers"
    ),
    "no check on insert": Mutant(
        "alter policy insert_by_availability_managers_and_oneself on public.technician_time_off with check (true)",
        "technician",
        "technician_time_off",
    ),
    "no check on update": Mutant(
        "alter policy update_by_job_editors on public.dispatch_jobs with check (true)",
        "dispatcher",
        "dispatch_jobs",
    ),
    "wrong permission": Mutant(
        "alter policy update_by_catalog_managers on public.services "
        "using (org_id = any(array(select private.org_ids_with_permission('view_jobs')))) "
        "with check (org_id = any(array(select private.org_ids_with_permission('view_jobs'))))",
        "office",
        "services",
    ),
    "row-level security off": Mutant(
        "alter table public.vehicles disable row level security", "cashier", "vehicles"
    ),
    "granted to anon": Mutant("grant select on public.facilities to anon", "anon", "facilities"),
    "view with its owner's rights": Mutant(
        "drop view public.portal_appointments;"
        "create view public.portal_appointments as select id as appointment_id from public.appointments;"
        "grant select on public.portal_appointments to authenticated",
        "customer",
        "portal_appointments",
    ),
    "delete granted": Mutant("grant delete on public.facilities to authenticated", "owner", "facilities"),
    "policy that forgets the org": Mutant(
        "alter policy select_by_schedulers_and_oneself on public.job_assignments using (status <> 'canceled')",
        "cashier",
        "job_assignments",
    ),
    "somewhere instead of everywhere": Mutant(
        "alter policy select_by_staff_who_may_view on public.dispatch_jobs "
        "using (org_id = any(array(select private.org_ids_with_permission_somewhere('view_jobs'))))",
        "limited",
        "dispatch_jobs",
    ),
    "ledger open to the service": Mutant(
        "grant insert on public.reservations to service_role", "service", "reservations"
    ),
    "log open to the service": Mutant(
        "grant delete on public.audit_log to service_role", "service", "audit_log"
    ),
}

# The same, in the functions that the policies call: which condition is forgotten.
LOOKUPS = {
    "removed members count": (
        "private.org_ids_with_permission(public.permission)",
        "and m.is_active",
        "removed",
        "dispatch_jobs",
    ),
    "facility limits do not count": (
        "private.org_ids_with_permission(public.permission)",
        "and not exists (select from public.member_facilities as f where f.member_id = m.id)",
        "limited",
        "appointments",
    ),
    "any user is every user": (
        "private.org_ids_with_permission(public.permission)",
        "m.user_id = auth.uid() and",
        "stranger",
        "dispatch_jobs",
    ),
    "customers are staff": ("private.member_org_ids()", "and m.role <> 'customer'", "customer", "facilities"),
    "the portal shows every customer": (
        "private.my_visits_as_customer()",
        "c.user_id = auth.uid() and",
        "stranger",
        "portal_appointments",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mistake_in_a_policy_or_grant_is_noticed(db: Connection, name: str) -> None:
    mutant = MUTANTS[name]
    world = two_companies(db)
    assert not access.deviations(db, world, mutant.actor, [mutant.table])
    db.execute(mutant.mistake.encode())
    assert access.deviations(db, world, mutant.actor, [mutant.table])


@pytest.mark.parametrize("name", LOOKUPS)
def test_a_forgotten_condition_in_a_lookup_is_noticed(db: Connection, name: str) -> None:
    function, condition, actor, table = LOOKUPS[name]
    world = two_companies(db)
    assert not access.deviations(db, world, actor, [table])
    db.execute(without(db, function, condition).encode())
    assert access.deviations(db, world, actor, [table])


def test_handing_out_roles_above_one_s_own_is_noticed(db: Connection) -> None:
    world = two_companies(db)
    db.execute(
        "create or replace function private.roles_to_give() returns setof private.org_role "
        "language sql stable security definer set search_path = '' as "
        "'select o, r from private.org_ids_with_permission(''manage_members'') as o "
        "cross join unnest(enum_range(null::public.member_role)) as r'"
    )
    assert access.deviations(db, world, "admin", ["org_members"])


def test_a_table_nobody_decided_about_is_noticed(db: Connection) -> None:
    world = two_companies(db)
    db.execute("create view public.all_jobs as select id from public.dispatch_jobs")
    with pytest.raises(KeyError):
        access.deviations(db, world, "owner", ["all_jobs"])
