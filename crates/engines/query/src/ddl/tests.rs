use proptest::prelude::*;

use super::parse;
use crate::fixture::Fixture;

#[tokio::test]
async fn an_external_table_comes_into_being_and_shows_itself() {
    let fixture = Fixture::new().await;
    fixture
        .get(
            "CREATE EXTERNAL TABLE IF NOT EXISTS `db`.`logs` (
               `id` bigint COMMENT 'the ''key''',
               tags array<struct<k:string,v:array<int>>>,
               price decimal(10, 2)
             )
             COMMENT 'all logs'
             PARTITIONED BY (dt string, hour int)
             ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
             WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true', \"quoteChar\" = \"\\\"\")
             STORED AS INPUTFORMAT 'org.apache.hadoop.mapred.TextInputFormat'
             OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
             LOCATION 's3://data/logs/'
             TBLPROPERTIES ('has_encrypted_data'='false')",
        )
        .await;
    let described = fixture.get("DESCRIBE logs").await;
    assert_eq!(described[1].split('\t').nth(1).unwrap().trim(), "array<struct<k:string,v:array<int>>>");
    assert!(described.contains(&"# Partition Information\t \t ".to_owned()));
    let shown = fixture.get("SHOW CREATE TABLE logs").await.join("\n");
    assert!(shown.contains("PARTITIONED BY ( \n  `dt` string, \n  `hour` int)"), "{shown}");
    // What SHOW CREATE TABLE prints makes the same table again.
    fixture.get("DROP TABLE logs").await;
    fixture.get(&shown.replace("`db.logs`", "logs")).await;
    assert_eq!(fixture.get("SHOW CREATE TABLE logs").await.join("\n").lines().count(), shown.lines().count());
}

#[tokio::test]
async fn partitions_are_added_found_and_dropped() {
    let fixture = Fixture::new().await;
    fixture
        .get("CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (dt string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE LOCATION 's3://data/t/'")
        .await;
    fixture.put("t/dt=2024-01-01/x.csv", "1\n2\n").await;
    fixture.put("t/dt=2024-01-02/x.csv", "3\n").await;
    assert_eq!(fixture.get("SELECT count(*) FROM t").await, ["0"]);
    let repaired = fixture.get("MSCK REPAIR TABLE t").await;
    assert_eq!(repaired[0], "Partitions not in metastore:\tt:dt=2024-01-01\tt:dt=2024-01-02");
    assert_eq!(
        fixture.get("SELECT sum(a), dt FROM t GROUP BY dt ORDER BY dt").await,
        ["3|2024-01-01", "3|2024-01-02"]
    );
    fixture.get("ALTER TABLE t DROP PARTITION (dt = '2024-01-01')").await;
    fixture.get("ALTER TABLE t ADD IF NOT EXISTS PARTITION (dt='2024-01-02') PARTITION (dt='x') LOCATION 's3://data/t/dt=2024-01-01/'").await;
    assert_eq!(fixture.get("SHOW PARTITIONS t").await, ["dt=2024-01-02", "dt=x"]);
    assert_eq!(fixture.get("SELECT sum(a) FROM t WHERE dt = 'x'").await, ["3"]);
    assert!(fixture.error("ALTER TABLE t ADD PARTITION (dt='x')").await.contains("AlreadyExistsException"));
    fixture.get("ALTER TABLE t PARTITION (dt='x') RENAME TO PARTITION (dt='y')").await;
    assert_eq!(fixture.get("SHOW PARTITIONS t").await, ["dt=2024-01-02", "dt=y"]);
}

#[tokio::test]
async fn databases_and_tables_are_listed_and_guarded() {
    let fixture = Fixture::new().await;
    fixture.get("CREATE DATABASE IF NOT EXISTS sales COMMENT 'c' LOCATION 's3://data/sales/' WITH DBPROPERTIES ('a'='b')").await;
    fixture.get("CREATE SCHEMA IF NOT EXISTS sales").await;
    assert!(fixture.error("CREATE DATABASE sales").await.contains("already exists"));
    assert_eq!(fixture.get("SHOW DATABASES").await, ["db", "sales"]);
    assert_eq!(fixture.get("SHOW SCHEMAS LIKE 's*'").await, ["sales"]);
    fixture.get("CREATE EXTERNAL TABLE sales.orders (a int) STORED AS PARQUET LOCATION 's3://data/o/'").await;
    assert_eq!(fixture.get("SHOW TABLES IN sales 'ord*'").await, ["orders"]);
    assert!(fixture.error("DROP DATABASE sales").await.contains("is not empty"));
    fixture.get("DROP DATABASE sales CASCADE").await;
    fixture.get("DROP DATABASE IF EXISTS sales").await;
    assert!(fixture.error("DROP TABLE nothing").await.contains("Table not found db.nothing"));
    fixture.get("DROP TABLE IF EXISTS nothing").await;
}

/// Name and type of each column that DESCRIBE shows.
async fn described(fixture: &Fixture, table: &str) -> Vec<String> {
    let lines = fixture.get(&format!("DESCRIBE {table}")).await;
    lines.iter().map(|line| line.split('\t').take(2).map(str::trim).collect::<Vec<_>>().join(" ")).collect()
}

#[tokio::test]
async fn columns_of_an_iceberg_table_are_added_renamed_widened_moved_and_dropped() {
    let fixture = Fixture::new().await;
    fixture
        .get(
            "CREATE TABLE events (id int, name string, price decimal(5,2), at timestamp)
             PARTITIONED BY (day(at), bucket(4, name)) LOCATION 's3://data/events/'
             TBLPROPERTIES ('table_type'='ICEBERG', 'write_compression'='zstd')",
        )
        .await;
    fixture.get("ALTER TABLE events ADD COLUMNS (tags array<string> COMMENT 'all', n int)").await;
    fixture.get("ALTER TABLE events CHANGE COLUMN id number bigint COMMENT 'the key' AFTER name").await;
    fixture.get("ALTER TABLE events CHANGE price price decimal(9,2) FIRST").await;
    fixture.get("ALTER TABLE events DROP COLUMN n").await;
    let expected =
        ["price decimal(9,2)", "name string", "number bigint", "at timestamp", "tags array<string>"];
    assert_eq!(described(&fixture, "events").await, expected);
    assert_eq!(fixture.get("SELECT count(number), count(tags) FROM events").await, ["0|0"]);
    for (statement, reason) in [
        ("DROP COLUMN at", "rows are partitioned by it"),
        ("DROP COLUMN nothing", "column nothing is not in the table"),
        ("CHANGE number number int", "cannot become int from bigint"),
        ("ADD COLUMNS (Name string)", "column name is in the table already"),
        ("REPLACE COLUMNS (a int)", "NOT_SUPPORTED: ALTER TABLE … REPLACE COLUMNS on an Iceberg table"),
        ("SET LOCATION 's3://data/x/'", "NOT_SUPPORTED: ALTER TABLE … SET LOCATION on an Iceberg table"),
        ("ADD PARTITION (name='a')", "follow from its rows"),
        ("SET TBLPROPERTIES ('colour'='red')", "Unsupported table property key: colour"),
    ] {
        let error = fixture.error(&format!("ALTER TABLE events {statement}")).await;
        assert!(error.contains(reason), "{statement}: {error}");
    }
}

#[tokio::test]
async fn properties_of_an_iceberg_table_are_set_shown_and_unset() {
    let fixture = Fixture::new().await;
    fixture
        .get("CREATE TABLE t (id int, name string) PARTITIONED BY (name, truncate(3, name)) LOCATION 's3://data/t/' TBLPROPERTIES ('table_type'='ICEBERG')")
        .await;
    fixture.get("ALTER TABLE t SET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds'='60', 'write_compression'='ZSTD')").await;
    assert_eq!(fixture.get("SHOW TBLPROPERTIES t('vacuum_max_snapshot_age_seconds')").await, ["60"]);
    let all = fixture.get("SHOW TBLPROPERTIES t").await;
    assert!(all.contains(&"write_compression\tzstd".to_owned()), "{all:?}");
    assert!(all.iter().any(|line| line.starts_with("metadata_location\ts3://data/t/metadata/")), "{all:?}");
    let shown = fixture.get("SHOW CREATE TABLE t").await.join("\n");
    assert!(shown.contains("PARTITIONED BY (`name`, truncate(3, `name`))"), "{shown}");
    fixture.get("DROP TABLE t").await;
    fixture.get(&shown).await;
    assert_eq!(fixture.get("SHOW CREATE TABLE t").await.join("\n"), shown);
    fixture.get("ALTER TABLE t UNSET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds')").await;
    assert!(
        fixture.get("SHOW TBLPROPERTIES t('vacuum_max_snapshot_age_seconds')").await[0]
            .contains("does not have")
    );
    fixture.get("OPTIMIZE t REWRITE DATA USING BIN_PACK").await;
    fixture.get("VACUUM t").await;
    let error = fixture.error("OPTIMIZE t REWRITE DATA USING BIN_PACK WHERE id = 1").await;
    assert!(error.starts_with("NOT_SUPPORTED: OPTIMIZE … WHERE"), "{error}");
}

#[tokio::test]
async fn columns_of_a_hive_table_are_changed_in_the_catalog() {
    let fixture = Fixture::new().await;
    fixture
        .get("CREATE EXTERNAL TABLE t (a int, b string COMMENT 'b') PARTITIONED BY (dt string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE LOCATION 's3://data/t/' TBLPROPERTIES ('x'='1')")
        .await;
    fixture.get("ALTER TABLE t CHANGE COLUMN a number bigint COMMENT 'n'").await;
    fixture.get("ALTER TABLE t ADD COLUMNS (c double)").await;
    fixture.get("ALTER TABLE t UNSET TBLPROPERTIES ('x')").await;
    assert_eq!(described(&fixture, "t").await[..3], ["number bigint", "b string", "c double"]);
    assert!(fixture.get("SHOW TBLPROPERTIES t('x')").await[0].contains("does not have"));
    assert!(fixture.error("ALTER TABLE t CHANGE b dt string").await.contains("Duplicate column name: dt"));
    assert!(fixture.error("ALTER TABLE t CHANGE z y string").await.contains("Invalid column reference z"));
    assert!(fixture.error("ALTER TABLE t DROP COLUMN b").await.contains("use REPLACE COLUMNS"));
    assert!(fixture.error("VACUUM t").await.contains("db.t is not an Iceberg table"));
    fixture.get("ALTER TABLE t REPLACE COLUMNS (only int)").await;
    assert_eq!(described(&fixture, "t").await[0], "only int");
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let fixture = Fixture::new().await;
    for (sql, message) in [
        (
            "CREATE TABLE x AS SELECT 1",
            "NOT_SUPPORTED: CREATE TABLE AS SELECT is not supported by Mulgil yet",
        ),
        ("INSERT INTO x SELECT 1", "NOT_SUPPORTED: The statement INSERT INTO is not supported by Mulgil yet"),
        (
            "UNLOAD (SELECT 1) TO 's3://b/' WITH (format = 'PARQUET')",
            "NOT_SUPPORTED: The statement UNLOAD ( is not supported by Mulgil yet",
        ),
    ] {
        assert_eq!(fixture.error(sql).await, message);
    }
    assert_eq!(
        fixture.error("CREATE EXTERNAL TABLE t (a int b)").await,
        "line 1:32: mismatched input 'b'. Expecting: ')'"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_ddl_parser_panic(text in "(CREATE|DROP|ALTER|SHOW|MSCK|DESCRIBE) [a-zA-Z`'\"(),<>=:.0-9\\\\ ]{0,80}") {
        let _ = parse(&text);
    }
}
