"""The command line does what a newcomer types, tells what it did, and never half-imports."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from kb_index import store
from kb_index.cli import main
from kb_index.database import create_database_engine
from kb_index.importing import build, import_articles
from kb_index.schema import migrate
from kb_index.settings import ROOT
from kb_index.tables import kb_passages

GOOD = """---
title: Parking at the shop
id: parking
category: visiting
questions:
  - Where can I park?
---
There are **six** spaces behind the house.

## Bicycles

- Lock them at the rack.
- The rack has a roof.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good articles, and one broken in each way."""
    made = tmp_path / "content"
    files = {
        "good.md": GOOD,
        "nested/deeper/also good.md": "# Opening hours\n\nWe open at nine.",
        "bad-yaml.md": "---\ntitle: [\n---\nText.",
        "open-ended.md": "---\ntitle: Never closed\nText.",
        "empty.md": "",
        "image.md": "![only an image](a.png)",
        "twice.md": GOOD,
        "latin1.md": "Caf\xe9".encode("latin-1"),
        "huge.md": "x" * 10_000_000,
        "draft.md": "---\ntitle: Not yet\ndraft: true\n---\nSoon.",
        "notes.txt": "no article",
    }
    for name, content in files.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return made


def test_broken_files_are_listed_with_the_reason_and_the_others_imported(engine: Engine, encoder, folder: Path):
    report = import_articles(engine, encoder, folder)
    assert dict(report.skipped) == {
        "bad-yaml.md": "bad front matter in line 3: expected the node content, but found '<stream end>'",
        "open-ended.md": "the front matter is not closed with a line '---'",
        "empty.md": "the file is empty",
        "image.md": "there is no text in the article",
        "twice.md": "duplicate id 'parking': good.md has it too",
        "latin1.md": "the file is not UTF-8 (byte 3)",
        "huge.md": "the file has 10,000,000 bytes; the limit is 1,000,000",
    }
    assert (report.files, report.added, report.changed, report.unchanged, report.drafts) == (10, 3, 0, 0, 1)
    with engine.connect() as connection:
        found = {each.article.id: each.article for each in store.articles(connection)}
    assert found.keys() == {"parking", "nested-deeper-also-good", "draft"}
    assert found["parking"].questions == ("Where can I park?",)
    assert found["nested-deeper-also-good"].title == "Opening hours"


def test_a_second_import_changes_only_what_changed(engine: Engine, encoder, folder: Path):
    import_articles(engine, encoder, folder, skip_drafts=True)
    (folder / "good.md").write_text(GOOD.replace("six", "seven"))
    report = import_articles(engine, encoder, folder, skip_drafts=True)
    assert (report.added, report.changed, report.unchanged, report.drafts) == (0, 1, 1, 0)
    assert ("draft.md", "it is a draft") in report.skipped
    with engine.connect() as connection:
        assert store.version(connection) == 3


def test_progress_reaches_its_end(engine: Engine, encoder, folder: Path):
    seen: list[tuple[int, int]] = []
    import_articles(engine, encoder, folder, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10, 10)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_build_encodes_what_lacks_embeddings_and_nothing_else(shop: Engine, encoder):
    with shop.execution_options(writes=True).begin() as connection:
        stale = {"encoder": "old", "embedding": b""}
        connection.execute(update(kb_passages).where(kb_passages.c.article_id == "returns").values(stale))
    report = build(shop, encoder)
    assert (report.encoded, report.passed_over, report.articles, report.rows) == (1, 0, 4, 10)
    assert (report.titles_found, report.titles_checked) == (4, 4)
    with shop.connect() as connection:
        assert set(connection.execute(select(kb_passages.c.encoder)).scalars()) == {encoder.version}
    assert build(shop, encoder).encoded == 0
    assert build(shop, encoder, everything=True).encoded == 4


def test_the_command_line_imports_searches_and_reports(db_url: str, tmp_path: Path, capsys):
    path = tmp_path / "parking.md"
    path.write_text(GOOD)
    assert main(["import", str(path), "--database", db_url]) == 0
    assert "1 added, 0 changed, 0 unchanged, 0 skipped of 1 files" in " ".join(capsys.readouterr().out.split())
    assert main(["import", str(path), "--database", db_url]) == 0
    assert "nothing to do" in capsys.readouterr().out

    assert main(["search", "how many spaces are there for cars", "--database", db_url]) == 0
    shown = capsys.readouterr().out
    assert "Parking at the shop" in shown
    assert "There are six spaces behind the house." in shown
    assert main(["search", "how many spaces are there for cars", "--json", "--database", db_url]) == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert hit["article_id"] == "parking"
    assert hit["sentence"] == "There are six spaces behind the house."

    assert main(["build", "--database", db_url]) == 0
    assert "all embeddings are current" in capsys.readouterr().out
    assert main(["stats", "--database", db_url]) == 0
    assert "1 articles, 1 passages, version 1" in capsys.readouterr().out


def test_markup_in_articles_and_file_names_is_printed_as_it_is(db_url: str, tmp_path: Path, capsys):
    folder = tmp_path / "content"
    folder.mkdir()
    (folder / "[bold]x.md").write_text("---\ntitle: '[red]A[/red] [/]'\n---\nUse [/dim] and [link=x] freely.")
    (folder / "[oops].md").write_text("")
    assert main(["import", str(folder), "--database", db_url]) == 0
    assert "[oops].md" in capsys.readouterr().out
    assert main(["search", "freely", "--database", db_url]) == 0
    shown = capsys.readouterr().out
    assert "[red]A[/red] [/]" in shown
    assert "Use [/dim] and [link=x] freely." in shown


def test_a_new_database_gets_its_tables(tmp_path: Path, capsys):
    assert main(["stats", "--database", f"sqlite:///{tmp_path / 'new' / 'kb.db'}"]) == 0
    assert "0 articles" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "", "---\ntitle: [\n---\nText."])
def test_an_import_of_nothing_usable_fails(db_url: str, tmp_path: Path, content: str | None, capsys):
    if content is not None:
        (tmp_path / "broken.md").write_text(content)
    assert main(["import", str(tmp_path), "--database", db_url]) == 1
    assert ("broken.md" in capsys.readouterr().out) == (content is not None)


def test_what_cannot_work_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    database = f"sqlite:///{tmp_path / 'kb.db'}"
    assert main(["import", str(tmp_path / "absent"), "--database", database]) == 2
    assert "does not exist" in capsys.readouterr().out
    assert main(["stats", "--database", "postgresql://nobody:x@127.0.0.1:1/none"]) == 1
    assert "the database cannot be used" in capsys.readouterr().err
    monkeypatch.setenv("SWITCHBOARD_ENCODER_DIR", str(tmp_path))
    assert main(["stats", "--database", database]) == 1
    assert "no exported encoder" in capsys.readouterr().err


def test_the_demo_shops_articles_are_all_importable(tmp_path: Path, encoder):
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    migrate(url)
    engine = create_database_engine(url)
    report = import_articles(engine, encoder, ROOT / "data" / "knowledge")
    assert report.skipped == []
    assert report.added >= 80
    checked = build(engine, encoder)
    assert checked.titles_found == checked.titles_checked > 80
    engine.dispose()
