//! Types of expressions, and which of them fit together: the unification of cel-go's checker.

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// Known only when it is there.
    Dyn,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Duration,
    Timestamp,
    /// What `type(x)` is.
    Meta,
    List(Box<Self>),
    Map(Box<(Self, Self)>),
    /// Not known yet.
    Var(usize),
}

impl Type {
    pub(super) fn list(item: Self) -> Self {
        Self::List(Box::new(item))
    }

    pub(super) fn map(key: Self, value: Self) -> Self {
        Self::Map(Box::new((key, value)))
    }

    /// In cel-go's words.
    pub(super) fn name(&self) -> String {
        let simple = match self {
            Self::Dyn | Self::Var(_) => "dyn",
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint",
            Self::Double => "double",
            Self::Text => "string",
            Self::Bytes => "bytes",
            Self::Duration => "google.protobuf.Duration",
            Self::Timestamp => "google.protobuf.Timestamp",
            Self::Meta => "type",
            Self::List(item) => return format!("list({})", item.name()),
            Self::Map(both) => return format!("map({}, {})", both.0.name(), both.1.name()),
        };
        simple.to_owned()
    }
}

/// What is known of the types that were not.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings(Vec<Option<Type>>);

/// Whether a type may stand for an unknown one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Yes,
    /// It stands for another already.
    Taken,
    /// It is a part of what it would stand for.
    Within,
}

impl Bindings {
    /// A type that nothing is known of.
    pub(super) fn fresh(&mut self) -> Type {
        self.0.push(None);
        Type::Var(self.0.len() - 1)
    }

    /// Whether values of the types on the left may stand where those on the right are asked for; what that says of unknown
    /// types is kept.
    pub(super) fn fit(&mut self, pairs: &[(&Type, &Type)]) -> bool {
        let mut tried = self.clone();
        let fits = pairs.iter().all(|(one, other)| tried.fits(one, other));
        if fits {
            *self = tried;
        }
        fits
    }

    fn fits(&mut self, one: &Type, other: &Type) -> bool {
        if let Type::Var(var) = other {
            match self.bind(one, *var) {
                Bound::Yes => return true,
                Bound::Taken => return false,
                Bound::Within => {},
            }
        }
        if let Type::Var(var) = one {
            return self.bind(other, *var) == Bound::Yes;
        }
        match (one, other) {
            (Type::Dyn, _) | (_, Type::Dyn) => true,
            (Type::Null, other) | (other, Type::Null) => {
                matches!(other, Type::Null | Type::Duration | Type::Timestamp)
            },
            (Type::List(one), Type::List(other)) => self.fits(one, other),
            (Type::Map(one), Type::Map(other)) => {
                self.fits(&one.0, &other.0) && self.fits(&one.1, &other.1)
            },
            (one, other) => one == other,
        }
    }

    fn known(&self, var: usize) -> Option<&Type> {
        self.0.get(var)?.as_ref()
    }

    fn set(&mut self, var: usize, to: Type) {
        if let Some(place) = self.0.get_mut(var) {
            *place = Some(to);
        }
    }

    fn bind(&mut self, to: &Type, var: usize) -> Bound {
        if *to == Type::Var(var) {
            return Bound::Yes;
        }
        let Some(known) = self.known(var).cloned() else {
            if self.is_within(var, to) {
                return Bound::Within;
            }
            self.set(var, to.clone());
            return Bound::Yes;
        };
        if known == *to {
            return Bound::Yes;
        }
        if !self.fits(to, &known) {
            return Bound::Taken;
        }
        let general = more_general(to, &known).clone();
        if !self.is_within(var, &general) {
            self.set(var, general);
        }
        Bound::Yes
    }

    fn is_within(&self, var: usize, whole: &Type) -> bool {
        match whole {
            Type::Var(other) => {
                *other == var || self.known(*other).is_some_and(|known| self.is_within(var, known))
            },
            Type::List(item) => self.is_within(var, item),
            Type::Map(both) => self.is_within(var, &both.0) || self.is_within(var, &both.1),
            _ => false,
        }
    }

    /// The type with all that is known put into it.
    pub(super) fn resolved(&self, of: &Type) -> Type {
        match of {
            Type::Var(var) => {
                self.known(*var).map_or(Type::Var(*var), |known| self.resolved(known))
            },
            Type::List(item) => Type::list(self.resolved(item)),
            Type::Map(both) => Type::map(self.resolved(&both.0), self.resolved(&both.1)),
            simple => simple.clone(),
        }
    }
}

/// Of two types that fit.
pub(super) fn more_general<'a>(one: &'a Type, other: &'a Type) -> &'a Type {
    if is_as_general(one, other) { one } else { other }
}

fn is_as_general(one: &Type, other: &Type) -> bool {
    match (one, other) {
        (Type::Dyn | Type::Var(_), _) => true,
        (_, Type::Dyn | Type::Var(_)) => false,
        (Type::List(one), Type::List(other)) => is_as_general(one, other),
        (Type::Map(one), Type::Map(other)) => {
            is_as_general(&one.0, &other.0) && is_as_general(&one.1, &other.1)
        },
        (one, other) => one == other,
    }
}
