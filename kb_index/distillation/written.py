"""Articles and messages that were written to teach with (`data/teaching`): what each message is answered by."""

import json
from dataclasses import dataclass
from pathlib import Path

from kb_index.settings import ROOT

WRITTEN = ROOT / "data" / "teaching"


class WrittenError(Exception):
    """A file of written articles that cannot be read; says which line."""


@dataclass(frozen=True)
class Written:
    """An article with messages of people whom it helps; of one `topic` are those that are easily mistaken for it."""

    topic: str
    title: str
    answer: str
    questions: tuple[str, ...]

    @property
    def titled(self) -> str:
        """The answer behind its title, as a passage of an article is encoded."""
        return f"{self.title}: {self.answer}"

    @property
    def texts(self) -> list[str]:
        """Everything of it that is ever encoded."""
        return [self.answer, self.titled, self.title, *self.questions]


def read(folder: Path) -> list[list[Written]]:
    """Return the articles of each file's topics, in their order. Raises `WrittenError`."""
    topics: dict[tuple[str, str], list[Written]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                row = json.loads(line)
                found = Written(row["topic"], row["title"], row["answer"], tuple(row["questions"]))
            except (ValueError, KeyError, TypeError) as error:
                raise WrittenError(f"{path.name}, line {number}: {error!r}") from None
            if not found.questions or not all(isinstance(text, str) and text.strip() for text in found.texts):
                raise WrittenError(f"{path.name}, line {number}: a title, an answer and questions are needed")
            topics.setdefault((path.stem, found.topic), []).append(found)
    if not topics:
        raise WrittenError(f"no articles in {folder}")
    return list(topics.values())
