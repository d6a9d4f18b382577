//! Namespaces: what a prefix means, and by which prefix a namespace is known.

use super::FeedError;
use crate::decode::data::Span;
use crate::decode::xml::{Scanner, Text};

const XMLNS: &[u8] = b"xmlns";

/// Prefixes that open elements have declared, as `encoding/xml` keeps them.
#[derive(Debug, Default)]
pub(super) struct Declared {
    /// Prefix (empty: of elements without) and namespace, innermost last.
    list: Vec<(Span, Text)>,
    /// How many there were when each open element began.
    marks: Vec<usize>,
}

impl Declared {
    /// Takes up what the element declares that the scanner has just read.
    pub(super) fn start(&mut self, scanner: &Scanner) {
        self.marks.push(self.list.len());
        for attribute in &scanner.attributes {
            let (prefix, local) = (scanner.spelled(attribute.name.prefix), attribute.name.local);
            if prefix == XMLNS {
                self.list.push((local, attribute.value));
            } else if prefix.is_empty() && scanner.spelled(local) == XMLNS {
                self.list.push((Span::default(), attribute.value));
            }
        }
    }

    /// Forgets what the innermost element declared.
    pub(super) fn end(&mut self) {
        if let Some(mark) = self.marks.pop() {
            self.list.truncate(mark);
        }
    }

    /// The namespace of an element with this prefix; an unknown prefix stands for itself.
    pub(super) fn of_element<'a>(&self, scanner: &'a Scanner, prefix: Span) -> &'a [u8] {
        let name = scanner.spelled(prefix);
        match name {
            b"xmlns" => return name,
            b"xml" => return b"http://www.w3.org/XML/1998/namespace",
            _ => {},
        }
        let found = self.list.iter().rfind(|(declared, _)| scanner.spelled(*declared) == name);
        found.map_or(name, |(_, namespace)| scanner.of(*namespace))
    }
}

/// By which prefix a feed calls a namespace, as `goxpp` keeps it: with what elements that were read
/// whole have declared.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    /// Namespace, prefix, and the declaration before it.
    all: Vec<(String, String, Option<usize>)>,
    /// Which declaration is the last that counts: here, and for each element around.
    last: Option<usize>,
    open: Vec<Option<usize>>,
}

/// More different declarations than this are no feed; each element may look at all of them.
const DECLARATIONS_MAX: usize = 512;

impl Prefixes {
    pub(super) fn start(&mut self, scanner: &Scanner) -> Result<(), FeedError> {
        for attribute in &scanner.attributes {
            let name = attribute.name;
            let prefix = match (scanner.spelled(name.prefix), scanner.spelled(name.local)) {
                (XMLNS, prefix) => prefix,
                (_, XMLNS) => b"",
                _ => continue,
            };
            let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
            self.declare(text(scanner.of(attribute.value)), text(prefix).to_lowercase())?;
        }
        self.open.push(self.last);
        Ok(())
    }

    fn declare(&mut self, namespace: String, prefix: String) -> Result<(), FeedError> {
        if self.of(&namespace) == Some(&prefix) {
            return Ok(());
        }
        if self.all.len() >= DECLARATIONS_MAX {
            return Err(FeedError::TooMany);
        }
        self.all.push((namespace, prefix, self.last));
        self.last = Some(self.all.len() - 1);
        Ok(())
    }

    pub(super) fn end(&mut self) {
        self.open.pop();
        self.last = self.open.last().copied().flatten();
    }

    /// The prefix of a namespace that the feed declares.
    pub(super) fn of(&self, namespace: &str) -> Option<&str> {
        let mut next = self.last;
        while let Some((declared, prefix, before)) = next.and_then(|index| self.all.get(index)) {
            if declared == namespace {
                return Some(prefix);
            }
            next = *before;
        }
        None
    }

    /// The prefix under which an extension is shown: the one that everybody uses, the feed's own, or
    /// the namespace itself.
    pub(super) fn shown<'a>(&'a self, namespace: &'a str) -> &'a str {
        let usual = CANONICAL.binary_search_by(|(known, _)| (*known).cmp(namespace)).ok();
        let usual = usual.and_then(|index| CANONICAL.get(index)).map(|(_, prefix)| *prefix);
        usual.or_else(|| self.of(namespace)).unwrap_or(namespace)
    }
}

/// Usual prefixes, by namespace.
#[rustfmt::skip]
const CANONICAL: [(&str, &str); 53] = [
    ("http://backend.userland.com/blogChannelModule", "blogChannel"),
    ("http://backend.userland.com/creativeCommonsRssModule", "creativeCommons"),
    ("http://creativecommons.org/ns#license", "cc"),
    ("http://cyber.law.harvard.edu/rss/creativeCommonsRssModule.html", "creativeCommons"),
    ("http://example.com/DTDs/PodCast-1.0.dtd", "itunes"),
    ("http://freshmeat.net/rss/fm/", "fm"),
    ("http://hacks.benhammersley.com/rss/streaming/", "str"),
    ("http://madskills.com/public/xml/rss/module/pingback/", "pingback"),
    ("http://madskills.com/public/xml/rss/module/trackback/", "trackback"),
    ("http://media.tangent.org/rss/1.0/", "audio"),
    ("http://my.theinfo.org/changed/1.0/rss/", "cp"),
    ("http://podlove.org/simple-chapters", "psc"),
    ("http://postneo.com/icbm/", "icbm"),
    ("http://prismstandard.org/namespaces/1.2/basic/", "prism"),
    ("http://purl.org/dc/elements/1.1/", "dc"),
    ("http://purl.org/dc/terms/", "dcterms"),
    ("http://purl.org/rss/1.0/modules/aggregation/", "ag"),
    ("http://purl.org/rss/1.0/modules/annotate/", "annotate"),
    ("http://purl.org/rss/1.0/modules/company", "co"),
    ("http://purl.org/rss/1.0/modules/content/", "content"),
    ("http://purl.org/rss/1.0/modules/email/", "email"),
    ("http://purl.org/rss/1.0/modules/event/", "ev"),
    ("http://purl.org/rss/1.0/modules/image/", "image"),
    ("http://purl.org/rss/1.0/modules/link/", "l"),
    ("http://purl.org/rss/1.0/modules/reference/", "ref"),
    ("http://purl.org/rss/1.0/modules/richequiv/", "reqv"),
    ("http://purl.org/rss/1.0/modules/search/", "search"),
    ("http://purl.org/rss/1.0/modules/servicestatus/", "ss"),
    ("http://purl.org/rss/1.0/modules/slash/", "slash"),
    ("http://purl.org/rss/1.0/modules/subscription/", "sub"),
    ("http://purl.org/rss/1.0/modules/syndication/", "sy"),
    ("http://purl.org/rss/1.0/modules/taxonomy/", "taxo"),
    ("http://purl.org/rss/1.0/modules/textinput/", "ti"),
    ("http://purl.org/rss/1.0/modules/threading/", "thr"),
    ("http://purl.org/rss/1.0/modules/wiki/", "wiki"),
    ("http://rssnamespace.org/feedburner/ext/1.0", "feedburner"),
    ("http://schemas.pocketsoap.com/rss/myDescModule/", "szf"),
    ("http://schemas.xmlsoap.org/soap/envelope/", "soap"),
    ("http://search.yahoo.com/mrss", "media"),
    ("http://search.yahoo.com/mrss/", "media"),
    ("http://web.resource.org/cc/", "cc"),
    ("http://webns.net/mvcb/", "admin"),
    ("http://wellformedweb.org/commentAPI/", "wfw"),
    ("http://www.georss.org/georss", "georss"),
    ("http://www.itunes.com/DTDs/PodCast-1.0.dtd", "itunes"),
    ("http://www.opengis.net/gml", "gml"),
    ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "rdf"),
    ("http://www.w3.org/1999/xhtml", "xhtml"),
    ("http://www.w3.org/1999/xlink", "xlink"),
    ("http://www.w3.org/2000/01/rdf-schema#", "rdfs"),
    ("http://www.w3.org/2003/01/geo/wgs84_pos#", "geo"),
    ("http://www.w3.org/XML/1998/namespace", "xml"),
    ("http://xmlns.com/foaf/0.1/", "foaf"),
];
