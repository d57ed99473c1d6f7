//! Promises: several files at once, a time-out, the first of several: `cargo run --release --example promises`.

use std::time::Duration;

use unspin::{Error, Promise, Result, fs, set_timeout};

fn main() -> Result<()> {
    unspin::run(|| {
        // All of them, in the order asked for.
        let files = ["Cargo.toml", "README.md", "CHANGELOG.md"];
        Promise::all(files.map(|name| fs::read(name).promise()))
            .then(move |contents| {
                for (name, bytes) in files.iter().zip(contents) {
                    println!("{name}: {} bytes", bytes.len());
                }
            })
            .catch(|error| println!("one could not be read: {error}"));

        // The first that can be read; what the others failed with is only told if all did.
        Promise::any(
            ["no-such-file", "LICENSE", "LICENSE-MIT"].map(|name| fs::read(name).promise()),
        )
        .then(|bytes| println!("a licence of {} bytes", bytes.len()))
        .catch(|error| println!("{error}"));

        // A read, or a time-out: whichever comes first.
        Promise::race([fs::read("Cargo.toml").promise(), fails_after(Duration::from_secs(5))])
            .then(|bytes| println!("{} bytes in time", bytes.len()))
            .catch(|error| println!("{error}"))
            .finally(|| println!("either way"));

        // However each of them went.
        Promise::all_settled([
            fs::read("Cargo.toml").promise(),
            fs::read("no-such-file").promise(),
        ])
        .then(|results| {
            for result in results {
                match result {
                    Ok(bytes) => println!("read {} bytes", bytes.len()),
                    Err(error) => println!("failed: {error}"),
                }
            }
        });
    })
}

/// The timer does not keep the program waiting when nobody needs it any more.
fn fails_after<T: 'static>(delay: Duration) -> Promise<T> {
    Promise::new(|resolver| {
        let late = move || resolver.reject(Error::from(std::io::ErrorKind::TimedOut));
        set_timeout(delay, late).unref();
    })
}
