//! Which partition of a table an object lies in.

use lake::{Partition, Table};

/// The partition that `bucket`/`key` belongs to, with its location: the key lies below the table and its
/// folders either are named `key=value` for every partition key, or are exactly as many plain values as
/// there are partition keys. `None` if the table has no partition keys or the key lies elsewhere.
pub(crate) fn partition_of(table: &Table, bucket: &str, key: &str) -> Option<Partition> {
    if table.partition_keys.is_empty() {
        return None;
    }
    let location = lake::location::parse(table.storage.location.as_deref()?).ok()?;
    if location.bucket != bucket {
        return None;
    }
    let (folders, _file) = key.strip_prefix(&location.prefix)?.rsplit_once('/')?;
    let folders: Vec<&str> = folders.split('/').collect();
    let (values, depth) = named_values(table, &folders).or_else(|| plain_values(table, &folders))?;
    let mut storage = table.storage.clone();
    storage.location = Some(location.join(&folders[..depth].join("/")).to_string());
    storage.columns.clone_from(&table.columns);
    Some(Partition::new(values, storage))
}

/// The values in the order of the table's keys, and how many folders it takes to name them all.
fn named_values(table: &Table, folders: &[&str]) -> Option<(Vec<String>, usize)> {
    let mut depth = 0;
    let mut values = Vec::with_capacity(table.partition_keys.len());
    for key in &table.partition_keys {
        let (at, value) = folders.iter().enumerate().find_map(|(at, folder)| {
            let (name, value) = lake::partition::parse_folder(folder)?;
            name.eq_ignore_ascii_case(&key.name).then_some((at, value))
        })?;
        depth = depth.max(at + 1);
        values.push(value);
    }
    Some((values, depth))
}

fn plain_values(table: &Table, folders: &[&str]) -> Option<(Vec<String>, usize)> {
    let plain = folders.iter().all(|folder| !folder.is_empty() && !folder.contains('='));
    (plain && folders.len() == table.partition_keys.len())
        .then(|| (folders.iter().map(|folder| (*folder).to_owned()).collect(), folders.len()))
}

#[cfg(test)]
mod tests {
    use lake::Column;

    use super::*;

    fn table(keys: &[&str]) -> Table {
        let mut table = Table::new("lake", "flights");
        table.storage.location = Some("s3://bucket/flights/".to_owned());
        table.columns = vec![Column::new("origin", "string")];
        table.partition_keys = keys.iter().map(|key| Column::new(*key, "string")).collect();
        table
    }

    fn registered(keys: &[&str], key: &str) -> Option<(Vec<String>, String)> {
        partition_of(&table(keys), "bucket", key)
            .map(|partition| (partition.values, partition.storage.location.unwrap()))
    }

    #[test]
    fn named_folders_give_the_values_in_the_order_of_the_keys() {
        assert_eq!(
            registered(&["year", "month"], "flights/month=08/Year=2018/part.parquet"),
            Some((
                vec!["2018".to_owned(), "08".to_owned()],
                "s3://bucket/flights/month=08/Year=2018/".to_owned()
            ))
        );
    }

    #[test]
    fn folders_below_the_last_key_stay_inside_the_partition() {
        assert_eq!(
            registered(&["day"], "flights/day=2018-08-27/rand=abc/part.parquet"),
            Some((vec!["2018-08-27".to_owned()], "s3://bucket/flights/day=2018-08-27/".to_owned()))
        );
    }

    #[test]
    fn plain_folders_are_values_when_there_are_as_many_as_keys() {
        assert_eq!(
            registered(&["y", "m", "d"], "flights/2018/08/27/part.parquet"),
            Some((
                vec!["2018".to_owned(), "08".to_owned(), "27".to_owned()],
                "s3://bucket/flights/2018/08/27/".to_owned()
            ))
        );
        assert_eq!(registered(&["y", "m"], "flights/2018/08/27/part.parquet"), None);
    }

    #[test]
    fn what_lies_elsewhere_or_misses_a_key_is_not_registered() {
        assert_eq!(registered(&["day"], "other/day=1/part.parquet"), None);
        assert_eq!(registered(&["day", "hour"], "flights/day=1/part.parquet"), None);
        assert_eq!(registered(&[], "flights/part.parquet"), None);
        assert_eq!(partition_of(&table(&["day"]), "elsewhere", "flights/day=1/part"), None);
    }
}
