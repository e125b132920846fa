"""Who may import whom, and what importing may do. The rules stand in docs/architecture.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from kb_index.settings import ROOT

FIRST_PARTY = ("bot", "actions", "kb_index", "benchmarks", "tests")
SHARED = {"db", "errors", "events", "settings", "limits", "pages", "logs"}
# Rooms of bot/ that put others together, and so may know them.
ROOTS = {"bot.app", "bot.cli", "bot.migrations.env"}
PRIVATE_ROLES = {"models", "views"}


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("bot", "actions", "kb_index"):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found.append((name.removesuffix(".__init__"), path))
    return found


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def own(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in FIRST_PARTY}


def top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_follow_the_house(name, path):
    wanted = imports(path)
    mine = own(wanted)
    assert "bot.app" not in mine or name == "bot.cli", "nothing imports the composition root"
    if not name.startswith("bot.engine"):
        assert "rasa" not in {top(each) for each in wanted}, "only bot/engine knows Rasa"
    if top(name) == "kb_index":
        assert all(top(each) == "kb_index" for each in mine)
    elif top(name) == "actions":
        assert all(top(each) in ("actions", "kb_index") for each in mine)
    elif name.startswith("bot.engine"):
        allowed = ("bot.engine", "bot.escalation", "kb_index.encoder")
        assert all(each.startswith(allowed) or each in ("bot", "kb_index") for each in mine)
    elif name.startswith("bot.escalation"):
        allowed = ("bot.escalation", "kb_index.encoder")
        assert all(each.startswith(allowed) or each in ("bot", "kb_index") for each in mine)
    elif name not in ROOTS:
        _check_noun_package(name, mine)


def _check_noun_package(name: str, mine: set[str]) -> None:
    package = ".".join(name.split(".")[:2])
    for each in mine:
        parts = each.split(".")
        if parts[0] != "bot" or len(parts) < 3 or each.startswith(package + ".") or parts[1] in SHARED:
            continue
        assert parts[2] not in PRIVATE_ROLES, f"{name} reaches into {each}"


def test_only_the_dialogue_package_knows_the_engine():
    for name, path in modules():
        if name.startswith(("bot.dialogue", "bot.engine", "bot.operations", "bot.cli")):
            continue
        assert "webhooks/switchboard" not in path.read_text(), name


SERVICE_MODULES = [name for name, _ in modules() if not name.startswith(("bot.engine", "bot.migrations"))]


def test_importing_does_nothing(tmp_path):
    """No file appears, no thread starts, no setting is read, and nothing that serves imports torch."""
    serving = [name for name in SERVICE_MODULES if name not in ("actions.__main__", "kb_index.__main__")]
    program = f"""
import importlib, sys, threading
for name in {serving!r}:
    importlib.import_module(name)
assert threading.active_count() == 1, threading.enumerate()
heavy = [name for name in ("torch", "transformers", "sentence_transformers", "rasa") if name in sys.modules]
assert not heavy, heavy
"""
    environment = {"PYTHONPATH": str(ROOT), "SWITCHBOARD_PORT": "not a port", "HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
