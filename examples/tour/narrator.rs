//! Turns the loop's log into lines that tell a story.
//!
//! The loop logs each task before it runs; the task then says in words what it does. Both end up
//! in one line.

use std::cell::RefCell;
use std::fmt;
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

thread_local! {
    static STORY: RefCell<Option<Story>> = const { RefCell::new(None) };
}

struct Story {
    began: Instant,
    /// A task that the loop has announced, and that has not said anything yet.
    announced: Option<Line>,
    /// Why the loop went to sleep.
    why: String,
}

struct Line {
    time: f64,
    kind: String,
    at: String,
}

/// Tells the story of the loop that runs on this thread.
pub(crate) fn install() {
    let story = Story { began: now(), announced: None, why: String::new() };
    STORY.set(Some(story));
    let targets = Targets::new()
        .with_target("unspin::phase", Level::DEBUG)
        .with_target("unspin::task", Level::TRACE)
        .with_target("unspin::micro", Level::TRACE);
    tracing_subscriber::registry().with(Narrator.with_filter(targets)).init();
}

/// What the running callback does, in words. Without a narrator it says nothing.
pub(crate) fn say(text: impl fmt::Display) {
    with_story(|story| {
        if let Some(line) = story.announced.take() {
            line.print(&text.to_string());
        }
    });
}

/// A list, under a heading.
pub(crate) fn show<T: fmt::Display>(heading: &str, lines: impl IntoIterator<Item = T>) {
    with_story(|_| {
        println!("            {heading}:");
        for line in lines {
            println!("              {}", short(&line.to_string()));
        }
    });
}

fn with_story(tell: impl FnOnce(&mut Story)) {
    STORY.with_borrow_mut(|story| story.as_mut().map(tell));
}

impl Line {
    fn print(&self, text: &str) {
        println!("{:>7.1} ms  {:<12} {text:<40} {}", self.time, self.kind, self.at);
    }
}

struct Narrator;

impl<S: Subscriber> Layer<S> for Narrator {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        with_story(|story| story.go_on(event.metadata().name(), &fields));
    }
}

impl Story {
    fn go_on(&mut self, name: &str, fields: &Fields) {
        match name {
            "task" => self.announce("", fields),
            "microtask" => self.announce("  ", fields),
            "sleep" => self.why.clone_from(&fields.why),
            "wake" if fields.slept_us >= 100 => self.slept(fields),
            _ => {}
        }
    }

    fn announce(&mut self, indent: &str, fields: &Fields) {
        // One that says nothing is told all the same.
        if let Some(silent) = self.announced.take() {
            silent.print("");
        }
        let time = (now() - self.began).as_secs_f64() * 1e3;
        let kind = format!("{indent}{}", fields.kind);
        self.announced = Some(Line { time, kind, at: short(&fields.at) });
    }

    fn slept(&mut self, fields: &Fields) {
        let milliseconds = fields.slept_us as f64 / 1e3;
        println!("            asleep {milliseconds:.1} ms, woken by: {}", fields.by);
        println!("              waited for: {}", short(&self.why));
    }
}

/// Without the folder that all files of the tour are in.
fn short(text: &str) -> String {
    text.replace("examples/tour/", "")
}

#[expect(clippy::disallowed_methods, reason = "the narrator keeps its own time")]
fn now() -> Instant {
    Instant::now()
}

#[derive(Default)]
struct Fields {
    kind: String,
    at: String,
    why: String,
    by: String,
    slept_us: u64,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let field = match field.name() {
            "kind" => &mut self.kind,
            "at" => &mut self.at,
            "why" => &mut self.why,
            "by" => &mut self.by,
            _ => return,
        };
        *field = value.to_owned();
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "slept_us" {
            self.slept_us = value;
        }
    }
}
