//! Versions and constraints of them.

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;

use regex::Regex;

use super::Outcome;
use crate::template::value::Value;

/// A version: `v1.2.3-beta.1+build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub(in crate::template) major: u64,
    pub(in crate::template) minor: u64,
    pub(in crate::template) patch: u64,
    /// What stands behind `-`.
    pub(in crate::template) pre: String,
    /// What stands behind `+`.
    pub(in crate::template) metadata: String,
    /// As written.
    pub(in crate::template) original: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

const INVALID: &str = "Invalid Semantic Version";

impl Version {
    /// Parts may be missing; the error is the library's.
    fn parse(text: &str) -> Result<Self, String> {
        let body = text.strip_prefix('v').unwrap_or(text);
        let (body, metadata) = cut(body, '+');
        let (numbers, pre) = cut(body, '-');
        let parts: Vec<&str> = numbers.split('.').collect();
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if parts.len() > 3 || !parts.iter().all(is_number) {
            return Err(INVALID.to_owned());
        }
        let part = |at: usize| {
            match parts.get(at) {
            Some(digits) => digits.parse().map_err(|_too_large| {
                format!("Error parsing version segment: strconv.ParseUint: parsing \"{digits}\": value out of range")
            }),
            None => Ok(0),
        }
        };
        let (pre, metadata) = (extra(pre)?, extra(metadata)?);
        if pre.split('.').any(|part| is_number(&part) && part.len() > 1 && part.starts_with('0')) {
            return Err("Version segment starts with 0".to_owned());
        }
        let original = text.to_owned();
        Ok(Self { major: part(0)?, minor: part(1)?, patch: part(2)?, pre, metadata, original })
    }

    /// The order of versions; metadata does not count.
    pub(in crate::template) fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

/// What stands before and behind the first `mark`.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// Parts of letters, digits and hyphens, with dots between.
fn extra(text: Option<&str>) -> Result<String, String> {
    let Some(text) = text else { return Ok(String::new()) };
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.split('.').all(is_part) { Ok(text.to_owned()) } else { Err(INVALID.to_owned()) }
}

/// A version without is newer; numbers stand before words.
fn compare_pre(one: &str, other: &str) -> Ordering {
    match (one.is_empty(), other.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {},
    }
    let (mut ours, mut theirs) = (one.split('.'), other.split('.'));
    loop {
        let order = match (ours.next(), theirs.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

pub(super) fn parse(text: &str) -> Outcome {
    Version::parse(text).map(|version| Value::Version(Rc::new(version)))
}

const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
const PATTERN: &str = r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";

fn regex(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| error.to_string())
}

/// Does `version` lie within `constraint`: `>= 1.2, < 3 || ~0.9`?
pub(super) fn satisfies(constraint: &str, version: &str) -> Result<bool, String> {
    let alternatives = constraints(constraint)?;
    let version = Version::parse(version)?;
    Ok(alternatives.iter().any(|all| all.iter().all(|one| one.allows(&version))))
}

fn constraints(text: &str) -> Result<Vec<Vec<Constraint>>, String> {
    let range = regex(&format!(r"\s*({PATTERN})\s+-\s+({PATTERN})\s*"))?;
    let text = range.replace_all(text, ">= $1, <= $11 ").into_owned();
    let whole = regex(&format!(
        r"^(\s*({OPERATORS})\s*({PATTERN})\s*)((?:\s+|,\s*)({OPERATORS})\s*({PATTERN})\s*)*$"
    ))?;
    let one = regex(&format!(r"({OPERATORS})\s*({PATTERN})"))?;
    let exact = regex(&format!(r"^\s*({OPERATORS})\s*({PATTERN})\s*$"))?;
    let mut alternatives = Vec::new();
    for part in text.split("||") {
        if !whole.is_match(part) {
            return Err(format!("improper constraint: {part}"));
        }
        let all: Result<Vec<Constraint>, String> =
            one.find_iter(part).map(|found| Constraint::parse(&exact, found.as_str())).collect();
        alternatives.push(all?);
    }
    Ok(alternatives)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
    Tilde,
    Caret,
}

/// One operator and its version; parts that are missing or `x` may be anything.
#[derive(Debug)]
struct Constraint {
    operator: Operator,
    version: Version,
    /// Any part is open; the minor one is; only the patch is.
    is_open: bool,
    is_minor_open: bool,
    is_patch_open: bool,
}

impl Constraint {
    fn parse(exact: &Regex, text: &str) -> Result<Self, String> {
        let improper = || format!("improper constraint: {text}");
        let found = exact.captures(text).ok_or_else(improper)?;
        let group = |at: usize| found.get(at).map_or("", |found| found.as_str());
        let operator = match group(1) {
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::AtLeast,
            "<=" | "=<" => Operator::AtMost,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            _ => Operator::Equal,
        };
        let is_x = |part: &str| matches!(part.trim_start_matches('.'), "" | "x" | "X" | "*");
        let (major, minor, patch, pre) = (group(3), group(4), group(5), group(6));
        let mut constraint = Self {
            operator,
            version: Version::parse("0.0.0")?,
            is_open: true,
            is_minor_open: false,
            is_patch_open: false,
        };
        let written = if is_x(major) {
            format!("0.0.0{pre}")
        } else if is_x(minor) {
            constraint.is_minor_open = true;
            format!("{major}.0.0{pre}")
        } else if is_x(patch) {
            constraint.is_patch_open = true;
            format!("{major}{minor}.0{pre}")
        } else {
            constraint.is_open = false;
            group(2).to_owned()
        };
        constraint.version =
            Version::parse(&written).map_err(|_wrong| "constraint Parser Error".to_owned())?;
        Ok(constraint)
    }

    fn allows(&self, version: &Version) -> bool {
        // A version before a release is only allowed where the constraint names one.
        let is_pre = !version.pre.is_empty() && self.version.pre.is_empty();
        if is_pre && (self.operator != Operator::NotEqual || self.is_open) {
            return false;
        }
        let order = version.compare(&self.version);
        match self.operator {
            Operator::Equal if self.is_open => self.tilde(version),
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => self.differs(version),
            Operator::Greater => self.greater(version),
            Operator::Less => order.is_lt(),
            Operator::AtLeast => order.is_ge(),
            Operator::AtMost => self.at_most(version),
            Operator::Tilde => self.tilde(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn differs(&self, version: &Version) -> bool {
        let own = &self.version;
        if self.is_open {
            if own.major != version.major {
                return true;
            }
            if self.is_minor_open {
                return false;
            }
            if own.minor != version.minor {
                return true;
            }
            if self.is_patch_open {
                let has_pre = !version.pre.is_empty() || !own.pre.is_empty();
                return has_pre && compare_pre(&version.pre, &own.pre).is_ne();
            }
            if own.patch != version.patch {
                return true;
            }
        }
        version.compare(own).is_ne()
    }

    fn greater(&self, version: &Version) -> bool {
        let own = &self.version;
        if !self.is_open {
            return version.compare(own).is_gt();
        }
        match version.major.cmp(&own.major) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal if self.is_minor_open => false,
            Ordering::Equal if self.is_patch_open => version.minor > own.minor,
            Ordering::Equal => version.compare(own).is_gt(),
        }
    }

    fn at_most(&self, version: &Version) -> bool {
        let own = &self.version;
        if !self.is_open {
            return version.compare(own).is_le();
        }
        version.major < own.major
            || version.major == own.major && (version.minor <= own.minor || self.is_minor_open)
    }

    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own).is_lt() {
            return false;
        }
        let is_zero = own.major == 0 && own.minor == 0 && own.patch == 0;
        if is_zero && !self.is_minor_open && !self.is_patch_open {
            return true;
        }
        version.major == own.major && (version.minor == own.minor || self.is_minor_open)
    }

    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version.compare(own).is_lt() || version.major != own.major {
            return false;
        }
        if own.major > 0 || self.is_minor_open {
            return true;
        }
        if own.minor > 0 || self.is_patch_open {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}
