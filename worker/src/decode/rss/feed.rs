//! What all kinds of feeds become, and how it is shown.

use std::collections::BTreeMap;

use super::date::Moment;
use super::extension::{Extensions, write_dublin_core, write_itunes_item};
use super::text::person;
use super::write::Writer;

/// What KrakenD shows of a feed.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) language: String,
    pub(super) copyright: String,
    pub(super) published: String,
    pub(super) updated: String,
    pub(super) author: Option<Person>,
    pub(super) categories: Vec<String>,
    /// The address of its image; an image may have none.
    pub(super) image: Option<String>,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
}

#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) title: String,
    pub(super) description: String,
    pub(super) content: String,
    pub(super) link: String,
    pub(super) links: Vec<String>,
    pub(super) updated: String,
    pub(super) updated_parsed: Option<Moment>,
    pub(super) published: String,
    pub(super) published_parsed: Option<Moment>,
    pub(super) author: Option<Person>,
    pub(super) authors: Vec<Person>,
    pub(super) guid: String,
    /// The address of its image.
    pub(super) image: Option<String>,
    pub(super) categories: Vec<String>,
    pub(super) enclosures: Vec<Enclosure>,
    /// Of RSS items the parts of two namespaces are shown once more.
    pub(super) known_extensions: bool,
    pub(super) extensions: Extensions,
    pub(super) custom: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Enclosure {
    pub(super) url: String,
    pub(super) length: String,
    pub(super) kind: String,
}

impl Person {
    /// From `Name (mail@address)` and the like.
    pub(super) fn of(text: &str) -> Self {
        let (name, email) = person(text);
        Self { name, email }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.filled_field("name", &self.name);
            out.filled_field("email", &self.email);
        });
    }
}

impl Item {
    pub(super) fn write(&self, out: &mut Writer) {
        out.object(|out| {
            out.filled_field("title", &self.title);
            out.filled_field("description", &self.description);
            out.filled_field("content", &self.content);
            out.filled_field("link", &self.link);
            out.filled_list("links", &self.links);
            out.filled_field("updated", &self.updated);
            moment("updatedParsed", self.updated_parsed, out);
            out.filled_field("published", &self.published);
            moment("publishedParsed", self.published_parsed, out);
            self.people(out);
            out.filled_field("guid", &self.guid);
            if let Some(url) = &self.image {
                out.key("image");
                out.object(|out| out.filled_field("url", url));
            }
            out.filled_list("categories", &self.categories);
            self.enclosures(out);
            self.extensions(out);
            if !self.custom.is_empty() {
                out.key("custom");
                out.texts_by_name(&self.custom);
            }
        });
    }

    fn people(&self, out: &mut Writer) {
        if let Some(author) = &self.author {
            out.key("author");
            author.write(out);
        }
        if !self.authors.is_empty() {
            out.key("authors");
            out.array(&self.authors, Person::write);
        }
    }

    fn enclosures(&self, out: &mut Writer) {
        if self.enclosures.is_empty() {
            return;
        }
        out.key("enclosures");
        out.array(&self.enclosures, |enclosure, out| {
            out.object(|out| {
                out.filled_field("url", &enclosure.url);
                out.filled_field("length", &enclosure.length);
                out.filled_field("type", &enclosure.kind);
            });
        });
    }

    fn extensions(&self, out: &mut Writer) {
        let known = |prefix| self.extensions.of(prefix).filter(|_| self.known_extensions);
        if let Some(named) = known("dc") {
            out.key("dcExt");
            write_dublin_core(named, out);
        }
        if let Some(named) = known("itunes") {
            out.key("itunesExt");
            write_itunes_item(named, out);
        }
        if !self.extensions.is_empty() {
            out.key("extensions");
            self.extensions.write(out);
        }
    }
}

fn moment(key: &str, moment: Option<Moment>, out: &mut Writer) {
    if let Some(moment) = moment {
        out.text_field(key, &moment.to_string());
    }
}
