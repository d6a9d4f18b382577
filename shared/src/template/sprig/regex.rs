//! Regular expressions, in Go's dialect as far as the library has it.

use regex::bytes::{NoExpand, Regex, RegexBuilder};

use super::{Outcome, functions, int, letters, text};
use crate::template::function::{Context, Function, Type};
use crate::template::go;
use crate::template::value::{Element, List, Value};

/// Memory that one expression may take.
const BYTES_MAX: usize = 10 << 20;

macro_rules! twice {
    ($($name:literal $must:literal $fixed:tt => $body:ident;)*) => {
        functions! {
            $(
                $name $fixed None => |context, args| $body(context, args, compile_or_panic);
                $must $fixed None => |context, args| $body(context, args, compile);
            )*
            "regexMatch" [Text, Text] None => |context, args| {
                Ok(matches(context, args, compile).unwrap_or(Value::Bool(false)))
            };
            "mustRegexMatch" [Text, Text] None => |context, args| matches(context, args, compile);
            "regexQuoteMeta" [Text] None => |_, args| Ok(Value::text(quote_meta(text(args, 0))));
        }
    };
}

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Int, Text};
    twice! {
        "regexFind" "mustRegexFind" [Text, Text] => find;
        "regexFindAll" "mustRegexFindAll" [Text, Text, Int] => find_all;
        "regexReplaceAll" "mustRegexReplaceAll" [Text, Text, Text] => replace;
        "regexReplaceAllLiteral" "mustRegexReplaceAllLiteral" [Text, Text, Text] => replace_literal;
        "regexSplit" "mustRegexSplit" [Text, Text, Int] => split;
    }
};

type Compile = fn(&str) -> Result<Regex, String>;

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(BYTES_MAX).build().map_err(|error| {
        let whole = error.to_string();
        let words = whole.lines().last().unwrap_or_default().trim();
        let words = words.strip_prefix("error: ").unwrap_or(words);
        format!("error parsing regexp: {words}: `{pattern}`")
    })
}

fn compile_or_panic(pattern: &str) -> Result<Regex, String> {
    compile(pattern).map_err(|error| {
        let quoted = if go::can_backquote(pattern.as_bytes()) {
            format!("`{pattern}`")
        } else {
            go::quote(pattern.as_bytes())
        };
        format!("regexp: Compile({quoted}): {error}")
    })
}

fn matches(_: &mut Context<'_>, args: &[Value], compile: Compile) -> Outcome {
    Ok(Value::Bool(compile(&letters(args, 0))?.is_match(text(args, 1))))
}

fn find(_: &mut Context<'_>, args: &[Value], compile: Compile) -> Outcome {
    let regex = compile(&letters(args, 0))?;
    let found = regex.find(text(args, 1)).map(|found| found.as_bytes());
    Ok(Value::text(found.unwrap_or_default()))
}

/// How many are wanted; negative: all.
fn most(args: &[Value]) -> usize {
    usize::try_from(int(args, 2)).unwrap_or(usize::MAX)
}

fn find_all(context: &mut Context<'_>, args: &[Value], compile: Compile) -> Outcome {
    let regex = compile(&letters(args, 0))?;
    let mut found = Vec::new();
    for one in regex.find_iter(text(args, 1)).take(most(args)) {
        context.step()?;
        context.make_items(1)?;
        found.push(one.as_bytes());
    }
    // Without any Go has a nil slice.
    Ok(Value::List(if found.is_empty() { List::nil(Element::Text) } else { List::texts(found) }))
}

fn replace(context: &mut Context<'_>, args: &[Value], compile: Compile) -> Outcome {
    let regex = compile(&letters(args, 0))?;
    bound(context, &regex, args)?;
    Ok(Value::text(regex.replace_all(text(args, 1), text(args, 2))))
}

fn replace_literal(context: &mut Context<'_>, args: &[Value], compile: Compile) -> Outcome {
    let regex = compile(&letters(args, 0))?;
    bound(context, &regex, args)?;
    Ok(Value::text(regex.replace_all(text(args, 1), NoExpand(text(args, 2)))))
}

/// What a replacement may become at most.
fn bound(context: &mut Context<'_>, regex: &Regex, args: &[Value]) -> Result<(), String> {
    let (whole, new) = (text(args, 1), text(args, 2));
    let count = regex.find_iter(whole).count();
    context.make(whole.len().saturating_add(count.saturating_mul(new.len())))
}

fn split(context: &mut Context<'_>, args: &[Value], compile: Compile) -> Outcome {
    let pattern = letters(args, 0);
    let regex = compile(&pattern)?;
    let (whole, most) = (text(args, 1), most(args));
    if most == 0 {
        return Ok(Value::List(List::nil(Element::Text)));
    }
    if !pattern.is_empty() && whole.is_empty() {
        return Ok(Value::List(List::texts([b""])));
    }
    let (mut parts, mut begin, mut end) = (Vec::new(), 0, 0);
    for found in regex.find_iter(whole) {
        context.step()?;
        if parts.len() + 1 == most {
            break;
        }
        context.make_items(1)?;
        end = found.start();
        if found.end() != 0 {
            parts.push(whole.get(begin..end).unwrap_or_default());
        }
        begin = found.end();
    }
    if end != whole.len() {
        parts.push(whole.get(begin..).unwrap_or_default());
    }
    Ok(Value::List(List::texts(parts)))
}

fn quote_meta(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if br"\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    out
}
