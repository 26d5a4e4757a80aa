use super::*;

fn processor(type_: ProcessorType, parameters: &[(ProcessorParameterName, &str)]) -> Processor {
    let parameter = |(parameter_name, value): &(ProcessorParameterName, &str)| ProcessorParameter {
        parameter_name: *parameter_name,
        parameter_value: (*value).to_owned(),
    };
    Processor { type_, parameters: Some(parameters.iter().map(parameter).collect()) }
}

fn processing(processors: Vec<Processor>) -> Result<Processing, ApiError> {
    requested(Some(&ProcessingConfiguration { enabled: Some(true), processors: Some(processors) }))
}

#[test]
fn a_delimiter_is_a_line_feed_unless_another_is_given() {
    let delimiter = |parameters: &[(ProcessorParameterName, &str)]| {
        processing(vec![processor(ProcessorType::AppendDelimiterToRecord, parameters)]).unwrap().delimiter
    };
    assert_eq!(requested(None).unwrap(), Processing::default());
    assert_eq!(delimiter(&[]), Some("\n".to_owned()));
    assert_eq!(delimiter(&[(ProcessorParameterName::Delimiter, "\\n")]), Some("\n".to_owned()));
    assert_eq!(delimiter(&[(ProcessorParameterName::Delimiter, "|\\t")]), Some("|\t".to_owned()));
}

#[test]
fn processing_that_is_not_enabled_does_nothing() {
    let processors = Some(vec![processor(ProcessorType::Lambda, &[])]);
    let off = ProcessingConfiguration { enabled: Some(false), processors };
    assert_eq!(requested(Some(&off)).unwrap(), Processing::default());
}

#[test]
fn processors_run_in_the_order_of_the_public_service() {
    use ProcessorParameterName as Name;
    let found = processing(vec![
        processor(
            ProcessorType::MetadataExtraction,
            &[(Name::MetadataExtractionQuery, "{a:.a}"), (Name::JsonParsingEngine, "JQ-1.6")],
        ),
        processor(
            ProcessorType::RecordDeAggregation,
            &[(Name::SubRecordType, "DELIMITED"), (Name::Delimiter, "IyMjIw==")],
        ),
        processor(ProcessorType::CloudWatchLogProcessing, &[(Name::DataMessageExtraction, "true")]),
        processor(ProcessorType::Decompression, &[(Name::CompressionFormat, "GZIP")]),
    ]);
    assert_eq!(
        found.unwrap().operators,
        [
            Operator::Decompress,
            Operator::LogMessages,
            Operator::Split(Split::Delimited(b"####".to_vec())),
            Operator::Extract(Extract { query: "{a:.a}".to_owned() }),
        ]
    );
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    use ProcessorParameterName as Name;
    let deaggregation = ProcessorType::RecordDeAggregation;
    let extraction = ProcessorType::MetadataExtraction;
    for (processors, expected) in [
        (vec![processor(ProcessorType::Lambda, &[])], "Processor type Lambda"),
        (vec![processor(deaggregation, &[])], "SubRecordType must be specified"),
        (vec![processor(deaggregation, &[(Name::SubRecordType, "XML")])], "JSON or DELIMITED"),
        (vec![processor(deaggregation, &[(Name::SubRecordType, "DELIMITED")])], "Delimiter must be"),
        (
            vec![processor(deaggregation, &[(Name::SubRecordType, "DELIMITED"), (Name::Delimiter, "####")])],
            "must be base64",
        ),
        (
            vec![processor(deaggregation, &[(Name::SubRecordType, "JSON"), (Name::LambdaArn, "arn")])],
            "Parameter LambdaArn is not applicable",
        ),
        (vec![processor(extraction, &[(Name::MetadataExtractionQuery, ".")])], "must be JQ-1.6"),
        (vec![processor(extraction, &[(Name::JsonParsingEngine, "JQ-1.6")])], "MetadataExtractionQuery must"),
        (
            vec![processor(ProcessorType::CloudWatchLogProcessing, &[])],
            "requires processor type Decompression",
        ),
        (vec![processor(ProcessorType::Decompression, &[(Name::CompressionFormat, "ZIP")])], "must be GZIP"),
        (
            vec![
                processor(ProcessorType::AppendDelimiterToRecord, &[]),
                processor(ProcessorType::AppendDelimiterToRecord, &[]),
            ],
            "at most once",
        ),
    ] {
        let failure = processing(processors).unwrap_err();
        assert_eq!(failure.code(), "InvalidArgumentException");
        assert!(failure.message().contains(expected), "expected {expected:?}, got {:?}", failure.message());
    }
}
