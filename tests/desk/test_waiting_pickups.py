"""How long free places stand free, from what agents did."""

from bot.desk.waiting_pickups import LONGEST_PICKUP_S, Chat, pickups

HOUR = 3600.0


def test_who_had_no_room_was_not_slow():
    chats = [Chat("mia", 0, 0, 600), Chat("mia", 60, 620, 900)]
    assert pickups(chats, {"mia": 1}) == {0: 0.0, 1: 20.0}


def test_who_had_room_all_the_time_was_although_other_chats_ended():
    chats = [Chat("mia", 0, 0, 400), Chat("mia", 0, 10, 900), Chat("mia", 60, 660, 1000)]
    assert pickups(chats, {"mia": 8})[2] == 600.0
    assert pickups(chats, {"mia": 2})[2] == 260.0
    assert pickups(chats, {})[2] == 260.0, "of who is not on duty, the most that they had counts"


def test_a_night_without_agents_is_no_pickup_and_neither_is_it_for_those_taken_after_the_first():
    before = Chat("mia", 0, 0, 600)
    night = [Chat("mia", 2 * HOUR + each, 12 * HOUR + 30 * each, 13 * HOUR) for each in range(4)]
    found = pickups([before, *night], {"mia": 8})
    assert 1 not in found
    assert [found[number] for number in (2, 3, 4)] == [30.0, 60.0, 90.0]


def test_a_quiet_shop_still_says_something():
    chats = [Chat("mia", 0, 0, 600), Chat("mia", 5 * HOUR, 5 * HOUR + 180, 6 * HOUR)]
    assert pickups(chats, {"mia": 2})[1] == 180.0


def test_who_had_left_says_nothing_and_nothing_counts_without_bound():
    chats = [Chat("mia", 0, 0, None), Chat("mia", 0, 3 * HOUR, None, passed_over=True), Chat("mia", 1, 9 * HOUR, None)]
    assert pickups(chats, {"mia": 8}) == {0: 0.0, 2: LONGEST_PICKUP_S}


def test_a_clock_that_was_set_back_does_no_harm():
    assert pickups([Chat("mia", 100, 50, 20)], {"mia": 1}) == {0: 0.0}
