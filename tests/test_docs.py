"""The docs are true: every setting, frame and error code stands in them."""

import re
from itertools import chain
from typing import get_args

import pytest
import tomllib

from bot.channels import frames
from bot.settings import Settings
from kb_index.settings import ROOT

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_described(name):
    assert f"`SWITCHBOARD_{name.upper()}`" in OPERATIONS, name


def test_no_setting_is_described_that_does_not_exist():
    from actions.context import ActionSettings

    described = set(re.findall(r"^\| `SWITCHBOARD_([A-Z_]+)`", OPERATIONS, re.MULTILINE))
    existing = {name.upper() for name in {**Settings.model_fields, **ActionSettings.model_fields}}
    assert described <= existing


def test_every_client_frame_is_described():
    union = get_args(frames.ClientFrame)[0]
    for frame in get_args(union):
        kind = get_args(frame.model_fields["type"].annotation)[0]
        row = next(line for line in PROTOCOL.splitlines() if line.startswith(f"| `{kind}` |"))
        for field in set(frame.model_fields) - {"type"}:
            assert f"`{field}`" in row, f"{kind}.{field}"


def test_every_error_code_that_is_raised_is_described():
    raised = set()
    for path in (ROOT / "bot" / "channels").glob("*.py"):
        raised.update(re.findall(r'code="([a-z_]+)"', path.read_text()))
    for code in sorted(raised):
        assert f"`{code}`" in PROTOCOL, code


def test_every_package_that_is_asked_for_says_why():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    for requirement in wanted:
        name = re.split(r"[\[<>=~! ]", requirement)[0]
        assert re.search(rf"^\|[^|]*\b{re.escape(name)}\b[^|]*\|", reasons, re.MULTILINE), name


def test_the_readme_names_the_two_commands():
    readme = (ROOT / "README.md").read_text()
    assert "scripts/run" in readme and "scripts/test" in readme


def test_pages_that_the_docs_link_to_exist():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} → {target}"
