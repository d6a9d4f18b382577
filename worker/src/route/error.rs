//! Why a set of endpoints cannot be routed.
//!
//! KrakenD panics at start on each of these (exit 2); here they name both endpoints.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;

/// The number of a route in the order in which routes were given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteId(NonZeroU32);

impl RouteId {
    /// Of the route that came in this place, from 0.
    pub(super) fn new(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// As an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Method and path of a route, to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteName {
    /// Which route.
    pub id: RouteId,
    /// Its method.
    pub method: String,
    /// Its path in gin's form.
    pub path: String,
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `/*rest` stands as `/*` in the file.
        let path = self
            .path
            .strip_suffix("/*rest")
            .map_or(Cow::Borrowed(&*self.path), |path| Cow::Owned(format!("{path}/*")));
        write!(f, "{} {path}", self.method)
    }
}

/// A route that cannot stand beside the ones before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    /// The route that was refused.
    pub route: RouteName,
    /// What is wrong.
    pub fault: RouteFault,
    /// The earlier route that it collides with.
    pub other: Option<RouteName>,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.route, self.fault)?;
        match &self.other {
            Some(other) => write!(f, ": collides with `{other}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RouteError {}

/// What is wrong with a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteFault {
    /// Same method, same path.
    #[error("the same method and path are registered twice")]
    Duplicate {
        /// The earlier route.
        other: RouteId,
    },
    /// Two names for the placeholder of one segment.
    #[error(
        "the placeholder `{name}` stands where an earlier endpoint has `{other_name}`: use one name for one place"
    )]
    OtherName {
        /// The later name.
        name: String,
        /// The earlier name.
        other_name: String,
        /// The earlier route.
        other: RouteId,
    },
    /// More than one placeholder in a segment.
    #[error(
        "`{segment}` holds more than one placeholder: a placeholder takes the rest of its segment"
    )]
    TwoInSegment {
        /// The segment, in gin's form.
        segment: String,
    },
    /// `:` or `*` without a name.
    #[error("`*` and `:` stand for placeholders: `:` needs a name, `*` is a whole last segment")]
    NoName,
    /// `/*name` that is not the last segment, or not a whole one.
    #[error(
        "a path may match everything only in its last segment, below another one: for all paths there is `/__catchall`"
    )]
    CatchAll,
    /// A backslash never reaches the router.
    #[error("a path cannot hold a backslash")]
    Backslash,
}

impl RouteFault {
    /// The route that it collides with.
    #[must_use]
    pub const fn other(&self) -> Option<RouteId> {
        match self {
            Self::Duplicate { other } | Self::OtherName { other, .. } => Some(*other),
            Self::TwoInSegment { .. } | Self::NoName | Self::CatchAll | Self::Backslash => None,
        }
    }
}
