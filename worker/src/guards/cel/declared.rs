//! What expressions may name: KrakenD's variables, and the functions of cel-go's standard library with their types.

use super::types::Type;

/// A type as a declaration has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dyn,
    Bool,
    Int,
    Uint,
    Double,
    Text,
    Bytes,
    Duration,
    Timestamp,
    Type,
    /// Any, the same wherever it stands.
    A,
    ListOfA,
    MapOfAToB,
    /// Any other.
    B,
}

/// One way to call a function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Overload {
    pub(super) style: Style,
    /// The first is the one in front of the dot.
    pub(super) arguments: &'static [Kind],
    pub(super) result: Kind,
}

/// Where a call's first argument stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(x)`
    Global,
    /// `x.f()`
    Member,
}

const fn global(arguments: &'static [Kind], result: Kind) -> Overload {
    Overload { style: Style::Global, arguments, result }
}

const fn member(arguments: &'static [Kind], result: Kind) -> Overload {
    Overload { style: Style::Member, arguments, result }
}

impl Kind {
    /// With fresh types for any.
    pub(super) fn made(self, any: &[Type; 2]) -> Type {
        let [a, b] = any;
        match self {
            Self::Dyn => Type::Dyn,
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Uint => Type::Uint,
            Self::Double => Type::Double,
            Self::Text => Type::Text,
            Self::Bytes => Type::Bytes,
            Self::Duration => Type::Duration,
            Self::Timestamp => Type::Timestamp,
            Self::Type => Type::Meta,
            Self::A => a.clone(),
            Self::B => b.clone(),
            Self::ListOfA => Type::list(a.clone()),
            Self::MapOfAToB => Type::map(a.clone(), b.clone()),
        }
    }
}

/// The type of a name that stands alone: a variable, or a type.
pub(super) fn name(name: &str) -> Option<Type> {
    let lists = || Type::map(Type::Text, Type::list(Type::Text));
    Some(match name {
        "now" | "req_method" | "req_path" => Type::Text,
        "req_params" => Type::map(Type::Text, Type::Text),
        "req_headers" | "req_querystring" | "resp_metadata_headers" => lists(),
        "resp_completed" => Type::Bool,
        "resp_metadata_status" => Type::Int,
        "resp_data" | "JWT" => Type::map(Type::Text, Type::Dyn),
        "bool"
        | "bytes"
        | "double"
        | "int"
        | "list"
        | "map"
        | "null_type"
        | "string"
        | "type"
        | "uint"
        | "google.protobuf.Duration"
        | "google.protobuf.Timestamp" => Type::Meta,
        _ => return None,
    })
}

/// All ways to call a function; none: it is not declared. Numbers of different types are compared only where their types
/// are not known at start: so is cel-go when nobody asks for more.
pub(super) fn overloads(function: &str) -> &'static [Overload] {
    use Kind::{
        A, B, Bool, Bytes, Double, Duration, Dyn, Int, ListOfA, MapOfAToB, Text, Timestamp, Type,
        Uint,
    };
    match function {
        "_?_:_" => const { &[global(&[Bool, A, A], A)] },
        "_&&_" | "_||_" => const { &[global(&[Bool, Bool], Bool)] },
        "!_" | "@not_strictly_false" => const { &[global(&[Bool], Bool)] },
        "_==_" | "_!=_" => const { &[global(&[A, A], Bool)] },
        "_+_" => {
            const {
                &[
                    global(&[Bytes, Bytes], Bytes),
                    global(&[Double, Double], Double),
                    global(&[Duration, Duration], Duration),
                    global(&[Duration, Timestamp], Timestamp),
                    global(&[Timestamp, Duration], Timestamp),
                    global(&[Int, Int], Int),
                    global(&[ListOfA, ListOfA], ListOfA),
                    global(&[Text, Text], Text),
                    global(&[Uint, Uint], Uint),
                ]
            }
        },
        "_-_" => {
            const {
                &[
                    global(&[Double, Double], Double),
                    global(&[Duration, Duration], Duration),
                    global(&[Int, Int], Int),
                    global(&[Timestamp, Duration], Timestamp),
                    global(&[Timestamp, Timestamp], Duration),
                    global(&[Uint, Uint], Uint),
                ]
            }
        },
        "_*_" | "_/_" => {
            const {
                &[
                    global(&[Double, Double], Double),
                    global(&[Int, Int], Int),
                    global(&[Uint, Uint], Uint),
                ]
            }
        },
        "_%_" => const { &[global(&[Int, Int], Int), global(&[Uint, Uint], Uint)] },
        "-_" => const { &[global(&[Double], Double), global(&[Int], Int)] },
        "_<_" | "_<=_" | "_>_" | "_>=_" => {
            const {
                &[
                    global(&[Bool, Bool], Bool),
                    global(&[Int, Int], Bool),
                    global(&[Uint, Uint], Bool),
                    global(&[Double, Double], Bool),
                    global(&[Text, Text], Bool),
                    global(&[Bytes, Bytes], Bool),
                    global(&[Timestamp, Timestamp], Bool),
                    global(&[Duration, Duration], Bool),
                ]
            }
        },
        "_[_]" => const { &[global(&[ListOfA, Int], A), global(&[MapOfAToB, A], B)] },
        "@in" => const { &[global(&[A, ListOfA], Bool), global(&[A, MapOfAToB], Bool)] },
        "size" => {
            const {
                &[
                    global(&[Bytes], Int),
                    member(&[Bytes], Int),
                    global(&[ListOfA], Int),
                    member(&[ListOfA], Int),
                    global(&[MapOfAToB], Int),
                    member(&[MapOfAToB], Int),
                    global(&[Text], Int),
                    member(&[Text], Int),
                ]
            }
        },
        "type" => const { &[global(&[A], Type)] },
        "dyn" => const { &[global(&[A], Dyn)] },
        "bool" => const { &[global(&[Bool], Bool), global(&[Text], Bool)] },
        "bytes" => const { &[global(&[Bytes], Bytes), global(&[Text], Bytes)] },
        "double" => {
            const {
                &[
                    global(&[Double], Double),
                    global(&[Int], Double),
                    global(&[Text], Double),
                    global(&[Uint], Double),
                ]
            }
        },
        "duration" => const { &[global(&[Duration], Duration), global(&[Text], Duration)] },
        "int" => {
            const {
                &[
                    global(&[Int], Int),
                    global(&[Double], Int),
                    global(&[Duration], Int),
                    global(&[Text], Int),
                    global(&[Timestamp], Int),
                    global(&[Uint], Int),
                ]
            }
        },
        "string" => {
            const {
                &[
                    global(&[Text], Text),
                    global(&[Bool], Text),
                    global(&[Bytes], Text),
                    global(&[Double], Text),
                    global(&[Duration], Text),
                    global(&[Int], Text),
                    global(&[Timestamp], Text),
                    global(&[Uint], Text),
                ]
            }
        },
        "timestamp" => {
            const {
                &[
                    global(&[Timestamp], Timestamp),
                    global(&[Int], Timestamp),
                    global(&[Text], Timestamp),
                ]
            }
        },
        "uint" => {
            const {
                &[
                    global(&[Uint], Uint),
                    global(&[Double], Uint),
                    global(&[Int], Uint),
                    global(&[Text], Uint),
                ]
            }
        },
        "contains" | "endsWith" | "startsWith" => const { &[member(&[Text, Text], Bool)] },
        "matches" => const { &[global(&[Text, Text], Bool), member(&[Text, Text], Bool)] },
        "getFullYear" | "getMonth" | "getDayOfYear" | "getDayOfMonth" | "getDate"
        | "getDayOfWeek" => const { &[member(&[Timestamp], Int), member(&[Timestamp, Text], Int)] },
        "getHours" | "getMinutes" | "getSeconds" | "getMilliseconds" => {
            const {
                &[
                    member(&[Timestamp], Int),
                    member(&[Timestamp, Text], Int),
                    member(&[Duration], Int),
                ]
            }
        },
        _ => &[],
    }
}
