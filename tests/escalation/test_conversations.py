"""The labelled conversations that hand-over is measured with keep their form."""

from bot.escalation.examples import rows
from kb_index.settings import ROOT

REASONS = {"asked_for_person", "unresolved", "frustrated", "complaint"}
DONE = {"answered", "found_nothing", "not_understood", "asked", "looked_up"}
FOLDER = ROOT / "data" / "escalation"
FILES = [[row for _, row in rows(path)] for path in sorted(FOLDER.glob("conversations*.jsonl"))]
CONVERSATIONS = [row for each in FILES for row in each]


def test_there_are_enough_and_a_third_should_be_handed_over():
    for each in FILES:
        wanted = sum(row["hand_over"] is not None for row in each)
        assert len(each) >= 60
        assert abs(wanted / len(each) - 1 / 3) < 0.05
    assert len({row["id"] for row in CONVERSATIONS}) == len(CONVERSATIONS)


def test_a_label_names_a_turn_of_the_customer():
    for row in CONVERSATIONS:
        for turn in row["turns"]:
            assert turn["text"].strip() and turn["speaker"] in ("customer", "assistant"), row["id"]
            assert turn["speaker"] == "customer" or turn["did"] in DONE, row["id"]
        if row["hand_over"]:
            assert row["turns"][row["hand_over"]["turn"]]["speaker"] == "customer", row["id"]
            assert row["hand_over"]["reason"] in REASONS, row["id"]


def test_nothing_is_fitted_on_what_is_measured():
    measured = {turn["text"].lower() for row in CONVERSATIONS for turn in row["turns"] if turn["speaker"] == "customer"}
    fitted_on = set()
    for name in ("turns", "asides", "person", "dialogues"):
        for _, row in rows(FOLDER / f"{name}.jsonl"):
            fitted_on |= {turn["text"].lower() for turn in row.get("turns", [row])}
    assert not {text for text in measured & fitted_on if len(text.split()) > 5}
