"""Lists of articles: what the studio finds, and the index of the help pages."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from bot.articles.models import ArticleDraft, ArticleVersion
from bot.articles.services import ARCHIVED, CHANGED, DRAFT, PUBLISHED
from kb_index.tables import kb_articles

STATUSES = (PUBLISHED, CHANGED, DRAFT, ARCHIVED)
MAX_WORDS = 10
MAX_FOUND = 200


@dataclass(frozen=True)
class Listed:
    article_id: str
    title: str
    category: str
    status: str
    changed_at: datetime


@dataclass(frozen=True)
class Found:
    """The articles to show, and how many there are of each status, all of them counted."""

    articles: list[Listed]
    total: int
    counts: dict[str, int]


def find(session: Session, words: str = "", status: str = "") -> Found:
    """Articles that have all the words in their title or text, the last changed first."""
    listed = _published(session, words) | _drafts(session, words)
    listed |= {key: item for key, item in _archived(session, words).items() if key not in listed}
    counts = {each: sum(item.status == each for item in listed.values()) for each in STATUSES}
    wanted = [item for item in listed.values() if status in ("", item.status)]
    wanted.sort(key=lambda item: item.title.casefold())
    wanted.sort(key=lambda item: item.changed_at, reverse=True)
    return Found(wanted[:MAX_FOUND], len(wanted), counts)


def categories(session: Session) -> list[str]:
    """The categories in use, for choosing one."""
    used = {*session.scalars(select(kb_articles.c.category).distinct())}
    used |= {*session.scalars(select(ArticleDraft.category).distinct())}
    return sorted(used - {""}, key=str.casefold)


def help_index(session: Session) -> dict[str, list[tuple[str, str]]]:
    """What is published: (id, title) of the articles by category, in order; those without one last."""
    rows = session.execute(select(kb_articles.c.id, kb_articles.c.title, kb_articles.c.category)).all()
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for article_id, title, category in sorted(rows, key=lambda row: row.title.casefold()):
        found[category].append((article_id, title))
    return dict(sorted(found.items(), key=lambda item: (item[0] == "", item[0].casefold())))


def _published(session: Session, words: str) -> dict[str, Listed]:
    table = kb_articles.c
    query = select(table.id, table.title, table.category, table.updated_at)
    rows = session.execute(query.where(_has(words, table.title, table.body))).all()
    return {row.id: Listed(*row[:3], PUBLISHED, _in_utc(row.updated_at)) for row in rows}


def _drafts(session: Session, words: str) -> dict[str, Listed]:
    draft = ArticleDraft
    once = exists().where(ArticleVersion.article_id == draft.article_id)
    query = (
        select(draft.article_id, draft.title, draft.category, draft.updated_at, kb_articles.c.id, once)
        .outerjoin(kb_articles, kb_articles.c.id == draft.article_id)
        # A changed article is found by either of its texts, and shown as it is in the draft.
        .where(or_(_has(words, draft.title, draft.body), _has(words, kb_articles.c.title, kb_articles.c.body)))
    )
    return {
        article_id: Listed(article_id, title, category, CHANGED if live else ARCHIVED if before else DRAFT, updated_at)
        for article_id, title, category, updated_at, live, before in session.execute(query).all()
    }


def _archived(session: Session, words: str) -> dict[str, Listed]:
    version = ArticleVersion
    live = select(kb_articles.c.id)
    query = (
        select(version.article_id, version.title, version.category, version.published_at)
        .where(version.article_id.not_in(live), _has(words, version.title, version.body))
        .order_by(version.number)
    )
    # The newest version comes last, and stays.
    return {row.article_id: Listed(*row[:3], ARCHIVED, row.published_at) for row in session.execute(query).all()}


def _in_utc(moment: datetime) -> datetime:
    # SQLite keeps no time zone in the knowledge base's tables; all that is written there is UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _has(words: str, *columns: ColumnElement[str]) -> ColumnElement[bool]:
    each = [
        or_(*(column.icontains(word, autoescape=True) for column in columns))
        for word in words.replace("\0", " ").split()[:MAX_WORDS]
    ]
    return and_(True, *each)
