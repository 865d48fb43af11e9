use batch_gpt_actors::rules::{
    body::{CheckedBody, check, inputs},
    lane::{Endpoint, Tenant},
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value, json};

fn chat(body: &[u8]) -> CheckedBody {
    check(Endpoint::ChatCompletions, body).unwrap()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[\\x00-\\x7f\"\\\\/\u{e9}\u{1f600}]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec(("[a-z\"\\\\\u{e9}]{0,6}", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A chat body with unknown members around what must be there.
fn any_body() -> impl Strategy<Value = Vec<(String, Value)>> {
    let unknown = vec(("x_[a-z\"\\\\\u{e9}]{0,6}", any_json()), 0..6);
    (unknown, any_json(), any::<[Index; 3]>(), any::<bool>()).prop_map(
        |(unknown, content, places, streams)| {
            let mut members: Vec<(String, Value)> =
                unknown.into_iter().collect::<Map<_, _>>().into_iter().collect();
            let mut insert = |place: Index, name: &str, value: Value| {
                let at = place.index(members.len() + 1);
                members.insert(at, (name.into(), value));
            };
            insert(places[0], "model", json!("gpt-4o-mini"));
            insert(places[1], "messages", json!([{ "role": "user", "content": content }]));
            if streams {
                insert(places[2], "stream", json!(false));
                insert(places[0], "stream_options", json!({ "include_usage": true }));
            }
            members
        },
    )
}

fn print(members: &[(String, Value)], space: &str) -> String {
    let members: Vec<String> =
        members.iter().map(|(key, value)| format!("{space}{}:{space}{value}", json!(key))).collect();
    format!("{space}{{{}{space}}}{space}", members.join(","))
}

proptest! {
    #[test]
    fn a_line_is_the_body_without_the_removed_members(members in any_body(), space in "[ \t\r\n]{0,3}") {
        let checked = chat(print(&members, &space).as_bytes());
        let kept: Vec<_> = members.into_iter().filter(|(key, _)| !key.starts_with("stream")).collect();
        let line = std::str::from_utf8(&checked.line).unwrap();
        prop_assert!(!line.contains(['\n', '\r']));
        prop_assert_eq!(
            serde_json::from_str::<Value>(line).unwrap(),
            serde_json::from_str::<Value>(&print(&kept, "")).unwrap()
        );
    }

    #[test]
    fn a_compact_body_reaches_the_line_byte_for_byte(members in any_body()) {
        let kept: Vec<_> = members.into_iter().filter(|(key, _)| !key.starts_with("stream")).collect();
        let body = print(&kept, "");
        prop_assert_eq!(&chat(body.as_bytes()).line[..], body.as_bytes());
    }

    #[test]
    fn order_and_space_do_not_change_a_fingerprint(
        members in any_body().prop_flat_map(|members| (Just(members.clone()), Just(members).prop_shuffle())),
        space in "[ \t\r\n]{0,3}",
    ) {
        let fingerprint = |body: String| chat(body.as_bytes())
            .fingerprint(&Tenant::anonymous(), Endpoint::ChatCompletions);
        prop_assert_eq!(fingerprint(print(&members.0, "")), fingerprint(print(&members.1, &space)));
    }

    #[test]
    fn another_value_or_another_tenant_changes_it(members in any_body(), other in any_json()) {
        let (tenant, stranger) = (Tenant("a".into()), Tenant("b".into()));
        let body = chat(print(&members, "").as_bytes());
        let endpoint = Endpoint::ChatCompletions;
        prop_assert_ne!(body.fingerprint(&tenant, endpoint), body.fingerprint(&stranger, endpoint));
        let mut changed = members.clone();
        changed.push(("y".into(), other));
        let changed = chat(print(&changed, "").as_bytes());
        prop_assert_ne!(body.fingerprint(&tenant, endpoint), changed.fingerprint(&tenant, endpoint));
    }

    /// No input makes the check panic, and whatever it lets through is one strict line.
    #[test]
    fn any_bytes_are_judged(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(checked) = check(Endpoint::ChatCompletions, &bytes) {
            prop_assert!(serde_json::from_slice::<Value>(&checked.line).is_ok());
        }
    }

    #[test]
    fn a_damaged_body_is_judged(members in any_body(), at: Index, byte: u8) {
        let mut bytes = print(&members, " ").into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(checked) = check(Endpoint::ChatCompletions, &bytes) {
            prop_assert!(serde_json::from_slice::<Value>(&checked.line).is_ok());
            prop_assert!(!checked.line.contains(&b'\n'));
        }
    }
}

#[test]
fn a_wish_for_a_stream_is_heard_and_leaves_no_trace_in_the_line() {
    let body = |members: &str| format!(r#"{{"model":"m","messages":[1]{members}}}"#);
    for (members, wish) in [
        ("", (false, false)),
        (r#","stream":null,"stream_options":null"#, (false, false)),
        (r#","stream":false"#, (false, false)),
        (r#","stream":true"#, (true, false)),
        (r#","stream":true,"stream_options":{}"#, (true, false)),
        (r#","stream":true,"stream_options":{"include_usage":null,"x":1}"#, (true, false)),
        (
            r#","stream_options":{"a":{"include_usage":false},"include_usage":true},"stream":true"#,
            (true, true),
        ),
    ] {
        let checked = chat(body(members).as_bytes());
        assert_eq!((checked.stream, checked.include_usage), wish, "{members}");
        assert_eq!(checked.line, body(""), "{members}");
    }
    for (members, param) in [
        (r#","stream":"yes""#, "stream"),
        (r#","stream":1"#, "stream"),
        (r#","stream":true,"stream_options":true"#, "stream_options"),
        (r#","stream":true,"stream_options":{"include_usage":1}"#, "stream_options.include_usage"),
    ] {
        let refused = check(Endpoint::ChatCompletions, body(members).as_bytes()).unwrap_err();
        assert_eq!(refused.param.as_deref(), Some(param), "{members}");
    }
}

const AROUND: (&str, &str) = (r#"{"model":"m","messages":[{"role":"user","content":"x"}],"v":"#, "}");

fn with(value: &str) -> String {
    format!("{}{value}{}", AROUND.0, AROUND.1)
}

#[test]
fn numbers_and_escapes_keep_their_spelling() {
    for value in ["9007199254740993", "1.0", "1e2", "-0", "123456789012345678901234567890", r#""\u0041\/""#] {
        assert_eq!(chat(with(value).as_bytes()).line, with(value));
    }
}

#[test]
fn numbers_that_a_double_cannot_tell_apart_make_two_requests() {
    let fingerprint = |value: &str| {
        chat(with(value).as_bytes()).fingerprint(&Tenant::anonymous(), Endpoint::ChatCompletions)
    };
    assert_ne!(fingerprint("9007199254740993"), fingerprint("9007199254740992"));
    assert_ne!(fingerprint("123456789012345678901234567890"), fingerprint("123456789012345678901234567891"));
    assert_eq!(fingerprint(r#""\u0041""#), fingerprint(r#""A""#));
}

#[test]
fn what_would_fail_a_whole_batch_is_refused() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for value in [r#""\ud800""#, "1e999", "01", "'x'", "NaN", &deep(128), &deep(100_000), "\"a\nb\"", "1,"] {
        assert!(check(Endpoint::ChatCompletions, with(value).as_bytes()).is_err(), "{value:.40}");
    }
    assert!(check(Endpoint::ChatCompletions, with(&deep(126)).as_bytes()).is_ok());
    let mut invalid = with(r#""?""#).into_bytes();
    let at = invalid.iter().rposition(|&byte| byte == b'?').unwrap();
    invalid[at] = 0xff;
    assert!(check(Endpoint::ChatCompletions, &invalid).is_err());
}

#[test]
fn a_key_hidden_behind_escapes_is_still_that_key() {
    let body = br#"{"model":"m","messages":[1],"str\u0065am":false,"a":1}"#;
    assert_eq!(chat(body).line, r#"{"model":"m","messages":[1],"a":1}"#);
    let twice = br#"{"model":"m","mod\u0065l":"n","messages":[1]}"#;
    assert_eq!(check(Endpoint::ChatCompletions, twice).unwrap_err().param.as_deref(), Some("model"));
}

fn code(endpoint: Endpoint, body: &str) -> Option<(String, String)> {
    let error = check(endpoint, body.as_bytes()).err()?;
    Some((error.param.unwrap_or_default(), error.code.unwrap_or_default()))
}

#[test]
fn each_endpoint_asks_for_what_it_works_on() {
    let subjects = [
        (Endpoint::ChatCompletions, "messages", r#"[{"role":"user","content":"x"}]"#),
        (Endpoint::Completions, "prompt", r#""x""#),
        (Endpoint::Embeddings, "input", r#"["x"]"#),
        (Endpoint::Responses, "input", r#""x""#),
        (Endpoint::Moderations, "input", r#"[{"type":"text","text":"x"}]"#),
    ];
    assert_eq!(subjects.map(|(endpoint, ..)| endpoint), Endpoint::ALL);
    for (endpoint, name, value) in subjects {
        let body = |value: &str| format!(r#"{{"model":"m","{name}":{value}}}"#);
        assert_eq!(check(endpoint, body(value).as_bytes()).unwrap().line, body(value), "{endpoint}");
        let refused = |code: &str| Some((name.to_owned(), code.to_owned()));
        assert_eq!(code(endpoint, r#"{"model":"m"}"#), refused("missing_required_parameter"), "{endpoint}");
        assert_eq!(code(endpoint, &body("[]")), refused("empty_array"), "{endpoint}");
        assert_eq!(code(endpoint, &body("7")), refused("invalid_type"), "{endpoint}");
        let streamed = format!(r#"{{"model":"m","{name}":{value},"stream":true}}"#);
        let refused = Some(("stream".into(), "unsupported_value".into()));
        let whole = matches!(endpoint, Endpoint::Embeddings | Endpoint::Moderations);
        assert_eq!(code(endpoint, &streamed), refused.filter(|_| whole), "{endpoint}");
    }
}

#[test]
fn a_response_needs_no_input_beside_what_stands_for_it() {
    for instead in
        [r#""prompt":{"id":"pmpt_1"}"#, r#""previous_response_id":"resp_1""#, r#""conversation":"c""#]
    {
        let body = format!(r#"{{"model":"m",{instead}}}"#);
        assert_eq!(check(Endpoint::Responses, body.as_bytes()).unwrap().line, body);
    }
    let missing = Some(("input".into(), "missing_required_parameter".into()));
    assert_eq!(code(Endpoint::Responses, r#"{"model":"m","prompt":null}"#), missing);
}

#[test]
fn background_is_kept_from_the_line_of_a_response_alone() {
    let body = br#"{"model":"m","input":"x","background":true,"messages":[1]}"#;
    let response = check(Endpoint::Responses, body).unwrap();
    assert!(response.background);
    assert_eq!(response.line, r#"{"model":"m","input":"x","messages":[1]}"#);
    let chat = check(Endpoint::ChatCompletions, body).unwrap();
    assert!(!chat.background);
    assert_eq!(chat.line, &body[..]);
    let wrong = Some(("background".into(), "invalid_type".into()));
    assert_eq!(code(Endpoint::Responses, r#"{"model":"m","input":"x","background":1}"#), wrong);
}

#[test]
fn a_moderation_without_a_model_is_given_one_and_equals_one_that_names_it() {
    let bare = check(Endpoint::Moderations, br#" {"input" : "x"}"#).unwrap();
    assert_eq!(&*bare.model, "omni-moderation-latest");
    assert_eq!(bare.line, r#"{"model":"omni-moderation-latest","input" : "x"}"#);
    let explicit = br#"{"input":"x","model":"omni-moderation-latest"}"#;
    let explicit = check(Endpoint::Moderations, explicit).unwrap();
    let tenant = Tenant::anonymous();
    let endpoint = Endpoint::Moderations;
    assert_eq!(bare.fingerprint(&tenant, endpoint), explicit.fingerprint(&tenant, endpoint));
    let null = Some(("model".into(), "invalid_type".into()));
    assert_eq!(code(endpoint, r#"{"model":null,"input":"x"}"#), null);
}

#[test]
fn the_texts_of_an_embedding_are_counted_and_counted_alike_from_its_line() {
    for (input, count) in
        [(r#""x""#, 1), (r#"["a","b","c"]"#, 3), ("[1,2,3]", 1), ("[[1,2],[3]]", 2), (r#"["a"]"#, 1)]
    {
        let body = format!("{{\"model\":\"m\",\n\"stream\":false,\"input\":{input}}}");
        let checked = check(Endpoint::Embeddings, body.as_bytes()).unwrap();
        assert_eq!(checked.inputs, count, "{input}");
        assert_eq!(inputs(Endpoint::Embeddings, &checked.line), count, "{input}");
        assert_eq!(check(Endpoint::Responses, body.as_bytes()).unwrap().inputs, 0);
    }
    assert_eq!(inputs(Endpoint::Responses, br#"{"input":["a","b"]}"#), 0);
}
