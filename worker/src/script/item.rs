//! Data as scripts see it: a tree of shared parts, so that what a script changes deep down is changed in the answer.
//!
//! KrakenD (Go): tables are references. A list is a view of its items: what is set inside its length is seen by everybody,
//! growth and deletions only by who has the view.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;

use crate::decode::{Data, Decoder, Maker, walk};
use crate::encode;

/// Values nested deeper than this are cut off, since going over them goes down as deep.
const DEPTH_MAX: usize = 512;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Item {
    Null,
    Bool(bool),
    /// As a backend wrote it.
    Digits(Rc<str>),
    /// Of a script.
    Number(f64),
    Text(Rc<[u8]>),
    Table(Table),
    List(List),
}

/// An object.
pub(super) type Table = Rc<RefCell<BTreeMap<Vec<u8>, Item>>>;

/// A view of a list.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    items: Rc<RefCell<Vec<Item>>>,
    length: usize,
}

impl List {
    pub(super) fn of(items: Vec<Item>) -> Self {
        Self { length: items.len(), items: Rc::new(RefCell::new(items)) }
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn get(&self, index: usize) -> Option<Item> {
        self.items.borrow().get(index).filter(|_| index < self.length).cloned()
    }

    pub(super) fn all(&self) -> Vec<Item> {
        self.items.borrow().iter().take(self.length).cloned().collect()
    }

    /// Sets an item; behind the end the view grows, and no longer shows what others see.
    pub(super) fn set(&mut self, index: usize, item: Item) {
        if index >= self.length {
            let mut own = self.all();
            own.resize(index + 1, Item::Null);
            *self = Self::of(own);
        }
        if let Some(place) = self.items.borrow_mut().get_mut(index) {
            *place = item;
        }
    }

    /// Takes an item out of the view; in what others see, the items behind it move up and `null` follows.
    pub(super) fn delete(&mut self, index: usize) {
        if index >= self.length {
            return;
        }
        let mut items = self.items.borrow_mut();
        if let Some(moved) = items.get_mut(index..self.length) {
            moved.rotate_left(1);
            if let Some(last) = moved.last_mut() {
                *last = Item::Null;
            }
        }
        self.length -= 1;
    }
}

/// Makes items of JSON.
struct Items;

impl Maker for Items {
    type Value = Item;

    fn null(&self) -> Item {
        Item::Null
    }

    fn boolean(&self, value: bool) -> Item {
        Item::Bool(value)
    }

    fn number(&self, text: &str) -> Item {
        Item::Digits(text.into())
    }

    fn text(&self, text: String) -> Item {
        Item::Text(text.into_bytes().into())
    }

    fn list(&self, items: Vec<Item>) -> Item {
        Item::List(List::of(items))
    }

    fn object(&self, members: Vec<(String, Item)>) -> Item {
        let members = members.into_iter().map(|(key, item)| (key.into_bytes(), item)).collect();
        Item::Table(Rc::new(RefCell::new(members)))
    }
}

/// Data as a table; `null` is an empty one.
pub(super) fn of_data(data: &Data) -> Table {
    match walk(&Items, &encode::json_object(data), DEPTH_MAX) {
        Some(Item::Table(table)) => table,
        Some(_) | None => Table::default(),
    }
}

/// A table as data.
pub(super) fn to_data(table: &Table) -> Data {
    let mut json = Vec::new();
    write(&Item::Table(Rc::clone(table)), 0, &mut json);
    Decoder::plain().decode(Bytes::from(json)).unwrap_or_else(|_never| Data::empty())
}

fn write(item: &Item, depth: usize, json: &mut Vec<u8>) {
    match item {
        _ if depth > DEPTH_MAX => json.extend_from_slice(b"null"),
        Item::Null => json.extend_from_slice(b"null"),
        Item::Bool(value) => json.extend_from_slice(value.to_string().as_bytes()),
        Item::Digits(digits) => json.extend_from_slice(digits.as_bytes()),
        Item::Number(number) => match encode::float64(*number) {
            Some(text) => json.extend_from_slice(text.as_bytes()),
            None => json.extend_from_slice(b"null"),
        },
        Item::Text(text) => encode::json_string(text, json),
        Item::List(list) => {
            json.push(b'[');
            for (index, item) in list.all().iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                write(item, depth + 1, json);
            }
            json.push(b']');
        },
        Item::Table(table) => {
            json.push(b'{');
            for (index, (key, item)) in table.borrow().iter().enumerate() {
                if index > 0 {
                    json.push(b',');
                }
                encode::json_string(key, json);
                json.push(b':');
                write(item, depth + 1, json);
            }
            json.push(b'}');
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::{decode, json};

    #[test]
    fn a_list_is_a_view_whose_inside_everybody_sees() {
        let text = |list: &List| format!("{:?}", list.all());
        let numbers = || List::of((1..4).map(|number| Item::Number(f64::from(number))).collect());
        let all = numbers();
        let mut view = all.clone();
        view.set(0, Item::Bool(true));
        assert_eq!(text(&all), "[Bool(true), Number(2.0), Number(3.0)]");
        view.delete(0);
        assert_eq!(text(&all), "[Number(2.0), Number(3.0), Null]");
        assert_eq!(text(&view), "[Number(2.0), Number(3.0)]");
        view.set(3, Item::Null);
        view.set(0, Item::Null);
        assert_eq!(view.len(), 4);
        assert_eq!(text(&all), "[Number(2.0), Number(3.0), Null]");
        view.delete(9);
        assert_eq!(view.len(), 4);
    }

    #[test]
    fn data_comes_back_as_it_was() {
        let body = r#"{"a":1.50,"b":[1,{"c":null}],"d":"\u00e9<","e":12345678901234567890,"f":{}}"#;
        let data = decode(|_| {}, body).unwrap();
        let table = of_data(&data);
        assert_eq!(json(&to_data(&table)), json(&data));
        table.borrow_mut().insert(b"a".to_vec(), Item::Number(10.0));
        table.borrow_mut().insert(b"b".to_vec(), Item::Number(1e21));
        table.borrow_mut().insert(b"f".to_vec(), Item::Number(f64::NAN));
        let expected = r#"{"a":10,"b":1e+21,"d":"é\u003c","e":12345678901234567890,"f":null}"#;
        assert_eq!(json(&to_data(&table)), expected);
    }
}
