//! What is fuzzed, over what is kept for it: see CONTRIBUTING.md.

use std::fs;
use std::path::Path;

#[path = "../examples/http/body.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod body;
#[path = "fuzz/frames.rs"]
mod frames;
#[path = "fuzz/http.rs"]
mod http;
#[path = "fuzz/keys.rs"]
mod keys;
#[path = "fuzz/lines.rs"]
mod lines;
#[path = "../examples/http/request.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod request;
#[path = "fuzz/resp.rs"]
mod resp;
#[path = "../examples/http/response.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod response;

#[track_caller]
fn each(name: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let files = fs::read_dir(folder).expect("it is there");
    let mut count = 0;
    for file in files {
        let bytes = fs::read(file.expect("it is readable").path()).expect("it is readable");
        // A file cut short is as good an input as the whole.
        (0..=bytes.len()).for_each(|length| run(&bytes[..length]));
        count += 1;
    }
    assert!(count > 3);
}

#[test]
fn lines_of_the_corpus() {
    each("lines", lines::run);
}

#[test]
fn frames_of_the_corpus() {
    each("frames", frames::run);
}

#[test]
fn keys_of_the_corpus() {
    each("keys", keys::run);
}

#[test]
fn commands_of_the_corpus() {
    each("resp", resp::run);
}

#[test]
fn requests_of_the_corpus() {
    each("http", http::run);
}
