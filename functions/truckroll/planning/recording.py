"""A run's whole input as bytes, and back: what a plan was made from, to make it once more (OPT-6)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from truckroll.planning.snapshot import Snapshot

FORMAT = 6
LEVEL = 3  # zlib: more costs seconds for a few percent
HEAD = struct.Struct(">BI")  # format, length of the part in JSON


def packed(snapshot: Snapshot) -> bytes:
    """Return the snapshot as bytes: values as JSON, matrices as they are, compressed together."""
    values, matrices = [], []
    for name, kind in _parts():
        value = getattr(snapshot, name)
        if kind is None:
            matrices.append(_columns(value))
            values.append(b"%d" % len(value))
        else:
            values.append(kind.dump_json(list(value.items()) if isinstance(value, Mapping) else value))
    text = b"\n".join(values)
    return zlib.compress(HEAD.pack(FORMAT, len(text)) + text + b"".join(matrices), LEVEL)


def unpacked(document: bytes) -> Snapshot:
    """Return the snapshot that was packed; raises ValueError when it was by another version's format."""
    content = zlib.decompress(document)
    version, length = HEAD.unpack_from(content)
    if version != FORMAT:
        raise ValueError(f"a run's input in format {version}, not {FORMAT}")
    rest = HEAD.size + length
    values: dict[str, Any] = {}
    lines = content[HEAD.size : rest].split(b"\n")
    for (name, kind), line in zip(_parts(), lines, strict=True):
        if kind is None:
            side = int(line)
            values[name] = _matrix(content[rest : rest + 4 * side * side], side)
            rest += 4 * side * side
        else:
            value = kind.validate_json(line)
            values[name] = dict(value) if _is_mapping(name) else value
    return Snapshot(**values)


@cache
def _parts() -> tuple[tuple[str, TypeAdapter[Any] | None], ...]:
    """Return the snapshot's fields with how each becomes JSON; None for a square matrix."""
    hints = get_type_hints(Snapshot)
    parts: list[tuple[str, TypeAdapter[Any] | None]] = []
    for field in fields(Snapshot):
        hint = hints[field.name]
        if get_origin(hint) is np.ndarray:
            parts.append((field.name, None))
        elif _is_mapping(field.name):
            key, value = get_args(hint)
            parts.append((field.name, TypeAdapter(list[tuple[key, value]])))  # type: ignore[valid-type]
        else:
            parts.append((field.name, TypeAdapter(hint)))
    return tuple(parts)


def _is_mapping(name: str) -> bool:
    origin = get_origin(get_type_hints(Snapshot)[name])
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _columns(matrix: NDArray[np.int32]) -> bytes:
    """Return the matrix byte by byte of its numbers: the high ones are nearly all zero, and compress well."""
    return np.ascontiguousarray(matrix, "<i4").view(np.uint8).reshape(-1, 4).T.tobytes()


def _matrix(columns: bytes, side: int) -> NDArray[np.int32]:
    by_byte = np.frombuffer(columns, np.uint8).reshape(4, -1).T
    return np.ascontiguousarray(by_byte).view("<i4").reshape(side, side).astype(np.int32)
