//! PREPARE, EXECUTE and DEALLOCATE, for whoever keeps prepared statements.

use datafusion::sql::sqlparser::tokenizer::{Token, Word};

use super::{Tokens, keyword, mismatched, position};
use crate::error::QueryError;

/// A statement about prepared statements. The engine keeps none: a caller recognises these with
/// [`Prepared::of`], keeps the text, and runs it with [`Engine::run`](crate::Engine::run).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// `PREPARE name FROM statement`
    Prepare { name: String, statement: String },
    /// `EXECUTE name [USING value, …]`; the values are SQL literals as they stand.
    Execute { name: String, parameters: Vec<String> },
    /// `DEALLOCATE PREPARE name`
    Deallocate { name: String },
}

impl Prepared {
    /// What `sql` says about prepared statements; `None` for every other statement.
    pub fn of(sql: &str) -> Result<Option<Prepared>, QueryError> {
        let leading = Tokens::first_word(sql);
        if !matches!(leading.as_str(), "prepare" | "execute" | "deallocate") {
            return Ok(None);
        }
        let tokens = Tokens::of(sql)?;
        Ok(Some(match leading.as_str() {
            "prepare" => {
                let name = name(&tokens, 1)?;
                expect(&tokens, 2, "from")?;
                if tokens.list.len() == 3 {
                    return Err(mismatched(tokens.end(), "<EOF>", "<statement>"));
                }
                Prepared::Prepare { name, statement: tokens.text_from(3).to_owned() }
            }
            "execute" => Prepared::Execute { name: name(&tokens, 1)?, parameters: parameters(&tokens)? },
            _ => {
                expect(&tokens, 1, "prepare")?;
                Prepared::Deallocate { name: name(&tokens, 2)? }
            }
        }))
    }
}

fn name(tokens: &Tokens, index: usize) -> Result<String, QueryError> {
    match tokens.list.get(index) {
        Some(token) => match &token.token {
            Token::Word(Word { value, .. }) => Ok(value.clone()),
            other => Err(mismatched(position(token), &other.to_string(), "<identifier>")),
        },
        None => Err(mismatched(tokens.end(), "<EOF>", "<identifier>")),
    }
}

fn expect(tokens: &Tokens, index: usize, word: &str) -> Result<(), QueryError> {
    let wanted = format!("'{}'", word.to_uppercase());
    match tokens.list.get(index) {
        Some(token) if keyword(token).as_deref() == Some(word) => Ok(()),
        Some(token) => Err(mismatched(position(token), &token.token.to_string(), &wanted)),
        None => Err(mismatched(tokens.end(), "<EOF>", &wanted)),
    }
}

fn parameters(tokens: &Tokens) -> Result<Vec<String>, QueryError> {
    if tokens.list.len() == 2 {
        return Ok(Vec::new());
    }
    expect(tokens, 2, "using")?;
    let mut parameters = Vec::new();
    let (mut start, mut depth) = (3, 0usize);
    for (index, token) in tokens.list.iter().enumerate().skip(3) {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => {
                parameters.push(tokens.text_between(start, index).to_owned());
                start = index + 1;
            }
            _ => {}
        }
    }
    parameters.push(tokens.text_between(start, tokens.list.len()).to_owned());
    if parameters.iter().any(String::is_empty) {
        return Err(mismatched(tokens.end(), "<EOF>", "<expression>"));
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_about_prepared_statements_are_recognised() {
        let prepare = Prepared::of("PREPARE p FROM\n SELECT ? AS x;").unwrap();
        assert_eq!(prepare, Some(Prepared::Prepare { name: "p".into(), statement: "SELECT ? AS x".into() }));
        let execute = Prepared::of("EXECUTE p USING 1, 'a,b', ARRAY[1, 2]").unwrap();
        let parameters = vec!["1".to_owned(), "'a,b'".to_owned(), "ARRAY[1, 2]".to_owned()];
        assert_eq!(execute, Some(Prepared::Execute { name: "p".into(), parameters }));
        assert_eq!(
            Prepared::of("DEALLOCATE PREPARE p").unwrap(),
            Some(Prepared::Deallocate { name: "p".into() })
        );
        assert_eq!(Prepared::of("SELECT 1").unwrap(), None);
        assert!(Prepared::of("EXECUTE p USING").is_err());
    }
}
