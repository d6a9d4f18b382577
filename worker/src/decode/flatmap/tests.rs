//! What the real flatmap makes of it, and what differs on purpose.

use baton_shared::config::node::{Node, Value};

use super::{Broken, Flatmap};
use crate::decode::tests::{backend, decode, json};
use crate::decode::{DecodeError, Decoder};

const BODY: &str = r#"{"a":{"b":{"c":1,"d":2},"e":"x"},"arr":[{"id":1,"tags":["t1","t2"],"in":{"v":"p"}},{"id":2,"tags":[],"in":{"v":"q"}},{"id":3}],"l1":[1,2],"l2":[3],"le":[],"n":null,"s":"str"}"#;

fn node(value: Value) -> Node {
    Node { line: 1, value }
}

/// `move a.b c; del d`; an argument `5` is no string.
fn list(operations: &str) -> Node {
    let text = |text: &str| match text {
        "5" => node(Value::Number("5".to_owned())),
        text => node(Value::String(text.to_owned())),
    };
    let operation = |operation: &str| {
        let mut words = operation.split_whitespace();
        let name = text(words.next().unwrap());
        let args = node(Value::Array(words.map(text).collect()));
        node(Value::Object(vec![("type".to_owned(), name), ("args".to_owned(), args)]))
    };
    node(Value::Array(operations.split(';').map(operation).collect()))
}

fn applied(operations: &str, body: &str) -> Result<String, Broken> {
    let flatmap = Flatmap::compile(&list(operations)).unwrap();
    // Once as it stands, once with every container as a family of its own.
    let spaced = body.replace(':', " : ").replace(',', " , ");
    let [found, other] = [body, &spaced]
        .map(|body| flatmap.apply(&decode(|_| {}, body).unwrap()).map(|data| json(&data)));
    assert_eq!(found, other, "{operations}");
    found
}

#[track_caller]
fn check_body(operations: &str, body: &str, expected: &str) {
    assert_eq!(applied(operations, body).as_deref(), Ok(expected), "{operations}");
}

/// Only the named fields of the result.
#[track_caller]
fn check(operations: &str, fields: &str, expected: &str) {
    let operations = format!("{operations}; del {}", others(fields));
    check_body(&operations, BODY, expected);
}

fn others(fields: &str) -> String {
    let all = ["a", "arr", "l1", "l2", "le", "n", "s"];
    let kept: Vec<&str> = fields.split(' ').collect();
    all.into_iter().filter(|name| !kept.contains(name)).collect::<Vec<_>>().join(" ")
}

#[test]
fn paths_of_one_length_rename() {
    check("move a z", "z", r#"{"z":{"b":{"c":1,"d":2},"e":"x"}}"#);
    check("move a.b a.q", "a", r#"{"a":{"e":"x","q":{"c":1,"d":2}}}"#);
    check("move a.e f.e2", "a", r#"{"a":{"b":{"c":1,"d":2},"e2":"x"}}"#);
    check(
        "move arr list; move list.*.id list.*.ID; del list.*.in list.*.tags",
        "list",
        r#"{"list":[{"ID":1},{"ID":2},{"ID":3}]}"#,
    );
    check("move zz y", "l1", r#"{"l1":[1,2]}"#);
    check("move l1.0 l1.x", "l1", r#"{"l1":[1,2]}"#);
}

#[test]
fn a_shorter_path_promotes_to_the_deepest_place_there_is() {
    check("move a.b.c c; del a", "c", r#"{"c":1}"#);
    check("move a.b.c a.c", "a", r#"{"a":{"b":{"d":2},"c":1,"e":"x"}}"#);
    check("move arr.0.id first; del arr", "first", r#"{"first":1}"#);
    check("move a.b.c zz.c; del a", "c", r#"{"c":1}"#);
    check(
        "move arr.*.in.v arr.*.v; del arr.*.tags",
        "arr",
        r#"{"arr":[{"id":1,"in":null,"v":"p"},{"id":2,"in":null,"v":"q"},{"id":3}]}"#,
    );
    // Of several to one name the last stays.
    check("move arr.*.id id; del arr", "id", r#"{"id":3}"#);
    check_body("move m.0 x", r#"{"m":[[1],2]}"#, r#"{"m":[2],"x":[1]}"#);
}

#[test]
fn a_longer_path_embeds_from_where_it_stands() {
    check("move s a.s", "a", r#"{"a":{"b":{"c":1,"d":2},"e":"x","s":"str"}}"#);
    check("move s q.r.s", "q", r#"{"q":{"r":{"s":"str"}}}"#);
    check(
        "move arr.*.id arr.*.meta.id; del arr.*.in arr.*.tags",
        "arr",
        r#"{"arr":[{"meta":{"id":1}},{"meta":{"id":2}},{"meta":{"id":3}}]}"#,
    );
    // What was a scalar becomes an object, what was an empty list a list.
    check("move s l1.0.x", "l1", r#"{"l1":[{"x":"str"},2]}"#);
    check("move s le.x", "le", r#"{"le":["str"]}"#);
}

#[test]
fn of_two_of_one_name_the_moved_one_stays() {
    check_body("move a b", r#"{"a":1,"b":2}"#, r#"{"b":1}"#);
    check_body("move z b", r#"{"b":2,"z":1}"#, r#"{"b":1}"#);
    check_body("move x.a b", r#"{"b":2,"x":{"a":1}}"#, r#"{"b":1,"x":null}"#);
    // Both are there as long as the operations run.
    check_body("move a b; del b", r#"{"a":1,"b":2}"#, r#"{"b":1}"#);
}

#[test]
fn a_move_below_a_deep_star_keeps_each_with_its_own() {
    let body = r#"{"a":{"b":{"c":[{"e":{"f":1}},{"e":{"f":2}}]}}}"#;
    let expected = r#"{"a":{"b":{"c":[{"e":null,"f":1},{"e":null,"f":2}]}}}"#;
    check_body("move a.b.c.*.e.f a.b.c.*.f", body, expected);
}

#[test]
fn what_lost_all_its_children_is_null() {
    check("del a.b.c a.b.d", "a", r#"{"a":{"b":null,"e":"x"}}"#);
    check("del arr.*", "arr", r#"{"arr":null}"#);
    check("del le.0", "le", r#"{"le":[]}"#);
    check("del arr.*.id; del arr.*.tags; del arr.*.in", "arr", r#"{"arr":[null,null,null]}"#);
    check_body("del *", r#"{"a":1}"#, "null");
    check_body("del *", "{}", "{}");
    check_body("del x", "null", "null");
}

#[test]
fn places_of_a_list_stay_what_they_were() {
    check("del l1.0 l1.0", "l1", r#"{"l1":[2]}"#);
    check("del l1.0 l1.1", "l1", r#"{"l1":null}"#);
    check("del arr.1.id arr.*.in arr.*.tags", "arr", r#"{"arr":[{"id":1},null,{"id":3}]}"#);
    check("del *.b a.01 l1.+0", "a l1", r#"{"a":{"e":"x"},"l1":[1,2]}"#);
}

#[test]
fn items_of_a_list_stay_where_they_are_whatever_they_are_called() {
    check_body("move l.0 l.1", r#"{"l":[1,2]}"#, r#"{"l":[1,2]}"#);
    check_body("move l.1 l.0; move l.0 x", r#"{"l":[1,2]}"#, r#"{"l":[2],"x":1}"#);
    check_body("del l.0; move l.1 x", r#"{"l":[1,2,3]}"#, r#"{"l":[3],"x":2}"#);
}

#[test]
fn what_an_operation_passed_by_the_next_one_enters() {
    let body = r#"{"o":[{"a":{"b":1,"c":[{"d":2}]},"e":{"f":3}},{"a":{"b":4}}]}"#;
    let expected = r#"{"o":[{"a":{"B":1,"c":[null]},"e":{"F":3}},{"a":{"B":4}}]}"#;
    check_body("move o.*.a.b o.*.a.B; move o.*.e.f o.*.e.F; del o.0.a.c.*.d", body, expected);
}

#[test]
fn as_many_as_there_are_can_be_brought_together() {
    let list = |item: fn(u32) -> String| (0..50).map(item).collect::<Vec<_>>().join(",");
    let body = format!(r#"{{"a":1,"l":[{}]}}"#, list(|id| format!(r#"{{"id":{id}}}"#)));
    check_body("move l.*.id id; del l", &body, r#"{"a":1,"id":49}"#);
    let (nulls, ids) = (list(|_| "null".to_owned()), list(|id| id.to_string()));
    check_body("move l.*.id l.id", &body, &format!(r#"{{"a":1,"l":[{nulls},{ids}]}}"#));
}

#[test]
fn what_was_copied_can_be_added_to() {
    let body = r#"{"a":[[]],"b":[],"c":1,"d":2}"#;
    check_body("move c a.0.x; append a b; move d b.0.x", body, r#"{"b":[[1,2]]}"#);
}

#[test]
fn lists_are_appended_and_the_source_goes() {
    check("append l2 l1", "l1 l2", r#"{"l1":[1,2,3]}"#);
    check("append le l1", "l1 le", r#"{"l1":[1,2]}"#);
    check("append l1 le", "l1 le", r#"{"le":[1,2]}"#);
    check("append s l1", "l1 s", r#"{"l1":[1,2],"s":"str"}"#);
    check("append l1 zz", "l1", r#"{"l1":[1,2]}"#);
    check("append l1 a.b", "a l1", r#"{"a":{"b":{"c":1,"d":2},"e":"x"},"l1":[1,2]}"#);
    check("append arr.0.tags l1; del arr", "l1", r#"{"l1":[1,2,"t1","t2"]}"#);
    check("append l1 l1", "l1 l2", r#"{"l2":[3]}"#);
    check_body("append m.0 m.1", r#"{"m":[[1,2],[3,[4,5]]]}"#, r#"{"m":[[3,[4,5],1,2]]}"#);
    // With a star a path is a list of all that it leads to; what is not there is null.
    check("append arr.*.in.v l1; del arr", "l1", r#"{"l1":[1,2,"p","q",null]}"#);
    // Places are not counted anew before the items are laid over each other.
    check_body("del l.0; append m l", r#"{"l":[1,2,3],"m":[9]}"#, r#"{"l":[3,9,2]}"#);
}

#[test]
fn operations_without_arguments_break_the_answer() {
    for broken in ["move a", "append l1", "move", "move 5 a", "move a 5", "move 5 5"] {
        assert_eq!(applied(broken, BODY), Err(Broken), "{broken}");
    }
    for harmless in ["move zz 5", "del 5", "append 5 l1", "append l1 5", "Del a", "nonsense"] {
        assert!(applied(harmless, BODY).is_ok(), "{harmless}");
    }
}

#[test]
fn a_list_without_operations_is_none() {
    for value in [
        Value::Array(Vec::new()),
        Value::Array(vec![node(Value::String("bad".to_owned()))]),
        Value::Array(vec![node(Value::Object(Vec::new()))]),
        Value::String("nope".to_owned()),
    ] {
        assert!(Flatmap::compile(&node(value)).is_none());
    }
}

#[test]
fn names_and_values_keep_their_spelling() {
    check_body(
        "move b c",
        r#"{"<":"<","b":{"\"q":[1.0,"\u00e9"]},"z":[{"k":"&"}]}"#,
        r#"{"\u003c":"\u003c","c":{"\"q":[1.0,"é"]},"z":[{"k":"\u0026"}]}"#,
    );
    check_body(r#"move b."q b.r"#, r#"{"b":{"\"q":1}}"#, r#"{"b":{"r":1}}"#);
}

/// A backend with operations.
fn decoded(operations: &str, group: &str, body: &str) -> Result<String, DecodeError> {
    let decoder = Decoder::compile(&backend(|backend| {
        let settings = &mut backend.extra_config;
        let Value::Array(items) = list(operations).value else { return };
        crate::harness::set(settings, "proxy", "flatmap_filter", Value::Array(items));
        backend.target = "data".to_owned();
        backend.group = group.to_owned();
        backend.allow = vec!["nothing".to_owned()];
        backend.mapping = std::iter::once(("a".to_owned(), "z".to_owned())).collect();
    }));
    decoder.unwrap().decode(body.to_owned().into()).map(|data| json(&data))
}

#[test]
fn of_a_backends_shape_only_target_and_group_are_left() {
    let body = r#"{"data":{"a":1,"b":2}}"#;
    assert_eq!(decoded("del b", "", body).as_deref(), Ok(r#"{"a":1}"#));
    assert_eq!(decoded("del b", "g", body).as_deref(), Ok(r#"{"g":{"a":1}}"#));
    assert_eq!(decoded("del *", "g", body).as_deref(), Ok(r#"{"g":null}"#));
    assert_eq!(decoded("del x", "g", "{}").as_deref(), Ok(r#"{"g":{}}"#));
    assert_eq!(decoded("nonsense", "", body).as_deref(), Ok(r#"{"a":1,"b":2}"#));
    assert_eq!(decoded("move a", "", body), Err(DecodeError::Flatmap(Broken)));
}

#[test]
fn depth_is_no_matter() {
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let body = format!(r#"{{"a":{},"b":{}}}"#, deep(9_000), deep(9_000));
    let expected = format!(r#"{{"b":[{},{}]}}"#, deep(8_999), deep(8_999));
    check_body("append a b; move b b", &body, &expected);
}
