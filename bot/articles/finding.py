"""What the search of the help pages finds: articles by their meaning, as the assistant finds them."""

from dataclasses import dataclass

from anyio import to_thread

from kb_index.readable import readable
from kb_index.search import Hit, KnowledgeBase

SHOWN = 5
# Below it an article is named only where nothing better is, and as a guess.
LEAST = 0.05
GUESSES = 3


@dataclass(frozen=True)
class Result:
    """An article, and the words of it that are nearest to what was looked for; `excerpt` is plain text with lines."""

    address: str
    title: str
    category: str
    section: str
    excerpt: str


@dataclass(frozen=True)
class Results:
    """The likeliest first; `guessed` where none is likely. `understood` is what was typed with slips corrected."""

    results: tuple[Result, ...] = ()
    guessed: bool = False
    understood: str = ""


@dataclass(frozen=True)
class Finder:
    """`likely` is the least probability that the first one has to have."""

    knowledge: KnowledgeBase
    likely: float

    async def find(self, words: str) -> Results:
        """Search in a thread; raises what the database raises."""
        return await to_thread.run_sync(self._find, words)

    def _find(self, words: str) -> Results:
        self.knowledge.refresh()
        hits = self.knowledge.search(words, limit=SHOWN)
        guessed = not hits or hits[0].score < self.likely
        shown = hits[:GUESSES] if guessed else [each for each in hits if each.score >= LEAST]
        understood = hits[0].understood if hits else ""
        return Results(tuple(map(_result, shown)), guessed, understood)


def _result(hit: Hit) -> Result:
    quote = hit.quote()
    anchor = f"#{quote.anchor}" if quote.anchor else ""
    # Three lines are shown: none of them may be empty.
    excerpt = readable(quote.excerpt).replace("\n\n", "\n")
    return Result(f"/help/{hit.article_id}{anchor}", hit.title, hit.category, quote.section, excerpt)
