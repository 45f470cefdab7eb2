"""Rows that others refer to are not deleted, and the refusal says so in words instead of a constraint's name."""

from __future__ import annotations

from support import sql
from support.factory import Company
from support.sql import AsUser, Connection, refused


def test_a_customer_with_jobs_stays(db: Connection, company: Company, as_user: AsUser) -> None:
    job = company.job()
    with as_user(role="service_role"), refused(db, "PT409", "still_used"):
        db.execute("delete from public.customers where id = %s", (job["customer_id"],))


def test_whoever_edits_the_catalogue_is_told_that_a_service_is_in_use(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    used, unused = company.service(), company.service()
    company.job(service=used)
    with as_user(company.member("owner")):
        with refused(db, "PT409", "still_used"):
            db.execute("delete from public.services where id = %s", (used["id"],))
        assert db.execute("delete from public.services where id = %s", (unused["id"],)).rowcount == 1


def test_a_company_takes_everything_along(db: Connection, company: Company) -> None:
    company.visit(company.job(service=company.service()), company.technician())
    db.execute("delete from public.orgs where id = %s", (company.id,))
    assert sql.value(db, "select count(*) from public.customers") == 0


def test_every_table_others_refer_to_asks_before_a_row_goes(db: Connection) -> None:
    unasked = sql.rows(
        db,
        """
        select distinct c.confrelid::regclass::text as table
        from pg_constraint as c
        where
            c.contype = 'f' and c.confdeltype in ('a', 'r') and c.connamespace = 'public'::regnamespace
            and c.confrelid::regclass::text not similar to '(auth|private).%%'
            and not exists (
                select from pg_trigger as t
                where t.tgrelid = c.confrelid and t.tgfoid = 'private.refuse_deleting_what_is_used'::regproc
            )
        """,
    )
    assert unasked == []
