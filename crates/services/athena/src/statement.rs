//! What kind of statement a text is, told from its first words. The engine parses it for real; this
//! decides what must be known before it runs: where the result goes, and whether it may run twice.

/// How the service treats a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub kind: Kind,
    /// `SELECT`, `CREATE_TABLE`, …: the substatement type.
    pub verb: String,
    pub file: ResultFile,
    /// It changes nothing, so it may run again after a crash.
    pub repeatable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Kind {
    Ddl,
    Dml,
    Utility,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum ResultFile {
    Csv,
    Text,
}

impl ResultFile {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            ResultFile::Csv => "csv",
            ResultFile::Text => "txt",
        }
    }
}

/// What this service does itself instead of handing it to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Prepare { name: String, sql: String },
    Deallocate { name: String },
    Execute { name: String, parameters: Vec<String> },
}

pub(crate) fn classify(sql: &str) -> Statement {
    let words = Words::new(sql).take(4).map(str::to_uppercase).collect::<Vec<_>>();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let (kind, file, repeatable) = match word(0) {
        "SELECT" | "WITH" | "VALUES" | "TABLE" | "(" | "EXECUTE" | "" => (Kind::Dml, ResultFile::Csv, true),
        "EXPLAIN" => (Kind::Dml, ResultFile::Text, true),
        "SHOW" if word(1) == "FUNCTIONS" => (Kind::Utility, ResultFile::Csv, true),
        "SHOW" | "DESCRIBE" | "DESC" => (Kind::Utility, ResultFile::Text, true),
        "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "UNLOAD" => (Kind::Dml, ResultFile::Csv, false),
        _ => (Kind::Ddl, ResultFile::Text, false),
    };
    Statement { kind, verb: verb(word(0), word(1), word(2)), file, repeatable }
}

fn verb(first: &str, second: &str, third: &str) -> String {
    match (first, second) {
        ("WITH" | "VALUES" | "TABLE" | "(" | "", _) => "SELECT".to_owned(),
        ("DESC" | "DESCRIBE", _) => "DESCRIBE_TABLE".to_owned(),
        ("CREATE", "EXTERNAL") => "CREATE_TABLE".to_owned(),
        ("CREATE", "OR") => "CREATE_VIEW".to_owned(),
        ("SHOW", "CREATE") => format!("SHOW_CREATE_{third}"),
        ("SHOW", "SCHEMAS") => "SHOW_DATABASES".to_owned(),
        ("CREATE" | "DROP", "SCHEMA") => format!("{first}_DATABASE"),
        ("MSCK", _) => "MSCK_REPAIR".to_owned(),
        ("CREATE" | "DROP" | "ALTER" | "SHOW", _) => format!("{first}_{second}"),
        _ => first.to_owned(),
    }
}

/// `PREPARE name FROM statement`, `DEALLOCATE PREPARE name`, `EXECUTE name [USING a, b]`.
pub(crate) fn own(sql: &str) -> Option<Own> {
    let sql = sql.trim_end().trim_end_matches(';');
    let mut words = Words::new(sql);
    let is =
        |word: Option<&str>, expected: &str| word.is_some_and(|word| word.eq_ignore_ascii_case(expected));
    let first = words.next()?;
    if first.eq_ignore_ascii_case("PREPARE") {
        let name = unquoted(words.next()?);
        return (is(words.next(), "FROM"))
            .then(|| Own::Prepare { name, sql: words.rest().trim().to_owned() });
    }
    if first.eq_ignore_ascii_case("DEALLOCATE") {
        return is(words.next(), "PREPARE")
            .then(|| words.next())
            .flatten()
            .map(|name| Own::Deallocate { name: unquoted(name) });
    }
    if first.eq_ignore_ascii_case("EXECUTE") {
        let name = unquoted(words.next()?);
        return match words.next() {
            None => Some(Own::Execute { name, parameters: Vec::new() }),
            Some(using) if using.eq_ignore_ascii_case("USING") => {
                Some(Own::Execute { name, parameters: split_arguments(words.rest()) })
            }
            Some(_) => None,
        };
    }
    None
}

fn unquoted(name: &str) -> String {
    name.trim_matches(['"', '`']).to_owned()
}

/// Splits at commas outside quotes and brackets.
fn split_arguments(text: &str) -> Vec<String> {
    let mut arguments = Vec::new();
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                arguments.push(text[start..at].trim().to_owned());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    arguments.push(text[start..].trim().to_owned());
    arguments
}

/// The words of a statement, comments skipped; an opening bracket is a word of its own.
struct Words<'a> {
    text: &'a str,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Words<'a> {
        Words { text }
    }

    fn rest(&self) -> &'a str {
        self.text
    }

    fn skip_blank(&mut self) {
        loop {
            self.text = self.text.trim_start();
            let end = if self.text.starts_with("--") {
                self.text.find('\n')
            } else if self.text.starts_with("/*") {
                self.text.find("*/").map(|at| at + 2)
            } else {
                return;
            };
            self.text = &self.text[end.unwrap_or(self.text.len())..];
        }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.skip_blank();
        let first = self.text.chars().next()?;
        let length = if first == '(' {
            1
        } else {
            self.text[first.len_utf8()..]
                .find(|c: char| c.is_whitespace() || c == '(' || c == ';')
                .map_or(self.text.len(), |at| at + first.len_utf8())
        };
        let (word, rest) = self.text.split_at(length);
        self.text = rest;
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_known_by_its_first_words() {
        for (sql, kind, verb, file, repeatable) in [
            ("SELECT 1", Kind::Dml, "SELECT", ResultFile::Csv, true),
            (
                "-- why\n/* x */ with a as (select 1) select * from a",
                Kind::Dml,
                "SELECT",
                ResultFile::Csv,
                true,
            ),
            ("(select 1)", Kind::Dml, "SELECT", ResultFile::Csv, true),
            ("EXPLAIN SELECT 1", Kind::Dml, "EXPLAIN", ResultFile::Text, true),
            ("show tables", Kind::Utility, "SHOW_TABLES", ResultFile::Text, true),
            ("SHOW CREATE TABLE t", Kind::Utility, "SHOW_CREATE_TABLE", ResultFile::Text, true),
            ("DESCRIBE t", Kind::Utility, "DESCRIBE_TABLE", ResultFile::Text, true),
            ("CREATE EXTERNAL TABLE t(a int)", Kind::Ddl, "CREATE_TABLE", ResultFile::Text, false),
            ("create schema s", Kind::Ddl, "CREATE_DATABASE", ResultFile::Text, false),
            ("MSCK REPAIR TABLE t", Kind::Ddl, "MSCK_REPAIR", ResultFile::Text, false),
            ("ALTER TABLE t ADD PARTITION (d='1')", Kind::Ddl, "ALTER_TABLE", ResultFile::Text, false),
            ("INSERT INTO t SELECT 1", Kind::Dml, "INSERT", ResultFile::Csv, false),
        ] {
            let statement = classify(sql);
            assert_eq!((statement.kind, statement.verb.as_str()), (kind, verb), "{sql}");
            assert_eq!((statement.file, statement.repeatable), (file, repeatable), "{sql}");
        }
    }

    #[test]
    fn prepared_statements_are_recognised_with_their_parameters() {
        assert_eq!(
            own("PREPARE p FROM SELECT * FROM t WHERE a = ?;"),
            Some(Own::Prepare { name: "p".into(), sql: "SELECT * FROM t WHERE a = ?".into() })
        );
        assert_eq!(own("deallocate prepare p"), Some(Own::Deallocate { name: "p".into() }));
        assert_eq!(
            own("EXECUTE \"p\" USING 'a, b''s', concat('x', ','), 3"),
            Some(Own::Execute {
                name: "p".into(),
                parameters: vec!["'a, b''s'".into(), "concat('x', ',')".into(), "3".into()],
            })
        );
        assert_eq!(own("EXECUTE p"), Some(Own::Execute { name: "p".into(), parameters: vec![] }));
        assert_eq!(own("SELECT 1"), None);
    }
}
