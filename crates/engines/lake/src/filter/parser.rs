use super::lexer::{self, Token};
use super::value::{Kind, Value};
use super::{Comparison, FilterError, LikeToken, Predicate};
use crate::model::Column;

/// How deep parentheses and NOT may nest.
const DEPTH_MAX: usize = 64;

pub(super) fn parse(expression: &str, keys: &[Column]) -> Result<Predicate, FilterError> {
    let mut parser = Parser { tokens: lexer::tokens(expression)?, next: 0, depth: 0, keys };
    let predicate = parser.or()?;
    match parser.peek() {
        Token::End => Ok(predicate),
        _ => Err(parser.unexpected("AND, OR or the end")),
    }
}

struct Parser<'a> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
    keys: &'a [Column],
}

enum Operand {
    Key(usize),
    Literal(String),
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Predicate, FilterError> {
        let mut terms = vec![self.and()?];
        while self.take_word("OR") {
            terms.push(self.and()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Predicate::Or(terms) })
    }

    fn and(&mut self) -> Result<Predicate, FilterError> {
        let mut terms = vec![self.not()?];
        while self.take_word("AND") {
            terms.push(self.not()?);
        }
        Ok(if terms.len() == 1 { terms.remove(0) } else { Predicate::And(terms) })
    }

    fn not(&mut self) -> Result<Predicate, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("nested more than {DEPTH_MAX} deep")));
        }
        let predicate = if self.take_word("NOT") {
            Predicate::Not(Box::new(self.not()?))
        } else if self.take(&Token::Open) {
            let inner = self.or()?;
            self.expect(&Token::Close, "')'")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(predicate)
    }

    fn comparison(&mut self) -> Result<Predicate, FilterError> {
        let at = self.position();
        match self.operand()? {
            Operand::Key(key) => self.after_key(key),
            Operand::Literal(left) => {
                let Some(comparison) = self.take_comparison() else {
                    return Err(self.unexpected("a comparison"));
                };
                match self.operand()? {
                    Operand::Key(key) => {
                        let value = self.value(key, &left)?;
                        Ok(Predicate::Compare { key, comparison: comparison.flipped(), value })
                    }
                    Operand::Literal(right) => constant(&left, comparison, &right)
                        .map(Predicate::Always)
                        .ok_or_else(|| syntax(at, "two values that do not compare".into())),
                }
            }
        }
    }

    fn after_key(&mut self, key: usize) -> Result<Predicate, FilterError> {
        if let Some(comparison) = self.take_comparison() {
            let literal = self.literal()?;
            return Ok(Predicate::Compare { key, comparison, value: self.value(key, &literal)? });
        }
        if self.take_word("IS") {
            let negated = self.take_word("NOT");
            if !self.take_word("NULL") {
                return Err(self.unexpected("NULL"));
            }
            return Ok(maybe_not(negated, Predicate::IsNull { key }));
        }
        let negated = self.take_word("NOT");
        let predicate = if self.take_word("IN") {
            self.in_list(key)?
        } else if self.take_word("BETWEEN") {
            let low = self.literal()?;
            if !self.take_word("AND") {
                return Err(self.unexpected("AND"));
            }
            let high = self.literal()?;
            let bound = |comparison, value| Predicate::Compare { key, comparison, value };
            Predicate::And(vec![
                bound(Comparison::GreaterOrEqual, self.value(key, &low)?),
                bound(Comparison::LessOrEqual, self.value(key, &high)?),
            ])
        } else if self.take_word("LIKE") {
            self.like(key)?
        } else {
            return Err(self.unexpected("a comparison"));
        };
        Ok(maybe_not(negated, predicate))
    }

    fn in_list(&mut self, key: usize) -> Result<Predicate, FilterError> {
        self.expect(&Token::Open, "'('")?;
        let mut values = Vec::new();
        loop {
            let literal = self.literal()?;
            values.push(self.value(key, &literal)?);
            if !self.take(&Token::Comma) {
                break;
            }
        }
        self.expect(&Token::Close, "')'")?;
        Ok(Predicate::In { key, values })
    }

    fn like(&mut self, key: usize) -> Result<Predicate, FilterError> {
        let pattern = self.literal()?;
        let mut escape = None;
        if self.take_word("ESCAPE") {
            let text = self.literal()?;
            let mut chars = text.chars();
            escape = chars.next();
            if escape.is_none() || chars.next().is_some() {
                return Err(self.error("ESCAPE takes one character".into()));
            }
        }
        let mut tokens = Vec::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                _ if Some(c) == escape => LikeToken::Char(
                    chars.next().ok_or_else(|| self.error("the pattern ends in its escape".into()))?,
                ),
                '%' => LikeToken::AnyText,
                '_' => LikeToken::AnyChar,
                c => LikeToken::Char(c),
            });
        }
        Ok(Predicate::Like { key, pattern: tokens })
    }

    fn operand(&mut self) -> Result<Operand, FilterError> {
        let name = match self.peek() {
            Token::Word(word) if !self.starts_literal(word) => word.clone(),
            Token::Name(name) => name.clone(),
            Token::Quoted(text) if self.key(text).is_some() => text.clone(),
            _ => return self.literal().map(Operand::Literal),
        };
        let key = self.key(&name).ok_or(FilterError::NoSuchKey(name))?;
        self.next += 1;
        Ok(Operand::Key(key))
    }

    /// `DATE '…'` is a value, a lone `date` is a key of that name.
    fn starts_literal(&self, word: &str) -> bool {
        let before_text = matches!(self.tokens.get(self.next + 1), Some((_, Token::Text(_))));
        is_boolean(word) || (is_type_word(word) && before_text)
    }

    fn literal(&mut self) -> Result<String, FilterError> {
        let token = self.peek().clone();
        let text = match token {
            Token::Text(text) | Token::Quoted(text) | Token::Number(text) => text,
            Token::Word(word) if is_boolean(&word) => word,
            // DATE '2024-01-01', TIMESTAMP '…': the key's type decides anyway.
            Token::Word(word) if is_type_word(&word) => {
                self.next += 1;
                match self.peek().clone() {
                    Token::Text(text) => text,
                    _ => return Err(self.unexpected("a quoted value")),
                }
            }
            _ => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(text)
    }

    fn value(&self, key: usize, literal: &str) -> Result<Value, FilterError> {
        let column = &self.keys[key];
        let kind = Kind::of(&column.type_)
            .ok_or_else(|| FilterError::KeyType { key: column.name.clone(), type_: column.type_.clone() })?;
        kind.read(literal).ok_or_else(|| FilterError::Literal {
            key: column.name.clone(),
            type_: column.type_.clone(),
            literal: literal.to_owned(),
        })
    }

    fn key(&self, name: &str) -> Option<usize> {
        // `table.key` means the key.
        let name = name.rsplit('.').next().unwrap_or(name);
        self.keys.iter().position(|key| key.name.eq_ignore_ascii_case(name))
    }

    fn peek(&self) -> &Token {
        // The list ends with `End`, which nothing steps over.
        &self.tokens[self.next.min(self.tokens.len() - 1)].1
    }

    fn position(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].0
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == token;
        self.next += usize::from(found);
        found
    }

    fn take_word(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Token::Word(word) if word.eq_ignore_ascii_case(keyword));
        self.next += usize::from(found);
        found
    }

    fn take_comparison(&mut self) -> Option<Comparison> {
        let Token::Operator(operator) = self.peek() else { return None };
        let comparison = match *operator {
            "=" => Comparison::Equal,
            "<>" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            _ => Comparison::GreaterOrEqual,
        };
        self.next += 1;
        Some(comparison)
    }

    fn expect(&mut self, token: &Token, what: &str) -> Result<(), FilterError> {
        if self.take(token) { Ok(()) } else { Err(self.unexpected(what)) }
    }

    fn unexpected(&self, wanted: &str) -> FilterError {
        self.error(match self.peek() {
            Token::End => format!("it ends where {wanted} was expected"),
            _ => format!("{wanted} was expected"),
        })
    }

    fn error(&self, reason: String) -> FilterError {
        syntax(self.position(), reason)
    }
}

fn syntax(at: usize, reason: String) -> FilterError {
    FilterError::Syntax { at, reason }
}

fn is_boolean(word: &str) -> bool {
    word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false")
}

fn is_type_word(word: &str) -> bool {
    word.eq_ignore_ascii_case("date") || word.eq_ignore_ascii_case("timestamp")
}

fn maybe_not(negated: bool, predicate: Predicate) -> Predicate {
    if negated { Predicate::Not(Box::new(predicate)) } else { predicate }
}

/// `1 = 1` and its kind.
fn constant(left: &str, comparison: Comparison, right: &str) -> Option<bool> {
    let kind = if Kind::Number.read(left).is_some() && Kind::Number.read(right).is_some() {
        Kind::Number
    } else {
        Kind::Text
    };
    Some(comparison.holds(&kind.read(left)?, &kind.read(right)?))
}
