//! What TLS has to be sure of, over our streams.

use std::io::ErrorKind;

use futures_rustls::rustls::RootCertStore;

use super::*;

/// Runs a client against a server that lives until the client is done.
fn with_server<T: 'static, F: Future<Output = Result<T>>>(
    client: impl FnOnce(SocketAddr) -> F + 'static,
) -> T {
    let result = unspin::block_on(async move {
        let limit = std::time::Duration::from_secs(30);
        unspin::set_timeout(limit, || panic!("still alive: {:#?}", unspin::why_alive())).unref();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = spawn(serve(listener.clone(), config::acceptor()?));
        let result = client(listener.local_addr()?).await?;
        listener.close();
        server.await??;
        Ok(result)
    });
    result.expect("nothing in it fails")
}

#[test]
fn a_message_comes_back_and_the_second_session_is_resumed() {
    let texts = with_server(|address| async move {
        let connector = config::connector()?;
        Ok([greet(&connector, address).await?, greet(&connector, address).await?])
    });
    assert!(texts[0].starts_with("a full handshake, TLSv1_3"), "{}", texts[0]);
    assert!(texts[1].starts_with("a resumed session, TLSv1_3"), "{}", texts[1]);
}

#[test]
fn much_comes_back_unchanged() {
    let text =
        with_server(|address| async move { send_much(&config::connector()?, address).await });
    assert!(text.starts_with("16 MiB"), "{text}");
}

#[test]
fn a_server_that_is_not_trusted_is_refused_and_serves_on() {
    with_server(|address| async move {
        let stranger = config::connector_that_trusts(RootCertStore::empty())?;
        let refused = greet(&stranger, address).await.expect_err("nobody vouches for it");
        assert_eq!(refused.kind(), ErrorKind::InvalidData, "{refused}");
        greet(&config::connector()?, address).await
    });
}

#[test]
fn an_end_that_was_not_announced_is_an_error() {
    let error: Error = with_server(|address| async move {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let cut = listener.local_addr()?;
        let middle = spawn(async move {
            let (near, _) = listener.accept().await?;
            let far = TcpStream::connect(address).await?;
            unspin::pipe(&near, &far);
            unspin::pipe(&far, &near);
            Result::<_>::Ok(near)
        });
        let mut stream = connect(&config::connector()?, cut).await?;
        // All of that has gone through when the answer is there: the close is no reset.
        greet_over(&mut stream).await?;
        middle.await??.close();
        Ok(stream.read(&mut [0]).await.expect_err("it was cut").into())
    });
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{error}");
}

#[test]
fn a_peer_that_speaks_no_tls_harms_nobody() {
    with_server(|address| async move {
        let stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await?;
        // An alert, and then the end.
        while stream.chunk().await?.is_some() {}
        greet(&config::connector()?, address).await
    });
}
