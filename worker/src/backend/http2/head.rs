//! The head of a request as HTTP/2 has it (RFC 9113 §8.3.1): what said where it goes stands in front of the fields.

use http::header::{CONNECTION, HOST, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Request, Uri, Version, request};

use crate::backend::call_error::CallError;
use crate::plan::{Host, HostError, Scheme as HostScheme};

static OF_A_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Where the requests of a connection go.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) scheme: Scheme,
    pub(super) authority: Authority,
}

impl Origin {
    pub(super) fn of(host: &Host) -> Result<Self, CallError> {
        let scheme = match host.scheme {
            HostScheme::Http => Scheme::HTTP,
            HostScheme::Https => Scheme::HTTPS,
        };
        Ok(Self { scheme, authority: authority(host.authority.as_bytes())? })
    }
}

fn authority(text: &[u8]) -> Result<Authority, CallError> {
    Authority::try_from(text).map_err(|_invalid| {
        let text = String::from_utf8_lossy(text).into_owned();
        CallError::Host(HostError::Authority(text))
    })
}

/// The same head; fields that speak of a connection have no place in it (§8.2.2).
pub(super) fn of(head: &request::Parts, origin: &Origin) -> Result<Request<()>, CallError> {
    let mut headers: HeaderMap = head.headers.clone();
    let host = headers.remove(HOST);
    for name in &OF_A_CONNECTION {
        headers.remove(name);
    }
    let authority = match host {
        Some(host) if host != origin.authority.as_str() => authority(host.as_bytes())?,
        Some(_) | None => origin.authority.clone(),
    };
    let target = head.uri.path_and_query().cloned();
    let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
    let uri = Uri::builder().scheme(origin.scheme.clone()).authority(authority);
    let uri = uri.path_and_query(target).build().map_err(|_invalid| CallError::Target)?;
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_becomes_the_authority_and_what_speaks_of_a_connection_is_left_out() {
        let origin =
            Origin { scheme: Scheme::HTTPS, authority: Authority::from_static("api.example:8443") };
        let asked = |host: &str| {
            let request = Request::post("/a?b=%20c")
                .header("host", host)
                .header("connection", "keep-alive")
                .header("transfer-encoding", "chunked")
                .header("te", "trailers")
                .body(())
                .unwrap();
            of(&request.into_parts().0, &origin).unwrap()
        };
        let request = asked("api.example:8443");
        assert_eq!(request.uri(), "https://api.example:8443/a?b=%20c");
        assert_eq!(request.headers().len(), 1);
        assert_eq!(request.headers()["te"], "trailers");
        assert_eq!(asked("other.example").uri().authority().unwrap(), "other.example");
    }
}
