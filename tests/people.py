"""Agents, writers and operators for tests, and a browser without scripts for each."""

import contextlib
from collections.abc import Iterator

import httpx

from bot.accounts.services import create_first_accounts
from tests.service import Service

PASSWORD = "correct horse battery"
PEOPLE = {
    "mia": ("mia@example.com", "Mia Novak", "agent"),
    "jonas": ("jonas@example.com", "Jonas Weber", "agent"),
    "aoife": ("aoife@example.com", "Aoife Byrne", "writer"),
    "sam": ("sam@example.com", "Sam Okafor", "operator"),
}


def add_people(database_url: str, *names: str) -> None:
    create_first_accounts(database_url, [(*PEOPLE[name], PASSWORD) for name in names])


@contextlib.contextmanager
def visitor(service: Service, **headers: str) -> Iterator[httpx.Client]:
    """Nobody in particular, on our own pages."""
    with service.http(headers={"Origin": service.url, "Accept": "text/html", **headers}) as client:
        yield client


@contextlib.contextmanager
def signed_in(service: Service, name: str) -> Iterator[httpx.Client]:
    with visitor(service) as client:
        answer = client.post("/sign-in", data={"email": PEOPLE[name][0], "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        yield client
