//! Asks two questions, and ends with the second answer: `cargo run --release --example ask`.
//!
//! At a terminal, or with the answers piped in. No further key is waited for.

use unspin::stdio::{Stdin, stdin};
use unspin::{Error, Result};

fn main() -> Result<()> {
    unspin::block_on(async {
        let stdin = stdin()?;
        let name = ask(&stdin, "your name?").await?;
        let age = ask(&stdin, "your age?").await?;
        let age: u8 = age.trim().parse().map_err(Error::new)?;
        println!("hello {name}, {} in a year", u16::from(age) + 1);
        Ok(())
    })
}

/// A line of output comes at once; without its end it might wait for more.
async fn ask(stdin: &Stdin, question: &str) -> Result<String> {
    println!("{question}");
    let answer = stdin.read_line().await?;
    answer.ok_or_else(|| Error::new(std::io::Error::other("the input ended before the answer")))
}
