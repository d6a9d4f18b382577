//! `baton-shop`: the backend of the example gateway, a shop with a few products.
//!
//! Plain std, a thread per connection: easy to read, fast enough to be looked at. It serves nobody but
//! the gateway on the loopback, and knows only what a gateway sends.

#![expect(clippy::print_stderr, reason = "what a person started reports its end")]

use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

const DEFAULT_PORT: u16 = 8081;
const HEAD_LINES_MAX: usize = 200;
const LINE_BYTES_MAX: u64 = 16 * 1024;
const DOWNLOAD_MB_MAX: usize = 10_000;
const REPORT_TAKES: Duration = Duration::from_secs(2);
const EVENT_EVERY: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let port = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_PORT);
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => {
            for stream in listener.incoming().flatten() {
                // A client that went away ends its thread; there is nobody to tell.
                thread::spawn(|| serve(stream).ok());
            }
            ExitCode::SUCCESS
        },
        Err(error) => {
            eprintln!("baton-shop: port {port}: {error}");
            ExitCode::FAILURE
        },
    }
}

/// All requests of one connection, one after the other.
fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    while let Some(request) = read_head(&mut reader)? {
        answer(&request, &mut reader, &mut out)?;
    }
    Ok(())
}

/// What the shop needs to know of a request.
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| &**value)
    }

    fn query(&self, name: &str) -> Option<&str> {
        self.query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, v)| v)
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
    Ok((read > 0).then(|| line.trim_end().to_owned()))
}

/// The next request; none when the connection is over.
fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or("/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Vec::new();
    while headers.len() < HEAD_LINES_MAX {
        match read_line(reader)? {
            Some(line) if !line.is_empty() => {
                if let Some((name, value)) = line.split_once(':') {
                    headers.push((name.to_owned(), value.trim().to_owned()));
                }
            },
            _ => break,
        }
    }
    Ok(Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
    }))
}

/// Reads the body to its end; says how long it was.
fn drain_body(request: &Request, reader: &mut BufReader<TcpStream>) -> io::Result<u64> {
    if let Some(length) = request.header("content-length").and_then(|text| text.parse::<u64>().ok())
    {
        return io::copy(&mut reader.by_ref().take(length), &mut io::sink());
    }
    if request.header("transfer-encoding").is_none() {
        return Ok(0);
    }
    let mut total_bytes = 0;
    while let Some(line) = read_line(reader)? {
        let size = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16)
            .map_err(|bad| io::Error::new(io::ErrorKind::InvalidData, bad))?;
        total_bytes += io::copy(&mut reader.by_ref().take(size), &mut io::sink())?;
        if read_line(reader)?.is_none() || size == 0 {
            break;
        }
    }
    Ok(total_bytes)
}

/// One request: which part of the shop it is for.
fn answer(
    request: &Request,
    reader: &mut BufReader<TcpStream>,
    out: &mut TcpStream,
) -> io::Result<()> {
    let body_bytes = drain_body(request, reader)?;
    let parts: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
    match (&*request.method, &*parts) {
        ("GET", ["banner", text]) => send_json(out, 200, &json!({ "banner": text })),
        ("GET", ["catalogue"]) => send_json(out, 200, &catalogue()),
        ("GET", ["catalogue", id]) => send_found(out, product(id)),
        ("GET", ["catalogue", id, "reviews"]) => send_json(out, 200, &reviews(id)),
        ("GET", ["search"]) => send_json(out, 200, &search(request)),
        ("GET", ["cart"]) => send_json(out, 200, &cart(request.header("x-session"))),
        ("POST", ["orders"]) => send_json(
            out,
            201,
            &json!({ "order_id": 1001, "state": "paid", "body_bytes": body_bytes }),
        ),
        ("GET", ["orders", id]) => send_json(out, 200, &order(id)),
        ("GET", ["pages", name]) => page(out, name, request.header("if-none-match")),
        ("GET", ["events"]) => events(out),
        ("GET", ["exports", _]) => {
            export(out, request.query("mb").and_then(|text| text.parse().ok()).unwrap_or(100))
        },
        ("POST", ["imports"]) => send_json(out, 200, &json!({ "received_bytes": body_bytes })),
        ("GET", ["report"]) => {
            pause(REPORT_TAKES);
            send_json(out, 200, &json!({ "turnover": 48_211, "took_s": REPORT_TAKES.as_secs() }))
        },
        _ => send_json(out, 404, &json!({ "error": "no such thing in this shop" })),
    }
}

#[expect(clippy::disallowed_methods, reason = "an example that takes its time")]
fn pause(time: Duration) {
    thread::sleep(time);
}

// --- the goods -------------------------------------------------------------------------------------

const GOODS: [(&str, f64); 6] = [
    ("kettle", 24.95),
    ("teapot", 39.0),
    ("cup", 7.5),
    ("tray", 18.0),
    ("tin", 9.9),
    ("spoon", 3.2),
];

fn product(id: &str) -> Option<Value> {
    let index = id.parse::<usize>().ok()?.checked_sub(1)?;
    let (name, price) = GOODS.get(index)?;
    let stock = json!({ "total": 7, "berlin": 4, "leipzig": 3 });
    let supplier = json!({ "name": "Ostrava Steel", "contract": "C-17" });
    Some(
        json!({ "id": index + 1, "name": name, "price": price, "cost": (price * 60.0).round() / 100.0, "stock": stock, "supplier": supplier }),
    )
}

fn catalogue() -> Value {
    let products: Vec<Value> = GOODS
        .iter()
        .enumerate()
        .map(|(index, (name, price))| json!({ "id": index + 1, "name": name, "price": price }))
        .collect();
    json!({ "data": { "total": products.len(), "products": products }, "debug": { "shard": 3 } })
}

fn reviews(id: &str) -> Value {
    json!([
        { "product": id, "stars": 5, "text": "Boils water. What more could one want?" },
        { "product": id, "stars": 4, "text": "The lid squeaks." }
    ])
}

fn search(request: &Request) -> Value {
    let wanted = request.query("q").unwrap_or_default();
    let hits: Vec<&str> =
        GOODS.iter().map(|(name, _)| *name).filter(|name| name.contains(wanted)).collect();
    json!({ "q": wanted, "page": request.query("page").unwrap_or("1"), "hits": hits, "seen_by_backend": request.query })
}

fn cart(session: Option<&str>) -> Value {
    match session {
        Some(session) => {
            json!({ "session": session, "items": [{ "id": 3, "pieces": 2 }], "total": 15.0 })
        },
        None => json!({ "session": null, "items": [], "total": 0 }),
    }
}

fn order(id: &str) -> Value {
    let order = json!({ "order_id": id, "state": "shipped", "margin": 0.41, "internal_note": "calls a lot" });
    json!({ "order": order, "trace": "a81f" })
}

// --- answers ---------------------------------------------------------------------------------------

fn send(out: &mut TcpStream, status: u16, kind: &str, more: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{more}\r\n",
        reason(status)
    );
    out.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        _ => "Not Found",
    }
}

fn send_json(out: &mut TcpStream, status: u16, value: &Value) -> io::Result<()> {
    send(out, status, "application/json", "", &value.to_string())
}

fn send_found(out: &mut TcpStream, value: Option<Value>) -> io::Result<()> {
    match value {
        Some(value) => send_json(out, 200, &value),
        None => send_json(out, 404, &json!({ "error": "no such product" })),
    }
}

fn page(out: &mut TcpStream, name: &str, known: Option<&str>) -> io::Result<()> {
    const TAG: &str = "\"v1\"";
    if known == Some(TAG) {
        return out
            .write_all(format!("HTTP/1.1 304 Not Modified\r\nETag: {TAG}\r\n\r\n").as_bytes());
    }
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let body = format!(
        "<!doctype html><title>{name}</title><h1>{name}</h1><p>Tea, and what belongs to it.</p>\n"
    );
    send(
        out,
        200,
        "text/html; charset=utf-8",
        &format!("ETag: {TAG}\r\nCache-Control: max-age=60\r\n"),
        &body,
    )
}

fn chunk(out: &mut TcpStream, data: &[u8]) -> io::Result<()> {
    let size = format!("{:x}\r\n", data.len());
    out.write_all([size.as_bytes(), data, b"\r\n"].concat().as_slice())
}

/// One event each second until the listener goes: then writing fails.
fn events(out: &mut TcpStream) -> io::Result<()> {
    out.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    for (number, (name, _)) in GOODS.iter().cycle().enumerate() {
        let event = format!("id: {number}\nevent: sold\ndata: {{\"name\": \"{name}\"}}\n\n");
        chunk(out, event.as_bytes())?;
        pause(EVENT_EVERY);
    }
    Ok(())
}

fn export(out: &mut TcpStream, mb: usize) -> io::Result<()> {
    let line = "1001;kettle;24.95;shipped;2026-01-31\n";
    let block = line.repeat(64 * 1024 / line.len());
    out.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n",
    )?;
    for _ in 0..mb.min(DOWNLOAD_MB_MAX) * 1_000_000 / block.len() {
        chunk(out, block.as_bytes())?;
    }
    out.write_all(b"0\r\n\r\n")
}
