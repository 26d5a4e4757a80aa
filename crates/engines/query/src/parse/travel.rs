//! `FOR VERSION AS OF` and `FOR TIMESTAMP AS OF`, which no parser takes, as part of the table's name.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use super::{keyword, position};
use crate::error::QueryError;

const VERSION: &str = "$version@";
const TIME: &str = "$time@";

/// Which snapshot of a table a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// A snapshot's number, or the name of a branch or tag.
    Version(String),
    /// An expression for the time at which the snapshot was the current one.
    Time(String),
}

/// A table's name without what [`rewritten`] put into it.
pub(crate) fn split(name: &str) -> (&str, Option<AsOf>) {
    let parted = |mark: &str| {
        let (base, text) = name.split_once(mark)?;
        Some((base, String::from_utf8(hex::decode(text).ok()?).ok()?))
    };
    if let Some((base, version)) = parted(VERSION) {
        return (base, Some(AsOf::Version(version)));
    }
    match parted(TIME) {
        Some((base, expression)) => (base, Some(AsOf::Time(expression))),
        None => (name, None),
    }
}

/// Each versioned table as one quoted name, under the alias that its plain name would have had.
pub(super) fn rewritten(list: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>, QueryError> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(list.len());
    let mut index = 0;
    while let Some(token) = list.get(index) {
        let Some(mark) = clause(&list[index..]) else {
            out.push(token.clone());
            index += 1;
            continue;
        };
        let from = index + 4;
        let to = from + expression_length(&list[from..]);
        if from == to {
            let at = list.get(from).map_or_else(|| position(token), position);
            return Err(super::mismatched(at, "<EOF>", "<expression>"));
        }
        let text: Vec<String> = list[from..to].iter().map(|token| token.token.to_string()).collect();
        let text = text.join(" ");
        let Some(name) = out.last_mut() else {
            return Err(super::mismatched(position(token), "FOR", "<query>"));
        };
        let Token::Word(word) = &name.token else {
            return Err(super::mismatched(position(token), "FOR", "<identifier>"));
        };
        let plain = word.value.clone();
        let text = if mark == VERSION { text.trim_matches('\'').to_owned() } else { text };
        name.token = quoted(format!("{plain}{mark}{}", hex::encode(text)));
        let span = name.span;
        if !list.get(to).is_some_and(is_alias) {
            let as_ = Word { value: "as".into(), quote_style: None, keyword: Keyword::AS };
            out.push(TokenWithSpan { token: Token::Word(as_), span });
            out.push(TokenWithSpan { token: quoted(plain), span });
        }
        index = to;
    }
    Ok(out)
}

fn quoted(value: String) -> Token {
    Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword })
}

/// The mark of the clause that starts here.
fn clause(list: &[TokenWithSpan]) -> Option<&'static str> {
    let word = |index: usize| list.get(index).and_then(keyword);
    if word(0)? != "for" || word(2)? != "as" || word(3)? != "of" {
        return None;
    }
    match word(1)?.as_str() {
        "version" | "system_version" => Some(VERSION),
        "timestamp" | "system_time" => Some(TIME),
        _ => None,
    }
}

/// Tokens up to what cannot belong to a constant expression.
fn expression_length(list: &[TokenWithSpan]) -> usize {
    const WORDS: [&str; 20] = [
        "timestamp",
        "date",
        "time",
        "interval",
        "at",
        "zone",
        "with",
        "cast",
        "current_timestamp",
        "current_date",
        "localtimestamp",
        "now",
        "day",
        "days",
        "hour",
        "hours",
        "minute",
        "minutes",
        "second",
        "month",
    ];
    let mut depth = 0usize;
    for (index, token) in list.iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 0 => return index,
            Token::RParen => depth -= 1,
            Token::Comma if depth == 0 => return index,
            Token::Word(word) if depth == 0 => {
                let calls = list.get(index + 1).is_some_and(|next| next.token == Token::LParen);
                let known =
                    word.quote_style.is_none() && WORDS.contains(&word.value.to_ascii_lowercase().as_str());
                if !known && !calls {
                    return index;
                }
            }
            _ => {}
        }
    }
    list.len()
}

fn is_alias(token: &TokenWithSpan) -> bool {
    const AFTER: [&str; 20] = [
        "where",
        "group",
        "order",
        "having",
        "limit",
        "offset",
        "fetch",
        "union",
        "except",
        "intersect",
        "join",
        "inner",
        "left",
        "right",
        "full",
        "cross",
        "on",
        "using",
        "window",
        "tablesample",
    ];
    match (&token.token, keyword(token)) {
        (_, Some(word)) => !AFTER.contains(&word.as_str()),
        (Token::Word(_), None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::Tokens;

    fn text(sql: &str) -> String {
        let tokens = rewritten(&Tokens::of(sql).unwrap().list).unwrap();
        let tokens: Vec<String> = tokens.iter().map(|token| token.token.to_string()).collect();
        tokens.join(" ")
    }

    #[test]
    fn a_version_becomes_part_of_the_name_under_the_plain_alias() {
        let name = format!("\"t$version@{}\"", hex::encode("42"));
        let sql = text("SELECT t.a FROM db.t FOR VERSION AS OF 42 WHERE a = 1");
        assert_eq!(sql, format!("SELECT t . a FROM db . {name} as \"t\" WHERE a = 1"));
        let sql = text("SELECT * FROM t FOR VERSION AS OF 42 x, u");
        assert_eq!(sql, format!("SELECT * FROM {name} x , u"));
        let (base, asked) = split(name.trim_matches('"'));
        assert_eq!((base, asked), ("t", Some(AsOf::Version("42".into()))));
    }

    #[test]
    fn a_time_may_be_any_constant_expression() {
        let sql =
            "SELECT * FROM t FOR TIMESTAMP AS OF (current_timestamp - interval '1' day) JOIN u ON a = b";
        let rewritten = text(sql);
        assert!(rewritten.ends_with("as \"t\" JOIN u ON a = b"), "{rewritten}");
        let sql = text("SELECT * FROM t FOR TIMESTAMP AS OF TIMESTAMP '2024-01-01 00:00:00 UTC'");
        let name = sql.split('"').nth(1).unwrap();
        let (base, asked) = split(name);
        assert_eq!(base, "t");
        assert_eq!(asked, Some(AsOf::Time("TIMESTAMP '2024-01-01 00:00:00 UTC'".into())));
    }
}
