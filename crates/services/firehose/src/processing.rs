//! Record processors: what is executed and what is refused by name.

use aws::ApiError;
use flow::{Extract, Operator, Split};

use crate::model::{
    ProcessingConfiguration, Processor, ProcessorParameter, ProcessorParameterName, ProcessorType, error,
};

/// What the processors of a destination come to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Processing {
    /// In the order in which the public service applies them, whatever order they are given in.
    pub(crate) operators: Vec<Operator>,
    /// Appended to each record, if any processor says so.
    pub(crate) delimiter: Option<String>,
    /// The query for partition keys.
    pub(crate) query: Option<String>,
}

pub(crate) fn requested(processing: Option<&ProcessingConfiguration>) -> Result<Processing, ApiError> {
    let mut found = Processing::default();
    let Some(processing) = processing.filter(|processing| processing.enabled.unwrap_or(true)) else {
        return Ok(found);
    };
    let processors: Vec<&Processor> = processing.processors.iter().flatten().collect();
    for (index, processor) in processors.iter().enumerate() {
        let kind = processor.type_;
        if kind == ProcessorType::Lambda {
            return Err(invalid(
                "Processor type Lambda is not supported by Mulgil yet: there are no functions.",
            ));
        }
        if processors[..index].iter().any(|before| before.type_ == kind) {
            return Err(invalid(format!("Processor type {kind} must be specified at most once.")));
        }
    }
    let of = |kind| processors.iter().find(|processor| processor.type_ == kind);
    if let Some(processor) = of(ProcessorType::Decompression) {
        decompression(processor)?;
        found.operators.push(Operator::Decompress);
    }
    if let Some(processor) = of(ProcessorType::CloudWatchLogProcessing) {
        if found.operators.is_empty() {
            return Err(invalid(
                "Processor type CloudWatchLogProcessing requires processor type Decompression.",
            ));
        }
        if message_extraction(processor)? {
            found.operators.push(Operator::LogMessages);
        }
    }
    if let Some(processor) = of(ProcessorType::RecordDeAggregation) {
        found.operators.push(Operator::Split(split(processor)?));
    }
    if let Some(processor) = of(ProcessorType::MetadataExtraction) {
        let query = extraction(processor)?;
        found.operators.push(Operator::Extract(Extract { query: query.clone() }));
        found.query = Some(query);
    }
    if let Some(processor) = of(ProcessorType::AppendDelimiterToRecord) {
        let [text] = parameters(processor, [ProcessorParameterName::Delimiter])?;
        found.delimiter = Some(unescape(text.unwrap_or("\\n")));
    }
    Ok(found)
}

fn decompression(processor: &Processor) -> Result<(), ApiError> {
    let [format] = parameters(processor, [ProcessorParameterName::CompressionFormat])?;
    match format {
        None | Some("GZIP") => Ok(()),
        Some(other) => {
            Err(invalid(format!("CompressionFormat {other} of processor type Decompression must be GZIP.")))
        }
    }
}

/// Without it the whole documents go on.
fn message_extraction(processor: &Processor) -> Result<bool, ApiError> {
    let [extraction] = parameters(processor, [ProcessorParameterName::DataMessageExtraction])?;
    match extraction {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) => Err(invalid(format!("DataMessageExtraction {text} must be true or false."))),
    }
}

fn split(processor: &Processor) -> Result<Split, ApiError> {
    let names = [ProcessorParameterName::SubRecordType, ProcessorParameterName::Delimiter];
    let [kind, delimiter] = parameters(processor, names)?;
    match (kind, delimiter) {
        (Some("JSON"), None) => Ok(Split::Json),
        (Some("JSON"), Some(_)) => Err(invalid("Delimiter is not applicable when SubRecordType is JSON.")),
        (Some("DELIMITED"), Some(delimiter)) => {
            let decoded = base64_simd::STANDARD.decode_to_vec(delimiter.as_bytes());
            let decoded = decoded.ok().filter(|delimiter| !delimiter.is_empty());
            let refused = || invalid(format!("Delimiter {delimiter} of RecordDeAggregation must be base64."));
            Ok(Split::Delimited(decoded.ok_or_else(refused)?))
        }
        (Some("DELIMITED"), None) => {
            Err(invalid("Delimiter must be specified when SubRecordType is DELIMITED."))
        }
        (Some(other), _) => Err(invalid(format!("SubRecordType {other} must be JSON or DELIMITED."))),
        (None, _) => Err(invalid("SubRecordType must be specified for processor type RecordDeAggregation.")),
    }
}

fn extraction(processor: &Processor) -> Result<String, ApiError> {
    let names = [ProcessorParameterName::MetadataExtractionQuery, ProcessorParameterName::JsonParsingEngine];
    let [query, engine] = parameters(processor, names)?;
    if engine != Some("JQ-1.6") {
        return Err(invalid("JsonParsingEngine of processor type MetadataExtraction must be JQ-1.6."));
    }
    let query = query.ok_or_else(|| {
        invalid("MetadataExtractionQuery must be specified for processor type MetadataExtraction.")
    })?;
    Ok(query.to_owned())
}

/// The values of these parameters; others are refused.
fn parameters<const COUNT: usize>(
    processor: &Processor,
    names: [ProcessorParameterName; COUNT],
) -> Result<[Option<&str>; COUNT], ApiError> {
    let mut values = [None; COUNT];
    for ProcessorParameter { parameter_name, parameter_value } in processor.parameters.iter().flatten() {
        let Some(place) = names.iter().position(|name| name == parameter_name) else {
            return Err(invalid(format!(
                "Parameter {parameter_name} is not applicable to processor type {}.",
                processor.type_
            )));
        };
        values[place] = Some(parameter_value.as_str());
    }
    Ok(values)
}

/// `\n` and its kin are written as two characters in a request, since a value of white space alone is
/// not valid there.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, characters.clone().next()) {
            ('\\', Some(escaped @ ('n' | 'r' | 't' | '\\'))) => {
                characters.next();
                plain.push(match escaped {
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    other => other,
                });
            }
            _ => plain.push(character),
        }
    }
    plain
}

fn invalid(message: impl Into<String>) -> ApiError {
    error::invalid_argument_exception(message.into())
}

#[cfg(test)]
mod tests;
