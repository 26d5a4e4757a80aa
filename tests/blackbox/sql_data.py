"""The tables that tests/sql/duckdb.toml asks about: the same Parquet files for both engines."""

import datetime
import decimal
import json
import pathlib
import random

import pyarrow
import pyarrow.parquet

REGIONS = ("ap", "eu", "us")
AIRPORTS = [
    ("SEA", "Seattle-Tacoma International", "Seattle", "WA", 47.449, -122.309),
    ("SFO", "San Francisco International", "San Francisco", "CA", 37.619, -122.375),
    ("LAX", "Los Angeles International", "Los Angeles", "CA", 33.943, -118.408),
    ("SAN", "San Diego International-Lindbergh", "San Diego", "CA", 32.734, -117.19),
    ("OAK", "Metropolitan Oakland International", "Oakland", "CA", 37.721, -122.221),
    ("PDX", "Portland Intl", "Portland", "OR", 45.589, -122.598),
    ("DEN", "Denver Intl", "Denver", "CO", 39.858, -104.667),
    ("ORD", "Chicago O'Hare International", "Chicago", "IL", 41.979, -87.905),
    ("MDW", "Chicago Midway", "Chicago", "IL", 41.786, -87.752),
    ("ATL", "William B Hartsfield-Atlanta Intl", "Atlanta", "GA", 33.64, -84.427),
    ("JFK", "John F Kennedy Intl", "New York", "NY", 40.64, -73.779),
    ("LGA", "LaGuardia", "New York", "NY", 40.777, -73.873),
    ("BOS", "Gen Edw L Logan Intl", "Boston", "MA", 42.364, -71.005),
    ("MIA", "Miami International", "Miami", "FL", 25.793, -80.291),
    ("HNL", "Honolulu International", "Honolulu", "HI", 21.319, -157.922),
]
UNLISTED = ("XXA", "XXB")


def flights(seed: int = 1) -> pyarrow.Table:
    random_ = random.Random(seed)
    codes = [airport[0] for airport in AIRPORTS]
    rows = []
    for n in range(3000):
        origin, destination = random_.sample(codes, 2)
        if n % 300 == 7:
            origin = UNLISTED[0]
        if n % 250 == 9:
            destination = UNLISTED[1]
        rows.append({
            "fl_date": datetime.datetime(2001, 1, 1, 6) + datetime.timedelta(minutes=41 * n),
            "delay": None if n % 97 == 5 else int(random_.gauss(8, 25)),
            "distance": random_.randrange(100, 2600) if n % 20 else 1000,
            "origin": origin,
            "destination": destination,
        })
    return pyarrow.Table.from_pylist(rows, pyarrow.schema([
        ("fl_date", pyarrow.timestamp("ms")), ("delay", pyarrow.int32()), ("distance", pyarrow.int32()),
        ("origin", pyarrow.string()), ("destination", pyarrow.string()),
    ]))


def airports() -> pyarrow.Table:
    names = ("iata", "name", "city", "state", "latitude", "longitude")
    rows = [{**dict(zip(names, airport, strict=True)), "country": "USA"} for airport in AIRPORTS]
    return pyarrow.Table.from_pylist(rows, pyarrow.schema([
        ("iata", pyarrow.string()), ("name", pyarrow.string()), ("city", pyarrow.string()), ("state", pyarrow.string()),
        ("country", pyarrow.string()), ("latitude", pyarrow.float64()), ("longitude", pyarrow.float64()),
    ]))


EVENT_FIELDS = [
    ("id", pyarrow.int64()), ("kind", pyarrow.string()), ("payload", pyarrow.string()),
    ("tags", pyarrow.list_(pyarrow.string())), ("attrs", pyarrow.map_(pyarrow.string(), pyarrow.string())),
    ("point", pyarrow.struct([("x", pyarrow.float64()), ("y", pyarrow.float64())])),
    ("amount", pyarrow.decimal128(12, 2)), ("at", pyarrow.timestamp("ms")), ("day", pyarrow.date32()),
]


def event(n: int, random_: random.Random) -> dict:
    at = None if n % 19 == 4 else datetime.datetime(2024, 1, 29, 22, 50, 3, 4000) + datetime.timedelta(
        hours=31 * n, milliseconds=n * 37)
    payload = {
        "user": {"id": n * 3, "name": random_.choice(["ann", "bo", "cy"])},
        "items": [{"sku": random_.choice("abc"), "qty": random_.randrange(1, 9)} for _ in range(n % 3)],
        "ok": n % 2 == 0, "score": n / 2,
    }
    return {
        "id": n,
        "kind": (None, "click", "view", "buy", "click", "view")[n % 6],
        "payload": None if n % 11 == 3 else json.dumps(payload),
        "tags": None if n % 13 == 2 else random_.sample("abcd", n % 4),
        "attrs": None if n % 17 == 6 else [(k, f"{k}{n % 5}") for k in ("color", "size")[: n % 3]],
        "point": None if n % 7 == 5 else {"x": n / 4, "y": -n / 8},
        "amount": None if n % 10 == 8 else decimal.Decimal(n * 137 % 20011) / 100,
        "at": at,
        "day": at and at.date(),
    }


def events(region: str, seed: int = 2) -> pyarrow.Table:
    random_ = random.Random(f"{seed}/{region}")
    first = REGIONS.index(region) * 30 + 1
    rows = [event(n, random_) for n in range(first, first + 30)]
    return pyarrow.Table.from_pylist(rows, pyarrow.schema(EVENT_FIELDS))


def write(folder: pathlib.Path) -> list[pathlib.Path]:
    """All files, at the paths below `folder` that they also have in the bucket."""
    tables = {"flights/part-0.parquet": flights(), "airports/part-0.parquet": airports()}
    for region in REGIONS:
        tables[f"events/region={region}/part-0.parquet"] = events(region)
    for name, table in tables.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(table, path, row_group_size=1000)
    return [folder / name for name in tables]


GLUE = {
    "flights": [("fl_date", "timestamp"), ("delay", "int"), ("distance", "int"), ("origin", "string"),
                ("destination", "string")],
    "airports": [("iata", "string"), ("name", "string"), ("city", "string"), ("state", "string"),
                 ("country", "string"), ("latitude", "double"), ("longitude", "double")],
    "events": [("id", "bigint"), ("kind", "string"), ("payload", "string"), ("tags", "array<string>"),
               ("attrs", "map<string,string>"), ("point", "struct<x:double,y:double>"), ("amount", "decimal(12,2)"),
               ("at", "timestamp"), ("day", "date")],
}
