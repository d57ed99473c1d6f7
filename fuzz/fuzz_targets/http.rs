#![no_main]

#[path = "../../examples/http/body.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod body;
#[path = "../../examples/http/request.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod request;
#[path = "../../examples/http/response.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod response;

#[path = "../../tests/fuzz/http.rs"]
mod run;

libfuzzer_sys::fuzz_target!(|data: &[u8]| run::run(data));
