//! Locks of files: had or not, never waited for.

mod util;

#[cfg(target_os = "linux")]
use std::process::Command;

use unspin::fs;
use util::files::{ok, place};
use util::{Log, run_real};

#[test]
fn one_has_it_alone_or_many_have_it_together() {
    let (_dir, path) = place("file");
    let (one, other) = (ok(|| fs::create(&path)), ok(|| fs::create(&path)));
    assert!(ok(|| one.try_lock()));
    assert!(!ok(|| other.try_lock()) && !ok(|| other.try_lock_shared()));
    ok(|| one.unlock());
    assert!(ok(|| other.try_lock_shared()) && ok(|| one.try_lock_shared()));
    assert!(!ok(|| one.try_lock()), "the other one reads");
    ok(|| one.unlock());
    ok(|| one.unlock());
}

#[test]
fn it_is_that_of_all_handles_and_goes_with_the_last() {
    let (_dir, path) = place("file");
    let (one, other) = (ok(|| fs::create(&path)), ok(|| fs::create(&path)));
    let clone = one.clone();
    assert!(ok(|| one.try_lock()) && ok(|| clone.try_lock()));
    drop(one);
    assert!(!ok(|| other.try_lock()));
    drop(clone);
    assert!(ok(|| other.try_lock()));
}

#[cfg(target_os = "linux")]
#[test]
fn another_process_may_have_it() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    assert!(ok(|| file.try_lock()));
    let status = Command::new("flock").arg("--nonblock").arg(&path).arg("true").status();
    assert!(!status.expect("flock can be run").success(), "it is ours");
    ok(|| file.unlock());
    let status = Command::new("flock").arg("--nonblock").arg(&path).arg("true").status();
    assert!(status.expect("flock can be run").success(), "it is free");
}

#[test]
fn by_a_promise() {
    let (_dir, path) = place("file");
    let file = ok(|| fs::create(&path));
    let log = Log::new();
    let said = log.clone();
    run_real(|| {
        file.try_lock().promise().then(move |is_ours| said.say(format!("{is_ours}")));
    });
    log.expect(&["true"]);
}
