//! Pipes, awaited.
#![cfg(feature = "async")]

mod util;

use std::io::ErrorKind;

use futures_lite::{AsyncReadExt, AsyncWriteExt, io};
use unspin::pipes::{self, PipeReader};
use unspin::spawn;
use util::futures::block_on;
use util::net::pattern;

const MIB: usize = 1024 * 1024;

#[test]
fn chunks_come_to_the_end_while_another_future_writes() {
    block_on(async {
        let (reader, writer) = pipes::pair()?;
        spawn(async move { writer.write_all(&pattern(MIB)).await }).log_err();
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        assert!(bytes == pattern(MIB));
        Ok(())
    });
}

#[test]
fn the_traits_of_futures_io_read_and_write() {
    block_on(async {
        let (from, source) = pipes::pair()?;
        let (mut to, sink) = pipes::pair()?;
        spawn(async move {
            source.write_all(&pattern(MIB)).await?;
            AsyncWriteExt::close(&mut &source).await?;
            Ok(())
        })
        .log_err();
        spawn(async move {
            io::copy(from, sink).await?;
            Ok(())
        })
        .log_err();
        let mut bytes = Vec::new();
        to.read_to_end(&mut bytes).await?;
        assert!(bytes == pattern(MIB));
        Ok(())
    });
}

#[test]
fn a_write_that_waits_learns_that_the_reader_is_gone() {
    block_on(async {
        let (reader, writer) = pipes::pair()?;
        unspin::set_immediate(move || reader.close());
        let error = writer.write_all(&pattern(MIB)).await.expect_err("nobody reads it");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        Ok(())
    });
}

#[test]
fn opening_is_awaited() {
    block_on(async {
        let error = PipeReader::open("no/such/fifo").await.expect_err("there is none");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        Ok(())
    });
}
