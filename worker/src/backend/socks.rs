//! A way through a proxy that speaks SOCKS 5 (RFC 1928), with a name and a password if it wants them (RFC 1929).
//!
//! On the way: between the connection to the proxy and whatever is said to the backend behind it.
//! KrakenD (Go): the proxy resolves the name, `socks5://` and `socks5h://` alike.

use std::fmt;
use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::call_error::SocketError;
use crate::plan::Host;

/// The port of a proxy that names none.
pub(super) const PORT: u16 = 1080;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const NOTHING_FITS: u8 = 0xFF;
const CONNECT: u8 = 1;
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// What the proxy is told of who asks, as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login(Box<[u8]>);

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Login {
    /// None: the protocol has no place for a name so short or texts so long.
    pub(super) fn new(name: &[u8], password: &[u8]) -> Option<Self> {
        let sized = |text: &[u8]| {
            let length = u8::try_from(text.len()).ok()?;
            Some([[length].as_slice(), text].concat())
        };
        let name = sized(name).filter(|_| !name.is_empty())?;
        Some(Self([vec![1], name, sized(password)?].concat().into()))
    }
}

/// Why a proxy leads nowhere, in Go's words.
#[derive(Debug, thiserror::Error)]
pub enum SocksError {
    /// It is another protocol.
    #[error("unexpected protocol version {0}")]
    Version(u8),
    /// It wants to know who asks, or in another way.
    #[error("no acceptable authentication methods")]
    NothingFits,
    /// It chose what was not offered.
    #[error("unsupported authentication method {0}")]
    Method(u8),
    /// It speaks another protocol for names and passwords.
    #[error("invalid username/password version")]
    LoginVersion,
    /// It does not know who asks.
    #[error("username/password authentication failed")]
    LoginRefused,
    /// The host's name is longer than the protocol can say.
    #[error("FQDN too long")]
    NameTooLong,
    /// It does not open the way.
    #[error("unknown error {}", Reply(*_0))]
    Refused(u8),
    /// A byte that has no meaning has one.
    #[error("non-zero reserved field")]
    Reserved,
    /// It names its own address in an unknown way.
    #[error("unknown address type {0}")]
    Address(u8),
    /// It closed before it answered.
    #[error("EOF")]
    Closed,
    /// The socket failed.
    #[error("{0}")]
    Broken(SocketError),
}

/// What an answer but "yes" means.
struct Reply(u8);

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            1 => "general SOCKS server failure",
            2 => "connection not allowed by ruleset",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "TTL expired",
            7 => "command not supported",
            8 => "address type not supported",
            other => return write!(f, "unknown code: {other}"),
        })
    }
}

impl From<io::Error> for SocksError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Broken(error.into()),
        }
    }
}

/// Makes `stream`, which leads to a proxy, lead to `host`. Waits as long as the proxy likes.
pub(super) async fn through(
    login: Option<&Login>,
    host: &Host,
    stream: &mut TcpStream,
) -> Result<(), SocksError> {
    let asking = asking(host)?;
    greet(login, stream).await?;
    stream.write_all(&asking).await?;
    let [version, reply, reserved, kind]: [u8; 4] = read(stream).await?;
    match (version, reply, reserved) {
        (VERSION, 0, 0) => {},
        (VERSION, 0, _) => return Err(SocksError::Reserved),
        (VERSION, refused, _) => return Err(SocksError::Refused(refused)),
        (version, ..) => return Err(SocksError::Version(version)),
    }
    // The address from which the proxy asks, which nobody needs, and its port.
    let address_bytes: usize = match kind {
        V4 => 4,
        V6 => 16,
        NAME => stream.read_u8().await?.into(),
        other => return Err(SocksError::Address(other)),
    };
    let mut address = [0; 255 + 2];
    let room = address.get_mut(..address_bytes + 2).unwrap_or_default();
    stream.read_exact(room).await?;
    Ok(())
}

/// Agrees on who asks.
async fn greet(login: Option<&Login>, stream: &mut TcpStream) -> Result<(), SocksError> {
    let offer: &[u8] = match login {
        None => &[VERSION, 1, NO_LOGIN],
        Some(_) => &[VERSION, 2, NO_LOGIN, LOGIN],
    };
    stream.write_all(offer).await?;
    match (read::<2>(stream).await?, login) {
        ([VERSION, NO_LOGIN], _) => Ok(()),
        ([VERSION, LOGIN], Some(Login(login))) => {
            stream.write_all(login).await?;
            match read::<2>(stream).await? {
                [1, 0] => Ok(()),
                [1, _] => Err(SocksError::LoginRefused),
                _ => Err(SocksError::LoginVersion),
            }
        },
        ([VERSION, NOTHING_FITS], _) => Err(SocksError::NothingFits),
        ([VERSION, method], _) => Err(SocksError::Method(method)),
        ([version, _], _) => Err(SocksError::Version(version)),
    }
}

async fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

fn asking(host: &Host) -> Result<Vec<u8>, SocksError> {
    let mut asking = vec![VERSION, CONNECT, 0];
    match host.name.parse() {
        Ok(IpAddr::V4(ip)) => {
            asking.push(V4);
            asking.extend_from_slice(&ip.octets());
        },
        Ok(IpAddr::V6(ip)) => {
            asking.push(V6);
            asking.extend_from_slice(&ip.octets());
        },
        Err(_name) => {
            let length = u8::try_from(host.name.len());
            let length = length.map_err(|_too_long| SocksError::NameTooLong)?;
            asking.extend_from_slice(&[NAME, length]);
            asking.extend_from_slice(host.name.as_bytes());
        },
    }
    asking.extend_from_slice(&host.port.to_be_bytes());
    Ok(asking)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;

    use super::*;

    /// What came of a proxy that answers so, and what it was told.
    async fn spoken(login: Option<&Login>, answers: &'static [u8]) -> (String, Vec<u8>) {
        let proxy = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let mut stream = TcpStream::connect(proxy.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = proxy.accept().await.unwrap();
        far.write_all(answers).await.unwrap();
        let _half = far.shutdown().await;
        let (host, _) = Host::parse("http://a.b:81").unwrap();
        let outcome = through(login, &host, &mut stream).await;
        drop(stream);
        let mut told = Vec::new();
        far.read_to_end(&mut told).await.unwrap();
        (outcome.map_or_else(|error| error.to_string(), |()| "open".to_owned()), told)
    }

    #[tokio::test]
    async fn the_proxy_is_asked_as_the_protocol_has_it() {
        let login = Login::new(b"me", b"pw").unwrap();
        let asked = b"\x05\x01\x00\x03\x03a.b\x00\x51";
        let (outcome, told) = spoken(None, b"\x05\0\x05\0\0\x01\x7F\0\0\x01\0\0").await;
        assert_eq!((&*outcome, told), ("open", [b"\x05\x01\0".as_slice(), asked].concat()));
        let (outcome, told) = spoken(Some(&login), b"\x05\x02\x01\0\x05\0\0\x03\x02xy\0\x01").await;
        let expected = [b"\x05\x02\0\x02\x01\x02me\x02pw".as_slice(), asked].concat();
        assert_eq!((&*outcome, told), ("open", expected));
        assert_eq!(spoken(Some(&login), b"\x05\0\x05\0\0\x04").await.0, "EOF");
    }

    #[tokio::test]
    async fn what_a_proxy_refuses_is_told_in_gos_words() {
        let login = Login::new(b"me", b"pw").unwrap();
        for (login, answers, text) in [
            (None, b"HT".as_slice(), "unexpected protocol version 72"),
            (None, b"\x05\xFF", "no acceptable authentication methods"),
            (None, b"\x05\x02", "unsupported authentication method 2"),
            (Some(&login), b"\x05\x02\x01\x01", "username/password authentication failed"),
            (Some(&login), b"\x05\x02\x02\0", "invalid username/password version"),
            (None, b"\x05\0\x05\x05\0\x01", "unknown error connection refused"),
            (None, b"\x05\0\x05\x63\0\x01", "unknown error unknown code: 99"),
            (None, b"\x05\0\x05\0\x01\x01", "non-zero reserved field"),
            (None, b"\x05\0\x05\0\0\x09", "unknown address type 9"),
            (None, b"\x05\0\x04\0\0\x01", "unexpected protocol version 4"),
            (None, b"", "EOF"),
        ] {
            assert_eq!(spoken(login, answers).await.0, text, "{answers:?}");
        }
    }

    #[test]
    fn names_and_passwords_have_a_bound_and_are_not_shown() {
        assert_eq!(Login::new(b"", b"x"), None);
        assert_eq!(Login::new(&[b'n'; 256], b"x"), None);
        assert_eq!(format!("{:?}", Login::new(b"n", b"secret").unwrap()), "Login");
    }
}
