use super::FilterError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word: a keyword or a key's name.
    Word(String),
    /// `"…"`: a key's name, or text where no key can stand.
    Quoted(String),
    /// `` `…` ``: always a key's name.
    Name(String),
    /// `'…'`.
    Text(String),
    Number(String),
    /// `=`, `<>`, `<=` …
    Operator(&'static str),
    Open,
    Close,
    Comma,
    End,
}

/// The tokens with their positions in characters from 1.
pub(super) fn tokens(expression: &str) -> Result<Vec<(usize, Token)>, FilterError> {
    let chars: Vec<char> = expression.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let c = chars[at];
        let token = match c {
            _ if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '\'' => Token::Text(quoted(&chars, &mut at, c)?),
            '"' => Token::Quoted(quoted(&chars, &mut at, c)?),
            '`' => Token::Name(quoted(&chars, &mut at, c)?),
            '(' => single(&mut at, Token::Open),
            ')' => single(&mut at, Token::Close),
            ',' => single(&mut at, Token::Comma),
            '=' | '<' | '>' | '!' => Token::Operator(operator(&chars, &mut at)?),
            _ if c.is_ascii_digit() || is_signed_number(&chars, at) => Token::Number(number(&chars, &mut at)),
            _ if c.is_alphabetic() || c == '_' => Token::Word(word(&chars, &mut at)),
            _ => return Err(syntax(start, format!("unexpected '{c}'"))),
        };
        tokens.push((start + 1, token));
    }
    tokens.push((chars.len() + 1, Token::End));
    Ok(tokens)
}

fn syntax(index: usize, reason: String) -> FilterError {
    FilterError::Syntax { at: index + 1, reason }
}

fn single(at: &mut usize, token: Token) -> Token {
    *at += 1;
    token
}

/// A doubled quote stands for itself.
fn quoted(chars: &[char], at: &mut usize, quote: char) -> Result<String, FilterError> {
    let start = *at;
    *at += 1;
    let mut text = String::new();
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        if c != quote {
            text.push(c);
        } else if chars.get(*at) == Some(&quote) {
            text.push(quote);
            *at += 1;
        } else {
            return Ok(text);
        }
    }
    Err(syntax(start, format!("the {quote} is never closed")))
}

fn operator(chars: &[char], at: &mut usize) -> Result<&'static str, FilterError> {
    let start = *at;
    let two = (chars[*at], chars.get(*at + 1).copied().unwrap_or(' '));
    let (text, length) = match two {
        ('<', '>') | ('!', '=') => ("<>", 2),
        ('<', '=') => ("<=", 2),
        ('>', '=') => (">=", 2),
        ('=', '=') => ("=", 2),
        ('<', _) => ("<", 1),
        ('>', _) => (">", 1),
        ('=', _) => ("=", 1),
        _ => return Err(syntax(start, "unexpected '!'".into())),
    };
    *at += length;
    Ok(text)
}

fn is_signed_number(chars: &[char], at: usize) -> bool {
    let next = chars.get(at + 1).is_some_and(|c| c.is_ascii_digit() || *c == '.');
    matches!(chars[at], '-' | '+' | '.') && next
}

fn number(chars: &[char], at: &mut usize) -> String {
    let start = *at;
    *at += 1;
    while let Some(&c) = chars.get(*at) {
        let exponent_sign = matches!(c, '-' | '+') && matches!(chars[*at - 1], 'e' | 'E');
        if !(c.is_ascii_digit() || c == '.' || matches!(c, 'e' | 'E') || exponent_sign) {
            break;
        }
        *at += 1;
    }
    chars[start..*at].iter().collect()
}

fn word(chars: &[char], at: &mut usize) -> String {
    let start = *at;
    while chars.get(*at).is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '$')) {
        *at += 1;
    }
    chars[start..*at].iter().collect()
}
