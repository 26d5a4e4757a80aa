//! A statement's tokens, and what is done to them before sqlparser sees them.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Word};

use super::{keyword, position, travel};
use crate::dialect::{AthenaDialect, HiveLexis};
use crate::error::{ErrorKind, Position, QueryError};

/// A statement without white space, comments and closing semicolons.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) list: Vec<TokenWithSpan>,
    text: String,
}

impl Tokens {
    /// A statement in Trino's lexical form.
    pub(crate) fn of(text: &str) -> Result<Tokens, QueryError> {
        Tokens::read(text, Tokenizer::new(&AthenaDialect, text))
    }

    /// A statement in Hive's lexical form; the escapes in its strings are left as they are.
    pub(crate) fn hive(text: &str) -> Result<Tokens, QueryError> {
        Tokens::read(text, Tokenizer::new(&HiveLexis, text).with_unescape(false))
    }

    /// The first word, lower case, read over comments; empty when there is none.
    pub(crate) fn first_word(text: &str) -> String {
        let mut rest = text.trim_start();
        loop {
            rest = if let Some(comment) = rest.strip_prefix("--") {
                comment.split_once('\n').map_or("", |(_, rest)| rest).trim_start()
            } else if let Some(comment) = rest.strip_prefix("/*") {
                comment.split_once("*/").map_or("", |(_, rest)| rest).trim_start()
            } else {
                break;
            };
        }
        rest.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
    }

    fn read(text: &str, mut tokenizer: Tokenizer<'_>) -> Result<Tokens, QueryError> {
        let mut tokens = Tokens { list: Vec::new(), text: text.to_owned() };
        let mut list = tokenizer.tokenize_with_location().map_err(|error| {
            let position = Position { line: error.location.line, column: error.location.column };
            QueryError::syntax(position, error.message)
        })?;
        list.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
        while list.last().is_some_and(|token| token.token == Token::SemiColon) {
            list.pop();
        }
        if let Some(token) = list.iter().find(|token| token.token == Token::SemiColon) {
            let at = position(token);
            return Err(QueryError::syntax(at, "Only one sql statement is allowed. Got: ".to_owned() + text));
        }
        tokens.list = list;
        Ok(tokens)
    }

    /// Where the statement ends, for errors about what is missing.
    pub(crate) fn end(&self) -> Position {
        match self.list.last() {
            Some(token) => Position { line: token.span.end.line, column: token.span.end.column },
            None => Position { line: 1, column: 1 },
        }
    }

    /// The first `count` words, upper case.
    pub(crate) fn first_words(&self, count: usize) -> String {
        let words: Vec<_> =
            self.list.iter().take(count).map(|token| token.token.to_string().to_uppercase()).collect();
        words.join(" ")
    }

    /// Whether the statement starts with these words.
    pub(crate) fn starts_with(&self, words: &[&str]) -> bool {
        self.list.len() >= words.len()
            && words.iter().zip(&self.list).all(|(word, token)| keyword(token).as_deref() == Some(*word))
    }

    /// The statement without its first `count` tokens.
    pub(crate) fn skip(&self, count: usize) -> Tokens {
        Tokens { list: self.list[count.min(self.list.len())..].to_vec(), text: self.text.clone() }
    }

    /// The statement's text from token `index` on, without a closing semicolon.
    pub(crate) fn text_from(&self, index: usize) -> &str {
        let Some(token) = self.list.get(index) else { return "" };
        let start = byte_at(&self.text, position(token));
        let end = byte_at(&self.text, self.end());
        self.text.get(start..end).unwrap_or("").trim()
    }

    /// The statement's text from token `from` up to, but without, token `to`.
    pub(crate) fn text_between(&self, from: usize, to: usize) -> &str {
        let start = self.list.get(from).map_or(self.text.len(), |token| byte_at(&self.text, position(token)));
        let end = match self.list.get(to) {
            Some(token) => byte_at(&self.text, position(token)),
            None => byte_at(&self.text, self.end()),
        };
        self.text.get(start..end).unwrap_or("").trim()
    }

    /// Where the `word` first stands, as a name.
    pub(crate) fn find_word(&self, word: &str) -> Option<Position> {
        self.list.iter().find_map(|token| match &token.token {
            Token::Word(w) if w.value.eq_ignore_ascii_case(word) => Some(position(token)),
            _ => None,
        })
    }

    /// Where `word` is first called as a function.
    pub(crate) fn find_call(&self, word: &str) -> Option<Position> {
        self.list.windows(2).find_map(|pair| match (&pair[0].token, &pair[1].token) {
            (Token::Word(w), Token::LParen) if w.value.eq_ignore_ascii_case(word) => Some(position(&pair[0])),
            _ => None,
        })
    }

    /// How the name that starts at `at` was written.
    pub(crate) fn spelling(&self, at: Position) -> Option<&str> {
        self.list.iter().find_map(|token| match &token.token {
            Token::Word(word) if position(token) == at => Some(word.value.as_str()),
            _ => None,
        })
    }

    /// Replaces each `?` by the tokens of its parameter, in order.
    pub(crate) fn with_parameters(mut self, parameters: &[String]) -> Result<Tokens, QueryError> {
        let mut values = parameters.iter();
        let mut list = Vec::with_capacity(self.list.len());
        let mut wanted = 0;
        for token in std::mem::take(&mut self.list) {
            if !matches!(&token.token, Token::Placeholder(name) if name == "?") {
                list.push(token);
                continue;
            }
            wanted += 1;
            if let Some(value) = values.next() {
                let value = Tokens::of(value)?;
                let spanned =
                    value.list.into_iter().map(|v| TokenWithSpan { token: v.token, span: token.span });
                let spanned: Vec<_> = spanned.collect();
                if spanned.len() == 1 {
                    list.extend(spanned);
                } else {
                    list.push(TokenWithSpan { token: Token::LParen, span: token.span });
                    list.extend(spanned);
                    list.push(TokenWithSpan { token: Token::RParen, span: token.span });
                }
            }
        }
        if wanted != parameters.len() {
            let given = parameters.len();
            let message = format!("Incorrect number of parameters: expected {wanted} but found {given}");
            return Err(QueryError::new(ErrorKind::InvalidArgument, message));
        }
        self.list = list;
        Ok(self)
    }

    /// The tokens as sqlparser takes them: names in lower case, each type of a CAST in one word.
    pub(super) fn for_query(&self) -> Result<Vec<TokenWithSpan>, QueryError> {
        let list = travel::rewritten(&self.list)?;
        let tokens = Tokens { list: with_value_rows(&list), text: String::new() };
        tokens.for_parser()
    }

    fn for_parser(&self) -> Result<Vec<TokenWithSpan>, QueryError> {
        let mut out = Vec::with_capacity(self.list.len());
        // For each CAST whose type is still ahead: the parenthesis depth of its arguments.
        let mut casts: Vec<usize> = Vec::new();
        let mut depth = 0usize;
        let mut index = 0;
        while let Some(token) = self.list.get(index) {
            match &token.token {
                Token::Word(word) if word.quote_style == Some('`') => {
                    let message =
                        "backquoted identifiers are not supported; use double quotes to quote identifiers";
                    return Err(QueryError::syntax(position(token), message));
                }
                Token::LParen => {
                    depth += 1;
                    if index > 0
                        && matches!(keyword(&self.list[index - 1]).as_deref(), Some("cast" | "try_cast"))
                    {
                        casts.push(depth);
                    }
                }
                Token::RParen => {
                    if casts.last() == Some(&depth) {
                        casts.pop();
                    }
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            }
            out.push(lower_cased(token));
            index += 1;
            if casts.last() == Some(&depth) && keyword(token).as_deref() == Some("as") {
                casts.pop();
                index = self.push_type(index, &mut out);
            }
        }
        Ok(out)
    }

    /// Pushes the type that starts at `index` as one quoted word; returns the index after it.
    fn push_type(&self, index: usize, out: &mut Vec<TokenWithSpan>) -> usize {
        let mut depth = 0usize;
        let mut text = String::new();
        let mut at = index;
        while let Some(token) = self.list.get(at) {
            match &token.token {
                Token::LParen | Token::Lt => depth += 1,
                Token::RParen if depth == 0 => break,
                Token::RParen | Token::Gt => depth = depth.saturating_sub(1),
                Token::ShiftRight => depth = depth.saturating_sub(2),
                _ => {}
            }
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&token.token.to_string());
            at += 1;
        }
        if let Some(first) = self.list.get(index).filter(|_| at > index) {
            let word = Word { value: text, quote_style: Some('"'), keyword: Keyword::NoKeyword };
            out.push(TokenWithSpan { token: Token::Word(word), span: first.span });
        }
        at
    }
}

/// `VALUES 1, 2` as `VALUES (1), (2)`.
fn with_value_rows(list: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut out = Vec::with_capacity(list.len());
    let mut depth = 0usize;
    // The depth at which bare rows are being read.
    let mut bare: Option<usize> = None;
    for (index, token) in list.iter().enumerate() {
        let symbol = |symbol: Token| TokenWithSpan { token: symbol, span: token.span };
        match &token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => {
                if bare == Some(depth) {
                    out.push(symbol(Token::RParen));
                    bare = None;
                }
                depth = depth.saturating_sub(1);
            }
            Token::Comma if bare == Some(depth) => {
                out.extend([symbol(Token::RParen), token.clone(), symbol(Token::LParen)]);
                continue;
            }
            _ => {}
        }
        let ends = matches!(
            keyword(token).as_deref(),
            Some("order" | "limit" | "offset" | "fetch" | "union" | "except" | "intersect")
        );
        if ends && bare == Some(depth) {
            out.push(symbol(Token::RParen));
            bare = None;
        }
        out.push(token.clone());
        let starts_bare = keyword(token).as_deref() == Some("values")
            && list.get(index + 1).is_some_and(|next| {
                !matches!(next.token, Token::LParen | Token::Comma | Token::RParen | Token::Period)
            });
        if starts_bare {
            out.push(symbol(Token::LParen));
            bare = Some(depth);
        }
    }
    if bare.is_some()
        && let Some(last) = list.last()
    {
        out.push(TokenWithSpan { token: Token::RParen, span: last.span });
    }
    out
}

fn lower_cased(token: &TokenWithSpan) -> TokenWithSpan {
    match &token.token {
        Token::Word(word) => {
            let word = Word { value: word.value.to_lowercase(), ..word.clone() };
            TokenWithSpan { token: Token::Word(word), span: token.span }
        }
        _ => token.clone(),
    }
}

/// The byte offset of a 1-based position; the text's end when it lies beyond.
fn byte_at(text: &str, position: Position) -> usize {
    let mut line = 1;
    let mut column = 1;
    for (offset, c) in text.char_indices() {
        if (line, column) == (position.line, position.column) {
            return offset;
        }
        if c == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    text.len()
}
