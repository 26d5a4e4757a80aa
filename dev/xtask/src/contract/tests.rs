use super::*;

const HEAD: &str =
    "constraint-error = 'ValidationException'\nunsupported-field-error = 'InvalidArgumentException'\n";

fn model() -> Model {
    serde_json::from_value(serde_json::json!({
        "metadata": {"apiVersion": "1", "endpointPrefix": "x", "serviceFullName": "X", "protocol": "json"},
        "operations": {
            "Put": {"http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "PutInput"}},
            "Get": {"http": {"method": "POST", "requestUri": "/"}},
        },
        "shapes": {
            "PutInput": {"type": "structure", "members": {"Name": {"shape": "Text"}, "Items": {"shape": "Items"}}},
            "Items": {"type": "list", "member": {"shape": "Item"}},
            "Item": {"type": "structure", "members": {"Key": {"shape": "Text"}, "Mode": {"shape": "Text"}}},
            "Text": {"type": "string"},
        },
    }))
    .unwrap()
}

fn problems(body: &str) -> Vec<String> {
    Contract::parse(&format!("{HEAD}{body}")).unwrap().problems(&model()).unwrap()
}

#[test]
fn a_complete_contract_has_no_problems() {
    let body = "[refused]\n'later' = ['Get']\n[built.Put]\nName = 'executed'\nItems = 'executed, with all its members'\n";
    assert_eq!(problems(body), Vec::<String>::new());
}

#[test]
fn operations_and_fields_that_are_missing_or_unknown_are_named() {
    let found =
        problems("[built.Put]\nItems = 'executed'\n'Items.Key' = 'stored'\nNmae = 'stored'\n[built.Pot]\n");
    assert_eq!(
        found,
        [
            "operation Get is neither built nor refused",
            "operation Pot is unknown to the public model",
            "[built.Put] lacks the field Items.Mode",
            "[built.Put] lacks the field Name",
            "[built.Put] has the unknown field Nmae",
        ]
    );
}

#[test]
fn a_member_may_differ_from_the_parent_that_covers_it() {
    let text = "[built.Put]\nName = 'stored'\nItems = 'executed, with all its members'\n'Items.Mode' = 'refused: later'";
    let contract = Contract::parse(&format!("{HEAD}{text}")).unwrap();
    assert_eq!(contract.fields(&model(), "Put").unwrap().missing, Vec::<String>::new());
    assert_eq!(
        contract.refused_fields("Put"),
        [(vec!["Items".to_owned(), "Mode".to_owned()], "later".to_owned())]
    );
}

#[test]
fn nothing_is_listed_under_a_refused_field() {
    let found =
        problems("[built.Put]\nName = 'stored'\nItems = 'refused: later'\n'Items.Mode' = 'executed'\n");
    assert!(found.contains(&"[built.Put] has the unknown field Items.Mode".to_owned()), "{found:?}");
}

#[test]
fn an_operation_is_listed_once_and_a_refusal_has_a_reason() {
    let twice = format!("{HEAD}[refused]\na = ['Put']\n[built.Put]\n");
    assert_eq!(Contract::parse(&twice).unwrap_err().to_string(), "operation Put is listed twice");
    assert!(Status::parse("refused").is_err());
    assert!(Status::parse("done: yes").is_err());
    assert_eq!(Status::parse("refused: no keys yet").unwrap().reason, "no keys yet");
}
