//! The certificate with which the gateway speaks TLS, read again when its files change.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

/// See the module.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    /// A file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Io(PathBuf, io::Error),
    /// A file is not PEM, or holds something else.
    #[error("{0} is no PEM file of that kind: {1}")]
    Pem(PathBuf, pem::Error),
    /// The certificate is none, or the key is not its own.
    #[error("the certificate and the key do not fit: {0}")]
    Mismatch(#[from] rustls::Error),
}

impl Certificate {
    /// The certificate (with those of its issuers behind it) and its key, each in a PEM file.
    pub fn read(chain: PathBuf, key: PathBuf) -> Result<Self, BadCertificate> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = RwLock::new(Arc::new(certified(&chain, &key, &provider)?));
        Ok(Self { chain, key, provider, current })
    }

    /// Its files.
    pub fn paths(&self) -> Vec<PathBuf> {
        vec![self.chain.clone(), self.key.clone()]
    }

    /// Reads the files again. While they cannot be used, the last certificate stays.
    pub fn reload(&self) -> Result<(), BadCertificate> {
        let certified = Arc::new(certified(&self.chain, &self.key, &self.provider)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = certified;
        Ok(())
    }

    /// How a server speaks TLS with it: version 1.2 or 1.3, and no certificates of clients.
    pub fn server(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone());
        let builder = builder.with_safe_default_protocol_versions()?;
        Ok(builder.with_no_client_auth().with_cert_resolver(self.clone()))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn certified(
    chain: &PathBuf,
    key: &PathBuf,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, BadCertificate> {
    let text = |path: &PathBuf| fs::read(path).map_err(|error| BadCertificate::Io(path.clone(), error));
    let bad = |path: &PathBuf, error| BadCertificate::Pem(path.clone(), error);
    let certificates = CertificateDer::pem_slice_iter(&text(chain)?).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| bad(chain, error))?;
    if certificates.is_empty() {
        return Err(bad(chain, pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_slice(&text(key)?).map_err(|error| bad(key, error))?;
    Ok(CertifiedKey::from_der(certificates, key, provider)?)
}
