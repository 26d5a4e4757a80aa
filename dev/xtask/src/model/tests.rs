use super::*;

fn model() -> Model {
    serde_json::from_str(
        r#"{
        "metadata": {"apiVersion": "1", "endpointPrefix": "ex", "serviceFullName": "Example", "protocol": "json",
                     "jsonVersion": "1.1", "targetPrefix": "Ex_1"},
        "operations": {
            "PutItem": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "PutRequest"},
                        "errors": [{"shape": "LimitExceeded"}]},
            "Drop": {"http": {"method": "POST", "requestUri": "/"}},
            "Watch": {"http": {"method": "POST", "requestUri": "/"}, "output": {"shape": "WatchOutput"}}
        },
        "shapes": {
            "PutRequest": {"type": "structure", "required": ["ItemARN"], "members": {
                "ItemARN": {"shape": "Name"}, "Mode": {"shape": "Mode"}, "Tree": {"shape": "Node"},
                "Body": {"shape": "Bytes"}, "Secret": {"shape": "Unused"}, "Token": {"shape": "Text", "idempotencyToken": true}}},
            "Node": {"type": "structure", "members": {"Next": {"shape": "Node"}, "Many": {"shape": "Nodes"}}},
            "Nodes": {"type": "list", "member": {"shape": "Node"}},
            "Mode": {"type": "string", "enum": ["ON_DEMAND", "OFF"]},
            "Name": {"type": "string", "min": 1, "max": 9, "pattern": "\\w+"},
            "Text": {"type": "string"},
            "Bytes": {"type": "blob", "max": 4},
            "Unused": {"type": "structure", "members": {"X": {"shape": "Text"}}},
            "LimitExceeded": {"type": "structure", "members": {}, "exception": true, "fault": true},
            "WatchOutput": {"type": "structure", "required": ["Changes"], "members": {"Changes": {"shape": "Changes"}}},
            "Changes": {"type": "structure", "eventstream": true, "members": {
                "Change": {"shape": "Changed"}, "GoneException": {"shape": "GoneException"}}},
            "Changed": {"type": "structure", "event": true, "members": {"Body": {"shape": "Bytes"}}},
            "GoneException": {"type": "structure", "members": {"message": {"shape": "Text"}}, "exception": true},
            "ServiceUnavailableException": {"type": "structure", "members": {}, "exception": true, "fault": true}
        }}"#,
    )
    .unwrap()
}

fn written(fields: &str) -> String {
    let text = format!(
        "constraint-error = 'ValidationException'\nunsupported-field-error = 'NoSuchField'\n\
         [refused]\n'later' = ['Drop']\n[built.Watch]\n[built.PutItem]\n{fields}"
    );
    let contract = Contract::parse(&text).unwrap();
    write("example", &model(), &contract).unwrap()
}

const FIELDS: &str = "ItemARN = 'executed'\nMode = 'executed'\nTree = 'stored, with all its members'\n\
                      Body = 'executed'\nToken = 'executed'\n";

#[test]
fn structures_follow_the_wire_and_break_circles_with_a_box() {
    let text = written(&format!("{FIELDS}Secret = 'executed, with all its members'\n"));
    for line in [
        "pub struct PutItemInput {\n#[serde(rename = \"ItemARN\")]\npub item_arn: String,",
        "pub mode: Option<Mode>,",
        "pub body: Option<aws::Blob>,",
        "pub next: Option<Box<Node>>,",
        "pub many: Option<Vec<Node>>,",
        "pub struct PutItemOutput {}",
        "pub enum Mode { OnDemand = \"ON_DEMAND\", Off = \"OFF\" }",
        "idempotency_token: Some(\"Token\")",
        "RefusedOperation { name: \"Drop\", reason: \"later\" }",
        "ApiError::new(\"LimitExceeded\", 500, message)",
        "pub fn validation_exception(",
        "Schema::string().sized(Some(1), Some(9)).matching(&NAME_PATTERN)",
        "Pattern::new(r\"\\w+\", \"[0-9A-Za-z_]+\")",
        "static NODE: Schema = Schema::structure(\"Node\", &[Member::new(\"Next\", &NODE), Member::new(\"Many\", &NODES)])",
        "assert_round_trip::<PutItemInput>(&op::PUT_ITEM);",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
}

#[test]
fn what_is_refused_everywhere_has_no_type_and_no_schema() {
    let text = written(&format!("{FIELDS}Secret = 'refused: no keys'\n"));
    assert!(!text.contains("struct Unused") && !text.contains("pub secret"), "{text}");
    assert!(text.contains("Member::new(\"Secret\", &ANY)"), "{text}");
    assert!(text.contains("RefusedField { path: &[\"Secret\"], reason: \"no keys\" }"), "{text}");
}

#[test]
fn an_event_stream_is_an_enumeration_of_its_events() {
    let text = written(&format!("{FIELDS}Secret = 'refused: no keys'\n"));
    for line in [
        "pub enum Changes {\nChange(Changed),\n}",
        "impl aws::Event for Changes {\nconst EXCEPTIONS: &'static [&'static str] = &[\"GoneException\"];",
        "Self::Change(_) => \"Change\",",
        "Self::Change(event) => codec.encode_into(event, out),",
        "pub fn gone_exception(",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
    // The handler returns the stream itself, and errors go out as everywhere.
    assert!(!text.contains("struct WatchOutput") && !text.contains("struct GoneException"), "{text}");
}

#[test]
fn a_fault_named_after_a_status_has_it() {
    let model = model();
    let text = "constraint-error = 'ServiceUnavailableException'\nunsupported-field-error = 'LimitExceeded'";
    let contract = Contract::parse(text).unwrap();
    let statuses: Vec<_> = errors::of(&model, &contract).unwrap().iter().map(|error| error.status).collect();
    assert_eq!(statuses, [500, 503]);
}
