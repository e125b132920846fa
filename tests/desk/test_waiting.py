"""What a customer is told about the wait: never nonsense, whatever the queue, the history or the clock."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.desk.waiting import MOST_AHEAD, Queue, Wait, estimate, estimates, in_english, phrase
from bot.desk.waiting_history import LONGEST_S, Rates, Served, Waited, learn
from kb_index.settings import ROOT

NOW = 1_800_000_000.0
EMPTY = learn([], [], now=NOW)

durations = st.floats(0, 5 * 3600)
served = st.lists(st.builds(Served, st.floats(NOW - 86400, NOW + 3600), durations), max_size=40)
waited = st.lists(st.builds(Waited, st.floats(NOW - 86400, NOW + 3600), durations, st.booleans()), max_size=40)
rates = st.builds(
    lambda chats, waits, going: learn(chats, waits, in_progress_s=going, now=NOW),
    served,
    waited,
    st.lists(durations, max_size=10),
)
queues = st.builds(
    lambda ahead, chats, free: Queue(sorted(ahead, reverse=True), chats, free),
    st.lists(durations, max_size=120), st.lists(durations, max_size=40), st.integers(0, 4),
)  # fmt: skip


def chats_of(length: float, many: int = 60, *, every: float = 60.0, until: float = NOW) -> list[Served]:
    return [Served(until - every * (many - number), length) for number in range(many)]


def in_queue(position: int, agents: int = 4) -> Queue:
    return Queue([60.0 * (position - 1 - number) for number in range(position - 1)], [120.0] * agents)


@settings(max_examples=300, deadline=None)
@given(queues, rates)
def test_low_is_below_high_and_the_estimate_lies_between(queue, known):
    wait = estimate(queue, known)
    assert wait.position == len(queue.ahead_s) + 1
    if wait.reason:
        assert wait.expected_s is None and wait.low_min is None and wait.high_min is None
    else:
        assert 0 <= wait.low_min < wait.high_min
        assert wait.low_min * 60 <= wait.expected_s <= wait.high_min * 60
    assert in_english(wait)


@settings(max_examples=300, deadline=None)
@given(queues, rates)
def test_who_stands_further_back_is_never_promised_less(queue, known):
    before = Wait(0, 0.0, 0, 1)
    for number, wait in enumerate(estimates(queue, known)):
        assert wait.position == number + 1
        if wait.reason:
            assert wait.reason == "too_long" or not (queue.chats_s or queue.free)
            continue
        assert not before.reason
        assert wait.expected_s >= before.expected_s
        assert wait.low_min >= before.low_min and wait.high_min >= before.high_min
        before = wait


@settings(max_examples=100, deadline=None)
@given(queues, rates, st.integers(0, 120))
def test_who_joins_behind_changes_nothing_for_those_before(queue, known, place):
    place = min(place, len(queue.ahead_s))
    alone = estimate(Queue(queue.ahead_s[:place], queue.chats_s, queue.free), known)
    assert estimates(queue, known)[place] == alone


def test_nothing_is_promised_when_nobody_is_on_duty():
    wait = estimate(Queue([300.0, 10.0], []), EMPTY)
    assert wait == Wait(3, reason="nobody_on_duty")
    assert phrase(wait) == ("nobody_on_duty", {"position": 3})


def test_who_finds_a_free_place_is_told_less_than_a_minute():
    wait = estimate(Queue([5.0], [60.0], free=2), EMPTY)
    assert (wait.low_min, wait.high_min) == (0, 1)
    assert phrase(wait) == ("under_a_minute", {"position": 2})


def test_free_places_are_taken_by_those_ahead_first():
    with_free = estimate(Queue([5.0, 4.0, 3.0], [60.0] * 4, free=2), EMPTY)
    without = estimate(Queue([5.0, 4.0, 3.0], [60.0] * 4), EMPTY)
    assert 0 < with_free.expected_s < without.expected_s


def test_an_empty_history_gives_a_wide_range_around_chats_of_eight_minutes():
    wait = estimate(in_queue(5), EMPTY)
    assert 4 < wait.expected_s / 60 < 12
    known = learn(chats_of(480.0), [], now=NOW)
    narrower = estimate(in_queue(5), known)
    assert wait.high_min - wait.low_min > narrower.high_min - narrower.low_min


def test_one_odd_chat_moves_the_estimate_little():
    before = estimate(in_queue(5), EMPTY).expected_s
    for odd in (1.0, 3600.0):
        after = estimate(in_queue(5), learn([Served(NOW, odd)], [], now=NOW)).expected_s
        assert before / 2.2 < after < before * 2.2


def test_the_estimate_follows_how_long_chats_take():
    short, long = (learn(chats_of(length), [], now=NOW) for length in (200.0, 1000.0))
    assert short.mean_s == pytest.approx(200, rel=0.35) and long.mean_s == pytest.approx(1000, rel=0.35)
    assert estimate(in_queue(8), long).expected_s > 3 * estimate(in_queue(8), short).expected_s


def test_what_happened_lately_counts_more_than_what_happened_this_morning():
    morning, lately = chats_of(300.0, until=NOW - 6 * 3600), chats_of(900.0, 20)
    assert learn(morning + lately, [], now=NOW).mean_s > 600


def test_chats_that_do_not_end_lengthen_the_estimate_before_any_has_ended():
    history = chats_of(300.0, until=NOW - 1800)
    usual = learn(history, [], in_progress_s=[60.0] * 8, now=NOW)
    stuck = learn(history, [], in_progress_s=[1700.0] * 8, now=NOW)
    assert stuck.mean_s > 1.5 * usual.mean_s


def test_a_chat_left_open_over_night_does_not_swallow_the_estimate():
    history = chats_of(400.0)
    known = learn([*history, Served(NOW, 14 * 3600.0)], [], now=NOW)
    assert known.mean_s < 2 * learn(history, [], now=NOW).mean_s


def test_where_people_give_up_the_wait_is_shorter_and_who_waited_long_is_expected_to_stay():
    waits = [Waited(NOW - number, 40.0, True) for number in range(60)]
    waits += [Waited(NOW - number, 1200.0, False) for number in range(40)]
    known = learn(chats_of(480.0), waits, now=NOW)
    assert known.hazard[2] > 5 * known.hazard[6]
    fresh, proven = (estimate(Queue([wait] * 10, [120.0] * 4), known) for wait in (0.0, 600.0))
    staying = learn(chats_of(480.0), [Waited(NOW - number, 600.0, False) for number in range(100)], now=NOW)
    assert fresh.expected_s < 0.8 * proven.expected_s
    assert fresh.expected_s < 0.8 * estimate(Queue([0.0] * 10, [120.0] * 4), staying).expected_s


def test_more_agents_mean_a_shorter_wait():
    waits = [estimate(in_queue(9, agents), EMPTY).expected_s for agents in (1, 2, 5, 20)]
    assert waits == sorted(waits, reverse=True) and len(set(waits)) == 4


def test_a_clock_that_is_set_back_changes_what_is_learned_little():
    history, waits = chats_of(600.0), [Waited(NOW - 60 * number, 200.0, number % 3 == 0) for number in range(50)]
    right = learn(history, waits, in_progress_s=[100.0] * 4, now=NOW)
    back = learn(history, waits, in_progress_s=[-7000.0] * 4, now=NOW - 7200)
    assert back.mean_s == pytest.approx(right.mean_s, rel=0.3)
    assert back.hazard == right.hazard
    wait = estimate(Queue([-7000.0, -7100.0], [-6900.0] * 4), back)
    assert wait.reason is None and 0 <= wait.low_min < wait.high_min


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, -1e300, 1e300])
def test_numbers_that_are_none_do_no_harm(odd):
    history = [*chats_of(480.0, 5), Served(odd, 100.0), Served(NOW, odd)]
    known = learn(history, [Waited(NOW, odd, True), Waited(odd, 5.0, False)], in_progress_s=[odd, 60.0], now=NOW)
    assert 1 <= known.mean_s <= LONGEST_S and all(math.isfinite(each) and each > 0 for each in known.hazard)
    wait = estimate(Queue([odd, 60.0], [odd, 60.0]), known)
    assert wait.reason is None and math.isfinite(wait.expected_s)


def test_a_queue_too_long_to_say_is_said_to_be():
    *_, last, wait = estimates(in_queue(MOST_AHEAD + 2, 2), EMPTY)
    assert last.reason is None
    assert wait.reason == "too_long" and wait.position == MOST_AHEAD + 2
    assert phrase(wait)[0] == "too_long"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 1, "less than a minute"),
        (0, 4, "less than 4 minutes"),
        (4, 9, "4 to 9 minutes"),
        (1, 2, "1 to 2 minutes"),
    ],
)
def test_the_range_is_said_in_whole_minutes(low, high, said):
    assert said in in_english(Wait(3, 100.0, low, high))


def test_half_of_all_simulated_waits_are_longer_than_expected_and_the_range_holds_most():
    """Known rates, nobody leaves: the plain queue played 400 times by drawing every chat's length."""
    chance, known = np.random.default_rng(3), Rates(600.0, 0.8, 1e6, (0.0,), (1e-9,))
    going = [30.0, 200.0, 500.0, 1500.0]
    played = []
    for _ in range(400):
        ends = []
        for age in going:
            while (length := chance.lognormal(known.mu, known.sigma)) < age:
                pass
            ends.append(length - age)
        for _ in range(7):
            first = ends.index(min(ends))
            ends[first] += chance.lognormal(known.mu, known.sigma)
        played.append(min(ends))
    wait = estimate(Queue([0.0] * 7, going), known)
    shorter = np.mean(np.array(played) < wait.expected_s)
    held = np.mean([wait.low_min * 60 <= each <= wait.high_min * 60 for each in played])
    assert 0.42 < shorter < 0.58
    assert 0.8 < held < 0.97


def test_the_benchmark_runs_and_reports_what_it_promises():
    command = [sys.executable, "-m", "benchmarks.wait", "--seeds", "1", "--days", "1", "--team", "2x2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert set(said["ours"]) == {"mae_ratio_to_oracle", "mse_ratio_to_les", "coverage"}
    assert {"busy", "changing", "abandoning"} <= set(said["scenarios"])
    assert all(each["mae_oracle"] > 0 and 0 <= each["coverage"] <= 1 for each in said["scenarios"].values())


def test_a_history_that_is_cut_off_does_not_make_chats_look_longer():
    """A busy desk: only the newest records are kept, and of the chats before them only the long ones would be left."""
    chance = np.random.default_rng(5)
    begun = np.sort(NOW - chance.uniform(0, 4000, 4000))
    length = chance.lognormal(np.log(480) - 0.32, 0.8, 4000)
    ended = sorted((start + lasts, lasts) for start, lasts in zip(begun, length, strict=True) if start + lasts <= NOW)
    going = [NOW - start for start, lasts in zip(begun, length, strict=True) if start + lasts > NOW]
    known = learn([Served(*each) for each in ended], [], in_progress_s=going, now=NOW)
    assert known.mean_s == pytest.approx(480, rel=0.08)
