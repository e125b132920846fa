"""The second lesson: which article answers a message, told from its neighbours.

Two topics at a time, each a dozen articles that are easily mistaken for one another, with two messages to each: the
student's likenesses are drawn to the labels and, a little, to the teacher's (InfoNCE, van den Oord and others, 2018,
with the teacher's softmax as part of the target). What it learned first holds it: all of these texts, and others of the
first lesson, are still drawn to their places.
"""

import random
import time
from pathlib import Path

import numpy as np

from kb_index.distillation.student import RANK, TELL_EVERY, WEIGHTS, Beside, Lesson, Steps, Student, lag, scale_of
from kb_index.distillation.written import Written

PASSES = 14
# As with the first lesson, what lies between before and after is best on what neither was taught (docs/encoder.md).
KEPT = 0.7
RUNS = 2  # whose mean is better than either
TOPICS_A_STEP = 2
LEARNING_RATE = 4e-4
TEMPERATURE = 0.05
LABELS = 0.7  # of the target; the rest is the teacher's
TO_ARTICLE, TO_MESSAGE, TOGETHER, TO_PLACE = 1.0, 0.5, 0.5, 1.5  # what the parts of the loss weigh
UNTITLED = 0.6  # the share of answers that are read without their title
OTHERS_A_STEP = 40  # texts of the first lesson


class Matching:
    """What is taught from: articles by their topics, `lesson` with all of their texts, `others` of the first lesson.

    `seed` is another one in each process, so that each takes other topics.
    """

    def __init__(
        self,
        topics: list[list[Written]],
        lesson: Lesson,
        others: list[Lesson],
        projection: np.ndarray,
        student: Student,
        seed: str,
    ) -> None:
        self.student, self.topics, self._dice = student, topics, random.Random(seed)
        self._teacher = dict(zip(lesson.texts, lesson.vectors.astype(np.float32), strict=True))
        self._places = dict(zip(lesson.texts, lesson.wanted(projection), strict=True))
        self._tokens = dict(zip(lesson.texts, student.tokens(lesson.texts), strict=True))
        self._others = [text for each in others for text in each.texts]
        self._their_places = np.concatenate([each.wanted(projection) for each in others])

    def loss(self):
        """Return the loss over some topics and some other texts: a torch tensor."""
        chosen = self._dice.sample(self.topics, min(TOPICS_A_STEP, len(self.topics)))
        return self._matched([article for topic in chosen for article in topic]) + TO_PLACE * self._held()

    def _held(self):
        rows = self._dice.sample(range(len(self._others)), min(OTHERS_A_STEP, len(self._others)))
        found = self.student.embed(self.student.tokens([self._others[row] for row in rows]))
        return lag(found, self._their_places[rows])

    def _matched(self, articles: list[Written]):
        import torch

        messages, owners, answers = self._chosen(articles)
        texts = [*messages, *answers]
        found = self._embedded(texts)
        mine, theirs = found[: len(messages)], found[len(messages) :]
        taught = torch.from_numpy(np.stack([self._teacher[text] for text in texts]))
        right = torch.nn.functional.one_hot(torch.tensor(owners), len(articles)).float()
        likeness = mine @ theirs.T / TEMPERATURE
        teachers = taught[: len(messages)] @ taught[len(messages) :].T / TEMPERATURE
        same = (right @ right.T).fill_diagonal_(0)
        among = (mine @ mine.T / TEMPERATURE).fill_diagonal_(-1e4)
        return (
            TO_ARTICLE * _off(likeness, right, teachers)
            + TO_MESSAGE * _off(likeness.T, right.T, teachers.T)
            + TOGETHER * _off(among[same.sum(1) > 0], same[same.sum(1) > 0])
            + TO_PLACE * lag(found, np.stack([self._places[text] for text in texts]))
        )

    def _chosen(self, articles: list[Written]) -> tuple[list[str], list[int], list[str]]:
        pairs = [(self._dice.choice(each.questions), number) for number, each in enumerate(articles)]
        pairs += [
            (self._dice.choice([*each.questions[:2], each.title]), number) for number, each in enumerate(articles)
        ]
        pairs = list(dict.fromkeys(pairs))
        answers = [each.answer if self._dice.random() < UNTITLED else each.titled for each in articles]
        return [text for text, _ in pairs], [number for _, number in pairs], answers

    def _embedded(self, texts: list[str]):
        """Embed texts of like length together, so that they need little padding."""
        import torch

        tokens = [self.student.seen(text, self._tokens[text]) for text in texts]
        order = sorted(range(len(texts)), key=lambda row: len(tokens[row]))
        parts = [part for part in np.array_split(order, 3) if len(part)]
        found = torch.cat([self.student.embed([tokens[row] for row in part]) for part in parts])
        return found[torch.tensor(np.argsort(order))]


def _off(likeness, right, teachers=None):
    """Return the mean cross entropy of rows of likenesses to those that are right, mixed with the teacher's softmax."""
    wanted = right / right.sum(1, keepdim=True).clamp(min=1)
    if teachers is not None:
        wanted = LABELS * wanted + (1 - LABELS) * teachers.softmax(1)
    return -(wanted * likeness.log_softmax(1)).sum(1).mean()


def train(matching: Matching, say=print, beside: Beside | None = None) -> None:
    """Teach the student which message belongs to which article."""
    steps, losses, told = Steps(matching.student, beside, LEARNING_RATE), [], time.monotonic()
    whole = int(PASSES * len(matching.topics) / TOPICS_A_STEP / (beside.processes if beside else 1))
    for number in range(whole):
        loss = matching.loss()
        loss.backward()
        steps.take(1, number / whole)
        losses.append(float(loss.detach()))
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            say(f"step {number} of {whole}, loss {np.mean(losses[-40:]):.3f}")
    steps.finish()


def blended(first: Path, seconds: list[Path], share: float) -> dict:
    """Return low-rank changes that are by `share` the mean of the second adapters' and else the first's.

    They have the names that PEFT gives them. The rank of their sum is larger: the nearest of the usual rank is taken.
    """
    import torch
    from safetensors.torch import load_file

    parts = [1 - share, *[share / len(seconds)] * len(seconds)]
    sides = [(load_file(each / WEIGHTS), scale_of(each)) for each in (first, *seconds)]
    found = {}
    for name in sides[0][0]:
        if "lora_A" not in name:
            continue
        other = name.replace("lora_A", "lora_B")
        whole = sum(
            part * scale * state[other].float() @ state[name].float()
            for part, (state, scale) in zip(parts, sides, strict=True)
        )
        left, values, right = torch.linalg.svd(whole, full_matrices=False)
        root, kept = values[:RANK].sqrt(), min(RANK, len(values))
        found[other], found[name] = torch.zeros(len(left), RANK), torch.zeros(RANK, right.shape[1])
        found[other][:, :kept], found[name][:kept] = left[:, :RANK] * root, root[:, None] * right[:RANK]
    return found
