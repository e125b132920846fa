"""What is masked in a text, and what is not."""

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_97_10

from bot.conversations.masking import CARD, CARD_CODE, DOTS, IBAN, PASSWORD, masked, masked_cards

GAPS = ("", " ", "  ", "-", ".", "/", " - ", "\n", "\t", "\u00a0", "\u2009", "\u200b", "\u2013", "_", "|")
# Issuers' prefixes with the lengths of their numbers.
ISSUERS = [("4", 16), ("4", 19), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15), ("36", 14)]
ISSUERS += [("3528", 16), ("6011", 16), ("62", 19), ("50", 16)]


@st.composite
def cards(draw: st.DrawFn) -> str:
    prefix, length = draw(st.sampled_from(ISSUERS))
    rest = draw(st.text("0123456789", min_size=length - len(prefix) - 1, max_size=length - len(prefix) - 1))
    number = prefix + rest + luhn.calc_check_digit(prefix + rest)
    # Where a shorter number is right too, nobody can tell the rest from the code behind it.
    assume(not any(luhn.is_valid(number[:length]) for length in range(16, length)))
    return number


@st.composite
def spaced(draw: st.DrawFn, numbers: st.SearchStrategy[str]) -> tuple[str, str]:
    """A number, and the same with gaps anywhere in it."""
    number = draw(numbers)
    gaps = draw(st.lists(st.sampled_from(GAPS), min_size=len(number) - 1, max_size=len(number) - 1))
    return number, "".join(digit + gap for digit, gap in zip(number, [*gaps, ""], strict=True))


@st.composite
def ibans(draw: st.DrawFn) -> str:
    country, letters, length = draw(st.sampled_from([("DE", 0, 18), ("IE", 4, 14), ("ES", 0, 20), ("GB", 4, 14)]))
    bank = draw(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=letters, max_size=letters))
    account = bank + draw(st.text("0123456789", min_size=length, max_size=length))
    return country + mod_97_10.calc_check_digits(account + country) + account


words = st.sampled_from(["", "my card is ", "please charge: ", "(", "here you go\n", "Kartennummer "])


@given(words, spaced(cards()), st.sampled_from(["", ".", " thanks!", ", is that right?", ")"]))
def test_a_card_number_in_any_spacing_leaves_its_last_four_digits(before, card, after):
    number, typed = card
    assert masked(before + typed + after).text == f"{before}{DOTS} {number[-4:]}{after}"


@given(spaced(cards()), spaced(cards()))
def test_two_card_numbers_are_both_masked(first, second):
    text = f"not {first[1]} but {second[1]}"
    assert masked(text).text == f"not {DOTS} {first[0][-4:]} but {DOTS} {second[0][-4:]}"


@given(cards(), st.integers(0, 9))
def test_a_number_that_fails_the_check_is_left_alone(card, digit):
    wrong = card[:-1] + str(digit)
    assert (masked(wrong).found == ()) == (wrong != card)


@given(spaced(ibans()), st.booleans())
def test_an_iban_with_right_check_digits_leaves_its_country(number, small):
    typed = number[1].lower() if small else number[1]
    assert masked(f"refund to {typed}, please").text == f"refund to {number[0][:2]}{DOTS}, please"
    assert masked(f"{typed} is mine").text == f"{number[0][:2]}{DOTS} is mine"


@given(ibans(), st.integers(0, 99))
def test_an_iban_with_wrong_check_digits_is_left_alone(number, check):
    wrong = f"{number[:2]}{check:02}{number[4:]}"
    assert (IBAN in masked(wrong).found) == mod_97_10.is_valid(wrong[4:] + wrong[:4])


@given(st.text(max_size=300) | st.text("0123456789 -.•+DEIE:", max_size=120))
def test_masking_again_changes_nothing(text):
    once = masked(text)
    assert masked(once.text).text == once.text
    assert bool(once.found) == (once.text != text)


phones = st.from_regex(r"\A(\+353|\+49|\+44|00353|0)[ ]?[1-9][0-9]{1,2}[ /-]?[0-9]{3}[ -]?[0-9]{3,5}\Z")
dates = st.dates(date(1900, 1, 1), date(2099, 12, 31)).flatmap(
    lambda day: st.sampled_from(
        [day.isoformat(), f"{day:%d.%m.%Y}", f"{day:%d/%m/%y}", f"{day.day}.{day.month}.{day.year}"]
    )
)
prices = st.decimals(0, 99999, places=2).map(lambda price: f"{price:.2f}") | st.integers(0, 99999).map(
    lambda n: f"€{n:,}"
)
orders = st.integers(0, 99999).map(lambda number: f"KF-{number:05}")


@given(phones)
def test_a_phone_number_is_left_alone(phone):
    assert masked(f"Call me on {phone} please").found == ()


@given(st.lists(orders, min_size=1, max_size=8), st.sampled_from([" ", ", ", " and ", "\n"]))
def test_order_numbers_are_left_alone(numbers, between):
    assert masked(between.join(numbers)).found == ()


@given(st.lists(dates, min_size=1, max_size=6))
def test_dates_in_a_row_are_left_alone(days):
    assert masked(" ".join(days)).found == ()


@given(st.lists(prices, min_size=1, max_size=8))
def test_prices_in_a_row_are_left_alone(amounts):
    assert masked(" ".join(amounts)).found == ()


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("4111 1111 1111 1111, 12/27, 123", "•••• 1111, 12/27, •••"),
        ("4111111111111111 exp 12/2027 cvc 123", "•••• 1111 exp 12/2027 cvc •••"),
        ("3782 822463 10005 1234", "•••• 0005 •••"),
        ("the CVV is 987", "the CVV is •••"),
        ("security code: 9876!", "security code: •••!"),
        ("4111 1111 1111 1111, 150 euro were taken", "•••• 1111, 150 euro were taken"),
        ("4111 1111 1111 1111 €150", "•••• 1111 €150"),
    ],
)
def test_the_code_of_a_card_is_masked_and_an_amount_behind_it_is_not(typed, stored):
    assert masked(typed).text == stored


@pytest.mark.parametrize(
    "typed",
    [
        "password: {}",
        "Password = {}",
        "my password is {}",
        "my password is: {} and I can't get in",
        "the passcode was {}, what now?",
        "mein Passwort ist {}",
        "mot de passe : {}",
        "mi contraseña es {}",
        'my password is "{}"',
    ],
)
@pytest.mark.parametrize("secret", ["hunter2", "S3cret!", "Tr0ub4dor&3", "x9#k"])
def test_a_password_that_is_given_away_is_masked(typed, secret):
    result = masked(typed.format(secret))
    assert secret not in result.text and DOTS in result.text
    assert result.found == (PASSWORD,)


def test_a_plain_word_as_a_password_is_masked_where_the_sentence_ends():
    assert masked("My password is monkey.").text == f"My password is {DOTS}"
    assert masked("my password is monkey and I can't get in").text == f"my password is {DOTS} and I can't get in"


@pytest.mark.parametrize(
    "text",
    [
        "my password is wrong",
        "My password isn't accepted",
        "the password is not working, what now?",
        "Password: how do I reset it?",
        "Is the password case sensitive?",
        "password reset link is broken",
        "I forgot my password. Is it possible to get a new one?",
        "mein Passwort ist falsch",
        "What is the security code on the card?",
        "tracking 00340434161094042557",
        "0 0 0 0 0 1",
    ],
)
def test_talking_about_such_things_is_not_giving_them_away(text):
    assert masked(text).found == ()


def test_an_agent_may_give_the_shops_iban_but_no_card():
    result = masked_cards("Pay to DE89 3704 0044 0532 0130 00, not with 4111 1111 1111 1111.")
    assert result.text == f"Pay to DE89 3704 0044 0532 0130 00, not with {DOTS} 1111."
    assert result.found == (CARD,)


def test_every_kind_is_named_once():
    text = "4111111111111111 4111111111111111 cvc 123, DE89370400440532013000, password: hunter2"
    assert set(masked(text).found) == {CARD, CARD_CODE, IBAN, PASSWORD}


def test_digits_of_other_scripts_are_digits():
    wide = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
    assert masked("4111 1111 1111 1111".translate(wide)).text == f"{DOTS} 1111"
