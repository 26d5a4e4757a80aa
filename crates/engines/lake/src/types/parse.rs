use super::{HiveType, TypeError};

/// How deep types may nest.
const DEPTH_MAX: usize = 64;

/// Reads Hive type text, in any case and spacing: `Map<string, array<decimal(10, 2)>>`.
pub fn parse(hive: &str) -> Result<HiveType, TypeError> {
    let mut parser = Parser { text: hive, at: 0, depth: 0 };
    let parsed = parser.type_()?;
    parser.spaces();
    match parser.rest() {
        "" => Ok(parsed),
        _ => Err(parser.error("the end was expected")),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// In bytes, always at a character's start.
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn type_(&mut self) -> Result<HiveType, TypeError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error(format!("nested more than {DEPTH_MAX} deep")));
        }
        let word = self.word()?;
        let parsed = match word.to_ascii_lowercase().as_str() {
            "boolean" => HiveType::Boolean,
            "tinyint" => HiveType::TinyInt,
            "smallint" => HiveType::SmallInt,
            "int" | "integer" => HiveType::Int,
            "bigint" | "long" => HiveType::BigInt,
            "float" | "real" => HiveType::Float,
            "double" => {
                self.take_word("precision");
                HiveType::Double
            }
            "string" => HiveType::String,
            "binary" => HiveType::Binary,
            "date" => HiveType::Date,
            "timestamp" => HiveType::Timestamp,
            "decimal" | "numeric" | "dec" => self.decimal()?,
            "varchar" => HiveType::Varchar(self.length(65_535)?),
            "char" => HiveType::Char(self.length(255)?),
            "array" => {
                self.expect('<')?;
                let element = self.type_()?;
                self.expect('>')?;
                HiveType::Array(Box::new(element))
            }
            "map" => {
                self.expect('<')?;
                let key = self.key_type()?;
                self.expect(',')?;
                let value = self.type_()?;
                self.expect('>')?;
                HiveType::Map(Box::new(key), Box::new(value))
            }
            "struct" | "row" => self.fields()?,
            _ => return Err(TypeError::Unsupported(word.to_owned())),
        };
        self.depth -= 1;
        Ok(parsed)
    }

    fn key_type(&mut self) -> Result<HiveType, TypeError> {
        let key = self.type_()?;
        match key {
            HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_) => {
                Err(self.error("a map's key is a primitive type"))
            }
            key => Ok(key),
        }
    }

    fn decimal(&mut self) -> Result<HiveType, TypeError> {
        if !self.take('(') {
            return Ok(HiveType::Decimal { precision: 10, scale: 0 });
        }
        let precision = self.number(1, 38)?;
        let scale = if self.take(',') { self.number(0, precision)? } else { 0 };
        self.expect(')')?;
        let small = |n: u32| u8::try_from(n).expect("at most 38");
        Ok(HiveType::Decimal { precision: small(precision), scale: small(scale) })
    }

    fn length(&mut self, max: u32) -> Result<u32, TypeError> {
        self.expect('(')?;
        let length = self.number(1, max)?;
        self.expect(')')?;
        Ok(length)
    }

    fn fields(&mut self) -> Result<HiveType, TypeError> {
        self.expect('<')?;
        let mut fields: Vec<(String, HiveType)> = Vec::new();
        if self.take('>') {
            return Err(self.error("a struct has at least one field"));
        }
        loop {
            let name = self.field_name()?;
            if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                return Err(self.error(format!("the field '{name}' is there twice")));
            }
            self.expect(':')?;
            let type_ = self.type_()?;
            if self.take_word("comment") {
                self.quoted('\'')?;
            }
            fields.push((name, type_));
            if !self.take(',') {
                break;
            }
        }
        self.expect('>')?;
        Ok(HiveType::Struct(fields))
    }

    /// Everything up to the colon, or a name in backticks.
    fn field_name(&mut self) -> Result<String, TypeError> {
        self.spaces();
        if self.rest().starts_with('`') {
            return self.quoted('`');
        }
        let length = self.rest().find([':', ',', '<', '>']).unwrap_or(self.rest().len());
        let name = self.rest()[..length].trim_end();
        if name.is_empty() {
            return Err(self.error("a field name was expected"));
        }
        self.at += length;
        Ok(name.to_owned())
    }

    fn quoted(&mut self, quote: char) -> Result<String, TypeError> {
        self.expect(quote)?;
        let mut text = String::new();
        loop {
            let Some(length) = self.rest().find(quote) else {
                return Err(self.error(format!("the {quote} is never closed")));
            };
            text.push_str(&self.rest()[..length]);
            self.at += length + quote.len_utf8();
            if !self.rest().starts_with(quote) {
                return Ok(text);
            }
            text.push(quote);
            self.at += quote.len_utf8();
        }
    }

    fn number(&mut self, min: u32, max: u32) -> Result<u32, TypeError> {
        self.spaces();
        let length = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        let number = self.rest()[..length].parse::<u32>().ok().filter(|n| (min..=max).contains(n));
        let number =
            number.ok_or_else(|| self.error(format!("a number from {min} to {max} was expected")))?;
        self.at += length;
        Ok(number)
    }

    fn word(&mut self) -> Result<&'a str, TypeError> {
        self.spaces();
        let rest = self.rest();
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        if length == 0 {
            return Err(self.error("a type was expected"));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    fn take_word(&mut self, word: &str) -> bool {
        let before = self.at;
        let found = self.word().is_ok_and(|found| found.eq_ignore_ascii_case(word));
        if !found {
            self.at = before;
        }
        found
    }

    fn take(&mut self, c: char) -> bool {
        self.spaces();
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn expect(&mut self, c: char) -> Result<(), TypeError> {
        if self.take(c) { Ok(()) } else { Err(self.error(format!("'{c}' was expected"))) }
    }

    fn spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, reason: impl Into<String>) -> TypeError {
        let at = self.text[..self.at].chars().count() + 1;
        TypeError::Syntax { text: self.text.to_owned(), at, reason: reason.into() }
    }
}
