//! The examples that watch files, run as a user runs them.
#![cfg(all(target_os = "linux", feature = "async"))]

mod util;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use unspin::signal::{self, Signal};
use util::watch::Place;

/// An example that prints lines, until it is dropped.
struct Example {
    child: Child,
    lines: Option<BufReader<ChildStdout>>,
}

impl Example {
    fn start(name: &str, argument: &Path) -> Example {
        let test = std::env::current_exe().expect("a test knows its binary");
        let profile = test.parent().and_then(Path::parent).expect("it lies in target/PROFILE/deps");
        let mut child = Command::new(profile.join("examples").join(name))
            .arg(argument)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("`cargo build --examples` has built it");
        let lines = child.stdout.take().map(BufReader::new);
        Example { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let lines = self.lines.as_mut().expect("it is piped, and read");
        lines.read_line(&mut line).expect("it prints text");
        line.trim_end_matches('\n').to_owned()
    }

    #[track_caller]
    fn expect(&mut self, lines: &[&str]) {
        let said: Vec<_> = lines.iter().map(|_| self.line()).collect();
        assert_eq!(said, lines);
    }

    #[track_caller]
    fn ends_in_good_order(mut self) {
        assert_eq!(self.line(), "");
        self.has_ended();
    }

    /// Nobody reads it any more.
    #[track_caller]
    fn ends_with_its_reader(mut self) {
        self.lines = None;
        self.has_ended();
    }

    #[track_caller]
    fn has_ended(&mut self) {
        let status = self.child.wait().expect("it is our child");
        let mut errors = String::new();
        let told = self.child.stderr.take().expect("it is piped");
        BufReader::new(told).read_to_string(&mut errors).expect("it prints text");
        assert_eq!((status.code(), &*errors), (Some(0), ""), "{status}");
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        self.child.wait().expect("it ends when it is killed");
    }
}

#[test]
fn watch_prints_what_happens_until_it_is_interrupted() {
    let place = Place::new();
    place.make("below");
    let mut example = Example::start("watch", place.path());
    let at = |name: &str| format!("{:?}", place.at(name));
    example.expect(&[&format!("watching {}", place.path().display())]);
    // A link, since a file that is made and written may be told as one event or as two.
    symlink("nowhere", place.at("below/a\nb")).expect("it can be made");
    place.rename("below/a\nb", "c");
    place.remove("c");
    example.expect(&[&format!("+ {}", at("below/a\nb"))]);
    example.expect(&[&format!("> {} from {}", at("c"), at("below/a\nb"))]);
    example.expect(&[&format!("- {}", at("c"))]);
    signal::kill(example.child.id(), Signal::INTERRUPT).expect("it lives");
    example.ends_in_good_order();
}

#[test]
fn watch_ends_with_its_directory() {
    let place = Place::new();
    place.make("below");
    let mut example = Example::start("watch", &place.at("below"));
    example.line();
    fs::remove_dir(place.at("below")).expect("it is empty");
    example.expect(&[&format!("- {:?}", place.at("below"))]);
    example.ends_in_good_order();
}

fn add(place: &Place, text: &str) {
    let file = OpenOptions::new().append(true).create(true).open(place.at("log"));
    file.expect("it can be opened").write_all(text.as_bytes()).expect("it can be written");
}

#[test]
fn tail_prints_the_last_ten_lines_and_follows_the_name() {
    let place = Place::new();
    (0..15).for_each(|line| add(&place, &format!("{line}\n")));
    let mut example = Example::start("tail", &place.at("log"));
    example.expect(&["5", "6", "7", "8", "9", "10", "11", "12", "13", "14"]);
    add(&place, "added\n");
    example.expect(&["added"]);

    // Who has the old file open writes to it until it opens the new one.
    let mut old = OpenOptions::new().append(true).open(place.at("log")).expect("it is there");
    place.rename("log", "log.1");
    old.write_all(b"late\n").expect("it can be written");
    add(&place, "rotated\n");
    example.expect(&["late", "rotated"]);

    fs::write(place.at("log"), "cut\n").expect("it can be written");
    example.expect(&["cut"]);

    place.remove("log");
    add(&place, "made anew\n");
    example.expect(&["made anew"]);
}

#[test]
fn tail_waits_for_a_file_and_prints_lines_longer_than_a_chunk() {
    let place = Place::new();
    let mut example = Example::start("tail", &place.at("log"));
    let long = "x".repeat(200_000);
    add(&place, &format!("{long}\n"));
    assert_eq!(example.line(), long);

    let mut again = Example::start("tail", &place.at("log"));
    assert_eq!(again.line(), long);
}

#[test]
fn nobody_reads_them_any_more_and_they_end() {
    let place = Place::new();
    add(&place, "one\ntwo\n");
    for name in ["watch", "tail"] {
        let path = if name == "watch" { place.path().to_owned() } else { place.at("log") };
        let mut example = Example::start(name, &path);
        example.line();
        example.ends_with_its_reader();
    }
}

/// The line is longer than any pipe: it is being written when its reader goes.
#[test]
fn tail_ends_with_a_reader_that_leaves_the_rest() {
    let place = Place::new();
    add(&place, &"x".repeat(10 << 20));
    let mut example = Example::start("tail", &place.at("log"));
    let mut begin = [0; 1000];
    let lines = example.lines.as_mut().expect("it is piped");
    lines.read_exact(&mut begin).expect("it prints the line");
    example.ends_with_its_reader();
}
