//! `rss`: a feed as an object, as KrakenD's `gofeed` reads it.
//!
//! RSS, Atom or JSON Feed, told apart by what they begin with. Items and authors are structures to
//! KrakenD: their fields keep their order, and `target`, `allow` and `deny` cannot enter them. For the
//! same reason each of them is one span of JSON here, written while the feed is translated.

mod atom;
mod base;
mod channel;
mod date;
mod extension;
mod feed;
mod html;
mod json_feed;
mod namespace;
mod pull;
#[cfg(test)]
mod tests;
mod text;
mod write;

use bytes::Bytes;

use super::data::{Data, Document, Entry, Key, Span, Typed, Value};
use super::shape::{Found, Shape};
use super::xml::XmlError;
use feed::{Feed, Item};
use pull::{Event, Pull};
use write::Writer;

/// A feed that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// It begins as none does.
    #[error("Failed to detect feed type")]
    Unknown,
    /// It is no XML.
    #[error("{0}")]
    Xml(Box<XmlError>),
    /// It ends too early.
    #[error("Failed to find NextTag before reaching the end of the document.")]
    NoTag,
    /// An element that was to hold text holds another.
    #[error("Parser must be on EndTag or Text to read text")]
    NoText,
    /// The same, behind some text.
    #[error("Event Text must be immediately followed by EndTag or Text but got {0}")]
    AfterText(&'static str),
    /// Another element was to stand here.
    #[error("{0}")]
    Expected(Box<str>),
    /// A text of a JSON feed is none.
    #[error("ReadString: expects \" or n")]
    JsonText,
    /// An author of a JSON feed is no object.
    #[error("readObjectStart: expect {{ or n")]
    JsonObject,
    /// A list of a JSON feed is none.
    #[error("decode slice: expect [ or n")]
    JsonList,
    /// Ours: more namespaces or levels than a feed may have.
    #[error("the feed has too many namespaces or levels")]
    TooMany,
}

/// Reads a feed and gives it its shape.
pub(super) fn decode(shape: &Shape, body: &Bytes) -> Result<Data, FeedError> {
    Ok(show(&read(body)?, shape))
}

fn read(body: &Bytes) -> Result<Feed, FeedError> {
    // Blanks and byte order marks.
    let is_before = |byte: &u8| {
        matches!(byte, b' ' | b'\r' | b'\n' | b'\t' | 0xFE | 0xFF | 0x00 | 0xEF | 0xBB | 0xBF)
    };
    let start = body.iter().position(|byte| !is_before(byte)).ok_or(FeedError::Unknown)?;
    match body.get(start) {
        Some(b'<') => xml(body, start),
        Some(b'{') => {
            let json = body.get(start..).unwrap_or_default();
            // JSON of a depth that no feed has is refused by the reader.
            let Ok(json) = serde_json::from_slice(json) else { return Err(FeedError::Unknown) };
            json_feed::read(&json)
        },
        _ => Err(FeedError::Unknown),
    }
}

fn xml(body: &Bytes, start: usize) -> Result<Feed, FeedError> {
    let mut first = Pull::new(body.slice(start..));
    if find_root(&mut first).is_err() {
        return Err(FeedError::Unknown);
    }
    let name = first.name.to_lowercase();
    let read = match name.as_str() {
        "rdf" | "rss" => channel::read,
        "feed" => atom::read,
        _ => return Err(FeedError::Unknown),
    };
    if start == 0 {
        return read(&mut first);
    }
    let mut pull = Pull::new(body.clone());
    find_root(&mut pull)?;
    read(&mut pull)
}

fn find_root(pull: &mut Pull) -> Result<(), FeedError> {
    loop {
        match pull.next()? {
            Event::Start => return Ok(()),
            Event::Document => return Err(FeedError::NoTag),
            Event::End | Event::Text => {},
        }
    }
}

/// The fields that KrakenD makes of a feed; sorted, since an object's children are.
fn show(feed: &Feed, shape: &Shape) -> Data {
    let mut fields: Vec<(&str, Span)> = Vec::new();
    let mut writer = Writer::default();
    let mut field = |key: &'static str, write: &dyn Fn(&mut Writer)| {
        if !shape.keeps_leaf(key.as_bytes()) {
            return;
        }
        let start = writer.begin();
        write(&mut writer);
        fields.push((key, Span::new(start, writer.out.len())));
    };
    field("author", &|out| match &feed.author {
        Some(author) => author.write(out),
        None => out.null(),
    });
    field("categories", &|out| match feed.categories.as_slice() {
        [] => out.null(),
        categories => out.array(categories, |category, out| out.text(category)),
    });
    field("copyright", &|out| out.text(&feed.copyright));
    field("custom", &Writer::null);
    field("description", &|out| out.text(&feed.description));
    if let Some(url) = &feed.image {
        field("img_url", &|out| out.text(url));
    }
    field("items", &|out| out.array(&feed.items, Item::write));
    field("language", &|out| out.text(&feed.language));
    field("published", &|out| out.text(&feed.published));
    field("title", &|out| out.text(&feed.title));
    field("type", &|out| out.text(feed.kind));
    field("updated", &|out| out.text(&feed.updated));
    let mut document = Document { input: Bytes::from(writer.out), ..Document::default() };
    let entry = |(key, span): (&str, Span)| {
        let value = match key {
            "categories" if feed.categories.is_empty() => Value::Opaque(span, Typed::NoList),
            "custom" => Value::Opaque(span, Typed::NoObject),
            _ => Value::Verbatim(span),
        };
        Entry::new(Key::make(&mut document.made_keys, key.as_bytes()), value, false)
    };
    let children = fields.into_iter().map(entry).collect();
    shape.arrange(Found::EMPTY, children, document)
}
