"""The server that test workers share."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from truckroll_local import scratch

ANOTHER_PROCESS = """
import psycopg, sys
from pathlib import Path
from truckroll_local import scratch

with scratch.server(Path(sys.argv[1])) as url, psycopg.connect(url, autocommit=True) as connection:
    connection.execute("create table public.kept ()")
    print(url)
"""


def test_the_server_outlives_all_but_its_last_user_and_keeps_its_databases(tmp_path: Path) -> None:
    with scratch.server(tmp_path) as url:
        command = [sys.executable, "-c", ANOTHER_PROCESS, str(tmp_path)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == url
        psycopg.connect(url).close()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    with scratch.server(tmp_path) as url, psycopg.connect(url) as connection:
        assert connection.execute("select to_regclass('public.kept') is not null").fetchone() == (True,)
