"""Publishing from a request: the slow part, encoding, runs beside the transactions and never inside one."""

from anyio import to_thread

from bot.accounts.services import Account
from bot.articles import services
from bot.articles.services import Token
from bot.articles.text import Text
from bot.db import Database
from bot.errors import Invalid
from kb_index import store
from kb_index.articles import Article, ArticleError
from kb_index.encoder import Encoder
from kb_index.store import PreparedArticle


class Publisher:
    """What is published is answered from at once: every process that answers asks for the knowledge base's version."""

    def __init__(self, database: Database, encoder: Encoder) -> None:
        self._database = database
        self._encoder = encoder

    async def publish(self, article_id: str, text: Text, token: Token, author: Account) -> int:
        """Save `text` as the draft and publish it; its version's number.

        Raises EditConflict like saving does, and Invalid, with the draft saved, for what cannot be published.
        """
        saved = await self._database.write(services.save_draft, article_id, text, token, author)
        if saved.revision == 0:
            # Exactly this is published already.
            return saved.base_version
        try:
            article = await self._database.read(services.to_publish, article_id, text)
        except ArticleError as problem:
            raise _refused(problem) from problem
        return await self._database.write(services.publish, await self._prepare(article), saved, author)

    async def restore(self, article_id: str, number: int, author: Account) -> int:
        """Publish an earlier version again; the new version's number. Raises NotFound and Invalid."""
        version = await self._database.read(services.version, article_id, number)
        prepared = await self._prepare(version.article)
        return await self._database.write(services.restore, prepared, number, author)

    async def _prepare(self, article: Article) -> PreparedArticle:
        try:
            return await to_thread.run_sync(store.prepare, article, self._encoder)
        except ArticleError as problem:
            raise _refused(problem) from problem


def _refused(problem: ArticleError) -> Invalid:
    return Invalid(f"It can't be published: {problem}.", code="not_publishable")
