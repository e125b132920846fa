"""Reads the labelled examples that noticing is fitted on and measured with."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What a label of `data/escalation` is as a chance that a reader would call the customer frustrated.
MOODS = {"frustrated": 1.0, "disappointed": 0.6, "neutral": 0.05, "satisfied": 0.0}
LONGEST_LINE = 1_000_000


class ExampleError(ValueError):
    """A file that cannot be used, with the line that says so."""


@dataclass(frozen=True)
class Line:
    """A turn as a file has it; `label` is a mood's chance or a satisfaction from 1 to 5, None where there is none."""

    by_customer: bool
    text: str
    label: float | None


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield every line's number and object. Raises `ExampleError` for a line that is none."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                if len(line) > LONGEST_LINE:
                    raise ExampleError(f"{path}, line {number}: longer than {LONGEST_LINE:,} characters")
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError) as error:
                    raise ExampleError(f"{path}, line {number}: no JSON: {error}") from None
                if not isinstance(row, dict):
                    raise ExampleError(f"{path}, line {number}: an object is wanted, with `turns` or `text`")
                yield number, row
    except (OSError, UnicodeDecodeError) as error:
        raise ExampleError(f"{path} cannot be read: {error}") from None


def dialogues(path: Path, label: str) -> list[list[Line]]:
    """Read `{"turns": [{"speaker", "text", label}]}` a line, `label` being `mood` or `satisfaction`, on some turns.

    Raises `ExampleError` with the line's number for one that is not so.
    """
    found = []
    for number, row in rows(path):
        turns = row.get("turns")
        if not isinstance(turns, list) or not turns:
            raise ExampleError(f"{path}, line {number}: `turns` is a list of one turn or more")
        try:
            found.append([_line(turn, label) for turn in turns])
        except ExampleError as error:
            raise ExampleError(f"{path}, line {number}: {error}") from None
    if not found:
        raise ExampleError(f"{path}: no dialogues")
    return found


def _line(turn: Any, label: str) -> Line:
    if not isinstance(turn, dict) or turn.get("speaker") not in ("customer", "assistant"):
        raise ExampleError('a turn has a `speaker`, "customer" or "assistant"')
    if not isinstance(turn.get("text"), str):
        raise ExampleError("a turn's `text` is a string")
    given = turn.get(label)
    if given is None:
        return Line(turn["speaker"] == "customer", turn["text"], None)
    read = mood_chance if label == "mood" else _satisfaction
    return Line(turn["speaker"] == "customer", turn["text"], read(given))


def mood_chance(given: Any) -> float:
    """Return a mood's chance; raises `ExampleError` for another word."""
    if not isinstance(given, str) or given not in MOODS:
        raise ExampleError(f"a `mood` is one of {', '.join(MOODS)}")
    return MOODS[given]


def _satisfaction(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 1 <= given <= 5:
        raise ExampleError("a `satisfaction` is a number from 1 to 5")
    return float(given)


def labelled_texts(path: Path) -> list[tuple[str, bool]]:
    """Read a CSV with the columns `text` and `wants_human` (0 or 1); `ExampleError` names a bad line."""
    found = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not {"text", "wants_human"} <= set(reader.fieldnames or ()):
                raise ExampleError(f"{path}, line 1: the columns `text` and `wants_human` are wanted")
            for row in reader:
                if row["wants_human"] not in ("0", "1") or row["text"] is None:
                    raise ExampleError(f"{path}, line {reader.line_num}: `wants_human` is 0 or 1")
                found.append((row["text"], row["wants_human"] == "1"))
    except csv.Error as error:
        raise ExampleError(f"{path}, line {reader.reader.line_num}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ExampleError(f"{path} cannot be read: {error}") from None
    if not found:
        raise ExampleError(f"{path}: no texts")
    return found
