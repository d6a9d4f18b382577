//! The tree while it is built: routes go in one by one, and what gin would panic about is an error.
//!
//! Before the way: runs once, when the configuration is compiled. Its shape is gin's (a node per
//! common piece of text, a node per placeholder), because the redirects of a miss depend on it.

use super::error::{RouteFault, RouteId};

/// A piece of text that routes share, or a placeholder; then what follows.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The text of this piece; empty for a placeholder.
    pub(super) prefix: Vec<u8>,
    /// What may follow, by its first byte.
    pub(super) children: Vec<Self>,
    /// A placeholder that may follow.
    pub(super) wild: Option<Box<Wild>>,
    /// `/*name`: whatever follows, from its slash on.
    pub(super) catch_all: Option<RouteId>,
    /// The route that ends here.
    pub(super) leaf: Option<RouteId>,
}

/// A placeholder: the rest of a segment.
#[derive(Debug)]
pub(super) struct Wild {
    name: Vec<u8>,
    /// The route that brought it.
    first: RouteId,
    /// The route that ends with it.
    pub(super) leaf: Option<RouteId>,
    /// `/*name` behind it.
    pub(super) catch_all: Option<RouteId>,
    /// What follows: begins with a slash.
    pub(super) next: Option<Draft>,
}

/// A piece of a registered path.
#[derive(Clone, Copy, Debug)]
enum Piece<'p> {
    Text(&'p [u8]),
    Placeholder(&'p [u8]),
    CatchAll,
}

impl Draft {
    /// Adds a route; the tree is unchanged in meaning when it fails.
    pub(super) fn insert(&mut self, path: &[u8], id: RouteId) -> Result<(), RouteFault> {
        let pieces = pieces(path)?;
        self.add(&pieces, id)
    }

    fn add(&mut self, pieces: &[Piece<'_>], id: RouteId) -> Result<(), RouteFault> {
        match pieces {
            [] => end_here(&mut self.leaf, id),
            [Piece::Text(text), rest @ ..] => self.add_text(text, rest, id),
            [Piece::Placeholder(name), rest @ ..] => self.add_wild(name, rest, id),
            [Piece::CatchAll, ..] => end_here(&mut self.catch_all, id),
        }
    }

    fn add_text(&mut self, text: &[u8], rest: &[Piece<'_>], id: RouteId) -> Result<(), RouteFault> {
        let Some(&first) = text.first() else {
            return self.add(rest, id);
        };
        let Some(child) = self.child_at(first) else {
            let child = Self { prefix: text.to_vec(), ..Self::default() };
            self.children.push(child);
            return match self.children.last_mut() {
                Some(child) => child.add(rest, id),
                None => Ok(()),
            };
        };
        let common = child.prefix.iter().zip(text).take_while(|(a, b)| a == b).count();
        if common < child.prefix.len() {
            child.split(common);
        }
        child.add_text(text.get(common..).unwrap_or_default(), rest, id)
    }

    fn add_wild(&mut self, name: &[u8], rest: &[Piece<'_>], id: RouteId) -> Result<(), RouteFault> {
        let wild = self.wild.get_or_insert_with(|| {
            let name = name.to_vec();
            Box::new(Wild { name, first: id, leaf: None, catch_all: None, next: None })
        });
        if wild.name != name {
            return Err(RouteFault::OtherName {
                name: String::from_utf8_lossy(name).into_owned(),
                other_name: String::from_utf8_lossy(&wild.name).into_owned(),
                other: wild.first,
            });
        }
        match rest {
            [] => end_here(&mut wild.leaf, id),
            [Piece::Text(text), after @ ..] => match &mut wild.next {
                None => {
                    let next = wild.next.insert(Self::default());
                    next.prefix = text.to_vec();
                    next.add(after, id)
                },
                Some(next) => {
                    let common = next.prefix.iter().zip(*text).take_while(|(a, b)| a == b).count();
                    if common < next.prefix.len() {
                        next.split(common);
                    }
                    next.add_text(text.get(common..).unwrap_or_default(), after, id)
                },
            },
            [Piece::CatchAll, ..] => end_here(&mut wild.catch_all, id),
            [Piece::Placeholder(_), ..] => Err(RouteFault::CatchAll),
        }
    }

    fn child_at(&mut self, first: u8) -> Option<&mut Self> {
        self.children.iter_mut().find(|child| child.prefix.first() == Some(&first))
    }

    /// Keeps the first `at` bytes here and moves everything else one piece down.
    fn split(&mut self, at: usize) {
        let below = self.prefix.split_off(at);
        let above = std::mem::take(&mut self.prefix);
        let lower = Self { prefix: below, ..std::mem::take(self) };
        self.prefix = above;
        self.children.push(lower);
    }
}

fn end_here(leaf: &mut Option<RouteId>, id: RouteId) -> Result<(), RouteFault> {
    match *leaf {
        Some(other) => Err(RouteFault::Duplicate { other }),
        None => {
            *leaf = Some(id);
            Ok(())
        },
    }
}

/// Cuts a path in gin's form (`/a/:id/b`) into text and placeholders.
fn pieces(path: &[u8]) -> Result<Vec<Piece<'_>>, RouteFault> {
    if path.contains(&b'\\') {
        return Err(RouteFault::Backslash);
    }
    let mut pieces = Vec::new();
    let mut rest = path;
    while let Some(at) = memchr::memchr2(b':', b'*', rest) {
        let (text, wild) = rest.split_at(at);
        let end = memchr::memchr(b'/', wild).unwrap_or(wild.len());
        let (token, after) = wild.split_at(end);
        let (sign, name) = token.split_first().unwrap_or((&b':', b""));
        if name.is_empty() {
            return Err(RouteFault::NoName);
        }
        if memchr::memchr2(b':', b'*', name).is_some() {
            return Err(RouteFault::TwoInSegment {
                segment: String::from_utf8_lossy(token).into_owned(),
            });
        }
        if *sign == b'*' {
            let Some(text) = text.strip_suffix(b"/") else {
                return Err(RouteFault::CatchAll);
            };
            // Behind a placeholder there is no text; alone it would be every path.
            if !after.is_empty() || text.is_empty() && pieces.is_empty() {
                return Err(RouteFault::CatchAll);
            }
            if !text.is_empty() {
                pieces.push(Piece::Text(text));
            }
            pieces.push(Piece::CatchAll);
            return Ok(pieces);
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces.push(Piece::Placeholder(name));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}
