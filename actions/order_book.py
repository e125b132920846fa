"""The orders that customers ask about: an interface, and the demo shop's own table behind it.

A shop with its orders elsewhere writes another `OrderBook` and returns it from `actions.context.orders`.
"""

import csv
import re
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol

from sqlalchemy import Column, Date, Engine, MetaData, String, Table, Text, delete, insert, select

ORDER_DIGITS = 5
STATUSES = ("placed", "packed", "shipped", "delivered", "cancelled", "returned", "delayed")

metadata = MetaData()
orders_table = Table(
    "orders",
    metadata,
    Column("order_number", String(20), primary_key=True),
    Column("email", String(254), nullable=False),
    Column("name", String(200), nullable=False),
    Column("placed_at", Date, nullable=False),
    Column("status", String(20), nullable=False),
    Column("carrier", String(100)),
    Column("tracking_number", String(100)),
    Column("expected_at", Date),
    Column("delivered_at", Date),
    Column("total", String(20), nullable=False),
    Column("items", Text, nullable=False),
    Column("country", String(60), nullable=False),
)


@dataclass(frozen=True)
class Order:
    """One order; `total` is in euro, dates are local to the shop."""

    order_number: str
    email: str
    name: str
    placed_at: date
    status: str
    carrier: str | None
    tracking_number: str | None
    expected_at: date | None
    delivered_at: date | None
    total: str
    items: str
    country: str


class OrderBook(Protocol):
    def find(self, order_number: str, email: str) -> Order | None:
        """The order with this number that was placed with this e-mail address, or None.

        One answer for "no such order" and "not yours": a number alone must tell a stranger nothing.
        """
        ...


def normal_order_number(text: str) -> str | None:
    """`kf 10234`, `#10234` and `KF-10234` are all `KF-10234`; None where there is no such number."""
    digits = re.search(rf"\d{{{ORDER_DIGITS}}}", text)
    return f"KF-{digits.group()}" if digits else None


class SqlOrderBook:
    """Orders in the table `orders`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, order_number: str, email: str) -> Order | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(orders_table).where(orders_table.c.order_number == order_number)).first()
        if row is None or row.email.casefold() != email.strip().casefold():
            return None
        return Order(**row._mapping)


def load_orders(engine: Engine, path: Path) -> int:
    """Replace the orders named in the CSV at `path`; returns how many. All or nothing.

    Raises ValueError with the line number where a row does not fit.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = [_row(number, raw) for number, raw in enumerate(csv.DictReader(file), start=2)]
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        numbers = [row["order_number"] for row in rows]
        connection.execute(delete(orders_table).where(orders_table.c.order_number.in_(numbers)))
        if rows:
            connection.execute(insert(orders_table), rows)
    return len(rows)


def _row(number: int, raw: dict[str, str]) -> dict[str, object]:
    try:
        row: dict[str, object] = {column.name: (raw[column.name] or "").strip() or None for column in orders_table.c}
        for name in ("placed_at", "expected_at", "delivered_at"):
            row[name] = date.fromisoformat(str(row[name])) if row[name] else None
    except (KeyError, ValueError) as problem:
        raise ValueError(f"line {number}: {problem}") from problem
    if row["status"] not in STATUSES:
        raise ValueError(f"line {number}: the status is one of {', '.join(STATUSES)}, not {row['status']!r}")
    missing = [column.name for column in orders_table.c if not column.nullable and row[column.name] is None]
    if missing:
        raise ValueError(f"line {number}: {', '.join(missing)} is missing")
    return row


def main() -> int:
    """`python -m actions.order_book FILE.csv`."""
    from kb_index.database import create_database_engine
    from kb_index.settings import KnowledgeSettings

    if len(sys.argv) != 2:
        print("usage: python -m actions.order_book FILE.csv", file=sys.stderr)
        return 2
    try:
        count = load_orders(create_database_engine(KnowledgeSettings().database_url), Path(sys.argv[1]))
    except (OSError, ValueError) as problem:
        print(f"No order was loaded. {sys.argv[1]}: {problem}", file=sys.stderr)
        return 1
    print(f"{count} orders loaded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
