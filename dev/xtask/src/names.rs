//! From the models' spelling to Rust's.

/// `StreamARN` → `stream_arn`, `ConnectionARNs` → `connection_arns`, `type` → `type_`.
pub fn field(name: &str) -> String {
    let snake = words(name).join("_").to_lowercase();
    match snake.as_str() {
        "type" | "match" | "enum" | "struct" | "ref" | "mod" | "use" | "where" | "for" | "in" | "loop"
        | "move" | "static" | "const" | "fn" | "impl" | "trait" | "self" | "async" | "await" | "box"
        | "final" => {
            format!("{snake}_")
        }
        _ => snake,
    }
}

/// `StreamARN` → `STREAM_ARN`.
pub fn constant(name: &str) -> String {
    words(name).join("_").to_uppercase()
}

/// A shape's name as a type; names of the prelude are avoided.
pub fn type_name(name: &str) -> String {
    let mut letters = name.chars();
    let upper: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    match upper.as_str() {
        "Option" | "Vec" | "Box" | "String" | "Result" | "Some" | "None" | "Ok" | "Err" | "Default"
        | "Blob" | "BTreeMap" | "Self" | "AwsTimestamp" => format!("{upper}Shape"),
        _ => upper,
    }
}

/// A value of an enumeration as a variant: `AT_SEQUENCE_NUMBER` → `AtSequenceNumber`, `G.1X` → `G1x`.
pub fn variant(value: &str) -> String {
    let parts = value.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let name: String = parts.map(capitalised).collect();
    match name.chars().next() {
        None => "Empty".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("V{name}"),
        Some(_) if name == "Self" => "SelfValue".to_owned(),
        Some(_) => name,
    }
}

/// What serde's `rename_all = "PascalCase"` makes of a field.
pub fn pascal(field: &str) -> String {
    field.split('_').map(capitalise_first).collect()
}

fn capitalised(part: &str) -> String {
    if part.chars().any(|letter| letter.is_ascii_lowercase()) {
        capitalise_first(part)
    } else {
        capitalise_first(&part.to_lowercase())
    }
}

fn capitalise_first(part: &str) -> String {
    let mut letters = part.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words = vec![String::new()];
    for (index, &letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            words.push(String::new());
            continue;
        }
        if index > 0 && letter.is_uppercase() && begins_word(&letters, index) {
            words.push(String::new());
        }
        words.last_mut().expect("invariant: there is always a word").push(letter);
    }
    words.retain(|word| !word.is_empty());
    words
}

/// An upper-case letter begins a word after a lower-case one, or when a lower-case one follows it,
/// unless that is the plural s of an abbreviation.
fn begins_word(letters: &[char], index: usize) -> bool {
    let after_lower = !letters[index - 1].is_uppercase();
    let next_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
    let plural = letters.get(index + 1) == Some(&'s')
        && letters.get(index + 2).is_none_or(|letter| letter.is_uppercase());
    after_lower || (next_lower && !plural)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_and_their_plurals_stay_whole() {
        for (model, rust) in [
            ("StreamARN", "stream_arn"),
            ("ConnectionARNs", "connection_arns"),
            ("S3DestinationConfiguration", "s3_destination_configuration"),
            ("HasMoreShards", "has_more_shards"),
            ("type", "type_"),
            ("KMSKeyID", "kms_key_id"),
        ] {
            assert_eq!(field(model), rust);
        }
    }

    #[test]
    fn values_become_variants_that_compile() {
        for (value, name) in [
            ("AT_SEQUENCE_NUMBER", "AtSequenceNumber"),
            ("G.1X", "G1x"),
            ("GetRecords", "GetRecords"),
            ("2", "V2"),
        ] {
            assert_eq!(variant(value), name);
        }
    }
}
