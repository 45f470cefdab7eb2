"""What no client should send: nulls, extremes, wrong shapes. Values as text, to be cast to the parameter's type."""

from __future__ import annotations

NOBODY = "00000000-0000-4000-8000-00000000dead"
LONG = "x" * 100_000

EXTREME_TIMES = ("infinity", "294276-12-31 23:59:59+00")

_JUNK: dict[str, tuple[str | None, ...]] = {
    "uuid": (NOBODY, "00000000-0000-0000-0000-000000000000"),
    "uuid[]": (
        "{}",
        "{null}",
        f"{{{NOBODY}}}",
        f"{{{NOBODY},{NOBODY}}}",
        f"{{{NOBODY},null}}",
        f"{{{{{NOBODY}}},{{{NOBODY}}}}}",
        f"[5:5]={{{NOBODY}}}",
        "{" + ",".join(f"00000000-0000-4000-8000-{n:012d}" for n in range(1000)) + "}",
    ),
    "timestamp with time zone": (
        *EXTREME_TIMES,
        "-infinity",
        "4713-01-01 00:00:00+00 BC",
        "0001-01-01 00:00:00+00",
        "1970-01-01 00:00:00+00",
        "2027-03-01 09:00:00.000001+00",
        "2030-01-01 00:00:00+00",
    ),
    "date": ("infinity", "-infinity", "5874897-12-31", "4714-11-24 BC", "0001-01-01"),
    "integer": ("0", "-1", "1", "2147483647", "-2147483648", "100000"),
    "double precision": ("NaN", "Infinity", "-Infinity", "1e308", "-91", "181", "1e-320"),
    "boolean": ("true", "false"),
    "text": ("", "  ", LONG, "' or 1=1 --", "\x01\x7f", "\N{HAMMER AND WRENCH}", "..", "a.b.c", "%s%n{}"),
    "text[]": ("{}", "{null}", '{""}', "{a,a}", "{{a},{b}}", "{" + LONG + "}", "[3:3]={a}"),
}

_SHAPES = (
    "null", "[]", "{}", "1", "1e400", '"text"', "true", "[null]", "[[]]", "[1]", '["a"]', "[{}]", "[{},{}]", '{"": ""}',
)  # fmt: skip

_OVERRIDES = (
    '{"codes": ["outside_shift"]}',
    '{"reason": "x"}',
    '{"reason": null, "codes": null}',
    '{"reason": "x", "codes": []}',
    '{"reason": "x", "codes": [null, 1, {}]}',
    '{"reason": "x", "codes": "outside_shift"}',
    '{"reason": {"a": 1}, "codes": ["outside_shift"]}',
    '{"reason": 1, "codes": [["outside_shift"]]}',
    '{"reason": "x", "codes": ["buffer", "buffer"]}',
    '{"reason": "x", "codes": ["no_such_code"]}',
    '{"reason": "' + LONG + '", "codes": ["buffer"]}',
    '[{"reason": "x", "codes": ["buffer"]}]',
)

_FOR_NOBODY = f'"technician_id": "{NOBODY}"'

_SEGMENTS = (
    '[{"position": 1, "technician_id": "x"}]',
    '[{"position": "x", "technician_id": null}]',
    '[{"position": 1e10, ' + _FOR_NOBODY + "}]",
    '[{"position": 1.5, ' + _FOR_NOBODY + "}]",
    '[{"position": 1, ' + _FOR_NOBODY + "}]",
    '[{"position": 99, ' + _FOR_NOBODY + "}]",
    '[{"position": 1, "technician_id": {}}]',
    '[{"position": {}, "technician_id": []}]',
    '[{"position": 1}]',
    '[{"position": 1, ' + _FOR_NOBODY + '}, {"position": 1, ' + _FOR_NOBODY + "}]",
    "[{" + _FOR_NOBODY + "}]",
    "{" + '"position": 1, ' + _FOR_NOBODY + "}",
)


def junk(name: str, kind: str, enums: dict[str, list[str]]) -> list[str | None]:
    """Return everything unpleasant to pass for a parameter of this name and type, null first."""
    if kind == "jsonb":
        return [None, *_SHAPES, *{"override": _OVERRIDES, "segments": _SEGMENTS}.get(name, ())]
    if kind in enums:
        return [None, *enums[kind]]
    return [None, *_JUNK[kind]]
