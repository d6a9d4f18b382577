//! A parsed template: plain data, and the text of each part as messages show it.

use std::fmt;
use std::rc::Rc;

/// A template: its root, and the file that it stands in.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) name: String,
    pub(super) source: Rc<Source>,
    pub(super) root: Vec<Node>,
}

/// The text that trees were parsed from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
}

impl Source {
    /// `name:line:column`, the column counted in bytes from 0.
    pub(super) fn place(&self, at: usize) -> String {
        let (line, column) = self.line_and_column(at);
        format!("{}:{line}:{column}", self.name)
    }

    pub(super) fn line_and_column(&self, at: usize) -> (u32, usize) {
        let before = self.text.get(..at).unwrap_or_default();
        let lines = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.rfind('\n').map_or(before.len(), |end| before.len() - end - 1);
        (u32::try_from(lines + 1).unwrap_or(u32::MAX), column)
    }
}

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    Text(Rc<[u8]>),
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Branch),
    Template { at: usize, name: String, pipe: Option<Pipe> },
    Break,
    Continue,
}

/// `if`, `with`, `range`.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) list: Vec<Node>,
    pub(super) otherwise: Option<Vec<Node>>,
}

/// `$x := a | b`
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) at: usize,
    pub(super) is_assign: bool,
    pub(super) names: Vec<String>,
    pub(super) commands: Vec<Command>,
}

/// `f a b`
#[derive(Debug)]
pub(super) struct Command {
    pub(super) words: Vec<Word>,
}

/// An operand and where it stands.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) at: usize,
    pub(super) operand: Operand,
}

#[derive(Debug)]
pub(super) enum Operand {
    Dot,
    Nil,
    Bool(bool),
    Text {
        literal: String,
        value: Rc<[u8]>,
    },
    Number(Number),
    Identifier(String),
    /// `.a.b`
    Field(Vec<String>),
    /// `$x.a.b`: the name first, with its dollar.
    Variable(Vec<String>),
    /// `(pipe)`
    Pipe(Pipe),
    /// `(pipe).a.b`, `f.a`
    Chain {
        of: Box<Word>,
        fields: Vec<String>,
    },
}

/// A number under each type that can hold it.
#[derive(Clone, Debug, Default)]
pub(super) struct Number {
    pub(super) text: String,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.names.is_empty() {
            f.write_str(&self.names.join(", "))?;
            f.write_str(if self.is_assign { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match &word.operand {
                Operand::Pipe(pipe) => write!(f, "({pipe})")?,
                operand => operand.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dot => f.write_str("."),
            Self::Nil => f.write_str("nil"),
            Self::Bool(is_true) => is_true.fmt(f),
            Self::Text { literal, .. } => f.write_str(literal),
            Self::Number(number) => f.write_str(&number.text),
            Self::Identifier(name) => f.write_str(name),
            Self::Field(names) => names.iter().try_for_each(|name| write!(f, ".{name}")),
            Self::Variable(names) => f.write_str(&names.join(".")),
            Self::Pipe(pipe) => pipe.fmt(f),
            Self::Chain { of, fields } => {
                match &of.operand {
                    Self::Pipe(pipe) => write!(f, "({pipe})")?,
                    operand => operand.fmt(f)?,
                }
                fields.iter().try_for_each(|name| write!(f, ".{name}"))
            },
        }
    }
}

/// Whether there is nothing but blanks: such a definition does not replace another.
pub(super) fn is_empty(list: &[Node]) -> bool {
    list.iter().all(|node| match node {
        Node::Text(text) => text.trim_ascii().is_empty(),
        Node::Action(_)
        | Node::If(_)
        | Node::With(_)
        | Node::Range(_)
        | Node::Template { .. }
        | Node::Break
        | Node::Continue => false,
    })
}
