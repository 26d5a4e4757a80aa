//! Record processors: what is executed and what is refused by name.

use aws::ApiError;

use crate::model::{ProcessingConfiguration, ProcessorParameterName, ProcessorType, error};

/// The delimiter that is appended to each record, if any processor says so.
pub(crate) fn delimiter(processing: Option<&ProcessingConfiguration>) -> Result<Option<String>, ApiError> {
    let Some(processing) = processing.filter(|processing| processing.enabled.unwrap_or(true)) else {
        return Ok(None);
    };
    let mut delimiter = None;
    for processor in processing.processors.iter().flatten() {
        if processor.type_ != ProcessorType::AppendDelimiterToRecord {
            return Err(error::invalid_argument_exception(format!(
                "Processor type {} is not supported by Mulgil yet.",
                processor.type_
            )));
        }
        let mut text = "\\n".to_owned();
        for parameter in processor.parameters.iter().flatten() {
            if parameter.parameter_name != ProcessorParameterName::Delimiter {
                return Err(error::invalid_argument_exception(format!(
                    "Parameter {} is not applicable to processor type {}.",
                    parameter.parameter_name, processor.type_
                )));
            }
            text.clone_from(&parameter.parameter_value);
        }
        delimiter = Some(unescape(&text));
    }
    Ok(delimiter)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Processor, ProcessorParameter};

    fn processing(type_: ProcessorType, delimiter: Option<&str>) -> ProcessingConfiguration {
        let parameter = |value: &str| ProcessorParameter {
            parameter_name: ProcessorParameterName::Delimiter,
            parameter_value: value.to_owned(),
        };
        let processor = Processor { type_, parameters: delimiter.map(|value| vec![parameter(value)]) };
        ProcessingConfiguration { enabled: Some(true), processors: Some(vec![processor]) }
    }

    #[test]
    fn a_delimiter_is_a_line_feed_unless_another_is_given() {
        let append = ProcessorType::AppendDelimiterToRecord;
        assert_eq!(delimiter(None).unwrap(), None);
        assert_eq!(delimiter(Some(&processing(append, None))).unwrap(), Some("\n".to_owned()));
        assert_eq!(delimiter(Some(&processing(append, Some("\\n")))).unwrap(), Some("\n".to_owned()));
        assert_eq!(delimiter(Some(&processing(append, Some("|\\t")))).unwrap(), Some("|\t".to_owned()));
    }

    #[test]
    fn processing_that_is_not_enabled_does_nothing() {
        let mut off = processing(ProcessorType::Lambda, None);
        off.enabled = Some(false);
        assert_eq!(delimiter(Some(&off)).unwrap(), None);
    }

    #[test]
    fn other_processors_are_refused_by_name() {
        let failure = delimiter(Some(&processing(ProcessorType::Lambda, None))).unwrap_err();
        assert_eq!(failure.code(), "InvalidArgumentException");
        assert!(failure.message().contains("Lambda"));
    }
}
