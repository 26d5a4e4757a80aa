//! Text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;

use super::scalar::{Args, P, R, common, exact, optional, variadic};
use crate::error::{invalid, mismatch};
use crate::types::{canonical, list};

/// The longest text a padding or repetition makes.
const LENGTH_MAX: i64 = 16 << 20;

pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        exact("lower", &[P::Str], R::Str, |args| {
            args.texts(|row| Ok(Some(args.str(0).value(row).to_lowercase())))
        }),
        exact("upper", &[P::Str], R::Str, |args| {
            args.texts(|row| Ok(Some(args.str(0).value(row).to_uppercase())))
        }),
        exact("length", &[P::Any], R::Int, length),
        exact("reverse", &[P::Any], R::Arg(0), reverse),
        optional("substr", &[P::Str, P::Int, P::Int], 2, R::Str, substr),
        optional("substring", &[P::Str, P::Int, P::Int], 2, R::Str, substr),
        optional("strpos", &[P::Str, P::Str, P::Int], 2, R::Int, strpos),
        exact("position", &[P::Str, P::Str], R::Int, |args| {
            args.ints(|row| Ok(Some(found_at(args.str(1).value(row), args.str(0).value(row), 1))))
        }),
        optional("split", &[P::Str, P::Str, P::Int], 2, R::Strs, |args| {
            split(args, (args.len() > 2).then_some(2))
        }),
        exact("split_part", &[P::Str, P::Str, P::Int], R::Str, split_part),
        exact(
            "split_to_map",
            &[P::Str, P::Str, P::Str],
            R::Of(|_| Ok(crate::types::map(DataType::Utf8, DataType::Utf8))),
            super::maps::split_to_map,
        ),
        exact("lpad", &[P::Str, P::Int, P::Str], R::Str, |args| pad(args, true)),
        exact("rpad", &[P::Str, P::Int, P::Str], R::Str, |args| pad(args, false)),
        optional("replace", &[P::Str, P::Str, P::Str], 2, R::Str, replace),
        exact("repeat", &[P::Any, P::Int], R::Of(|given| Ok(list(given[0].clone()))), super::arrays::repeat),
        exact("levenshtein_distance", &[P::Str, P::Str], R::Int, |args| {
            args.ints(|row| Ok(Some(levenshtein(args.str(0).value(row), args.str(1).value(row)))))
        }),
        exact("hamming_distance", &[P::Str, P::Str], R::Int, hamming),
        exact("translate", &[P::Str, P::Str, P::Str], R::Str, translate),
        exact("chr", &[P::Int], R::Str, chr),
        exact("codepoint", &[P::Str], R::Int, codepoint),
        exact("starts_with", &[P::Str, P::Str], R::Bool, |args| {
            args.bools(|row| Ok(Some(args.str(0).value(row).starts_with(args.str(1).value(row)))))
        }),
        exact("ends_with", &[P::Str, P::Str], R::Bool, |args| {
            args.bools(|row| Ok(Some(args.str(0).value(row).ends_with(args.str(1).value(row)))))
        }),
        variadic("concat", &[P::Any], 1, R::Of(concat_type), concat),
        variadic("concat_ws", &[P::Str, P::Any], 2, R::Str, concat_ws),
    ]
}

fn length(args: &Args) -> Result<ArrayRef> {
    match args.columns[0].data_type() {
        DataType::Utf8 => args.ints(|row| {
            let text = args.str(0).value(row);
            Ok(Some(if text.is_ascii() { text.len() } else { text.chars().count() } as i64))
        }),
        DataType::Binary => args.ints(|row| Ok(Some(args.bytes(0).value(row).len() as i64))),
        DataType::Null => args.ints(|_| Ok(None)),
        other => {
            let given = crate::types::display(other);
            Err(mismatch(format!(
                "Unexpected parameters ({given}) for function length. Expected: length(varchar)"
            )))
        }
    }
}

fn reverse(args: &Args) -> Result<ArrayRef> {
    match args.columns[0].data_type() {
        DataType::Utf8 => {
            args.texts(|row| Ok(Some(args.str(0).value(row).chars().rev().collect::<String>())))
        }
        DataType::List(_) => super::arrays::reversed(args),
        DataType::Binary => {
            args.binaries(|row| Ok(Some(args.bytes(0).value(row).iter().rev().copied().collect())))
        }
        other => Err(mismatch(format!(
            "Unexpected parameters ({}) for function reverse",
            crate::types::display(other)
        ))),
    }
}

fn substr(args: &Args) -> Result<ArrayRef> {
    let texts = args.str(0);
    args.texts(move |row| {
        let text = texts.value(row);
        let start = args.int(1).value(row);
        let count = if args.len() > 2 { args.int(2).value(row) } else { i64::MAX };
        Ok(Some(part(text, start, count)))
    })
}

/// Characters from the 1-based (or, negative, from the end) `start`; empty when that lies outside.
fn part(text: &str, start: i64, count: i64) -> &str {
    if start == 0 || count <= 0 {
        return "";
    }
    let length = if text.is_ascii() { text.len() } else { text.chars().count() } as i64;
    let from = if start > 0 { start - 1 } else { length + start };
    if from < 0 || from >= length {
        return "";
    }
    let to = from.saturating_add(count).min(length);
    let at = |index: i64| byte_of(text, usize::try_from(index).unwrap_or(0));
    &text[at(from)..at(to)]
}

fn byte_of(text: &str, index: usize) -> usize {
    if text.is_ascii() {
        return index.min(text.len());
    }
    text.char_indices().nth(index).map_or(text.len(), |(byte, _)| byte)
}

fn strpos(args: &Args) -> Result<ArrayRef> {
    args.ints(|row| {
        let nth = if args.len() > 2 { args.int(2).value(row) } else { 1 };
        if nth == 0 {
            return Err(invalid("'instance' must be a positive or negative number."));
        }
        Ok(Some(found_at(args.str(0).value(row), args.str(1).value(row), nth)))
    })
}

/// 1-based character index of the nth occurrence, counted from the end when negative; 0 for none.
fn found_at(text: &str, wanted: &str, nth: i64) -> i64 {
    if wanted.is_empty() {
        return 1;
    }
    let index = usize::try_from(nth.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let found =
        if nth > 0 { text.match_indices(wanted).nth(index) } else { text.rmatch_indices(wanted).nth(index) };
    found.map_or(0, |(byte, _)| text[..byte].chars().count() as i64 + 1)
}

fn split(args: &Args, limit: Option<usize>) -> Result<ArrayRef> {
    let mut builder = ListBuilder::new(StringBuilder::new());
    for row in 0..args.rows {
        if args.any_null(row) {
            builder.append_null();
            continue;
        }
        let (text, delimiter) = (args.str(0).value(row), args.str(1).value(row));
        if delimiter.is_empty() {
            return Err(invalid("The delimiter may not be the empty string"));
        }
        let count =
            limit.map_or(usize::MAX, |index| usize::try_from(args.int(index).value(row)).unwrap_or(0));
        if count == 0 {
            return Err(invalid("Limit must be positive"));
        }
        text.splitn(count, delimiter).for_each(|piece| builder.values().append_value(piece));
        builder.append(true);
    }
    Ok(Arc::new(builder.finish()))
}

fn split_part(args: &Args) -> Result<ArrayRef> {
    args.texts(|row| {
        let index = args.int(2).value(row);
        let Some(index) = usize::try_from(index).ok().and_then(|index| index.checked_sub(1)) else {
            return Err(invalid("Index must be greater than zero"));
        };
        Ok(args.str(0).value(row).split(args.str(1).value(row)).nth(index))
    })
}

fn pad(args: &Args, left: bool) -> Result<ArrayRef> {
    args.texts(|row| {
        let (text, size, fill) = (args.str(0).value(row), args.int(1).value(row), args.str(2).value(row));
        if !(0..=LENGTH_MAX).contains(&size) {
            return Err(invalid(format!("Target length must be in the range [0..{LENGTH_MAX}]")));
        }
        if fill.is_empty() {
            return Err(invalid("Padding string must not be empty"));
        }
        let (length, size) = (text.chars().count(), usize::try_from(size).unwrap_or(0));
        if length >= size {
            return Ok(Some(text.chars().take(size).collect::<String>()));
        }
        let padding: String = fill.chars().cycle().take(size - length).collect();
        Ok(Some(if left { padding + text } else { text.to_owned() + &padding }))
    })
}

fn replace(args: &Args) -> Result<ArrayRef> {
    args.texts(|row| {
        let with = if args.len() > 2 { args.str(2).value(row) } else { "" };
        Ok(Some(args.str(0).value(row).replace(args.str(1).value(row), with)))
    })
}

fn levenshtein(a: &str, b: &str) -> i64 {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(ca != *cb)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = cost;
        }
    }
    row[b.len()] as i64
}

fn hamming(args: &Args) -> Result<ArrayRef> {
    args.ints(|row| {
        let (a, b) = (args.str(0).value(row), args.str(1).value(row));
        if a.chars().count() != b.chars().count() {
            return Err(invalid("The input strings to hamming_distance function must have the same length"));
        }
        Ok(Some(a.chars().zip(b.chars()).filter(|(a, b)| a != b).count() as i64))
    })
}

fn translate(args: &Args) -> Result<ArrayRef> {
    args.texts(|row| {
        let from: Vec<char> = args.str(1).value(row).chars().collect();
        let to: Vec<char> = args.str(2).value(row).chars().collect();
        let moved = args.str(0).value(row).chars().filter_map(|c| match from.iter().position(|f| *f == c) {
            Some(index) => to.get(index).copied(),
            None => Some(c),
        });
        Ok(Some(moved.collect::<String>()))
    })
}

fn chr(args: &Args) -> Result<ArrayRef> {
    args.texts(|row| {
        let code = args.int(0).value(row);
        let c = u32::try_from(code).ok().and_then(char::from_u32);
        c.map(|c| Some(c.to_string()))
            .ok_or_else(|| invalid(format!("Not a valid Unicode code point: {code}")))
    })
}

fn codepoint(args: &Args) -> Result<ArrayRef> {
    args.ints(|row| {
        let mut chars = args.str(0).value(row).chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(Some(i64::from(u32::from(c)))),
            _ => Err(invalid("Input string must be a single character string")),
        }
    })
}

fn concat_type(given: &[DataType]) -> Result<DataType> {
    let lists: Vec<&DataType> = given.iter().filter(|t| matches!(t, DataType::List(_))).collect();
    if let Some(first) = lists.first() {
        let mut element = element_of(first);
        for other in given {
            let other = if matches!(other, DataType::List(_)) { element_of(other) } else { canonical(other) };
            element = common(&element, &other)
                .ok_or_else(|| mismatch("Unexpected parameters for function concat"))?;
        }
        return Ok(list(element));
    }
    let text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::Null);
    if given.iter().all(text) {
        return Ok(DataType::Utf8);
    }
    if given.iter().all(|t| matches!(t, DataType::Binary | DataType::Null)) {
        return Ok(DataType::Binary);
    }
    let given: Vec<_> = given.iter().map(crate::types::display).collect();
    Err(mismatch(format!(
        "Unexpected parameters ({}) for function concat. Expected: concat(varchar)",
        given.join(", ")
    )))
}

fn element_of(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(element) => element.data_type().clone(),
        other => other.clone(),
    }
}

fn concat(args: &Args) -> Result<ArrayRef> {
    match &args.returns {
        DataType::List(_) => super::arrays::concatenated(args),
        DataType::Binary => args.binaries(|row| {
            let pieces = (0..args.len()).map(|index| args.bytes(index).value(row));
            Ok(Some(pieces.collect::<Vec<_>>().concat()))
        }),
        _ => {
            if args.columns.iter().any(|column| matches!(column.data_type(), DataType::Null)) {
                return Ok(arrow::array::new_null_array(&DataType::Utf8, args.rows));
            }
            let columns: Vec<&StringArray> = args.columns.iter().map(|column| column.as_string()).collect();
            let mut builder = StringBuilder::with_capacity(args.rows, args.rows * 16);
            for row in 0..args.rows {
                if columns.iter().any(|column| column.is_null(row)) {
                    builder.append_null();
                    continue;
                }
                for column in &columns {
                    let _ = std::fmt::Write::write_str(&mut builder, column.value(row));
                }
                builder.append_value("");
            }
            Ok(Arc::new(builder.finish()))
        }
    }
}

/// Nulls are left out.
fn concat_ws(args: &Args) -> Result<ArrayRef> {
    let separators = args.str(0);
    let mut builder = StringBuilder::new();
    for row in 0..args.rows {
        if separators.is_null(row) {
            builder.append_null();
            continue;
        }
        let mut pieces: Vec<String> = Vec::new();
        for column in &args.columns[1..] {
            match column.data_type() {
                _ if column.is_null(row) => {}
                DataType::Utf8 => pieces.push(column.as_string::<i32>().value(row).to_owned()),
                DataType::List(_) => {
                    let items = column.as_list::<i32>().value(row);
                    pieces.extend((0..items.len()).filter_map(|index| crate::text::value(&items, index)));
                }
                other => {
                    let given = crate::types::display(other);
                    return Err(mismatch(format!("Unexpected parameters ({given}) for function concat_ws")));
                }
            }
        }
        builder.append_value(pieces.join(separators.value(row)));
    }
    Ok(Arc::new(builder.finish()))
}
