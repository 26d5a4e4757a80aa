"""Random histories of an Iceberg table, and what its rows must be after each step of them.

The last writer wins: a delivered record replaces the rows of its key where the table has unique keys, and adds a row
where it has none; statements of other engines change the rows that they find. Values are plain ones, the same for
every engine; `COLUMNS` says how an engine's answer becomes one.
"""

import collections
import datetime
import decimal
import random

KINDS = ("red", "green", "blue", "naïve ✓", "it's a/b=c%d")
IDS = 200
TENTH = 0.1


def cents(value):
    return None if value is None else decimal.Decimal(str(value)).quantize(decimal.Decimal("0.01"))


def moment(value):
    """A date and time of day. All zones are UTC."""
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value.removesuffix(" UTC"))
    return value and value.replace(tzinfo=None)


def day(value):
    return datetime.date.fromisoformat(value) if isinstance(value, str) else value


def number(value):
    return None if value is None else float(value)


def same(value):
    return value


def joined(value):
    return ",".join(value) if isinstance(value, list) else value


def city(value):
    return value["city"] if isinstance(value, dict) else value


# How each column is asked for in SQL ({} is its name, `text` the engine's cast) and made a plain value.
COLUMNS = {
    "id": ("{}", same),
    "kind": ("{}", same),
    "name": ("{}", same),
    "score": ("{}", number),
    "price": ("{}", cents),
    "good": ("{}", same),
    "day": ("{}", day),
    "at": ("text", moment),
    "seen": ("text", moment),
    "tags": ("array_join({}, ',')", joined),
    "place": ("{}.city", city),
    # Come when the delivery meets a new field.
    "op": ("{}", same),
    "extra": ("{}", same),
}
NAMES = list(COLUMNS)


def asked(engine, names: list[str]) -> str:
    """The select list of these columns."""
    return ", ".join(engine.text(name) if COLUMNS[name][0] == "text" else COLUMNS[name][0].format(name)
                     for name in names)


def plain(row, names: list[str]) -> tuple:
    """An answer of `asked` as a row of the model, in which columns that a table lacks are null."""
    known = {name: COLUMNS[name][1](value) for name, value in zip(names, row, strict=True)}
    return tuple(known.get(name) for name in NAMES)


def state(rows) -> frozenset:
    """Rows in no order, with how often each is there."""
    return frozenset(collections.Counter(rows).items())


class Model:
    """The rows, and every state they were in: one after each record and each statement."""

    def __init__(self, upserts: bool):
        self.upserts = upserts
        self.rows: list[tuple] = []
        self.states = [state([])]

    def put(self, row: tuple) -> None:
        if self.upserts:
            self.rows = [other for other in self.rows if other[0] != row[0]]
        self.rows.append(row)
        self.note()

    def remove(self, id: int) -> None:
        self.rows = [other for other in self.rows if other[0] != id]
        self.note()

    def change(self, how) -> None:
        """`how` makes of each row another one, or None for a row that goes."""
        self.rows = [changed for changed in map(how, self.rows) if changed]
        self.note()

    def note(self) -> None:
        self.states.append(state(self.rows))

    def place(self, rows: frozenset, after: int) -> int | None:
        """The first state from `after` on that is this one."""
        return next((n for n in range(after, len(self.states)) if self.states[n] == rows), None)


class Maker:
    """Makes rows; each has a name that no other has."""

    def __init__(self, pick: random.Random):
        self.pick = pick
        self.made = 0
        self.extra = False

    def row(self, ids: range = range(IDS), operation: str | None = None) -> tuple:
        pick = self.pick
        self.made += 1
        at = datetime.datetime(2024, 2, 28) + datetime.timedelta(
            seconds=pick.randrange(3 * 86_400), microseconds=pick.choice([0, 1, 500_000, 999_999]))
        maybe = lambda value: None if pick.random() < TENTH else value
        extra = pick.randrange(1 << 40) if self.extra else None
        price = decimal.Decimal(pick.randrange(-(10**9), 10**9)) / 100
        return (
            pick.choice(ids), pick.choice(KINDS), f"n{self.made}", maybe(pick.choice([0.1, -2.5e10, 1 / 3, 0.0])),
            maybe(cents(price)), maybe(pick.random() < 0.5), maybe(at.date()), at,
            maybe(at + datetime.timedelta(hours=1)), ",".join(pick.choices("abc", k=pick.randrange(1, 4))),
            pick.choice(["Kyōto", "Ulm"]), operation, extra,
        )


def record(row: tuple) -> dict:
    """The JSON of a row for a delivery."""
    record = {name: value for name, value in zip(NAMES, row, strict=True) if value is not None}
    record |= {name: str(record[name]) for name in ("at", "seen", "day", "price") if name in record}
    return record | {"tags": record["tags"].split(","), "place": {"city": record["place"]}}
