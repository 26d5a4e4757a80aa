use objects::Objects;
use rt::Rt;

use super::*;
use crate::execution::Place;
use crate::spool::{Spool, put_options};

const FILE: &str = "r.csv";

async fn objects() -> (Objects, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let rt = Rt::system();
    let meta = meta::Meta::in_memory(rt.clone()).await;
    let objects = Objects::open(dir.path(), meta, rt).await.unwrap();
    let scope = names::Scope::new("000000000000".parse().unwrap(), "us-east-1".parse().unwrap());
    objects.create_bucket("results", &scope).await.unwrap();
    (objects, dir)
}

fn row(cells: &[Option<&str>]) -> Vec<Cell> {
    cells.iter().map(|cell| cell.map(str::to_owned)).collect()
}

async fn spooled(objects: &Objects, file: ResultFile, rows: &[Vec<Cell>]) -> u64 {
    let place = Place { bucket: "results".into(), key: FILE.into() };
    let mut spool = Spool::new(objects, &place, file).await.unwrap();
    spool.rows(rows).await.unwrap();
    let staged = spool.finish().await.unwrap();
    let size = staged.size();
    objects.publish(vec![staged], meta::Txn::new()).await.unwrap();
    size
}

async fn all_pages(objects: &Objects, file: ResultFile, size: u64, limit: usize) -> Vec<Vec<Vec<Cell>>> {
    let mut pages = Vec::new();
    let mut offset = 0;
    loop {
        let page = read_page(objects, ("results", FILE), file, (offset, size), limit).await.unwrap();
        pages.push(page.rows);
        match page.next {
            Some(next) => offset = next,
            None => return pages,
        }
    }
}

#[tokio::test]
async fn a_null_an_empty_text_quotes_commas_and_line_feeds_come_back_as_they_went() {
    let (objects, _dir) = objects().await;
    let rows = vec![
        row(&[Some("a"), Some("b")]),
        row(&[None, Some("")]),
        row(&[Some("say \"hi\", then\nleave"), None]),
        row(&[Some("\""), Some("물길")]),
        row(&[None, None]),
    ];
    let size = spooled(&objects, ResultFile::Csv, &rows).await;
    assert_eq!(all_pages(&objects, ResultFile::Csv, size, 1000).await, vec![rows.clone()]);
    let single = all_pages(&objects, ResultFile::Csv, size, 1).await;
    assert_eq!(single.concat(), rows);
    assert_eq!(single.len(), rows.len(), "no empty page at the end");

    let bytes = objects.get_bytes("results", FILE, None).await.unwrap();
    assert!(bytes.starts_with(b"\"a\",\"b\"\n,\"\"\n\"say \"\"hi\"\", then\nleave\",\n"), "{bytes:?}");
}

#[tokio::test]
async fn a_result_of_many_buffers_is_paged_without_loss() {
    let (objects, _dir) = objects().await;
    let long = "x".repeat(700);
    let rows = (0..3000)
        .map(|index| vec![Some(index.to_string()), (index % 3 != 0).then(|| long.clone())])
        .collect::<Vec<_>>();
    let size = spooled(&objects, ResultFile::Csv, &rows).await;
    assert!(size > 4 * RESULT_READ_BYTES, "the result spans several reads");
    let pages = all_pages(&objects, ResultFile::Csv, size, 999).await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [999, 999, 999, 3]);
    assert_eq!(pages.concat(), rows);
}

#[tokio::test]
async fn text_is_lines_without_a_last_line_feed() {
    let (objects, _dir) = objects().await;
    let rows = vec![row(&[Some("one")]), row(&[Some("two\tcolumns")]), row(&[Some("")])];
    let size = spooled(&objects, ResultFile::Text, &rows).await;
    assert_eq!(objects.get_bytes("results", FILE, None).await.unwrap(), "one\ntwo\tcolumns\n");
    assert_eq!(all_pages(&objects, ResultFile::Text, size, 1000).await.concat(), rows[..2]);
}

#[tokio::test]
async fn an_empty_result_has_no_rows_and_no_next_page() {
    let (objects, _dir) = objects().await;
    objects.put("results", FILE, Bytes::new(), put_options()).await.unwrap();
    let page = read_page(&objects, ("results", FILE), ResultFile::Text, (0, 0), 10).await.unwrap();
    assert_eq!(page, ResultPage { rows: vec![], next: None });
}
