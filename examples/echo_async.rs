//! An echo server with async and await: `cargo run --release --example echo_async [ADDR]`.

mod common;

use unspin::net::TcpListener;
use unspin::spawn;

fn main() -> unspin::Result<()> {
    common::log_from_env();
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7000".to_owned());

    unspin::block_on(async move {
        let listener = TcpListener::bind(address)?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _peer) = listener.accept().await?;
            // One bad peer ends its own future and nothing else.
            spawn(async move {
                while let Some(chunk) = stream.chunk().await? {
                    stream.write_all(&chunk).await?;
                }
                Ok(())
            })
            .log_err();
        }
    })
}
