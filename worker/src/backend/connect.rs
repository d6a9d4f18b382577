//! A way through a proxy: `CONNECT` (RFC 9110 §9.3.6).
//!
//! On the way: between the connection to the proxy and whatever is said to the backend behind it.
//! KrakenD (Go): the proxy is told name and port, and credentials if its URL has some; whatever it answers but 200 is
//! the call's error, in the proxy's words.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::call_error::CallError;
use super::stream::Stream;
use super::via::Proxy;
use crate::plan::Host;

/// The head of a proxy's answer.
const HEAD_BYTES_MAX: usize = 16 << 10;
const FIELDS_MAX: usize = 64;

/// Makes `stream`, which leads to `proxy`, lead to `host`. Waits as long as the proxy likes.
pub(super) async fn through(
    proxy: &Proxy,
    host: &Host,
    stream: &mut Stream,
) -> Result<(), CallError> {
    let broken = |error: io::Error| CallError::Broken(error.into());
    stream.write_all(&asking(proxy, host)).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut said = Vec::with_capacity(512);
    loop {
        match stream.read_buf(&mut said).await {
            Ok(0) => return Err(CallError::Cut),
            Ok(_) => {},
            Err(error) => return Err(broken(error)),
        }
        if let Some(answer) = answer(&said) {
            return answer;
        }
        if said.len() > HEAD_BYTES_MAX {
            return Err(CallError::HeadTooLarge);
        }
    }
}

fn asking(proxy: &Proxy, host: &Host) -> Vec<u8> {
    let name = &*host.name;
    let target = match name.contains(':') {
        true => format!("[{name}]:{}", host.port),
        false => format!("{name}:{}", host.port),
    };
    let mut asking = format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: Go-http-client/1.1\r\n"
    )
    .into_bytes();
    if let Some(credentials) = proxy.credentials() {
        asking.extend_from_slice(b"Proxy-Authorization: ");
        asking.extend_from_slice(credentials.as_bytes());
        asking.extend_from_slice(b"\r\n");
    }
    asking.extend_from_slice(b"\r\n");
    asking
}

/// What a proxy said; `None`: not yet all of it. Nobody behind it speaks before he is spoken to.
fn answer(said: &[u8]) -> Option<Result<(), CallError>> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    match head.parse(said) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(length)) => Some(match head.code {
            Some(200) if length == said.len() => Ok(()),
            Some(200) | None => Err(CallError::Malformed),
            Some(_) => Err(CallError::ProxyRefused(head.reason.unwrap_or_default().into())),
        }),
        Err(_) => Some(Err(CallError::Malformed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::via::Proxies;

    fn asked(proxy: &str, host: &str) -> String {
        let proxies =
            Proxies::of_environment(|name| (name == "HTTPS_PROXY").then(|| proxy.to_owned()));
        let (host, _) = Host::parse(host).unwrap();
        String::from_utf8(asking(proxies.of(&host).unwrap(), &host)).unwrap()
    }

    #[test]
    fn the_proxy_is_told_name_port_and_credentials() {
        assert_eq!(
            asked("http://u:p@proxy:1", "https://a.example/x"),
            "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nUser-Agent: Go-http-client/1.1\r\n\
             Proxy-Authorization: Basic dTpw\r\n\r\n"
        );
        let plain = asked("proxy", "https://[2001:db8::1]:8443");
        assert!(plain.starts_with("CONNECT [2001:db8::1]:8443 HTTP/1.1\r\n"), "{plain}");
        assert!(!plain.contains("Authorization"), "{plain}");
    }

    #[test]
    fn only_200_opens_the_way_and_anything_else_is_told_in_the_proxys_words() {
        let text = |said: &str| match answer(said.as_bytes()) {
            None => "not yet".to_owned(),
            Some(Ok(())) => "open".to_owned(),
            Some(Err(error)) => error.to_string(),
        };
        assert_eq!(text("HTTP/1.1 200 Connection established\r\nA: b\r\n\r\n"), "open");
        assert_eq!(text("HTTP/1.0 200\r\n\r\n"), "open");
        assert_eq!(text("HTTP/1.1 407 Say who you are\r\n\r\n"), "Say who you are");
        assert_eq!(text("HTTP/1.1 204 No Content\r\n\r\n"), "No Content");
        assert_eq!(text("HTTP/1.1 200 OK\r\n"), "not yet");
        for wrong in ["SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\n\r\nhello"] {
            assert!(text(wrong).contains("malformed"), "{wrong}");
        }
    }
}
