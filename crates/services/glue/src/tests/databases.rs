use serde_json::json;

use super::*;

#[tokio::test]
async fn a_database_comes_back_as_given_with_its_name_in_lower_case() {
    let world = World::new().await;
    let permissions = json!([{"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}]);
    let input = json!({
        "Name": "Air", "Description": "planes", "LocationUri": "s3://lake/air/",
        "Parameters": {"k": "v"}, "CreateTableDefaultPermissions": permissions,
    });
    world.ok("CreateDatabase", json!({"DatabaseInput": input})).await;
    let found = world.ok("GetDatabase", json!({"Name": "AIR"})).await;
    let expected = json!({
        "Name": "air", "Description": "planes", "LocationUri": "s3://lake/air/", "Parameters": {"k": "v"},
        "CreateTime": 1_795_337_413, "CreateTableDefaultPermissions": permissions, "CatalogId": ACCOUNT,
    });
    assert_eq!(found["Database"], expected);

    world
        .ok("UpdateDatabase", json!({"Name": "air", "DatabaseInput": {"Name": "air", "Description": "jets"}}))
        .await;
    let found = world.ok("GetDatabase", json!({"Name": "air"})).await;
    let expected =
        json!({"Name": "air", "Description": "jets", "CreateTime": 1_795_337_413, "CatalogId": ACCOUNT});
    assert_eq!(found["Database"], expected);
    let renamed =
        world.fails("UpdateDatabase", json!({"Name": "air", "DatabaseInput": {"Name": "sea"}})).await;
    assert_eq!(renamed.0, "InvalidInputException");

    world.ok("DeleteDatabase", json!({"Name": "air"})).await;
    let gone = error("EntityNotFoundException", "Database air not found.");
    assert_eq!(world.fails("GetDatabase", json!({"Name": "air"})).await, gone);
    assert_eq!(world.fails("DeleteDatabase", json!({"Name": "air"})).await, gone);
    assert_eq!(
        world.fails("UpdateDatabase", json!({"Name": "air", "DatabaseInput": {"Name": "air"}})).await,
        gone
    );
}

#[tokio::test]
async fn a_database_is_created_once() {
    let world = World::with_flights().await;
    let again = world.fails("CreateDatabase", json!({"DatabaseInput": {"Name": "AIR"}})).await;
    assert_eq!(again, error("AlreadyExistsException", "Database already exists."));
    let link =
        json!({"DatabaseInput": {"Name": "x", "TargetDatabase": {"CatalogId": "1", "DatabaseName": "y"}}});
    let refused = world.fails("CreateDatabase", link).await;
    assert_eq!(refused.0, "InvalidInputException");
    assert!(refused.1.contains("TargetDatabase"), "{refused:?}");
}

#[tokio::test]
async fn databases_page_in_order_and_can_be_only_their_names() {
    let world = World::new().await;
    for name in ["c", "a", "b"] {
        world.ok("CreateDatabase", json!({"DatabaseInput": {"Name": name, "Description": "x"}})).await;
    }
    let names = world.pages("GetDatabases", json!({"MaxResults": 2}), "DatabaseList", "Name").await;
    assert_eq!(names, ["a", "b", "c"]);
    let only = world.ok("GetDatabases", json!({"AttributesToGet": ["NAME"], "MaxResults": 1})).await;
    assert_eq!(only["DatabaseList"], json!([{"Name": "a"}]));
    let shared = world.ok("GetDatabases", json!({"ResourceShareType": "FOREIGN"})).await;
    assert_eq!(shared["DatabaseList"], json!([]));
    // A token belongs to the operation that gave it, and is nothing a client can make up.
    for (operation, token) in
        [("GetUserDefinedFunctions", &only["NextToken"]), ("GetDatabases", &json!("made up"))]
    {
        let input = json!({"NextToken": token, "Pattern": "x"});
        let input = if operation == "GetDatabases" { json!({"NextToken": token}) } else { input };
        let refused = world.fails(operation, input).await;
        assert_eq!(refused, error("InvalidInputException", "The pagination token is not valid."));
    }
}

#[tokio::test]
async fn tags_of_a_database_go_with_it() {
    let world = World::new().await;
    let arn = "arn:aws:glue:us-east-1:123456789012:database/air";
    let create = json!({"DatabaseInput": {"Name": "air"}, "Tags": {"team": "ops", "stage": "dev"}});
    world.ok("CreateDatabase", create).await;
    world.ok("TagResource", json!({"ResourceArn": arn, "TagsToAdd": {"stage": "prod", "x": ""}})).await;
    world.ok("UntagResource", json!({"ResourceArn": arn, "TagsToRemove": ["x", "never"]})).await;
    let tags = world.ok("GetTags", json!({"ResourceArn": arn})).await;
    assert_eq!(tags["Tags"], json!({"team": "ops", "stage": "prod"}));
    let many: serde_json::Map<_, _> = (0..49).map(|n| (format!("t{n}"), json!("v"))).collect();
    let refused = world.fails("TagResource", json!({"ResourceArn": arn, "TagsToAdd": many})).await;
    assert_eq!(refused, error("InvalidInputException", "A resource has at most 50 tags."));

    world.ok("DeleteDatabase", json!({"Name": "air"})).await;
    world.ok("CreateDatabase", json!({"DatabaseInput": {"Name": "air"}})).await;
    assert_eq!(world.ok("GetTags", json!({"ResourceArn": arn})).await["Tags"], json!({}));
    let elsewhere = "arn:aws:glue:eu-west-1:123456789012:database/air";
    let absent = world.fails("GetTags", json!({"ResourceArn": elsewhere})).await;
    assert_eq!(absent.0, "EntityNotFoundException");
    let table = "arn:aws:glue:us-east-1:123456789012:table/air/flights";
    assert_eq!(world.fails("GetTags", json!({"ResourceArn": table})).await.0, "InvalidInputException");
}

#[tokio::test]
async fn there_are_no_user_defined_functions() {
    let world = World::with_flights().await;
    let all = world.ok("GetUserDefinedFunctions", json!({"DatabaseName": "air", "Pattern": "*"})).await;
    assert_eq!(all["UserDefinedFunctions"], json!([]));
    let input = json!({"DatabaseName": "air", "FunctionName": "f"});
    let one = world.fails("GetUserDefinedFunction", input).await;
    assert_eq!(one, error("EntityNotFoundException", "Function f not found."));
    let absent = world.fails("GetUserDefinedFunctions", json!({"DatabaseName": "sea", "Pattern": "*"})).await;
    assert_eq!(absent, error("EntityNotFoundException", "Database sea not found."));
}
