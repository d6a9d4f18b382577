//! Elements of other namespaces: kept as trees, and some of them under names of their own.

use std::collections::BTreeMap;

use super::FeedError;
use super::pull::{Event, Pull};
use super::write::Writer;

/// An element of another namespace.
#[derive(Debug, Default)]
pub(super) struct Extension {
    name: String,
    pub(super) value: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) children: BTreeMap<String, Vec<Self>>,
}

/// Of one namespace, by name.
pub(super) type Named = BTreeMap<String, Vec<Extension>>;

/// By prefix and name.
#[derive(Debug, Default)]
pub(super) struct Extensions(BTreeMap<String, Named>);

/// How deep they may nest: each level is one of recursion.
const LEVELS_MAX: usize = 200;

impl Extensions {
    /// Reads the current element as one.
    pub(super) fn read(&mut self, pull: &mut Pull) -> Result<(), FeedError> {
        let prefix = pull.prefixes.shown(&pull.space).to_owned();
        let extension = element(pull, 0)?;
        let name = pull.name.clone();
        self.0.entry(prefix).or_default().entry(name).or_default().push(extension);
        Ok(())
    }

    pub(super) fn of(&self, prefix: &str) -> Option<&Named> {
        self.0.get(prefix)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            for (prefix, named) in &self.0 {
                out.key(prefix);
                children(named, out);
            }
        });
    }
}

fn element(pull: &mut Pull, level: usize) -> Result<Extension, FeedError> {
    if level >= LEVELS_MAX {
        return Err(FeedError::TooMany);
    }
    let mut extension = Extension { name: pull.name.clone(), ..Extension::default() };
    extension.attributes.extend(pull.attributes.drain(..));
    loop {
        match pull.next()? {
            Event::End => break,
            Event::Start => {
                let child = element(pull, level + 1)?;
                extension.children.entry(child.name.clone()).or_default().push(child);
            },
            Event::Text => extension.value += &pull.text(),
            Event::Document => return Err(FeedError::NoTag),
        }
    }
    let value = extension.value.trim();
    extension.value = value.to_owned();
    pull.expect(Event::End, &extension.name)?;
    Ok(extension)
}

fn children(named: &Named, out: &mut Writer) {
    out.object(|out| {
        for (name, extensions) in named {
            out.key(name);
            out.array(extensions, |extension, out| {
                out.object(|out| {
                    out.text_field("name", &extension.name);
                    out.text_field("value", &extension.value);
                    out.key("attrs");
                    out.texts_by_name(&extension.attributes);
                    out.key("children");
                    children(&extension.children, out);
                });
            });
        }
    });
}

/// The text of the first of this name.
pub(super) fn first<'a>(named: Option<&'a Named>, name: &str) -> &'a str {
    let list = named.and_then(|named| named.get(name));
    list.and_then(|list| list.first()).map_or("", |extension| &extension.value)
}

/// The texts of all of this name; `None` if there are none.
pub(super) fn all<'a>(named: Option<&'a Named>, name: &str) -> Option<Vec<&'a str>> {
    let list = named?.get(name)?;
    Some(list.iter().map(|extension| extension.value.as_str()).collect())
}

/// What Dublin Core has, in the order in which it is shown.
const DUBLIN_CORE: [&str; 16] = [
    "title",
    "creator",
    "author",
    "subject",
    "description",
    "publisher",
    "contributor",
    "date",
    "type",
    "format",
    "identifier",
    "source",
    "language",
    "relation",
    "coverage",
    "rights",
];

pub(super) fn write_dublin_core(named: &Named, out: &mut Writer) {
    out.object(|out| {
        for name in DUBLIN_CORE {
            if let Some(texts) = named.get(name) {
                out.key(name);
                out.array(texts, |extension, out| out.text(&extension.value));
            }
        }
    });
}

/// What iTunes says of an item: shown name and element, in the order in which it is shown.
const ITUNES_ITEM: [(&str, &str); 13] = [
    ("author", "author"),
    ("block", "block"),
    ("duration", "duration"),
    ("explicit", "explicit"),
    ("keywords", "keywords"),
    ("subtitle", "subtitle"),
    ("summary", "summary"),
    ("image", "image"),
    ("isClosedCaptioned", "isClosedCaptioned"),
    ("episode", "episode"),
    ("season", "season"),
    ("order", "order"),
    ("episodeType", "episodeType"),
];

pub(super) fn write_itunes_item(named: &Named, out: &mut Writer) {
    out.object(|out| {
        for (shown, name) in ITUNES_ITEM {
            let value = if name == "image" { image(Some(named)) } else { first(Some(named), name) };
            out.filled_field(shown, value);
        }
    });
}

/// The address of iTunes' image.
pub(super) fn image(named: Option<&Named>) -> &str {
    let list = named.and_then(|named| named.get("image"));
    let found = list.and_then(|list| list.first()).and_then(|one| one.attributes.get("href"));
    found.map_or("", String::as_str)
}

/// iTunes' categories, each with the first of those below it.
pub(super) fn categories(named: Option<&Named>) -> Vec<&str> {
    let mut found = Vec::new();
    for category in named.and_then(|named| named.get("category")).into_iter().flatten() {
        let below = category.children.get("category").and_then(|list| list.first());
        let texts = [Some(category), below].into_iter().flatten();
        found.extend(texts.map(|one| one.attributes.get("text").map_or("", String::as_str)));
    }
    found
}
