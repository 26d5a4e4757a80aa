"""Running SQL through the Athena API, the way its clients do."""

import datetime
import decimal
import json
import time

QUERY_SECONDS_MAX = 120
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


class QueryFailed(Exception):
    def __init__(self, execution: dict):
        self.execution = execution
        self.state = execution["Status"]["State"]
        self.reason = execution["Status"].get("StateChangeReason", "")
        super().__init__(f"{self.state}: {self.reason}\n{execution['Query']}")


class Sql:
    """SQL under one work group, output location and default database."""

    def __init__(self, client, output: str | None, database: str | None = None, work_group: str | None = None):
        self.client = client
        self.output = output
        self.database = database
        self.work_group = work_group

    def start(self, sql: str, **more) -> str:
        request = {"QueryString": sql, **more}
        if self.output and "ResultConfiguration" not in request:
            request["ResultConfiguration"] = {"OutputLocation": self.output}
        if self.database and "QueryExecutionContext" not in request:
            request["QueryExecutionContext"] = {"Database": self.database}
        if self.work_group and "WorkGroup" not in request:
            request["WorkGroup"] = self.work_group
        return self.client.start_query_execution(**request)["QueryExecutionId"]

    def wait(self, id: str) -> dict:
        deadline = time.monotonic() + QUERY_SECONDS_MAX
        pause = 0.005
        while True:
            execution = self.client.get_query_execution(QueryExecutionId=id)["QueryExecution"]
            if execution["Status"]["State"] in FINAL:
                return execution
            assert time.monotonic() < deadline, f"the query does not end: {execution}"
            time.sleep(pause)
            pause = min(pause * 2, 0.1)

    def execute(self, sql: str, **more) -> dict:
        """The finished execution; `QueryFailed` unless it succeeded."""
        execution = self.wait(self.start(sql, **more))
        if execution["Status"]["State"] != "SUCCEEDED":
            raise QueryFailed(execution)
        return execution

    def fails(self, sql: str, **more) -> dict:
        """The execution of a statement that must fail."""
        execution = self.wait(self.start(sql, **more))
        assert execution["Status"]["State"] == "FAILED", execution
        return execution

    def pages(self, id: str, size: int | None = None) -> list[dict]:
        pages, token = [], None
        while True:
            request = {"QueryExecutionId": id}
            if token:
                request["NextToken"] = token
            if size:
                request["MaxResults"] = size
            pages.append(self.client.get_query_results(**request))
            token = pages[-1].get("NextToken")
            if not token:
                return pages

    def texts(self, sql: str, **more) -> list[list[str | None]]:
        """All rows as text; for a SELECT the first one names the columns."""
        id = self.execute(sql, **more)["QueryExecutionId"]
        rows = [row for page in self.pages(id) for row in page["ResultSet"]["Rows"]]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]

    def rows(self, sql: str, **more) -> list[tuple]:
        """The rows of a SELECT as Python values."""
        id = self.execute(sql, **more)["QueryExecutionId"]
        pages = self.pages(id)
        types = [column["Type"] for column in pages[0]["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]]
        rows = [row for page in pages for row in page["ResultSet"]["Rows"]][1:]
        return [
            tuple(typed(type_, cell.get("VarCharValue")) for type_, cell in zip(types, row["Data"], strict=True))
            for row in rows
        ]

    def value(self, sql: str, **more):
        """The one value of a query that gives one."""
        rows = self.rows(sql, **more)
        assert len(rows) == 1 and len(rows[0]) == 1, rows
        return rows[0][0]


def typed(type_: str, text: str | None):
    """An Athena value from its text form."""
    if text is None:
        return None
    if type_ in ("tinyint", "smallint", "integer", "bigint"):
        return int(text)
    if type_ in ("double", "float", "real"):
        return float(text)
    if type_ == "boolean":
        return text == "true"
    if type_.startswith("decimal"):
        return decimal.Decimal(text)
    if type_ == "date":
        return datetime.date.fromisoformat(text)
    if type_ == "timestamp":
        return datetime.datetime.fromisoformat(text)
    if type_ == "json":
        return json.loads(text)
    return text
