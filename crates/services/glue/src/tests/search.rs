use std::time::Duration;

use serde_json::json;

use super::*;

#[tokio::test]
async fn tables_are_searched_by_text_and_property_in_a_given_order() {
    let world = World::with_flights().await;
    world.ok("CreateDatabase", json!({"DatabaseInput": {"Name": "sea"}})).await;
    for (database, name, owner) in
        [("sea", "ships", "ann"), ("sea", "harbours", "bob"), ("air", "airports", "bob")]
    {
        world.clock.advance(Duration::from_secs(10));
        let table = json!({"Name": name, "Owner": owner, "Parameters": {"tier": "gold"}, "Description": "where things Depart"});
        world.ok("CreateTable", json!({"DatabaseName": database, "TableInput": table})).await;
    }
    for (input, names) in [
        (json!({}), json!(["airports", "flights", "harbours", "ships"])),
        (json!({"SearchText": "depart"}), json!(["airports", "flights", "harbours", "ships"])),
        (json!({"SearchText": "\"ships\""}), json!(["ships"])),
        (json!({"SearchText": "origin"}), json!(["flights"])),
        (json!({"Filters": [{"Key": "DatabaseName", "Value": "sea"}]}), json!(["harbours", "ships"])),
        (
            json!({"Filters": [{"Key": "Owner", "Value": "bob"}, {"Key": "tier", "Value": "gold"}]}),
            json!(["airports", "harbours"]),
        ),
        (
            json!({"Filters": [{"Key": "CreateTime", "Value": "1795337423", "Comparator": "GREATER_THAN"}]}),
            json!(["airports", "harbours"]),
        ),
        (
            json!({"SortCriteria": [{"FieldName": "CreateTime", "Sort": "DESC"}]}),
            json!(["airports", "harbours", "ships", "flights"]),
        ),
        (json!({"ResourceShareType": "FOREIGN"}), json!([])),
    ] {
        let mut paged = input.clone();
        paged["MaxResults"] = json!(1);
        let found = world.pages("SearchTables", paged, "TableList", "Name").await;
        assert_eq!(json!(found), names, "{input}");
    }
    for wrong in [
        json!({"Filters": [{"Key": "Owner", "Value": "a", "Comparator": "LESS_THAN"}]}),
        json!({"Filters": [{"Key": "CreateTime", "Value": "lunch"}]}),
        json!({"Filters": [{"Key": "Owner"}]}),
        json!({"SortCriteria": [{"Sort": "ASC"}]}),
    ] {
        assert_eq!(world.fails("SearchTables", wrong.clone()).await.0, "InvalidInputException", "{wrong}");
    }
}
