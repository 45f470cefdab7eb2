"""The world's company as rows of an empty database."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
from bench.week.ways import FirstCome
from bench.week.world import DETOUR, KMH, ZONE, World
from psycopg.sql import SQL, Identifier, Placeholder


def founded(url: str, world: World, way: type[FirstCome]) -> tuple[str, str, list[str], list[str]]:
    """Insert the company into an empty database.

    Returns its id, its owner's, and those of services and technicians in order.
    """
    org, owner = str(uuid4()), str(uuid4())
    services = [str(uuid4()) for _ in world.services]
    technicians = [str(uuid4()) for _ in world.technicians]
    with psycopg.connect(url) as connection:

        def insert(table: str, **row: object) -> None:
            query = SQL("insert into {} ({}) values ({})").format(
                Identifier(*table.split(".")),
                SQL(", ").join(map(Identifier, row)),
                SQL(", ").join([Placeholder()] * len(row)),
            )
            connection.execute(query, list(row.values()))

        insert("auth.users", id=owner, email="owner@week.example")
        insert(
            "orgs",
            id=org,
            name="A week",
            slug="week",
            time_zone=ZONE.key,
            travel_detour_factor=DETOUR,
            travel_speed_kmh=KMH,
            reoptimization=way.reoptimization,
        )
        insert("org_members", org_id=org, user_id=owner, role="owner")
        for skill in sorted({one.skill for one in world.services}):
            insert("skills", org_id=org, code=skill, name=skill.capitalize())
        for n, one in enumerate(world.services):
            insert(
                "services",
                org_id=org,
                id=services[n],
                code=f"service_{n}",
                name=f"{one.skill.capitalize()} {one.level}",
                standard_duration_minutes=one.minutes,
            )
            insert(
                "service_skills",
                org_id=org,
                service_id=services[n],
                skill_code=one.skill,
                minimum_level=one.level,
            )
        for n, person in enumerate(world.technicians):
            home = str(uuid4())
            insert(
                "customer_locations",
                org_id=org,
                id=home,
                kind="home_base",
                label="Home",
                latitude=person.home[0],
                longitude=person.home[1],
            )
            insert(
                "technician_profiles",
                org_id=org,
                id=technicians[n],
                display_name=f"Technician {n}",
                home_base_location_id=home,
            )
            for skill, level in person.skills.items():
                insert(
                    "technician_skills",
                    org_id=org,
                    technician_id=technicians[n],
                    skill_code=skill,
                    level=level,
                )
            starts = datetime.combine(world.monday - timedelta(days=7), person.starts, ZONE)
            insert(
                "technician_shifts",
                org_id=org,
                technician_id=technicians[n],
                starts_at=starts,
                ends_at=starts + timedelta(hours=9),
                recurrence_rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            )
    return org, owner, services, technicians
