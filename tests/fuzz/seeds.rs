//! Valid inputs, to be damaged.

/// A digit for the endpoint, then a body.
pub const BODIES: &[&[u8]] = &[
    br#"0{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi \u00e9\n"}],"stream":true,"stream_options":{"include_usage":true},"temperature":0.70,"n":1}"#,
    br#"0 { "messages" : [ {"role":"user","content":[{"type":"text","text":"a"}]} ] ,
        "model" : "m", "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}] } "#,
    br#"0{"model":"m","messages":[{"role":"user","content":null}],"seed":9007199254740993,"x":{"stream":true,"a":1,"a":2}}"#,
    br#"1{"model":"m","prompt":["a","b"],"stream":false,"max_tokens":16}"#,
    br#"2{"model":"text-embedding-3-small","input":["a",[1,2,3],"b"],"dimensions":8}"#,
    br#"2{"input":[1,2,3],"model":"m"}"#,
    br#"3{"model":"m","input":"think","background":true,"stream":true,"reasoning":{"effort":"low"}}"#,
    br#"3{"model":"m","previous_response_id":"resp_1"}"#,
    br#"4{"input":"bad words"}"#,
    br#"4{"input":["a",{"type":"text","text":"b"}],"model":"omni-moderation-latest"}"#,
];

/// Two bytes say where the download is cut into pieces, then a result file.
pub const RESULT_FILES: &[&[u8]] = &[
    b"\x07\x20{\"id\":\"b1\",\"custom_id\":\"req_00000000000000000000000000000001\",\"response\":{\"status_code\":200,\"request_id\":\"r\",\"body\":{\"id\":\"c\",\"choices\":[]}},\"error\":null}\n\
      {\"id\":\"b2\",\"custom_id\":\"req_00000000000000000000000000000002\",\"response\":{\"status_code\":400,\"body\":{\"error\":{\"message\":\"no\"}}},\"error\":null}\n",
    b"\x01\x01{\"custom_id\":\"req_00000000000000000000000000000003\",\"response\":null,\"error\":{\"code\":\"batch_expired\",\"message\":\"late\"}}\n\
      {\"custom_id\":\"req_00000000000000000000000000000001\",\"response\":{\"status_code\":429,\"body\":{\"error\":{}}}}\n\
      {\"custom_id\":\"req_00000000000000000000000000000001\",\"response\":{\"status_code\":200,\"body\":{}}}",
    b"\xff\x03{\"custom_id\":\"req_00000000000000000000000000000009\",\"response\":{\"status_code\":200,\"body\":{}}}\r\n\n\
      {\"custom_id\":\"req_00000000000000000000000000000002\",\"response\":{\"status_code\":0,\"body\":null},\"error\":null}\n",
    b"\x40\x02{\"custom_id\":\"req\\u005f00000000000000000000000000000004\",\"response\":{\"body\":{\"a\":\"\xc3\xa9\"},\"status_code\":500}}\n",
];

/// A digit for the number of lines, then a batch object.
pub const BATCH_OBJECTS: &[&[u8]] = &[
    br#"3{"id":"batch_1","object":"batch","status":"failed","created_at":1700000000,"errors":{"object":"list","data":[{"code":"invalid_json_line","message":"This line is not parseable as valid JSON.","param":null,"line":2},{"code":"duplicate_custom_id","message":"x","param":"custom_id","line":3}]},"input_file_id":"file-1","output_file_id":null,"error_file_id":"","metadata":{"batch_gpt_key":"bgk_00000000000000000000000000000001"}}"#,
    br#"9{"id":"batch_2","status":"failed","errors":{"data":[{"code":"token_limit_exceeded","message":"Enqueued token limit reached for m in organization o. Limit: 90,000 enqueued tokens.","line":null}]}}"#,
    br#"1{"id":"batch_3","status":"failed","errors":{"data":[{"code":"invalid_request","message":"Cannot find file f","param":"file_id","line":null}]}}"#,
    br#"2{"id":"batch_4","status":"completed","created_at":1.7e9,"output_file_id":"file-2","error_file_id":"file-3","errors":null,"request_counts":{"total":2,"completed":1,"failed":1},"metadata":null}"#,
    br#"5{"id":"batch_5","status":"failed","errors":{"data":[{"code":"model_not_found","message":"no","param":"body.model","line":1}]}}"#,
    br#"2{"id":"batch_6","status":"a new word","errors":{"data":null}}"#,
];

/// A digit for the kind of stream, then an answer.
pub const ANSWERS: &[&[u8]] = &[
    br#"0{"id":"c1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi \ud83d\ude00","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3},"system_fingerprint":"fp"}"#,
    br#"1{"id":"c2","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"finish_reason":"tool_calls","logprobs":{"content":[{"token":"x","logprob":-1}]}}]}"#,
    br#"2{"id":"t1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"text":"abc","logprobs":null,"finish_reason":"length"}],"usage":{"total_tokens":3}}"#,
    br#"4{"id":"r1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"m1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hi","annotations":[]}]},{"type":"reasoning","id":"rs","summary":[]}],"usage":{"total_tokens":1}}"#,
    br#"4{"id":"r2","object":"response","created_at":1,"status":"completed","output":[{"type":"function_call","id":"fc","call_id":"call","name":"f","arguments":"{}"}]}"#,
    br#"0{"error":{"message":"no","type":"t","param":null,"code":"c"}}"#,
];

/// The path and query of a call that is passed on.
pub const PATHS: &[&[u8]] = &[
    b"/v1/models/gpt-4.1",
    b"/models/meta%2Fllama..3?x=1&y=%20",
    b"/v1/files/file-1/content",
    b"/v1/files?after=file-1&limit=10",
    b"/v1/models/..%2ffiles/x",
    b"/files/%2e%2E/batches",
    b"/v1/models/ft:gpt-4o:org::id",
];

/// A list of keys.
pub const KEYS: &[&[u8]] = &[
    b"evals:sk-secret-one,labels:sk-secret-two",
    b" a : sk-secret-1 ,a:sk-secret-2,",
    b"a.b-c_d:sk:with:colons",
    b"name-without-key",
    b"n\xc3\xa9:sk-secret-three",
];

/// A setting a line: what follows the first byte of each goes into the setting that byte names.
pub const SETTINGS: &[&[u8]] = &[
    b"a300\nb5000\nc1\nd2\ne15\nfsync\ngauto\nhon\ni127.0.0.1:0\njevals:sk-secret-one",
    b"a0\nb-1\nc1e3\nd 7 \ne999\nfasync\ngsilent\nhoff\ni0.0.0.0:80\nksk-secret-admin",
    b"lmongodb://user:sk-secret-pw@host/?replicaSet=rs\nm27017\nnsk-secret-password",
    b"lnonsense sk-secret-uri\no7\np0\nq30\nroff\ns3\ni[::1]:8080\ntjson",
];
