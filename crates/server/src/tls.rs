//! The certificate: the configured one, or one that is generated at the first start.
//!
//! Below `tls` in the data directory lie `ca.pem`, which clients are told to trust, `certificate.pem`, which it
//! signed, and that one's `key.pem`. The CA's own key is never written down: whoever trusts the CA trusts this
//! one certificate and nothing that could be signed later. Who removes the folder gets new ones at the next
//! start, as after a change of the host's name.

use std::fs::{self, DirBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use aws::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rt::Rt;

use crate::config::{Config, TlsFiles};
use crate::data_dir::{DataDir, write_private};

const FOLDER: &str = "tls";
const CA: &str = "ca.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// Nothing renews them, so they are good for longer than a machine is.
const YEARS_VALID: i32 = 10;

/// TLS for the listener, and the file of the CA that clients must be told of.
pub(crate) struct Certified {
    pub(crate) tls: Tls,
    /// `None` where the user's own certificate is served.
    pub(crate) ca: Option<PathBuf>,
}

/// # Errors
/// One sentence about the file that cannot be read, written or used.
pub(crate) fn open(config: &Config, data_dir: &DataDir, rt: &Rt) -> Result<Certified> {
    if let Some(files) = &config.tls {
        return Ok(Certified { tls: load(files)?, ca: None });
    }
    let folder = data_dir.path().join(FOLDER);
    let files = TlsFiles { certificate: folder.join(CERTIFICATE), key: folder.join(KEY) };
    let ca = folder.join(CA);
    if ![&files.certificate, &files.key, &ca].into_iter().all(|path| path.exists()) {
        generate(&folder, config.listen.ip(), rt)
            .with_context(|| format!("no certificate can be generated in {}", folder.display()))?;
    }
    Ok(Certified { tls: load(&files)?, ca: Some(ca) })
}

fn load(files: &TlsFiles) -> Result<Tls> {
    let read = |path: &Path| {
        fs::read(path).with_context(|| format!("the TLS file {} cannot be read", path.display()))
    };
    Tls::new(&read(&files.certificate)?, &read(&files.key)?)
        .with_context(|| format!("{} cannot be used for TLS", files.certificate.display()))
}

fn generate(folder: &Path, listen: IpAddr, rt: &Rt) -> Result<()> {
    let mut ca = params(Vec::new(), "Mulgil local CA", rt)?;
    // Two data directories have two CAs; trust stores tell them apart by name.
    ca.distinguished_name.push(DnType::CommonName, format!("Mulgil local CA {}", rt.random_hex(4)));
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate()?;
    let ca_certificate = ca.self_signed(&ca_key)?;

    let mut leaf = params(names(listen), "Mulgil", rt)?;
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;

    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    for (name, text) in
        [(CA, ca_certificate.pem()), (CERTIFICATE, certificate.pem()), (KEY, key.serialize_pem())]
    {
        write_private(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

fn params(names: Vec<String>, common_name: &str, rt: &Rt) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(names)?;
    let year: i32 = rt.now().to_utc().format("%Y").to_string().parse().context("the clock has no year")?;
    // Clients whose clock is behind must take it too.
    params.not_before = date_time_ymd(year - 1, 1, 1);
    params.not_after = date_time_ymd(year + YEARS_VALID, 1, 1);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

/// What clients on this machine and beside it may call the server.
fn names(listen: IpAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // The name stands in a certificate only where it could stand in a URL.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    if !host.is_empty() && host.chars().all(plain) && !names.contains(&host) {
        names.push(host);
    }
    let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    names.extend(loopback.iter().map(IpAddr::to_string));
    if !listen.is_unspecified() && !loopback.contains(&listen) {
        names.push(listen.to_string());
    }
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::cli::ServeArgs;

    fn config(data_dir: &Path) -> Config {
        Config::load(&ServeArgs { data_dir: Some(data_dir.to_owned()), ..ServeArgs::default() }).unwrap()
    }

    #[test]
    fn a_certificate_is_generated_once_and_its_key_is_the_owners() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(dir.path()).unwrap();
        let ca = open(&config(dir.path()), &data_dir, &Rt::system()).unwrap().ca.unwrap();
        let key = ca.with_file_name(KEY);
        let first = fs::read(&key).unwrap();
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        open(&config(dir.path()), &data_dir, &Rt::system()).unwrap();
        assert_eq!(fs::read(&key).unwrap(), first);
        // What lacks a part is made anew as a whole.
        fs::remove_file(&ca).unwrap();
        open(&config(dir.path()), &data_dir, &Rt::system()).unwrap();
        assert_ne!(fs::read(&key).unwrap(), first);
    }

    #[test]
    fn a_configured_certificate_is_served_and_needs_no_ca_of_ours() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(dir.path()).unwrap();
        let mut config = config(dir.path());
        let made = open(&config, &data_dir, &Rt::system()).unwrap().ca.unwrap();
        let own = |name| made.with_file_name(name);
        config.tls = Some(TlsFiles { certificate: own(CERTIFICATE), key: own(KEY) });
        assert!(open(&config, &data_dir, &Rt::system()).unwrap().ca.is_none());
        config.tls = Some(TlsFiles { certificate: own(CA), key: own(KEY) });
        let error = open(&config, &data_dir, &Rt::system()).err().unwrap();
        assert!(format!("{error:#}").contains("ca.pem cannot be used for TLS"), "{error:#}");
    }
}
