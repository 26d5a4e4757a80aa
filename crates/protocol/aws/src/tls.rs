//! TLS for the listener: a certificate, its key, and what is agreed on with the client.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The first byte of every TLS connection, which begins no request: a record of type handshake.
pub(crate) const HANDSHAKE: u8 = 0x16;

/// TLS 1.2 and 1.3 under one certificate, with HTTP/2 and HTTP/1.1. Cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate is not PEM")]
    Certificate(#[source] pem::Error),
    #[error("the certificate file holds no certificate")]
    NoCertificate,
    #[error("the key is not a private key in PEM")]
    Key(#[source] pem::Error),
    #[error("the certificate and the key cannot be used")]
    Unusable(#[source] rustls::Error),
}

impl Tls {
    /// From a certificate with the chain that leads to its CA, and its private key, both as PEM.
    ///
    /// # Errors
    /// What is wrong with them; a key that belongs to another certificate too.
    pub fn new(certificate_pem: &[u8], key_pem: &[u8]) -> Result<Tls, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(certificate_pem)
            .collect::<Result<_, _>>()
            .map_err(TlsError::Certificate)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(TlsError::Key)?;
        // Named here, so that what other crates install for the process does not matter.
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(TlsError::Unusable)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}
