"""The student: MiniLM with low-rank changes that move its vectors to where the teacher's lie.

Only the changes are trained (LoRA, Hu and others, 2021) and kept; each text by itself is drawn to the teacher's vector
for it (LEAF, Vujanic and Rueckstiess, 2025), so no pairs and no labels are needed. Some texts are given to the student
with a slip of the keyboard and still drawn to the vector of what was meant.
"""

import json
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kb_index.export import PLAIN

BASE = f"sentence-transformers/{PLAIN}"
WEIGHTS = "adapter_model.safetensors"
RANK = 64
# Half of what was learned is added: between both encoders lies one that is better than either on what neither was
# taught (Wortsman and others, 2022); docs/encoder.md has the figures.
KEPT = 0.5
LEARNING_RATE = 1e-3
WARM_UP = 100  # steps
TOKENS_A_STEP, TEXTS_A_STEP = 3072, 192
TOKENS_A_TEXT = 200
SORTED_TOGETHER = 8192  # texts; near in length, they need little padding
SLIPS, SLIP_LETTERS = 0.12, 5  # the share of the short texts, and the least a word has
SHORT = 32  # tokens
# The linear layers of the transformer, not the pooler that nothing reads.
CHANGED = r".*encoder\.layer\.\d+\..*(query|key|value|dense)"
ALIGNED_ON = 6000  # texts
AT_ONCE = 64  # texts, where nothing is learned
TELL_EVERY = 60.0  # seconds


@dataclass(frozen=True)
class Lesson:
    """Texts and the teacher's unit vectors for them, float16 `(texts, teacher's dimensions)`."""

    texts: list[str]
    vectors: np.ndarray

    def wanted(self, projection: np.ndarray) -> np.ndarray:
        """Return where the student's vectors are to lie: the teacher's, projected, of length one."""
        projected = self.vectors.astype(np.float32) @ projection
        return projected / np.linalg.norm(projected, axis=1, keepdims=True)


def lessons(folder: Path) -> list[Lesson]:
    """Read what `teacher.teach` left in a folder."""
    found = sorted(each for each in folder.glob("*.npz") if each.stem.isdigit())
    return [Lesson(json.loads(each.with_suffix(".json").read_text()), np.load(each)["e"]) for each in found]


def joined(given: list[Lesson]) -> Lesson:
    """Return several lessons as one."""
    return Lesson([text for each in given for text in each.texts], np.concatenate([each.vectors for each in given]))


def slip(text: str, dice: random.Random) -> str:
    """Return the text with one slip in one of its longer words: a letter missing, doubled, or two changed places."""
    words = text.split(" ")
    long = [number for number, word in enumerate(words) if len(word) >= SLIP_LETTERS and word.isalpha()]
    if not long:
        return text
    number = dice.choice(long)
    word, at = words[number], dice.randrange(1, len(words[number]) - 1)
    words[number] = dice.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )
    return " ".join(words)


class Student:
    """A sentence-transformers model with low-rank changes that can be trained."""

    def __init__(self, source: str, seed: int, number: int = 0) -> None:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModel, AutoTokenizer

        torch.manual_seed(seed)
        self._dice = random.Random(f"{seed} {number}")
        self._tokenizer = AutoTokenizer.from_pretrained(source)
        # "sdpa" takes twice as long over short texts, most of it in its way back.
        plain = AutoModel.from_pretrained(source, attn_implementation="eager").eval()
        self.net = get_peft_model(plain, LoraConfig(r=RANK, lora_alpha=RANK, target_modules=CHANGED))
        self.net.eval()  # no dropout: the teacher's vector is as exact as it gets

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Return each text's token numbers, cut to what is trained on."""
        return self._tokenizer(texts, truncation=True, max_length=TOKENS_A_TEXT)["input_ids"]

    def go_on_from(self, folder: Path) -> None:
        """Take over the changes that `write` left in a folder."""
        import torch
        from safetensors.torch import load_file

        scale = scale_of(folder)
        own = dict(self.net.named_parameters())
        with torch.no_grad():
            for name, values in load_file(folder / WEIGHTS).items():
                own[name.replace(".weight", ".default.weight")].copy_(
                    values.float() * (scale if "lora_B" in name else 1)
                )

    def embed(self, batch: list[list[int]]):
        """Return unit vectors, a torch tensor `(texts, dimensions)`."""
        import torch
        from torch.nn.functional import normalize

        ids = torch.zeros(len(batch), max(map(len, batch)), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, each in enumerate(batch):
            ids[row, : len(each)] = torch.tensor(each)
            mask[row, : len(each)] = 1
        hidden = self.net(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weights = mask.unsqueeze(-1).float()
        return normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)

    def vectors(self, texts: list[str]) -> np.ndarray:
        """Return unit vectors, float32 `(texts, dimensions)`, without learning from it."""
        import torch

        ids = self.tokens(texts)
        by_length = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        found = np.empty((len(ids), self.net.config.hidden_size), dtype=np.float32)
        with torch.no_grad():
            for start in range(0, len(ids), AT_ONCE):
                rows = by_length[start : start + AT_ONCE]
                found[rows] = self.embed([ids[row] for row in rows]).numpy()
        return found

    def align(self, lesson: Lesson) -> np.ndarray:
        """Return the projection `(teacher's dimensions, own)` of the teacher's vectors: into as many of their
        directions as the student has, turned so that they lie as near to the student's own as they can.

        What counts are angles, which turning leaves alone; so the student starts where it is.
        """
        own, vectors = self.vectors(lesson.texts[:ALIGNED_ON]), lesson.vectors[:ALIGNED_ON].astype(np.float32)
        directions = np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1][:, : own.shape[1]]
        left, _, right = np.linalg.svd((vectors @ directions).T @ own)
        return (directions @ (left @ right)).astype(np.float32)

    def batches(self, given: list[Lesson], projection: np.ndarray) -> Iterator[tuple[list[list[int]], np.ndarray]]:
        """Yield token numbers of texts of like length and their wanted unit vectors, in ever new order."""
        wanted = np.concatenate([each.wanted(projection) for each in given])
        texts = [text for each in given for text in each.texts]
        clean = self.tokens(texts)
        while True:
            order = list(range(len(texts)))
            self._dice.shuffle(order)
            found = []
            for start in range(0, len(order), SORTED_TOGETHER):
                found += _parted(sorted(order[start : start + SORTED_TOGETHER], key=lambda row: len(clean[row])), clean)
            self._dice.shuffle(found)
            for rows in found:
                yield [self.seen(texts[row], clean[row]) for row in rows], wanted[rows]

    def seen(self, text: str, clean: list[int]) -> list[int]:
        """Return a text's tokens as it is shown: now and then a short one has a slip."""
        if len(clean) > SHORT or self._dice.random() >= SLIPS:
            return clean
        return self.tokens([slip(text, self._dice)])[0]


def _parted(rows: list[int], tokens: list[list[int]]) -> list[list[int]]:
    parts: list[list[int]] = []
    for row in rows:
        if not parts or len(parts[-1]) == TEXTS_A_STEP or (len(parts[-1]) + 1) * len(tokens[row]) > TOKENS_A_STEP:
            parts.append([])
        parts[-1].append(row)
    return parts


def train(
    student: Student,
    given: list[Lesson],
    most: int,
    held: int,
    say=print,
    beside: "Beside | None" = None,
    projection: np.ndarray | None = None,
) -> dict[str, float]:
    """Train on `most` texts, some of them seen more than once; return the cosines to the teacher before and after.

    The cosines are those of the first lesson's last `held` texts; nothing of that lesson is trained on.
    `beside` is what other processes, that train the same student on other texts, are heard through; `projection` is
    `student.align` of the first lesson where it is known.
    """
    if projection is None:
        projection = student.align(given[0])
    aside = Lesson(given[0].texts[-held:], given[0].vectors[-held:])
    before, seen, losses, told = cosine(student, aside, projection), 0.0, [], time.monotonic()
    say(f"cosine to the teacher before: {before:.4f}")
    steps = Steps(student, beside)
    for texts, wanted in student.batches(given[1:], projection):
        if seen >= most:
            break
        loss = lag(student.embed(texts), wanted)
        loss.backward()
        seen += steps.take(len(texts), seen / most)
        losses.append(float(loss.detach()))
        if time.monotonic() - told > TELL_EVERY:
            told = time.monotonic()
            say(f"{seen:.0f} of {most} texts, loss {np.mean(losses[-200:]):.4f}")
    steps.finish()
    return {"before": round(before, 4), "after": round(cosine(student, aside, projection), 4)}


def lag(found, wanted: np.ndarray):
    """Return how far unit vectors are from where they are to lie, 1 less the mean cosine, as a torch tensor."""
    import torch

    return (1 - (found * torch.from_numpy(wanted)).sum(1)).mean()


class Steps:
    """AdamW on a student in half precision: half of the time, and exact enough but for the sum of many small steps,
    which is kept in full."""

    def __init__(self, student: Student, beside: "Beside | None", rate: float = LEARNING_RATE) -> None:
        import torch

        self._student, self._beside, self._taken, self._rate = student, beside, 0, rate
        student.net.to(torch.bfloat16)
        self._weights = [each for each in student.net.parameters() if each.requires_grad]
        self._exact = [each.detach().float().clone().requires_grad_() for each in self._weights]
        self._optimizer = torch.optim.AdamW(self._exact, lr=rate, weight_decay=0.01, betas=(0.9, 0.98))

    def take(self, texts: int, done: float) -> float:
        """Go one step along the slopes that lie at the weights; return how many texts all processes took it on.

        `done`, from 0 to 1, says how far the training is: the steps grow for a while, then shrink to nothing.
        """
        import torch

        self._taken += 1
        rate = self._rate * min(1.0, self._taken / WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        slopes = torch.cat([each.grad.float().flatten() for each in self._weights] + [torch.tensor([float(texts)])])
        if self._beside:
            slopes = self._beside.summed(slopes)
        for kept, slope in zip(self._exact, slopes[:-1].split([each.numel() for each in self._exact]), strict=True):
            kept.grad = slope.view_as(kept) / (self._beside.processes if self._beside else 1)
        torch.nn.utils.clip_grad_norm_(self._exact, 1.0)
        self._optimizer.step()
        self._put_back()
        return float(slopes[-1])

    def finish(self) -> None:
        """Give the student its weights in full precision."""
        self._student.net.float()
        self._put_back()

    def _put_back(self) -> None:
        for each, kept in zip(self._weights, self._exact, strict=True):
            each.data.copy_(kept.data)
            each.grad = None


class Beside:
    """Processes that train the same student, each on texts of its own, and add up what they learnt at each step.

    Two processes of one thread do half as much again as one of two threads.
    """

    def __init__(self, number: int, processes: int, meeting: Path) -> None:
        from torch import distributed

        distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=number, world_size=processes)
        self.processes = processes

    def summed(self, values):
        """Return the sum of all processes' tensors."""
        from torch import distributed

        distributed.all_reduce(values)
        return values


def cosine(student: Student, aside: Lesson, projection: np.ndarray) -> float:
    """Return the mean cosine of the student's vectors to the teacher's."""
    return float((student.vectors(aside.texts) * aside.wanted(projection)).sum(axis=1).mean())


def write(student: Student, folder: Path, kept: float, state: dict | None = None) -> None:
    """Write changes in PEFT's format, half precision, to be added by the share `kept`; the student's, or `state`."""
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    described = student.net.peft_config["default"]
    described.lora_alpha = round(RANK * kept)
    described.base_model_name_or_path = BASE
    described.save_pretrained(folder)
    halves = {
        name: values.half().contiguous() for name, values in (state or get_peft_model_state_dict(student.net)).items()
    }
    save_file(halves, folder / WEIGHTS)


def scale_of(folder: Path) -> float:
    """Return by what an adapter's changes are multiplied when they are added."""
    described = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    return described["lora_alpha"] / described["r"]
