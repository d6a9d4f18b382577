//! Atom, 1.0 and 0.3.

use super::FeedError;
use super::date::{Moment, date};
use super::extension::Extensions;
use super::feed::{Enclosure, Feed, Item, Person};
use super::html::without_div;
use super::pull::{Event, Pull};
use super::text::{has_cdata, without_cdata, without_entities};
use crate::base64;

/// Elements that hold URLs.
const URLS: [&str; 5] = ["icon", "id", "logo", "uri", "url"];

#[derive(Debug, Default)]
struct Link {
    href: String,
    rel: String,
    kind: String,
    length: String,
}

/// Reads a feed whose root is the current element.
pub(super) fn read(pull: &mut Pull) -> Result<Feed, FeedError> {
    pull.expect(Event::Start, "feed")?;
    let mut feed = Feed { kind: "atom", language: pull.attribute("lang"), ..Feed::default() };
    let mut extensions = Extensions::default();
    while pull.tag()? == Event::Start {
        if pull.is_extension() {
            extensions.read(pull)?;
            continue;
        }
        match pull.name.to_lowercase().as_str() {
            "title" => feed.title = read_text(pull)?,
            "updated" | "modified" => feed.updated = read_text(pull)?,
            "subtitle" | "tagline" => feed.description = read_text(pull)?,
            "rights" | "copyright" => feed.copyright = read_text(pull)?,
            "logo" => feed.image = Some(read_text(pull)?).filter(|url| !url.is_empty()),
            "id" | "icon" | "generator" => drop(read_text(pull)?),
            "link" => drop(read_link(pull)?),
            "contributor" => drop(read_person(pull, "contributor")?),
            "author" => {
                let author = read_person(pull, "author")?;
                feed.author.get_or_insert(author);
            },
            "category" => feed.categories.push(read_category(pull)?),
            "entry" => feed.items.push(read_entry(pull)?),
            _ => pull.skip()?,
        }
    }
    pull.expect(Event::End, "feed")?;
    Ok(feed)
}

fn read_entry(pull: &mut Pull) -> Result<Item, FeedError> {
    let (mut item, mut links) = (Item::default(), Vec::new());
    while pull.tag()? == Event::Start {
        if pull.is_extension() {
            item.extensions.read(pull)?;
            continue;
        }
        match pull.name.to_lowercase().as_str() {
            "title" => item.title = read_text(pull)?,
            "id" => item.guid = read_text(pull)?,
            "summary" => item.description = read_text(pull)?,
            "content" => item.content = read_text(pull)?,
            "updated" | "modified" => {
                item.updated = read_text(pull)?;
                item.updated_parsed = date(&item.updated).map(Moment::utc).or(item.updated_parsed);
            },
            "published" | "issued" => {
                item.published = read_text(pull)?;
                let parsed = date(&item.published).map(Moment::utc);
                item.published_parsed = parsed.or(item.published_parsed);
            },
            "rights" | "copyright" => drop(read_text(pull)?),
            "source" => read_source(pull)?,
            "contributor" => drop(read_person(pull, "contributor")?),
            "author" => item.authors.push(read_person(pull, "author")?),
            "category" => item.categories.push(read_category(pull)?),
            "link" => links.push(read_link(pull)?),
            _ => pull.skip()?,
        }
    }
    pull.expect(Event::End, "entry")?;
    Ok(translate(item, links))
}

/// Where an entry came from: only read over, but wrong if it is wrong.
fn read_source(pull: &mut Pull) -> Result<(), FeedError> {
    let mut extensions = Extensions::default();
    while pull.tag()? == Event::Start {
        if pull.is_extension() {
            extensions.read(pull)?;
            continue;
        }
        match pull.name.to_lowercase().as_str() {
            "title" | "id" | "updated" | "modified" | "subtitle" | "tagline" | "generator"
            | "icon" | "logo" | "rights" | "copyright" => drop(read_text(pull)?),
            "link" => drop(read_link(pull)?),
            "contributor" => drop(read_person(pull, "contributor")?),
            "author" => drop(read_person(pull, "author")?),
            "category" => drop(read_category(pull)?),
            _ => pull.skip()?,
        }
    }
    pull.expect(Event::End, "source")
}

fn translate(mut item: Item, links: Vec<Link>) -> Item {
    let main = links.iter().find(|link| link.rel == "alternate");
    item.link = main.map(|link| link.href.clone()).unwrap_or_default();
    for link in links {
        match link.rel.as_str() {
            "alternate" | "self" => item.links.push(link.href),
            "enclosure" => {
                let Link { href: url, length, kind, .. } = link;
                item.enclosures.push(Enclosure { url, length, kind });
            },
            _ => {},
        }
    }
    if item.published.is_empty() {
        item.published.clone_from(&item.updated);
    }
    item.published_parsed = item.published_parsed.or(item.updated_parsed);
    item.author = item.authors.first().cloned();
    item
}

fn read_person(pull: &mut Pull, name: &str) -> Result<Person, FeedError> {
    let mut person = Person::default();
    while pull.tag()? == Event::Start {
        match pull.name.to_lowercase().as_str() {
            "name" => person.name = read_text(pull)?,
            "email" => person.email = read_text(pull)?,
            "uri" | "url" | "homepage" => drop(read_text(pull)?),
            _ => pull.skip()?,
        }
    }
    pull.expect(Event::End, name)?;
    Ok(person)
}

fn read_link(pull: &mut Pull) -> Result<Link, FeedError> {
    let [href, mut rel, kind, length] =
        ["href", "rel", "type", "length"].map(|name| pull.attribute(name));
    if rel.is_empty() {
        "alternate".clone_into(&mut rel);
    }
    pull.skip()?;
    pull.expect(Event::End, "link")?;
    Ok(Link { href, rel, kind, length })
}

fn read_category(pull: &mut Pull) -> Result<String, FeedError> {
    let term = pull.attribute("term");
    pull.skip()?;
    pull.expect(Event::End, "category")?;
    Ok(term)
}

/// A text, escaped as its `type` and `mode` say.
fn read_text(pull: &mut Pull) -> Result<String, FeedError> {
    let element = pull.element()?;
    let (kind, mode) = (element.kind.to_lowercase(), element.mode.to_lowercase());
    let inside = element.inside;
    let text = if has_cdata(&inside) {
        without_cdata(&inside)
    } else if kind == "text" || kind.starts_with("text/") || (kind.is_empty() && mode.is_empty()) {
        without_entities(&inside)
    } else if kind.contains("xhtml") {
        without_div(&inside).unwrap_or(inside)
    } else if kind == "html" {
        without_entities(&without_div(&inside).unwrap_or(inside))
    } else {
        of_base64(&inside).unwrap_or(inside)
    };
    let is_url = URLS.contains(&pull.name.to_lowercase().as_str());
    let resolved = if is_url { pull.resolved(&text) } else { None };
    Ok(resolved.unwrap_or(text))
}

/// Line ends do not count.
fn of_base64(text: &str) -> Option<String> {
    let letters: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    base64::decode(&letters).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
