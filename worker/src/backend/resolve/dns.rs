//! Questions for `SRV` records: over UDP, over TCP where the answer is cut.
//!
//! A server that does not answer, or that answers with an error of its own, leads to the next one; each wait is bounded.
//! The messages are read by a library: they come from outside.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::SystemTime;

use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype};
use domain::rdata::Srv;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::conf::Conf;
use super::service::Record;

/// The largest answer over UDP: as Go, what fits into any path's packet.
const UDP_BYTES_MAX: u16 = 1232;
/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 4096;

/// Why a service has no records.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsError {
    /// There is no such name, or it has no such records.
    #[error("no such host")]
    NoRecords,
    /// The name cannot be asked for.
    #[error("`{0}` is no name of the DNS")]
    Name(String),
    /// No server gave an answer; the last one's reason.
    #[error("no answer from the servers: {0}")]
    Servers(io::Error),
}

/// The records of `name`, also below the domains of the search list.
pub(crate) async fn services(conf: &Conf, name: &str) -> Result<Vec<Record>, DnsError> {
    for name in conf.names(name) {
        match ask_all(conf, &name).await {
            Err(DnsError::NoRecords) => {},
            other => return other,
        }
    }
    Err(DnsError::NoRecords)
}

async fn ask_all(conf: &Conf, name: &str) -> Result<Vec<Record>, DnsError> {
    let name: Name<Vec<u8>> = name
        .parse()
        .map_err(|_why: domain::base::name::FromStrError| DnsError::Name(name.to_owned()))?;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _attempt in 0..conf.attempts {
        for server in &conf.servers {
            match timeout(conf.timeout, ask(*server, &name)).await {
                Ok(Ok(Some(records))) => return Ok(records),
                Ok(Ok(None)) => return Err(DnsError::NoRecords),
                Ok(Err(error)) => last = error,
                Err(_late) => last = io::Error::from(io::ErrorKind::TimedOut),
            }
        }
    }
    Err(DnsError::Servers(last))
}

/// What one server says; `None`: there are no such records.
async fn ask(server: SocketAddr, name: &Name<Vec<u8>>) -> io::Result<Option<Vec<Record>>> {
    let question = question(name)?;
    let mut answer = over_udp(server, &question).await?;
    if answer.header().tc() {
        answer = over_tcp(server, &question).await?;
    }
    match answer.header().rcode() {
        Rcode::NOERROR => {
            let records = records(&answer)?;
            Ok(Some(records).filter(|records| !records.is_empty()))
        },
        Rcode::NXDOMAIN => Ok(None),
        other => Err(io::Error::other(format!("the server says {other}"))),
    }
}

type Question = Message<Vec<u8>>;

fn question(name: &Name<Vec<u8>>) -> io::Result<Question> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(number());
    builder.header_mut().set_rd(true);
    let mut builder = builder.question();
    builder.push((name, Rtype::SRV)).map_err(io::Error::other)?;
    let mut builder = builder.additional();
    builder
        .opt(|options| {
            options.set_udp_payload_size(UDP_BYTES_MAX);
            Ok(())
        })
        .map_err(io::Error::other)?;
    Ok(builder.into_message())
}

/// Not to be guessed: the hasher has random keys.
fn number() -> u16 {
    let bits = RandomState::new().hash_one(SystemTime::now());
    u16::try_from(bits >> 48).unwrap_or_default()
}

async fn over_udp(server: SocketAddr, question: &Question) -> io::Result<Question> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    socket.send(question.as_slice()).await?;
    let mut buffer = vec![0; usize::from(UDP_BYTES_MAX)];
    // What does not answer this question may come from anybody: the wait goes on, within the caller's bound.
    loop {
        let length = socket.recv(&mut buffer).await?;
        let datagram = buffer.get(..length).unwrap_or_default().to_vec();
        if let Some(answer) = answer_to(question, datagram) {
            return Ok(answer);
        }
    }
}

async fn over_tcp(server: SocketAddr, question: &Question) -> io::Result<Question> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.as_slice().len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), question.as_slice()].concat()).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    answer_to(question, bytes).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

fn answer_to(question: &Question, bytes: Vec<u8>) -> Option<Question> {
    Message::from_octets(bytes).ok().filter(|answer| answer.is_answer(question))
}

fn records(answer: &Question) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    let section = answer.answer().map_err(io::Error::other)?;
    for record in section.limit_to::<Srv<_>>().take(RECORDS_MAX) {
        let record = record.map_err(io::Error::other)?;
        let data = record.data();
        let target = dotted(&data.target().to_string());
        if target == "." {
            // RFC 2782: there is decidedly no such service.
            continue;
        }
        records.push(Record {
            priority: data.priority(),
            weight: data.weight(),
            target,
            port: data.port(),
        });
    }
    Ok(records)
}

fn dotted(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}
