//! RSS, all versions, RDF ones included.

use super::FeedError;
use super::date::{Moment, date};
use super::extension::{Extensions, all, categories, first, image};
use super::feed::{Enclosure, Feed, Item, Person};
use super::pull::{Event, Pull};
use super::text::plain;

/// What a channel says that is shown, or decides what is shown.
#[derive(Debug, Default)]
struct Channel {
    title: String,
    description: String,
    language: String,
    copyright: String,
    managing_editor: String,
    web_master: String,
    published: String,
    last_build: String,
    categories: Vec<String>,
    image: Option<String>,
    items: Vec<Item>,
    extensions: Extensions,
}

/// Reads a feed whose root is the current element.
pub(super) fn read(pull: &mut Pull) -> Result<Feed, FeedError> {
    at_root(pull, Event::Start)?;
    let (mut channel, mut found_image) = (None, None);
    let mut items = Vec::new();
    while pull.tag()? == Event::Start {
        if pull.is_extension() {
            ignore(pull.skip());
            continue;
        }
        match pull.name.to_lowercase().as_str() {
            "channel" => channel = Some(read_channel(pull)?),
            "item" => items.push(read_item(pull)?),
            "textinput" => read_children(pull, "textinput", |_, _| ())?,
            "image" => found_image = Some(read_image(pull)?),
            _ => ignore(pull.skip()),
        }
    }
    at_root(pull, Event::End)?;
    let mut channel = channel.unwrap_or_default();
    channel.items.extend(items);
    channel.image = found_image.or(channel.image);
    Ok(translate(channel))
}

/// What goes wrong while something is read over shows at the next step.
fn ignore(_result: Result<(), FeedError>) {}

fn at_root(pull: &Pull, event: Event) -> Result<(), FeedError> {
    match (pull.expect(event, "rss"), pull.expect(event, "rdf")) {
        (Err(rss), Err(rdf)) => Err(FeedError::Expected(format!("{rss} or {rdf}").into())),
        _ => Ok(()),
    }
}

fn read_text(pull: &mut Pull) -> Result<String, FeedError> {
    Ok(plain(&pull.element()?.inside))
}

fn read_channel(pull: &mut Pull) -> Result<Channel, FeedError> {
    let mut channel = Channel::default();
    while pull.tag()? == Event::Start {
        if pull.is_extension() {
            channel.extensions.read(pull)?;
            continue;
        }
        let name = pull.name.to_lowercase();
        match name.as_str() {
            "title" => channel.title = read_text(pull)?,
            "description" => channel.description = read_text(pull)?,
            "language" => channel.language = read_text(pull)?,
            "copyright" => channel.copyright = read_text(pull)?,
            "managingeditor" => channel.managing_editor = read_text(pull)?,
            "webmaster" => channel.web_master = read_text(pull)?,
            "pubdate" => channel.published = read_text(pull)?,
            "lastbuilddate" => channel.last_build = read_text(pull)?,
            "link" | "generator" | "docs" | "ttl" | "rating" => drop(read_text(pull)?),
            "skiphours" => read_children(pull, "skiphours", |_, _| ())?,
            "skipdays" => read_children(pull, "skipdays", |_, _| ())?,
            "item" => channel.items.push(read_item(pull)?),
            "cloud" => {
                ignore(pull.tag().map(drop));
                pull.expect(Event::End, "cloud")?;
            },
            "category" => channel.categories.push(read_text(pull)?),
            "image" => channel.image = Some(read_image(pull)?),
            "textinput" => read_children(pull, "textinput", |_, _| ())?,
            _ => ignore(pull.skip()),
        }
    }
    pull.expect(Event::End, "channel")?;
    Ok(channel)
}

/// Reads an element whose children are texts.
fn read_children(
    pull: &mut Pull,
    name: &str,
    mut take: impl FnMut(&str, String),
) -> Result<(), FeedError> {
    let known: &[&str] = match name {
        "textinput" => &["title", "description", "name", "link"],
        "image" => &["url", "title", "link", "width", "height", "description"],
        "skiphours" => &["hour"],
        _ => &["day"],
    };
    while pull.tag()? == Event::Start {
        let child = pull.name.to_lowercase();
        if known.contains(&child.as_str()) {
            take(&child, read_text(pull)?);
        } else {
            ignore(pull.skip());
        }
    }
    pull.expect(Event::End, name)
}

fn read_image(pull: &mut Pull) -> Result<String, FeedError> {
    let mut url = String::new();
    read_children(pull, "image", |child, text| {
        if child == "url" {
            url = text;
        }
    })?;
    Ok(url)
}

/// What an item says that decides what is shown.
#[derive(Debug, Default)]
struct Raw {
    item: Item,
    author: String,
    date: Option<Moment>,
}

fn read_item(pull: &mut Pull) -> Result<Item, FeedError> {
    let mut raw = Raw::default();
    while pull.tag()? == Event::Start {
        if pull.is_extension() {
            raw.item.extensions.read(pull)?;
        } else {
            raw.read(pull)?;
        }
    }
    pull.expect(Event::End, "item")?;
    Ok(raw.translate())
}

impl Raw {
    fn read(&mut self, pull: &mut Pull) -> Result<(), FeedError> {
        let item = &mut self.item;
        match pull.name.to_lowercase().as_str() {
            "title" => item.title = read_text(pull)?,
            "description" => item.description = read_text(pull)?,
            "encoded" => {
                if pull.prefixes.of(pull.space.trim()) == Some("content") {
                    item.content = read_text(pull)?;
                }
            },
            "link" => {
                let href = pull.attribute("href");
                let text = read_text(pull)?;
                item.link = if text.is_empty() { href } else { text };
                item.links.push(item.link.clone());
            },
            "author" => self.author = read_text(pull)?,
            "comments" => drop(read_text(pull)?),
            "pubdate" => {
                item.published = read_text(pull)?;
                self.date = date(&item.published).map(Moment::utc).or(self.date);
            },
            "source" => {
                drop(read_text(pull)?);
                pull.expect(Event::End, "source")?;
            },
            "enclosure" => {
                let [url, length, kind] =
                    ["url", "length", "type"].map(|name| pull.attribute(name));
                pull.only_text()?;
                pull.expect(Event::End, "enclosure")?;
                item.enclosures.push(Enclosure { url, length, kind });
            },
            "guid" => item.guid = read_text(pull)?,
            "category" => item.categories.push(read_text(pull)?),
            // What is wrong here shows at the next step.
            _ => {
                if let Ok(text) = read_text(pull) {
                    item.custom.insert(pull.name.clone(), text);
                }
            },
        }
        Ok(())
    }

    /// Fills what is missing from other namespaces.
    fn translate(self) -> Item {
        let Self { mut item, author, date: parsed } = self;
        let extensions = std::mem::take(&mut item.extensions);
        let (dublin, itunes) = (extensions.of("dc"), extensions.of("itunes"));
        let dublin_date = all(dublin, "date").and_then(|dates| dates.first().copied());
        fill(&mut item.title, first(dublin, "title"));
        fill(&mut item.description, first(dublin, "description"));
        fill(&mut item.published, dublin_date.unwrap_or(""));
        item.published_parsed = parsed.or_else(|| dublin_date.and_then(date));
        item.author = author_of([&author], dublin, itunes);
        item.authors = item.author.iter().cloned().collect();
        let keywords = first(itunes, "keywords");
        if !keywords.is_empty() {
            item.categories.extend(keywords.split(',').map(ToOwned::to_owned));
        }
        let subjects = all(dublin, "subject").unwrap_or_default();
        item.categories.extend(subjects.into_iter().map(ToOwned::to_owned));
        let picture = image(itunes);
        item.image = (!picture.is_empty()).then(|| picture.to_owned());
        item.known_extensions = true;
        item.extensions = extensions;
        item
    }
}

fn fill(text: &mut String, other: &str) {
    if text.is_empty() {
        other.clone_into(text);
    }
}

/// The first who is named: by the feed itself, by Dublin Core, by iTunes.
fn author_of<const N: usize>(
    own: [&str; N],
    dublin: Option<&super::extension::Named>,
    itunes: Option<&super::extension::Named>,
) -> Option<Person> {
    let own = own.into_iter().find(|text| !text.is_empty());
    let by_dublin = |name| all(dublin, name).and_then(|texts| texts.first().copied());
    let itunes = Some(first(itunes, "author")).filter(|text| !text.is_empty());
    let found = own.or_else(|| by_dublin("author")).or_else(|| by_dublin("creator")).or(itunes);
    found.map(Person::of)
}

fn translate(channel: Channel) -> Feed {
    let extensions = channel.extensions;
    let (dublin, itunes) = (extensions.of("dc"), extensions.of("itunes"));
    let mut feed = Feed {
        kind: "rss",
        title: channel.title,
        description: channel.description,
        language: channel.language,
        copyright: channel.copyright,
        published: channel.published,
        updated: channel.last_build,
        categories: channel.categories,
        items: channel.items,
        ..Feed::default()
    };
    fill(&mut feed.title, first(dublin, "title"));
    fill(&mut feed.language, first(dublin, "language"));
    fill(&mut feed.copyright, first(dublin, "rights"));
    fill(&mut feed.updated, first(dublin, "date"));
    let own = [channel.managing_editor.as_str(), channel.web_master.as_str()];
    feed.author = author_of(own, dublin, itunes);
    let keywords = first(itunes, "keywords");
    if !keywords.is_empty() {
        feed.categories.extend(keywords.split(',').map(ToOwned::to_owned));
    }
    feed.categories.extend(categories(itunes).into_iter().map(ToOwned::to_owned));
    let subjects = all(dublin, "subject").unwrap_or_default();
    feed.categories.extend(subjects.into_iter().map(ToOwned::to_owned));
    let picture = image(itunes);
    feed.image = channel.image.or_else(|| (!picture.is_empty()).then(|| picture.to_owned()));
    feed
}
