//! Events of the log, captured.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// One captured event.
#[derive(Clone, Debug)]
pub struct Captured {
    pub target: String,
    pub name: String,
    pub level: Level,
    fields: BTreeMap<String, String>,
}

impl Captured {
    /// The value of a field as text.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        match self.fields.get(name) {
            Some(value) => value,
            None => panic!("no field `{name}` in {self:?}"),
        }
    }

    #[track_caller]
    pub fn number(&self, name: &str) -> f64 {
        self.field(name).parse().expect("the field is a number")
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }
}

impl Visit for Captured {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name().to_owned(), value.to_owned());
    }
}

struct Capture(Arc<Mutex<Vec<Captured>>>);

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut captured = Captured {
            target: metadata.target().to_owned(),
            name: metadata.name().to_owned(),
            level: *metadata.level(),
            fields: BTreeMap::new(),
        };
        event.record(&mut captured);
        self.0.lock().expect("nothing panics while it is locked").push(captured);
    }
}

/// Runs `f` and returns its events, those of this thread.
pub fn capture(f: impl FnOnce()) -> Vec<Captured> {
    let events = Arc::new(Mutex::new(Vec::new()));
    let subscriber = tracing_subscriber::registry().with(Capture(Arc::clone(&events)));
    tracing::subscriber::with_default(subscriber, f);
    let captured = events.lock().expect("nothing panics while it is locked");
    captured.clone()
}

/// Those of one target and name.
pub fn named<'a>(events: &'a [Captured], target: &str, name: &str) -> Vec<&'a Captured> {
    events.iter().filter(|event| event.target == target && event.name == name).collect()
}
