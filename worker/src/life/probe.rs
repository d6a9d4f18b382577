//! The proof before the switch: a request through a real connection, answered by a serving thread.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::threads::{Order, Threads};

/// How long the answer may take.
const DEADLINE: Duration = Duration::from_millis(900);
/// Of the server itself: a path could be anybody's, of a slow backend too (`/__catchall`).
const REQUEST: &[u8] = b"OPTIONS * HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";

/// Asks one thread after the other; the reason if one does not answer as HTTP.
pub(crate) async fn run(threads: &mut Threads) -> Option<String> {
    for _ in 0..threads.count() {
        let asked = match open(threads) {
            Ok(address) => tokio::time::timeout(DEADLINE, ask(address)).await,
            Err(error) => Ok(Err(error)),
        };
        match asked {
            Ok(Ok(())) => {},
            Ok(Err(error)) => return Some(format!("the probe got no answer: {error}")),
            Err(_elapsed) => {
                let waited = DEADLINE.as_millis();
                return Some(format!("the probe got no answer within {waited} ms"));
            },
        }
    }
    None
}

fn open(threads: &mut Threads) -> io::Result<std::net::SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    threads.deal(Order::Probe(listener));
    Ok(address)
}

async fn ask(address: std::net::SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).await?;
    if &answer == b"HTTP/1.1 " {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1.1"))
}
