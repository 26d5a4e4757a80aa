"""Writes the rows that the golden tests run on: data/*.jsonl. Deterministic."""

import datetime
import json
import pathlib
import random

random.seed(2001)
here = pathlib.Path(__file__).parent / "data"
airports = [
    ("SEA", "Seattle-Tacoma Intl", "Seattle", "WA", 47.449, -122.309), ("SFO", "San Francisco International", "San Francisco", "CA", 37.619, -122.375),
    ("LAX", "Los Angeles International", "Los Angeles", "CA", 33.943, -118.408), ("JFK", "John F Kennedy Intl", "New York", "NY", 40.640, -73.779),
    ("ORD", "Chicago O'Hare International", "Chicago", "IL", 41.980, -87.905), ("ATL", "William B Hartsfield-Atlanta Intl", "Atlanta", "GA", 33.640, -84.427),
    ("DEN", "Denver Intl", "Denver", "CO", 39.858, -104.667), ("SAN", "San Diego International", "San Diego", "CA", 32.734, -117.190),
    ("BOS", "Gen Edw L Logan Intl", "Boston", "MA", 42.364, -71.005), ("ANC", "Ted Stevens Anchorage", "Anchorage", "AK", 61.174, -149.996),
]
codes = [a[0] for a in airports] + ["XNA"]

def write(name, rows):
    (here / f"{name}.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

write("airports", [dict(zip(("iata", "name", "city", "state", "latitude", "longitude"), a), country="USA") for a in airports])

flights = []
start = datetime.datetime(2001, 1, 1)
for _ in range(400):
    at = start + datetime.timedelta(minutes=random.randrange(75 * 24 * 60))
    origin, destination = random.sample(codes[:9], 2)
    if random.random() < 0.04:
        destination = "XNA"
    delay = None if random.random() < 0.05 else int(random.gauss(5, 30))
    flights.append({"fl_date": at.strftime("%Y-%m-%d %H:%M:%S"), "delay": delay, "distance": random.randrange(90, 2700), "origin": origin, "destination": destination})
write("flights", flights)

for region, ids in (("eu", range(1, 25)), ("us", range(25, 45)), ("ap", range(45, 61))):
    rows = []
    for n in ids:
        at = datetime.datetime(2024, 1, 1) + datetime.timedelta(milliseconds=random.randrange(90 * 86_400_000))
        payload = {"user": {"id": n * 3, "name": random.choice(["ann", "bob", "cé"])}, "items": [{"sku": random.choice("abc"), "qty": random.randrange(1, 5)} for _ in range(random.randrange(3))], "ok": n % 2 == 0, "score": n / 4}
        rows.append({
            "id": n,
            "kind": random.choice(["click", "view", "buy", None]),
            "payload": None if n % 11 == 0 else json.dumps(payload, ensure_ascii=False),
            "tags": None if n % 13 == 0 else [random.choice("abcd") for _ in range(random.randrange(4))],
            "attrs": None if n % 17 == 0 else {k: random.choice(["red", "big", "x"]) for k in ("color", "size") if random.random() < 0.6},
            "point": None if n % 7 == 0 else {"x": n / 2, "y": -n / 8},
            "amount": None if n % 9 == 0 else round(random.uniform(-20, 150), 2),
            "at": None if n % 19 == 0 else at.strftime("%Y-%m-%d %H:%M:%S.") + f"{at.microsecond // 1000:03d}",
            "day": None if n % 19 == 0 else at.strftime("%Y-%m-%d"),
        })
    write(f"events.{region}", rows)
