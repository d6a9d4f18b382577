//! `server/static-filesystem`: a folder of the machine under a prefix of the gateway.
//!
//! On the way: before the router, as in KrakenD: what the prefix claims never reaches an endpoint,
//! found or not. `skip` gives paths below the prefix back to the router.

use std::borrow::Cow;

use http::StatusCode;

use super::{FileAnswer, Folder, Names, Wanted};
use crate::message::{Head, Response};
use crate::route::percent;

/// The site of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    /// Without its final slash: the root is empty.
    pub(crate) prefix: Box<[u8]>,
    /// Paths that the router gets all the same; without their final slash.
    pub(crate) skip: Box<[Box<[u8]>]>,
    pub(crate) folder: Folder,
}

/// What the site says of a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claim<'p> {
    /// It is the name of a file, maybe.
    Name(Cow<'p, [u8]>),
    /// A dot segment: two readers may take it for two names (http-edge §2.1).
    Refused,
}

impl Claim<'_> {
    /// The same, whatever becomes of the path.
    pub(crate) fn into_owned(self) -> Claim<'static> {
        match self {
            Self::Name(name) => Claim::Name(Cow::Owned(name.into_owned())),
            Self::Refused => Claim::Refused,
        }
    }
}

impl Site {
    /// The name below the folder; `None`: the path is the router's.
    pub(crate) fn claim<'p>(&self, path: &'p [u8]) -> Option<Claim<'p>> {
        // What cannot be decoded, or has a backslash, the router refuses.
        let path = percent::decode(path).ok().filter(|path| !path.contains(&b'\\'))?;
        let name = below(&path, &self.prefix)?;
        if self.skip.iter().any(|skip| below(&path, skip).is_some()) {
            return None;
        }
        if name.split(|byte| *byte == b'/').any(|part| matches!(part, b"." | b"..")) {
            return Some(Claim::Refused);
        }
        let start = path.len() - name.len();
        Some(Claim::Name(match path {
            _ if name.is_empty() => Cow::Borrowed(b"/"),
            Cow::Borrowed(path) => Cow::Borrowed(path.get(start..).unwrap_or_default()),
            Cow::Owned(path) => Cow::Owned(path.get(start..).unwrap_or_default().to_vec()),
        }))
    }

    /// The answer for a name.
    pub(crate) async fn answer(&self, head: &Head, claim: Claim<'_>) -> Response {
        let name = match claim {
            Claim::Name(name) => name,
            Claim::Refused => {
                let text = bytes::Bytes::from_static(b"400 Bad Request");
                return Response::new(StatusCode::BAD_REQUEST, text);
            },
        };
        let field = |name: &http::HeaderName| head.field(name.as_str());
        let wanted = Wanted { method: head.method(), field: &field, query: head.query() };
        let answer = super::answer(&self.folder, &name, Names::Redirect, &wanted).await;
        let FileAnswer { status, headers, body } = answer;
        Response { status, lines: bytes::Bytes::new(), headers, body }
    }
}

/// What of `path` stands below `prefix`: nothing, or from a slash on.
fn below<'p>(path: &'p [u8], prefix: &[u8]) -> Option<&'p [u8]> {
    let rest = path.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Listing;
    use super::*;

    fn site(prefix: &str, skip: &[&str]) -> Site {
        let folder = Folder { path: Arc::new("x".into()), listing: Listing::Hidden };
        let skip = skip.iter().map(|path| path.as_bytes().into()).collect();
        Site { prefix: prefix.as_bytes().into(), skip, folder }
    }

    #[track_caller]
    fn check(site: &Site, path: &str, expected: Option<&str>) {
        let claim = site.claim(path.as_bytes()).map(|claim| match claim {
            Claim::Name(name) => String::from_utf8_lossy(&name).into_owned(),
            Claim::Refused => "refused".to_owned(),
        });
        assert_eq!(claim.as_deref(), expected, "{path}");
    }

    #[test]
    fn whole_segments_of_the_prefix_count_and_skipped_ones_are_the_routers() {
        let assets = site("/media/assets", &["/media/assets/private", "/media/assets/a.json"]);
        for (path, expected) in [
            ("/media/assets", Some("/")),
            ("/media/assets/", Some("/")),
            ("/media/assets/b%20c.css", Some("/b c.css")),
            ("/media/assets%2Fx", Some("/x")),
            ("/media/assetsx", None),
            ("/media", None),
            ("/media/assets/private/x", None),
            ("/media/assets/privatex", Some("/privatex")),
            ("/media/assets/a.json", None),
            ("/media/assets/..%2f..%2fx", Some("refused")),
            ("/media/assets/%2e%2e/x", Some("refused")),
            ("/media/assets/./x", Some("refused")),
            ("/media/assets/a%5cb", None),
            ("/media/assets/%zz", None),
        ] {
            check(&assets, path, expected);
        }
        check(&site("", &["/api"]), "/", Some("/"));
        check(&site("", &["/api"]), "/index.html", Some("/index.html"));
        check(&site("", &["/api"]), "/api/x", None);
    }
}
