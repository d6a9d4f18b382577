//! The backend in HTTP/1.1.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, Request, Seen, answer};

pub(super) async fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await {
        let answer = written(answer(&request, seen).await);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn written(answer: Answer) -> String {
    let Answer { fields, text, has_length } = answer;
    let fields: String =
        fields.iter().map(|(name, value)| [name, ": ", value, "\r\n"].concat()).collect();
    let head = format!("HTTP/1.1 200 OK\r\n{fields}");
    let size = text.len();
    if has_length {
        format!("{head}Content-Length: {size}\r\n\r\n{text}")
    } else {
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{text}\r\n0\r\n\r\n")
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head = take_until(stream, buffer, b"\r\n\r\n").await?;
    let text = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let mut lines = text.split("\r\n");
    let mut request = Request::of(lines.next()?.split(' ').nth(1)?)?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match (name, value.trim()) {
            ("content-length", digits) => {
                let length: usize = digits.parse().ok()?;
                request.body = take(stream, buffer, length).await?;
            },
            ("transfer-encoding", "chunked") => request.body = chunks(stream, buffer).await?,
            _ => {},
        }
    }
    Some(request)
}

async fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = String::from_utf8(take_until(stream, buffer, b"\r\n").await?).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        body.extend(take(stream, buffer, size).await?);
        take_until(stream, buffer, b"\r\n").await?;
        if size == 0 {
            return Some(body);
        }
    }
}

async fn take_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|window| window == end) {
            let rest = buffer.split_off(at + end.len());
            return Some(std::mem::replace(buffer, rest));
        }
        fill(stream, buffer).await?;
    }
}

async fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while buffer.len() < count {
        fill(stream, buffer).await?;
    }
    let rest = buffer.split_off(count);
    Some(std::mem::replace(buffer, rest))
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(count) if count > 0 => Some(()),
        _ => None,
    }
}
