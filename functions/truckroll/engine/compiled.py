"""How the engine's inner loops are compiled: at their first call, and kept on disk.

Compiled code is stored where NUMBA_CACHE_DIR says, else beside the source, else (an installed
package on a read-only disk) in the temporary directory. numba notices a change of the file that
holds a function but not of those it calls, so the folder carries a fingerprint of all that hold
compiled functions or the arrays they work on.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba
from numba.core import types

COMPILED = re.compile(rb"^@(compiled|lean)\b", re.MULTILINE)
P = ParamSpec("P")
R = TypeVar("R")


def cache_folder() -> Path:
    """Return the folder that holds this version's compiled code."""
    here = Path(__file__).parent
    digest = hashlib.sha256(numba.__version__.encode())
    for source in sorted(here.glob("*.py")):
        text = source.read_bytes()
        if COMPILED.search(text) or source.name in {"arrays.py", "compiled.py", "reference.py"}:
            digest.update(text)
    name = f"truckroll-engine-{digest.hexdigest()[:16]}"
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen) / name
    if os.access(here, os.W_OK):
        return here / "__pycache__" / name
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"truckroll-{user}" / name


CACHE_FOLDER = cache_folder()
SETTINGS: Any = numba.config


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function at its first call, without the interpreter lock, cached on disk.

    No fast-math: equal inputs must give equal plans on every machine.
    """
    return _compiled(function, counts=True)


def lean(function: Callable[P, R]) -> Callable[P, R]:
    """Compile like `compiled` a function that creates no array, itself or in what it calls.

    Such a function need not count references to arrays, which one that counts does at each look into a
    day or a plan.
    """
    return _compiled(function, counts=False)


def _compiled(function: Callable[P, R], *, counts: bool) -> Callable[P, R]:
    # numba's types do not know `_nrt`, which its options do.
    options: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": counts}
    others = SETTINGS.CACHE_DIR
    SETTINGS.CACHE_DIR = str(CACHE_FOLDER)
    try:
        result: Callable[P, R] = numba.njit(**options)(function)
    finally:
        SETTINGS.CACHE_DIR = others
    if not SETTINGS.DISABLE_JIT:
        _compile_one_width(result)
    return result


def _compile_one_width(dispatcher: Any) -> None:
    """Make a compiled function take signed whole numbers as 64 bits, fractions as double precision.

    numba compiles anew, with all that is called, for each combination of widths it meets; numbers
    out of the arrays are narrow and those computed are not. Narrow ones convert at the call.
    """
    compile_for = dispatcher.compile
    dispatcher.compile = lambda arguments: compile_for(tuple(_widest(one) for one in arguments))


def _widest(kind: Any) -> Any:
    # A literal True or False stays one: what it leaves out is worth a version of its own.
    if kind in types.signed_domain:
        return types.int64
    return types.float64 if isinstance(kind, types.Float) else kind
