"""What each CSV file of an import holds: its columns, the row's key and the table it goes to."""

from __future__ import annotations

from dataclasses import dataclass

ADDRESS = ("address_line1", "address_line2", "city", "region", "postal_code", "country")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Column:
    """A column of a file: how a cell is read and where its value goes.

    `kind` overrides what the type of the target column says; `refers` names the file whose key the cell
    repeats; a column without a target is handled by the sheet's parts.
    """

    name: str
    target: str | None = ""
    kind: str = ""
    refers: str = ""
    required: bool = False

    @property
    def column(self) -> str | None:
        """Name of the table's column, None when the value becomes rows of another table."""
        return self.name if self.target == "" else self.target


@dataclass(frozen=True)
class Sheet:
    """A file: the columns it may have, the key that identifies a row, and its table.

    `natural_key` are the table's columns that hold the key where the table itself keeps it; rows of other
    sheets get an id derived from the key.
    """

    name: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    natural_key: tuple[str, ...] = ()
    conflict: tuple[str, ...] = ("id",)

    @property
    def file(self) -> str:
        """File name in the directory."""
        return f"{self.name}.csv"

    def column(self, name: str) -> Column | None:
        """Return the column with this header, None if there is none."""
        return next((column for column in self.columns if column.name == name), None)


def _plain(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name) for name in names)


COMPANY = Sheet(
    name="company",
    table="orgs",
    key=("slug",),
    natural_key=("slug",),
    columns=_plain(
        "slug",
        "name",
        "time_zone",
        "country",
        "currency",
        "slot_grid_minutes",
        "arrival_window_minutes",
        "hold_minutes",
        "travel_speed_kmh",
        "travel_detour_factor",
        "technicians_may_self_claim",
        "out_of_zone_is_soft",
        "reschedule_notice_minutes",
        "reschedule_emergency_minutes",
        "reschedule_limit",
    ),
)

SHEETS = (
    Sheet(
        name="lists",
        table="datalabels",
        key=("list", "code"),
        natural_key=("list", "code"),
        columns=(
            Column("list", required=True),
            Column("code", required=True),
            Column("label", required=True),
            *_plain("position", "earliest_minutes", "latest_minutes", "weight"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="zones",
        table="service_zones",
        key=("name",),
        natural_key=("name",),
        columns=(
            Column("name", required=True),
            Column("description"),
            Column("polygon", kind="polygon"),
            *_plain("postal_codes", "time_zone"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="facilities",
        table="facilities",
        key=("name",),
        natural_key=("name",),
        columns=(
            Column("name", required=True),
            Column("phone", kind="phone"),
            *_plain(*ADDRESS, "latitude", "longitude"),
            *_plain("time_zone", "daily_capacity"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="hours",
        table="operating_hours",
        columns=(
            Column("facility", "facility_id", refers="facilities"),
            Column("zone", "service_zone_id", refers="zones"),
            *(Column(day, None, kind="hours") for day in WEEKDAYS),
        ),
    ),
    Sheet(
        name="holidays",
        table="holidays",
        conflict=("org_id", "facility_id", "observed_on"),
        columns=(
            Column("date", "observed_on", required=True),
            Column("name", required=True),
            Column("facility", "facility_id", refers="facilities"),
        ),
    ),
    Sheet(
        name="resources",
        table="resources",
        key=("facility", "name"),
        natural_key=("facility_id", "name"),
        columns=(
            Column("facility", "facility_id", refers="facilities", required=True),
            Column("name", required=True),
            Column("kind", required=True),
            *_plain("bay_type", "capacity"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="skills",
        table="skills",
        key=("code",),
        natural_key=("code",),
        conflict=("org_id", "code"),
        columns=(
            Column("code", required=True),
            Column("name", required=True),
            Column("category"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="services",
        table="services",
        key=("code",),
        natural_key=("code",),
        columns=(
            Column("code", required=True),
            Column("name", required=True),
            *_plain("category", "description", "job_type"),
            Column("duration_minutes", "standard_duration_minutes"),
            *_plain("buffer_before_minutes", "buffer_after_minutes", "crew_size"),
            Column("place", "place_kind"),
            *_plain("bay_types", "mobile_eligible", "mobile_max_distance_m", "price_hint"),
            Column("required_skills", None, kind="skills", refers="skills"),
            Column("preferred_skills", None, kind="skills", refers="skills"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="technicians",
        table="technician_profiles",
        key=("reference",),
        columns=(
            Column("reference", None, required=True),
            Column("name", "display_name", required=True),
            Column("phone", kind="phone"),
            *_plain("email", "employment_type", "time_zone"),
            Column("facility", "facility_id", refers="facilities"),
            *(Column(name, None) for name in ADDRESS),
            Column("latitude", None, kind="degrees"),
            Column("longitude", None, kind="degrees"),
            Column("skills", None, kind="skills", refers="skills"),
            Column("zones", None, kind="list", refers="zones"),
            Column("default_zone", "default_service_zone_id", refers="zones"),
            *_plain("max_daily_work_minutes", "max_concurrent_jobs"),
            *_plain("duration_factor", "travel_speed_factor", "vehicle_type"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="shifts",
        table="technician_shifts",
        columns=(
            Column("technician", "technician_id", refers="technicians", required=True),
            Column("type", "shift_type"),
            Column("date", None, kind="date"),
            Column("starts", None, kind="time"),
            Column("ends", None, kind="time"),
            Column("weekdays", None, kind="weekdays"),
            Column("rule", None),
            Column("until", None, kind="date"),
            Column("except", "excluded_on"),
            Column("time_zone"),
            *(Column(day, None, kind="hours") for day in WEEKDAYS),
        ),
    ),
    Sheet(
        name="time_off",
        table="technician_time_off",
        columns=(
            Column("technician", "technician_id", refers="technicians", required=True),
            Column("reason"),
            Column("starts", None, kind="moment", required=True),
            Column("ends", None, kind="moment", required=True),
            Column("minutes"),
            Column("rule", None),
            Column("until", None, kind="date"),
            Column("except", "excluded_on"),
            *_plain("time_zone", "notes"),
        ),
    ),
    Sheet(
        name="customers",
        table="customers",
        key=("reference",),
        natural_key=("external_reference",),
        columns=(
            Column("reference", "external_reference", required=True),
            *_plain("name", "contact_name"),
            Column("phone", kind="phone", required=True),
            *_plain("email", "preferred_channel"),
            Column("type", "customer_type"),
            Column("tier"),
            *(Column(f"billing_{name}") for name in ADDRESS),
            *_plain("language", "time_zone"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="sites",
        table="customer_locations",
        key=("reference",),
        columns=(
            Column("reference", None, required=True),
            Column("customer", "customer_id", refers="customers", required=True),
            *_plain("label", *ADDRESS, "latitude", "longitude"),
            Column("zone", "service_zone_id", refers="zones"),
            *_plain("notes", "access_instructions", "parking", "pets"),
            Column("active", "is_active"),
        ),
    ),
    Sheet(
        name="jobs",
        table="dispatch_jobs",
        key=("number",),
        natural_key=("number",),
        columns=(
            Column("number", required=True),
            Column("customer", "customer_id", refers="customers"),
            Column("site", "location_id", refers="sites"),
            Column("contact_phone", kind="phone"),
            Column("service", "service_id", refers="services"),
            *_plain("title", "description", "job_type", "category", "priority"),
            Column("duration_minutes", "estimated_duration_minutes"),
            Column("required_skills", kind="skill_levels", refers="skills"),
            Column("crew_size", "required_crew_size"),
            Column("visits_planned"),
            Column("facility", "facility_id", refers="facilities"),
            Column("preferred_technician", "preferred_technician_id", refers="technicians"),
            Column("sla_start", "sla_start_at"),
            Column("sla_end", "sla_end_at"),
            Column("time_windows", None, kind="windows"),
            *_plain("source", "notes_internal", "notes_customer_visible"),
        ),
    ),
)

BY_NAME = {sheet.name: sheet for sheet in (COMPANY, *SHEETS)}
