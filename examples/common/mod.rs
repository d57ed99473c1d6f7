//! What the examples share: the log that `RUST_LOG` asks for.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Prints the log to standard error, filtered by `RUST_LOG` (`unspin=debug`,
/// `unspin::phase=debug,unspin::task=trace`); without it there is none.
pub(crate) fn log_from_env() {
    let Ok(text) = std::env::var("RUST_LOG") else { return };
    match text.parse::<Targets>() {
        Ok(filter) => {
            let format = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            tracing_subscriber::registry().with(filter).with(format).init();
        }
        Err(error) => eprintln!("RUST_LOG is not understood: {error}"),
    }
}
