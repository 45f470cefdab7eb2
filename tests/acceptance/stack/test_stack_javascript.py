"""The same stack through supabase-js, run by the stack's own Node."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from truckroll_local import node
from truckroll_local.stack import Stack

SCRIPTS = sorted((Path(__file__).parent / "js").glob("*.test.mjs"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_supabase_js_works_against_the_stack(stack: Stack, script: Path) -> None:
    variables = {
        "STACK_URL": stack.api_url,
        "STACK_ANON_KEY": stack.anon_key,
        "STACK_SERVICE_KEY": stack.service_key,
    }
    command = [
        str(node.NODE),
        "--test",
        "--test-reporter=spec",
        "--test-timeout=120000",
        "--test-force-exit",
        str(script),
    ]
    done = subprocess.run(
        command, env=node.environment() | variables, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
