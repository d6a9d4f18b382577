//! JSON Feed, 1.0 and 1.1.

use serde_json::Value;

use super::FeedError;
use super::date::date;
use super::feed::{Enclosure, Feed, Item, Person};

/// Reads a feed that is known to be a JSON object.
pub(super) fn read(json: &Value) -> Result<Feed, FeedError> {
    let items = list(json, "items")?;
    let items = items.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    let icon = text(json, "icon")?;
    let first = items.first();
    Ok(Feed {
        kind: "json",
        title: text(json, "title")?,
        description: text(json, "description")?,
        language: text(json, "language")?,
        published: first.map(|item| item.published.clone()).unwrap_or_default(),
        updated: first.map(|item| item.updated.clone()).unwrap_or_default(),
        author: author(json)?,
        image: Some(icon).filter(|url| !url.is_empty()),
        items,
        ..Feed::default()
    })
}

fn item(json: &Value) -> Result<Item, FeedError> {
    let mut item = Item {
        title: text(json, "title")?,
        description: text(json, "summary")?,
        link: text(json, "url")?,
        updated: text(json, "date_modified")?,
        published: text(json, "date_published")?,
        guid: text(json, "id")?,
        author: author(json)?,
        ..Item::default()
    };
    let html = text(json, "content_html")?;
    item.content = if html.is_empty() { text(json, "content_text")? } else { html };
    let links = [item.link.clone(), text(json, "external_url")?];
    item.links.extend(links.into_iter().filter(|url| !url.is_empty()));
    item.updated_parsed = date(&item.updated);
    item.published_parsed = date(&item.published);
    item.authors = match get(json, "authors") {
        Some(Value::Array(_)) => {
            let people = list(json, "authors")?.iter();
            people.map(person).collect::<Result<_, _>>()?
        },
        _ => item.author.iter().cloned().collect(),
    };
    let images = [text(json, "image")?, text(json, "banner_image")?];
    item.image = images.into_iter().find(|url| !url.is_empty());
    for tag in list(json, "tags")? {
        item.categories.push(tag.as_str().map(ToOwned::to_owned).ok_or(FeedError::JsonText)?);
    }
    for attachment in list(json, "attachments")? {
        let seconds = get(attachment, "duration_in_seconds").and_then(Value::as_i64).unwrap_or(0);
        item.enclosures.push(Enclosure {
            url: text(attachment, "url")?,
            length: seconds.to_string(),
            kind: text(attachment, "mime_type")?,
        });
    }
    Ok(item)
}

fn author(json: &Value) -> Result<Option<Person>, FeedError> {
    match get(json, "author") {
        None | Some(Value::Null) => Ok(None),
        Some(author) => person(author).map(Some),
    }
}

fn person(json: &Value) -> Result<Person, FeedError> {
    if !json.is_object() {
        return Err(FeedError::JsonObject);
    }
    Ok(Person::of(&text(json, "name")?))
}

fn text(json: &Value, key: &str) -> Result<String, FeedError> {
    match get(json, key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(FeedError::JsonText),
    }
}

fn list<'a>(json: &'a Value, key: &str) -> Result<&'a [Value], FeedError> {
    match get(json, key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(FeedError::JsonList),
    }
}

/// Go does not mind the case of keys.
fn get<'a>(json: &'a Value, key: &str) -> Option<&'a Value> {
    let object = json.as_object()?;
    let any_case = || object.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
    object.get(key).or_else(|| any_case().map(|(_, value)| value))
}
