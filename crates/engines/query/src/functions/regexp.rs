//! Regular expressions. Java's syntax as far as the `regex` crate knows it: no look-around and no
//! back-references in patterns.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;
use regex::{Captures, Regex};

use super::scalar::{Args, P, R, exact, optional};
use crate::error::invalid;

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("regexp_like", &[P::Str, P::Str], R::Bool, |args| {
            let mut patterns = Patterns::default();
            args.bools(|row| Ok(Some(patterns.get(args.str(1).value(row))?.is_match(args.str(0).value(row)))))
        }),
        optional("regexp_extract", &[P::Str, P::Str, P::Int], 2, R::Str, extract),
        optional("regexp_extract_all", &[P::Str, P::Str, P::Int], 2, R::Strs, extract_all),
        optional("regexp_replace", &[P::Str, P::Str, P::Str], 2, R::Str, replace),
        exact("regexp_split", &[P::Str, P::Str], R::Strs, split),
        exact("regexp_count", &[P::Str, P::Str], R::Int, |args| {
            let mut patterns = Patterns::default();
            args.ints(|row| {
                Ok(Some(
                    patterns.get(args.str(1).value(row))?.find_iter(args.str(0).value(row)).count() as i64
                ))
            })
        }),
        optional("regexp_position", &[P::Str, P::Str, P::Int, P::Int], 2, R::Int, position),
    ]
}

/// The pattern last used, since it is nearly always the same.
#[derive(Default)]
struct Patterns {
    last: Option<(String, Regex)>,
}

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<&Regex> {
        if self.last.as_ref().is_none_or(|(known, _)| known != pattern) {
            let regex = Regex::new(pattern)
                .map_err(|error| invalid(format!("Invalid regular expression '{pattern}': {error}")))?;
            self.last = Some((pattern.to_owned(), regex));
        }
        Ok(&self.last.as_ref().expect("a pattern was just stored").1)
    }
}

fn group(args: &Args, row: usize, regex: &Regex) -> Result<usize> {
    let group = if args.len() > 2 { args.int(2).value(row) } else { 0 };
    match usize::try_from(group) {
        Ok(index) if index < regex.captures_len() => Ok(index),
        _ => {
            let groups = regex.captures_len() - 1;
            Err(invalid(format!("Pattern has {groups} groups. Cannot access group {group}")))
        }
    }
}

fn extract(args: &Args) -> Result<ArrayRef> {
    let mut patterns = Patterns::default();
    args.texts(move |row| {
        let regex = patterns.get(args.str(1).value(row))?;
        let group = group(args, row, regex)?;
        let found = regex.captures(args.str(0).value(row));
        Ok(found.and_then(|found| found.get(group).map(|m| m.as_str().to_owned())))
    })
}

fn extract_all(args: &Args) -> Result<ArrayRef> {
    let mut patterns = Patterns::default();
    lists(args, |row, pieces| {
        let regex = patterns.get(args.str(1).value(row))?;
        let group = group(args, row, regex)?;
        for found in regex.captures_iter(args.str(0).value(row)) {
            pieces.append_option(found.get(group).map(|m| m.as_str()));
        }
        Ok(())
    })
}

/// A list of texts for each row, null where an argument is.
fn lists(args: &Args, mut fill: impl FnMut(usize, &mut StringBuilder) -> Result<()>) -> Result<ArrayRef> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in 0..args.rows {
        let null = args.any_null(row);
        if !null {
            fill(row, builder.values())?;
        }
        builder.append(!null);
    }
    Ok(Arc::new(builder.finish()))
}

fn replace(args: &Args) -> Result<ArrayRef> {
    let mut patterns = Patterns::default();
    args.texts(move |row| {
        let regex = patterns.get(args.str(1).value(row))?;
        let with = if args.len() > 2 { args.str(2).value(row) } else { "" };
        let text = args.str(0).value(row);
        if !with.contains(['$', '\\']) {
            return Ok(Some(regex.replace_all(text, regex::NoExpand(with)).into_owned()));
        }
        let template = Template::parse(with, regex)?;
        Ok(Some(regex.replace_all(text, |found: &Captures<'_>| template.expand(found)).into_owned()))
    })
}

/// Java's replacement text: `$1`, `${name}`, `\$`.
struct Template(Vec<Piece>);

enum Piece {
    Text(String),
    Group(usize),
    Named(String),
}

impl Template {
    fn parse(text: &str, regex: &Regex) -> Result<Template> {
        let bad = || invalid("Illegal replacement sequence");
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.push(chars.next().ok_or_else(bad)?),
                '$' => {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    if chars.next_if_eq(&'{').is_some() {
                        let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '}')).collect();
                        chars.next().ok_or_else(bad)?;
                        pieces.push(Piece::Named(name));
                        continue;
                    }
                    let mut number = chars.next().and_then(|c| c.to_digit(10)).ok_or_else(bad)? as usize;
                    if number >= regex.captures_len() {
                        return Err(invalid(format!(
                            "Illegal replacement sequence: unknown group {{ {number} }}"
                        )));
                    }
                    // As many digits as still name a group.
                    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                        let longer = number * 10 + digit as usize;
                        if longer >= regex.captures_len() {
                            break;
                        }
                        number = longer;
                        chars.next();
                    }
                    pieces.push(Piece::Group(number));
                }
                c => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        Ok(Template(pieces))
    }

    fn expand(&self, found: &Captures<'_>) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(index) => out.push_str(found.get(*index).map_or("", |m| m.as_str())),
                Piece::Named(name) => out.push_str(found.name(name).map_or("", |m| m.as_str())),
            }
        }
        out
    }
}

fn split(args: &Args) -> Result<ArrayRef> {
    let mut patterns = Patterns::default();
    lists(args, |row, pieces| {
        let regex = patterns.get(args.str(1).value(row))?;
        regex.split(args.str(0).value(row)).for_each(|piece| pieces.append_value(piece));
        Ok(())
    })
}

fn position(args: &Args) -> Result<ArrayRef> {
    let mut patterns = Patterns::default();
    args.ints(|row| {
        let regex = patterns.get(args.str(1).value(row))?;
        let text = args.str(0).value(row);
        let start = if args.len() > 2 { args.int(2).value(row) } else { 1 };
        let nth = if args.len() > 3 { args.int(3).value(row) } else { 1 };
        let (Ok(start), Ok(nth)) = (usize::try_from(start - 1), usize::try_from(nth - 1)) else {
            return Err(invalid("start and occurrence must be greater than or equal to 1"));
        };
        let Some((from, _)) = text.char_indices().nth(start) else { return Ok(Some(-1)) };
        let found = regex.find_iter(&text[from..]).nth(nth);
        Ok(Some(found.map_or(-1, |m| text[..from + m.start()].chars().count() as i64 + 1)))
    })
}
