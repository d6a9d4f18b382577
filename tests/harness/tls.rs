//! TLS for tests: an authority that makes certificates, and a veil through which plain clients speak TLS, or
//! which lets TLS in to a plain backend.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::TLS12;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::folder::Folder;
use crate::net::{Background, adopt, listen};

/// The name that certificates of [`Authority::issue`] are for, unless another is given.
pub const NAME: &str = "gw.test";

/// Who makes certificates, in a folder of its own.
#[derive(Debug)]
pub struct Authority {
    folder: Folder,
}

/// Files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The certificate.
    pub public: PathBuf,
    /// Its key.
    pub private: PathBuf,
}

impl Pair {
    /// As an entry of `tls.keys`.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "public_key": self.public, "private_key": self.private })
    }

    fn chain(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(&self.public).unwrap().map(Result::unwrap).collect()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_file(&self.private).unwrap()
    }
}

fn openssl(arguments: &[&str]) {
    let output =
        Command::new("openssl").args(arguments).stdin(Stdio::null()).output().expect("openssl");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one that nobody knows.
    pub fn new() -> Self {
        let authority = Self { folder: Folder::new("tls") };
        authority.make("ca", &["basicConstraints=critical,CA:TRUE"], None);
        authority
    }

    /// Its own certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate for [`NAME`] and the loopback addresses, for servers and clients.
    pub fn issue(&self, file: &str) -> Pair {
        self.issue_for(file, &format!("DNS:{NAME},IP:127.0.0.1"), "serverAuth,clientAuth")
    }

    /// A certificate for these names and uses.
    pub fn issue_for(&self, file: &str, names: &str, uses: &str) -> Pair {
        let names = format!("subjectAltName={names}");
        let uses = format!("extendedKeyUsage={uses}");
        let extensions = ["basicConstraints=critical,CA:FALSE", &names, &uses];
        self.make(file, &extensions, Some("ca"))
    }

    /// The SHA-256 of the public key of what was issued under this name, in base64 for URLs.
    pub fn fingerprint(&self, file: &str) -> String {
        let certificate = self.folder.path().join(format!("{file}.pem"));
        let script = "openssl x509 -in \"$0\" -noout -pubkey | openssl pkey -pubin -outform der \
                      | openssl dgst -sha256 -binary | openssl base64 | tr '+/' '-_' | tr -d '\\n'";
        let made = Command::new("sh").arg("-c").arg(script).arg(certificate).output().expect("sh");
        String::from_utf8(made.stdout).expect("base64")
    }

    /// One that nobody has signed but itself, and that may sign others: what `openssl req -x509` makes.
    pub fn self_signed(&self, file: &str) -> Pair {
        let names = format!("subjectAltName=DNS:{NAME},IP:127.0.0.1");
        self.make(file, &["basicConstraints=critical,CA:TRUE", &names], None)
    }

    fn make(&self, file: &str, extensions: &[&str], signer: Option<&str>) -> Pair {
        let at = |name: &str, ending: &str| self.folder.path().join(format!("{name}.{ending}"));
        let text = |path: &Path| path.display().to_string();
        let pair = Pair { public: at(file, "pem"), private: at(file, "key") };
        let (public, private) = (text(&pair.public), text(&pair.private));
        // Relative names keep neither of two processes from the other's.
        let subject = format!("/CN={file}.gw.test");
        let mut arguments: Vec<String> = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            &subject,
            "-keyout",
            &private,
            "-out",
            &public,
        ]
        .map(str::to_owned)
        .to_vec();
        for extension in extensions {
            arguments.extend(["-addext".to_owned(), (*extension).to_owned()]);
        }
        if let Some(signer) = signer {
            let (ca, key) = (text(&at(signer, "pem")), text(&at(signer, "key")));
            arguments.extend(["-CA".to_owned(), ca, "-CAkey".to_owned(), key]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        openssl(&arguments);
        pair
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(self.certificate()).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        roots
    }

    /// A client that believes this authority, and shows `own` where it is asked to.
    pub fn client(&self, own: Option<&Pair>, protocols: &[&str]) -> Arc<ClientConfig> {
        let builder = ClientConfig::builder().with_root_certificates(self.roots());
        let mut config = match own {
            Some(own) => builder.with_client_auth_cert(own.chain(), own.key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A server with this certificate; `wants` a certificate of its clients, of this authority.
    pub fn server(&self, pair: &Pair, wants: bool) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder();
        let builder = if wants {
            let clients = WebPkiClientVerifier::builder(Arc::new(self.roots())).build().unwrap();
            builder.with_client_cert_verifier(clients)
        } else {
            builder.with_no_client_auth()
        };
        Arc::new(builder.with_single_cert(pair.chain(), pair.key()).unwrap())
    }

    /// A server with this certificate that speaks TLS 1.2 alone.
    pub fn old_server(&self, pair: &Pair) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_protocol_versions(&[&TLS12]);
        let builder = builder.with_no_client_auth();
        Arc::new(builder.with_single_cert(pair.chain(), pair.key()).unwrap())
    }
}

/// How often sessions went on, and how often they began anew.
#[derive(Debug, Default)]
pub struct Sessions {
    resumed: AtomicU64,
    full: AtomicU64,
}

impl Sessions {
    /// (went on, began anew)
    pub fn counts(&self) -> (u64, u64) {
        (self.resumed.load(Ordering::Relaxed), self.full.load(Ordering::Relaxed))
    }

    fn note(&self, kind: Option<HandshakeKind>) {
        let count = match kind {
            Some(HandshakeKind::Resumed) => &self.resumed,
            _ => &self.full,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A place where bytes come in and from where they go on: clear text on one side, TLS on the other, and the
/// same inside.
#[derive(Debug)]
pub struct Veil {
    address: SocketAddr,
    sessions: Arc<Sessions>,
    _running: Background,
}

impl Veil {
    /// Plain clients come in and go on with TLS to `target`, which is asked for by `name`.
    pub fn start(target: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connector = TlsConnector::from(Arc::clone(config));
        Self::open(move |client, sessions| {
            let (connector, name) = (connector.clone(), name.clone());
            async move {
                drop(client.set_nodelay(true));
                if veiled(&client, target, &connector, name, &sessions).await.is_err() {
                    drop(client.set_zero_linger());
                }
            }
        })
    }

    /// Who comes in with TLS goes on to a plain `backend`.
    pub fn before(backend: SocketAddr, config: &Arc<ServerConfig>) -> Self {
        let acceptor = TlsAcceptor::from(Arc::clone(config));
        Self::open(move |client, sessions| {
            let acceptor = acceptor.clone();
            async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                sessions.note(client.get_ref().1.handshake_kind());
                let Ok(server) = TcpStream::connect(backend).await else { return };
                drop(copy(&server, &mut client, Ends::WithPlain).await);
            }
        })
    }

    fn open<F: Future<Output = ()> + Send + 'static>(
        pass_on: impl Fn(TcpStream, Arc<Sessions>) -> F + Send + 'static,
    ) -> Self {
        let (listener, address) = listen();
        let sessions = Arc::<Sessions>::default();
        let counted = Arc::clone(&sessions);
        let running = Background::run(move || async move {
            let listener = adopt(listener);
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                tokio::spawn(pass_on(client, Arc::clone(&counted)));
            }
        });
        Self { address, sessions, _running: running }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As an entry of `host`, if it is before a backend.
    pub fn host(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What became of the handshakes.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

async fn veiled(
    client: &TcpStream,
    target: SocketAddr,
    connector: &TlsConnector,
    name: ServerName<'static>,
    sessions: &Sessions,
) -> io::Result<()> {
    let server = TcpStream::connect(target).await?;
    server.set_nodelay(true)?;
    let mut server = connector.connect(name, server).await?;
    sessions.note(server.get_ref().1.handshake_kind());
    copy(client, &mut server, Ends::WithTls).await
}

/// Whose end ends both ways: the server's.
#[derive(Clone, Copy)]
enum Ends {
    WithTls,
    WithPlain,
}

/// Both ways, ends included; a fault of either side is a fault here.
async fn copy(
    plain: &TcpStream,
    tls: &mut (impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send),
    ends: Ends,
) -> io::Result<()> {
    let (mut from_tls, mut to_tls) = tokio::io::split(tls);
    let up = async {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            plain.readable().await?;
            match plain.try_read(&mut buffer) {
                Ok(0) => return to_tls.shutdown().await,
                Ok(count) => {
                    to_tls.write_all(&buffer[..count]).await?;
                    to_tls.flush().await?;
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
                Err(error) => return Err(error),
            }
        }
    };
    let down = async {
        use tokio::io::AsyncReadExt as _;
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let count = match from_tls.read(&mut buffer).await? {
                0 => {
                    // It may be gone already.
                    drop(end_writing(plain));
                    return Ok(());
                },
                count => count,
            };
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                plain.writable().await?;
                match plain.try_write(rest) {
                    Ok(count) => rest = &rest[count..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
                    Err(error) => return Err(error),
                }
            }
        }
    };
    let (last, other): (Pin<Box<dyn Future<Output = _> + Send>>, _) = match ends {
        Ends::WithTls => (Box::pin(down), Box::pin(up) as Pin<Box<dyn Future<Output = _> + Send>>),
        Ends::WithPlain => (Box::pin(up), Box::pin(down) as _),
    };
    let other = async {
        match other.await {
            Ok(()) => std::future::pending().await,
            Err(error) => Err(error),
        }
    };
    tokio::select! {
        ended = last => ended,
        failed = other => failed,
    }
}

/// FIN, while the other direction stays open.
fn end_writing(socket: &TcpStream) -> io::Result<()> {
    let copy = socket.as_fd().try_clone_to_owned()?;
    std::net::TcpStream::from(copy).shutdown(Shutdown::Write)
}

/// Reads a file as text; for certificates that are renewed in place.
pub fn replace(target: &Pair, by: &Pair) {
    for (from, to) in [(&by.public, &target.public), (&by.private, &target.private)] {
        let beside = to.with_extension("new");
        fs::copy(from, &beside).unwrap();
        fs::rename(beside, to).unwrap();
    }
}
