#![no_main]

#[path = "../../tests/fuzz/resp.rs"]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
