"""What `make setup` asks of a machine where only pip is configured."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "requirements" / "uv.py"))


def test_the_indexes_pip_uses_are_the_ones_uv_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.example/simple https://two.example/simple")
    variables = SCRIPT["uv_environment"](SCRIPT["pip_settings"](), extra_indexes=True)
    assert variables["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert variables["UV_INDEX"] == "https://one.example/simple https://two.example/simple"
    assert variables["UV_INDEX_STRATEGY"] == "unsafe-best-match"


def test_a_lock_file_is_compiled_from_the_main_index_alone() -> None:
    pip = {"index-url": "https://packages.example/simple", "extra-index-url": "https://one.example/simple"}
    variables = SCRIPT["uv_environment"](pip, extra_indexes=False)
    assert variables == {"UV_DEFAULT_INDEX": "https://packages.example/simple"}


def test_the_environment_wins_over_the_configuration_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://file.example/simple\ncert = /from/file.pem\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://environment.example/simple")
    settings = SCRIPT["pip_settings"]()
    assert settings["index-url"] == "https://environment.example/simple"
    assert settings.get("cert")
