//! Trees of directories.

mod util;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use unspin::fs::{self, WalkOptions};
use unspin::{AbortController, EventLoop};
use util::{Log, run_real};

/// `a/one`, `a/b/two`, `a/b/c/three`, `d/four` and `five`.
fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["a/one", "a/b/two", "a/b/c/three", "d/four", "five"] {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it is created");
        std::fs::write(path, "").expect("it is written");
    }
    dir
}

/// What a walk finds, in order, without the path of the top; and its errors.
fn found(top: &Path, options: WalkOptions) -> (Vec<String>, Vec<String>) {
    let (paths, errors) = (Rc::<RefCell<Vec<_>>>::default(), Rc::<RefCell<Vec<_>>>::default());
    let (found, failed) = (Rc::clone(&paths), Rc::clone(&errors));
    let start = top.to_owned();
    run_real(move || {
        let entries = options.walk(&start);
        entries.on_entry(move |_, entry| {
            let path = entry.path().strip_prefix(&start).expect("it is inside").to_owned();
            assert_eq!(path.components().count(), entry.depth());
            found.borrow_mut().push(path.into_os_string().into_string().expect("text"));
        });
        entries.on_error(move |_, error| failed.borrow_mut().push(error.to_string()));
    });
    (paths.take(), errors.take())
}

fn sorted(words: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    words.sort();
    words
}

#[track_caller]
fn expect(top: &Path, options: WalkOptions, expected: &[&str]) {
    let (mut paths, errors) = found(top, options);
    paths.sort();
    assert_eq!(paths, sorted(expected));
    assert!(errors.is_empty(), "{errors:?}");
}

const ALL: &[&str] =
    &["a", "a/b", "a/b/c", "a/b/c/three", "a/b/two", "a/one", "d", "d/four", "five"];

#[test]
fn all_that_is_in_it_is_found_and_not_the_top() {
    expect(tree().path(), WalkOptions::new(), ALL);
}

#[test]
fn a_directory_comes_before_what_is_in_it_and_its_entries_together() {
    let dir = tree();
    let (paths, _) = found(dir.path(), WalkOptions::new());
    let mut parents: Vec<PathBuf> = Vec::new();
    for path in &paths {
        let parent = Path::new(path).parent().expect("it has one").to_owned();
        if parent != Path::new("") {
            let own = paths.iter().position(|other| Path::new(other) == parent);
            assert!(own < paths.iter().position(|other| other == path), "{paths:?}");
        }
        if parents.last() != Some(&parent) {
            assert!(!parents.contains(&parent), "they were parted: {paths:?}");
            parents.push(parent);
        }
    }
    // The first directory that was found is the first that is gone into, and all the way down.
    let first = paths.iter().find(|path| ["a", "d"].contains(&path.as_str())).expect("two");
    assert_eq!(parents[1], Path::new(first));
}

#[test]
fn a_depth_a_filter_and_directories_to_stay_out_of() {
    let dir = tree();
    expect(dir.path(), WalkOptions::new().max_depth(1), &["a", "d", "five"]);
    let two = ["a", "a/b", "a/one", "d", "d/four", "five"];
    expect(dir.path(), WalkOptions::new().max_depth(2), &two);
    let filter = WalkOptions::new().filter(|entry| entry.file_name() != "b");
    expect(dir.path(), filter, &["a", "a/one", "d", "d/four", "five"]);
    let descend = WalkOptions::new().descend(|dir| dir.file_name() != "b");
    expect(dir.path(), descend, &two);
}

#[test]
fn links_are_entries_unless_they_are_followed() {
    let dir = tree();
    symlink(dir.path().join("a/b"), dir.path().join("d/link")).expect("a link");
    symlink("nowhere", dir.path().join("d/broken")).expect("a link");
    let mut all = ALL.to_vec();
    all.extend(["d/link", "d/broken"]);
    expect(dir.path(), WalkOptions::new(), &all);
    all.extend(["d/link/c", "d/link/c/three", "d/link/two"]);
    expect(dir.path(), WalkOptions::new().follow_links(true), &all);
}

#[test]
fn a_link_that_leads_back_up_is_an_error_and_no_end() {
    let dir = tree();
    symlink(dir.path(), dir.path().join("a/b/up")).expect("a link");
    symlink(dir.path().join("a"), dir.path().join("a/b/c/up")).expect("a link");
    let (mut paths, errors) = found(dir.path(), WalkOptions::new().follow_links(true));
    paths.sort();
    assert_eq!(paths, sorted(ALL));
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors.iter().all(|error| error.starts_with("follow ")), "{errors:?}");
}

#[test]
fn a_directory_that_goes_away_is_an_error_and_no_end() {
    let dir = tree();
    let gone = dir.path().join("a/b");
    // On the pool, where it is found and before it is read.
    let options = WalkOptions::new().descend(move |found| {
        if found.path() == gone {
            std::fs::remove_dir_all(&gone).expect("it can be removed");
        }
        true
    });
    let (mut paths, errors) = found(dir.path(), options);
    paths.sort();
    assert_eq!(paths, sorted(&["a", "a/b", "a/one", "d", "d/four", "five"]));
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with(&format!("list {}", dir.path().join("a/b").display())));
}

#[test]
fn a_top_that_is_none_is_an_error_and_the_end() {
    let (paths, errors) = found(Path::new("nowhere"), WalkOptions::new());
    assert!(paths.is_empty());
    assert!(errors.len() == 1 && errors[0].starts_with("list nowhere: "), "{errors:?}");
}

#[test]
fn a_filter_that_panics_is_an_error_and_the_end() {
    let dir = tree();
    let options = WalkOptions::new().filter(|_| panic!("no idea"));
    let (paths, errors) = found(dir.path(), options);
    assert!(paths.is_empty());
    assert!(errors.len() == 1 && errors[0].contains("no idea"), "{errors:?}");
}

#[test]
fn a_deep_tree_takes_one_descriptor_and_no_recursion() {
    const DEPTH: usize = 700;
    let dir = tempfile::tempdir().expect("a directory");
    let mut deep = dir.path().to_owned();
    (0..DEPTH).for_each(|_| deep.push("d"));
    std::fs::create_dir_all(&deep).expect("it is created");
    for follow in [false, true] {
        let options = WalkOptions::new().follow_links(follow);
        assert_eq!(found(dir.path(), options).0.len(), DEPTH);
    }
}

#[test]
fn many_directories_are_few_jobs() {
    let dir = tempfile::tempdir().expect("a directory");
    let names: BTreeSet<String> =
        (0..40).flat_map(|outer| (0..50).map(move |inner| format!("{outer}/{inner}"))).collect();
    for name in &names {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("it is created");
        std::fs::write(path, "").expect("it is written");
    }
    let event_loop = EventLoop::new().expect("a loop");
    let jobs = Rc::new(std::cell::Cell::new(0));
    let counted = Rc::clone(&jobs);
    let top = dir.path().to_owned();
    let main = move || {
        let entries = fs::walk(&top);
        entries.on_entry(|_, _| ());
        entries.on_close(move |_| counted.set(unspin::metrics().jobs));
    };
    event_loop.run(main).expect("nothing fails");
    assert!((4..=6).contains(&jobs.get()), "{} jobs for 2040 entries", jobs.get());
}

#[test]
fn an_aborted_walk_ends() {
    let log = Log::new();
    run_real(|| {
        let controller = AbortController::new();
        let entries = fs::walk("/proc/self");
        entries.abort_on(controller.signal());
        entries.on_entry(move |_, _| controller.abort());
        entries.on_end(|_| panic!("it did not come so far"));
        let said = log.clone();
        entries.on_error(move |_, error| {
            if error.is_abort() {
                said.say("aborted");
            }
        });
    });
    log.expect(&["aborted"]);
}

#[cfg(feature = "async")]
#[test]
fn an_awaited_walk_goes_on_after_an_error() {
    let dir = tree();
    symlink(dir.path(), dir.path().join("a/b/up")).expect("a link");
    let top = dir.path().to_owned();
    util::futures::block_on(async move {
        let entries = WalkOptions::new().follow_links(true).walk(top);
        let (mut files, mut errors) = (0, 0);
        loop {
            match entries.next_entry().await {
                Ok(Some(entry)) => files += usize::from(entry.file_type().is_file()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(error.raw_os_error(), Some(40), "ELOOP");
                    errors += 1;
                }
            }
        }
        assert_eq!((files, errors), (5, 1));
        Ok(())
    });
}
