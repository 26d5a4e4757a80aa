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
