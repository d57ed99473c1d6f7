//! Who trusts whom: a server with the test certificate, and a client that trusts that one alone.

use std::error::Error;
use std::sync::Arc;

use futures_rustls::pki_types::pem::PemObject;
use futures_rustls::pki_types::{CertificateDer, PrivateKeyDer};
use futures_rustls::rustls::crypto::{CryptoProvider, ring};
use futures_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use futures_rustls::{TlsAcceptor, TlsConnector};

/// What rustls says, before it is an `unspin::Error`.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CERTIFICATE: &[u8] = include_bytes!("../test-certificate.pem");
const KEY: &[u8] = include_bytes!("../test-key.pem");

/// The server's side.
pub(crate) fn acceptor() -> Result<TlsAcceptor> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate()?], PrivateKeyDer::from_pem_slice(KEY)?)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The client's side. A program that talks to the world has the roots of a browser here.
pub(crate) fn connector() -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate()?)?;
    connector_that_trusts(roots)
}

pub(crate) fn connector_that_trusts(roots: RootCertStore) -> Result<TlsConnector> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificate() -> Result<CertificateDer<'static>> {
    Ok(CertificateDer::from_pem_slice(CERTIFICATE)?)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
