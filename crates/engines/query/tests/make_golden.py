"""Asks DuckDB (PyPI) for the answers to tests/sql/duckdb.toml over data/*.jsonl and writes
golden.json: for each case its rows as Athena prints them."""

import datetime
import decimal
import json
import pathlib
import sys
import tomllib

import duckdb

here = pathlib.Path(__file__).parent
root = here.parents[3]
db = duckdb.connect()
db.execute("SET TimeZone='UTC'")
types = {
    "flights": "{fl_date: 'TIMESTAMP', delay: 'INTEGER', distance: 'INTEGER', origin: 'VARCHAR', destination: 'VARCHAR'}",
    "airports": "{iata: 'VARCHAR', name: 'VARCHAR', city: 'VARCHAR', state: 'VARCHAR', country: 'VARCHAR', latitude: 'DOUBLE', longitude: 'DOUBLE'}",
}
for table, columns in types.items():
    db.execute(f"CREATE TABLE {table} AS SELECT * FROM read_json('{here}/data/{table}.jsonl', format='newline_delimited', columns={columns})")
events = "{id: 'BIGINT', kind: 'VARCHAR', payload: 'VARCHAR', tags: 'VARCHAR[]', attrs: 'MAP(VARCHAR, VARCHAR)', point: 'STRUCT(x DOUBLE, y DOUBLE)', amount: 'DECIMAL(12,2)', \"at\": 'TIMESTAMP', day: 'DATE'}"
parts = [f"SELECT *, '{r}' AS region FROM read_json('{here}/data/events.{r}.jsonl', format='newline_delimited', columns={events})" for r in ("eu", "us", "ap")]
db.execute("CREATE TABLE events AS " + " UNION ALL ".join(parts))


def shown(value):
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case float():
            return repr(value)
        case datetime.datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
        case datetime.date() | int() | str() | decimal.Decimal():
            return str(value)
        case list():
            return "[" + ", ".join("null" if v is None else shown(v) for v in value) + "]"
        case dict():
            return "{" + ", ".join(f"{k}={'null' if v is None else shown(v)}" for k, v in value.items()) + "}"
    return str(value)


golden, failed = {}, []
for case in tomllib.loads((root / "tests/sql/duckdb.toml").read_text())["case"]:
    assert case["name"] not in golden, case["name"]
    try:
        rows = db.execute(case.get("duckdb", case["athena"])).fetchall()
    except Exception as error:
        failed.append((case["name"], str(error)))
        continue
    golden[case["name"]] = [[shown(value) for value in row] for row in rows]
lines = [f"  {json.dumps(name)}: {json.dumps(rows, ensure_ascii=False)}" for name, rows in golden.items()]
(here / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
for name, error in failed:
    print(f"{name}: {error}", file=sys.stderr)
print(len(golden), "answers")
sys.exit(bool(failed))
