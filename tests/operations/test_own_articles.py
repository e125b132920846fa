"""An operator with articles of their own, and no order book: the whole route of a message, through the real thing."""

import json

import pytest

from bot.operations.training import titles
from kb_index import cli
from tests.conftest import start_live_app
from tests.service import Client

ARTICLES = {
    "track": ("Track your parcel", "Open **Parcels** in the app and choose one. The map shows where it is."),
    "pair": ("Pair the sensor with the hub", "Hold the button of the sensor for five seconds until it blinks blue."),
    "range": ("Range of the sensor", "The sensor reaches the hub over thirty metres in a house."),
    "battery": ("Change the sensor's battery", "Use a CR2032 cell, with the plus sign up. It lasts two years."),
    "reset": ("Reset the hub", "Press a pin into the small hole for ten seconds. Your settings are lost."),
    "garden": (
        "The garden gateway",
        "The gateway waters your garden by itself.\n\n"
        "## Connect the gateway to the app\n\n1. Open the app and choose **Add gateway**.\n"
        "2. Scan the code on its back.\n3. Enter the password of your network.\n\n"
        "The light turns green once the app has found the gateway. That takes up to two minutes, and longer where the "
        "signal is weak: then bring it nearer to the router for the first time, and carry it to its place later.\n\n"
        "## Set the watering times by hand\n\n1. Turn the wheel to the hour at which it should begin.\n"
        "2. Press the wheel once for each ten minutes of water.\n3. Wait for the tone.\n\n"
        "The times are kept over the winter, and after the power was off. When it has rained a lot, the gateway leaves "
        "a day out by itself; press the wheel for five seconds if you want it to water all the same on that day.\n\n"
        "## Store it for the winter\n\nFrost breaks the valve. Empty it before the first cold night, and keep it dry. "
        "Leave the batteries out, as they run down and may leak. In spring, rinse the filter under the tap first.\n",
    ),
    "firmware": (
        "Update the hub's firmware",
        "The hub updates itself at night. **Settings > Update now** does it at once.",
    ),
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder, articles = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("articles")
    for number, (title, body) in ARTICLES.items():
        (articles / f"{number}.md").write_text(f"---\ntitle: {title}\nid: {number}\n---\n\n{body}\n")
    assert cli.main(["import", str(articles), "--database", f"sqlite:///{folder / 'switchboard.db'}"]) == 0
    place, supervisor, sign_ins = start_live_app(folder, SWITCHBOARD_DEMO="false")
    with supervisor.running():
        yield place, sign_ins


@pytest.fixture
def customer(app):
    with Client(app[0].url) as client:
        yield client


def test_only_a_first_operator_is_made_and_no_demo(app):
    assert [(role, email) for role, email, _ in app[1]] == [("operator", "operator@example.com")]


def test_the_model_knows_what_the_articles_are_about(app):
    place = app[0]
    made = json.loads(place.model.with_suffix(".inputs").read_text())
    assert made["titles"] == titles(place) == sorted(title for title, _ in ARTICLES.values())


def test_an_order_is_no_form_but_a_question_for_the_articles(customer):
    said = customer.ask("where is my parcel")
    assert (said["kind"], said["article"]["id"]) == ("answer", "track")
    said = customer.ask("where is my order")
    assert "order number" not in said["text"]


def test_a_question_about_the_articles_is_answered_and_followed_up(customer):
    assert customer.ask("how do i pair my sensor?")["article"]["id"] == "pair"
    assert customer.ask("and reset the hub?")["article"]["id"] == "reset"


def test_the_other_parts_of_an_article_without_questions_are_a_tap_away(customer):
    first = customer.ask("how do I connect the garden gateway with my app?")
    assert first["article"]["section"] == "Connect the gateway to the app" and "1. Open the app" in first["text"]
    (other,) = [each["text"] for each in first["quick_replies"] if "watering" in each["text"]]
    second = customer.ask(other)
    assert (second["article"]["id"], second["article"]["section"]) == ("garden", other)
    assert "1. Turn the wheel" in second["text"]


def test_a_greeting_offers_no_orders(customer):
    said = customer.ask("hello")
    assert "help articles" in said["text"]
    assert [reply["title"] for reply in said["quick_replies"]] == ["Talk to a person"]


def test_who_asks_for_a_person_gets_one(customer):
    assert customer.ask("I want to talk to a human")["author"] == "system"
