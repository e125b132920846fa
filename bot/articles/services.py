"""Drafting, publishing, archiving, restoring. Each function runs inside the caller's transaction.

Published text belongs to `kb_index`; the versions here are its history. An article that an import brought, or
changed, gets its version when a writer first touches it.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.accounts import services as accounts
from bot.accounts.services import Account
from bot.articles.models import ArticleDraft, ArticleVersion
from bot.articles.text import Text, id_for
from bot.db import now
from bot.errors import Conflict, NotFound
from kb_index import store
from kb_index.articles import Article
from kb_index.store import PreparedArticle, PublishedArticle

DRAFT = "draft"
PUBLISHED = "published"
CHANGED = "changed"
ARCHIVED = "archived"
# Articles of one and the same title.
MAX_NAMESAKES = 100


@dataclass(frozen=True)
class Token:
    """What an editor saw when it was opened: the draft's revision (0: none) and the newest published version."""

    revision: int
    base_version: int


@dataclass(frozen=True)
class Editing:
    """An article as the editor opens it."""

    article_id: str
    text: Text
    status: str
    token: Token
    saved_at: datetime | None


@dataclass(frozen=True)
class Version:
    number: int
    article: Article
    author_id: str | None
    published_at: datetime

    @property
    def text(self) -> Text:
        return _text_of(self.article)


class EditConflict(Conflict):
    """The article changed under the editor's hands: `theirs` is what stands there now, seen as `token`."""

    def __init__(self, message: str, theirs: Text, token: Token) -> None:
        super().__init__(message, code="edit_conflict")
        self.theirs = theirs
        self.token = token


def create(session: Session, title: str, category: str, author: Account) -> str:
    """A new article with an empty draft; its id comes from the title."""
    wanted = id_for(title)
    for count in range(1, MAX_NAMESAKES):
        article_id = wanted if count == 1 else f"{wanted}-{count}"
        if _exists(session, article_id):
            continue
        try:
            with session.begin_nested():
                draft = ArticleDraft(article_id=article_id, title=title, body="", category=category, questions=[])
                draft.author_id = author.id
                session.add(draft)
            return article_id
        except IntegrityError:
            # Somebody else took the id in this very moment.
            continue
    raise Conflict("There are too many articles with this title. Choose another one.")


def open_draft(session: Session, article_id: str) -> Editing:
    """The draft, or else the published text, or the last one. Raises NotFound."""
    draft = session.get(ArticleDraft, article_id)
    live = store.article(session.connection(), article_id)
    newest = newest_version(session, article_id)
    if draft is not None:
        status = CHANGED if live else ARCHIVED if newest else DRAFT
        token = Token(draft.revision, draft.base_version)
        return Editing(article_id, _text(draft), status, token, draft.updated_at)
    if newest is None:
        raise NotFound("There is no such article.")
    token = Token(0, newest.number)
    return Editing(article_id, newest.text, PUBLISHED if live else ARCHIVED, token, None)


def save_draft(session: Session, article_id: str, text: Text, token: Token, author: Account) -> Token:
    """Keep `text` as the draft. Raises EditConflict, changing nothing, unless `token` is what stands there now."""
    # The lock comes first: what is read after it stays so until the end.
    draft = session.get(ArticleDraft, article_id, with_for_update=True)
    newest = _sync(session, article_id)
    if draft is None and newest is None:
        raise NotFound("There is no such article.")
    _check_token(draft, newest, text, token)
    if draft is None and text == newest.text and store.article(session.connection(), article_id):
        return token
    if draft is None:
        draft = _new_draft(session, article_id)
    elif _text(draft) == text and draft.base_version == _number(newest):
        return Token(draft.revision, draft.base_version)
    draft.title, draft.body, draft.category = text.title, text.body, text.category
    draft.questions = list(text.questions)
    draft.revision = (draft.revision or 0) + 1
    draft.base_version = _number(newest)
    draft.updated_at = now()
    draft.author_id = author.id
    return Token(draft.revision, draft.base_version)


def discard_draft(session: Session, article_id: str, token: Token, author: Account) -> bool:
    """Drop the draft; False when with it the article is gone, because it was never published."""
    draft = session.get(ArticleDraft, article_id, with_for_update=True)
    newest = newest_version(session, article_id)
    if draft is None:
        return newest is not None
    if draft.revision != token.revision:
        raise Conflict("Somebody has saved this draft meanwhile; it was not discarded. Open it again to see it.")
    session.delete(draft)
    accounts.record(session, author, "draft_discarded", article=article_id, title=draft.title)
    return newest is not None


def to_publish(session: Session, article_id: str, text: Text) -> Article:
    """The article that publishing `text` makes; what writers do not edit stays as it was.

    Raises ArticleError when it cannot be published.
    """
    newest = newest_version(session, article_id)
    fields = {"title": text.title, "body": text.body, "category": text.category, "questions": text.questions}
    return replace(newest.article, **fields) if newest else Article(id=article_id, **fields)


def publish(session: Session, prepared: PreparedArticle, token: Token, author: Account) -> int:
    """Publish the draft that `token` names, prepared beforehand; its version's number.

    Raises Conflict, changing nothing, when the draft has been changed since it was prepared.
    """
    article_id = prepared.article.id
    draft = session.get(ArticleDraft, article_id, with_for_update=True)
    newest = _sync(session, article_id)
    text = _text_of(prepared.article)
    if draft is None or draft.revision != token.revision or _text(draft) != text:
        raise Conflict("Somebody has changed this draft meanwhile, so it was not published. Look at it again.")
    if draft.base_version != _number(newest):
        raise EditConflict(_PUBLISHED_MEANWHILE, newest.text, Token(draft.revision, newest.number))
    session.delete(draft)
    return _publish(session, prepared, newest, author, "article_published")


def version(session: Session, article_id: str, number: int) -> Version:
    """Raises NotFound."""
    found = next((each for each in versions(session, article_id) if each.number == number), None)
    if found is None:
        raise NotFound("There is no such version.")
    return found


def restore(session: Session, prepared: PreparedArticle, number: int, author: Account) -> int:
    """Publish version `number` again, as a new version. A draft that somebody works on stays."""
    article_id = prepared.article.id
    newest = _sync(session, article_id)
    if newest.article == prepared.article and store.article(session.connection(), article_id):
        return newest.number
    return _publish(session, prepared, newest, author, "article_restored", restored=number)


def archive(session: Session, article_id: str, author: Account) -> None:
    """Take it out of the help pages and of the bot's answers; its versions stay. Raises Conflict if it is not in."""
    _sync(session, article_id)
    connection = session.connection()
    if store.article(connection, article_id) is None:
        raise Conflict("This article is not published.")
    store.withdraw(connection, article_id)
    accounts.record(session, author, "article_archived", article=article_id)


def published_article(session: Session, article_id: str) -> PublishedArticle:
    """Raises NotFound."""
    found = store.article(session.connection(), article_id)
    if found is None:
        raise NotFound("There is no such help page. It may have been renamed or taken out.")
    return found


def versions(session: Session, article_id: str) -> list[Version]:
    """All texts that were published, the newest first."""
    rows = session.scalars(
        select(ArticleVersion).where(ArticleVersion.article_id == article_id).order_by(ArticleVersion.number.desc())
    )
    known = [_version(row) for row in rows]
    imported = _not_yet_a_version(session, article_id, known[0] if known else None)
    return [imported, *known] if imported else known


def newest_version(session: Session, article_id: str) -> Version | None:
    row = session.scalar(
        select(ArticleVersion)
        .where(ArticleVersion.article_id == article_id)
        .order_by(ArticleVersion.number.desc())
        .limit(1)
    )
    known = _version(row) if row else None
    return _not_yet_a_version(session, article_id, known) or known


def in_use(session: Session, article_id: str, number: int) -> bool:
    """Whether the help pages and the bot's answers have this version."""
    live = store.article(session.connection(), article_id) is not None
    return live and _number(newest_version(session, article_id)) == number


_SAVED_MEANWHILE = "Somebody has saved this article meanwhile. Nothing is lost: both texts are here."
_PUBLISHED_MEANWHILE = "The published text has changed since this draft was begun. Both texts are here."


def _check_token(draft: ArticleDraft | None, newest: Version | None, text: Text, token: Token) -> None:
    revision = draft.revision if draft else 0
    if token.revision != revision and not (draft is not None and _text(draft) == text):
        theirs = _text(draft) if draft else newest.text
        raise EditConflict(_SAVED_MEANWHILE, theirs, Token(revision, _number(newest)))
    if token.base_version != _number(newest):
        raise EditConflict(_PUBLISHED_MEANWHILE, newest.text, Token(revision, newest.number))


def _new_draft(session: Session, article_id: str) -> ArticleDraft:
    draft = ArticleDraft(article_id=article_id, title="", body="", category="", questions=[], revision=0)
    try:
        with session.begin_nested():
            session.add(draft)
    except IntegrityError:
        raise Conflict("Somebody has begun a draft in this very moment. Save again to see it.") from None
    return draft


def _publish(
    session: Session, prepared: PreparedArticle, newest: Version | None, author: Account, what: str, **detail: int
) -> int:
    number = _number(newest) + 1
    _add_version(session, Version(number, prepared.article, author.id, now()))
    store.publish(session.connection(), prepared)
    accounts.record(session, author, what, article=prepared.article.id, version=number, **detail)
    return number


def _sync(session: Session, article_id: str) -> Version | None:
    """The newest version, written down now if an import brought it."""
    newest = newest_version(session, article_id)
    if newest is not None and session.get(ArticleVersion, (article_id, newest.number)) is None:
        _add_version(session, newest)
    return newest


def _add_version(session: Session, version: Version) -> None:
    article = version.article
    row = ArticleVersion(
        article_id=article.id,
        number=version.number,
        title=article.title,
        body=article.body,
        category=article.category,
        section=article.section,
        language=article.language,
        url=article.url,
        questions=list(article.questions),
        author_id=version.author_id,
        published_at=version.published_at,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict("Somebody else has published this article in this very moment. Look at it again.") from None


def _not_yet_a_version(session: Session, article_id: str, newest: Version | None) -> Version | None:
    """The published text, when an import brought or changed it since the newest version."""
    live = store.article(session.connection(), article_id)
    if live is None or (newest is not None and newest.article == live.article):
        return None
    return Version(_number(newest) + 1, live.article, None, live.updated_at)


def _exists(session: Session, article_id: str) -> bool:
    return session.get(ArticleDraft, article_id) is not None or newest_version(session, article_id) is not None


def _number(newest: Version | None) -> int:
    return newest.number if newest else 0


def _text(draft: ArticleDraft) -> Text:
    return Text(draft.title, draft.body, draft.category, tuple(draft.questions))


def _version(row: ArticleVersion) -> Version:
    article = Article(
        id=row.article_id,
        title=row.title,
        body=row.body,
        category=row.category,
        section=row.section,
        language=row.language,
        url=row.url,
        questions=tuple(row.questions),
    )
    return Version(row.number, article, row.author_id, row.published_at)


def _text_of(article: Article) -> Text:
    return Text(article.title, article.body, article.category, article.questions)
