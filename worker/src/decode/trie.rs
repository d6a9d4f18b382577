//! The paths of an `allow` or `deny` list as a tree of keys.
//!
//! Built at start. KrakenD's two lists treat a path and its extension differently, so each has its
//! own way of adding.

/// Where a key leads.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// A path ends here: the whole value is meant.
    Leaf,
    /// Paths go on below.
    Branch(Trie),
}

/// The keys at one level, sorted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trie(Vec<(Box<[u8]>, Next)>);

/// Beyond this many keys a binary search beats looking at each.
const LINEAR_MAX: usize = 8;

impl Trie {
    /// For `allow`: what is added later wins, over what is below it and over what is above.
    pub(super) fn allow(paths: &[String]) -> Self {
        let mut trie = Self::default();
        for path in paths {
            trie.add(path, Overlap::LastWins);
        }
        trie
    }

    /// For `deny`: the shorter of two paths wins.
    pub(super) fn deny(paths: &[String]) -> Self {
        let mut trie = Self::default();
        for path in paths {
            trie.add(path, Overlap::ShorterWins);
        }
        trie
    }

    fn add(&mut self, path: &str, overlap: Overlap) {
        let mut level = self;
        let mut keys = path.split('.').peekable();
        while let Some(key) = keys.next() {
            let next = level.child(key.as_bytes());
            if keys.peek().is_none() {
                *next = Next::Leaf;
                return;
            }
            match (&next, overlap) {
                (Next::Leaf, Overlap::ShorterWins) => return,
                (Next::Leaf, Overlap::LastWins) => *next = Next::Branch(Self::default()),
                (Next::Branch(_), _) => {},
            }
            let Next::Branch(below) = next else { return };
            level = below;
        }
    }

    /// Where `key` leads; a new key leads to an empty branch.
    fn child(&mut self, key: &[u8]) -> &mut Next {
        let index = match self.0.binary_search_by(|(known, _)| (**known).cmp(key)) {
            Ok(index) => index,
            Err(index) => {
                self.0.insert(index, (key.into(), Next::Branch(Self::default())));
                index
            },
        };
        &mut self.0[index].1
    }

    /// Where `key` leads.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Next> {
        if self.0.len() > LINEAR_MAX {
            let index = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
            return self.0.get(index).map(|(_, next)| next);
        }
        self.0.iter().find(|(known, _)| **known == *key).map(|(_, next)| next)
    }
}

/// What holds where one path of a list begins with another.
#[derive(Clone, Copy)]
enum Overlap {
    LastWins,
    ShorterWins,
}
