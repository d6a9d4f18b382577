//! What stands in an action: declarations, commands, operands.

use super::item::{Item, Kind};
use super::{Parsed, Parser, number};
use crate::template::go;
use crate::template::node::{Command, Operand, Pipe, Word};

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Parsed<Pipe> {
        let at = self.peek_non_space().at;
        let mut pipe = Pipe { at, is_assign: false, names: Vec::new(), commands: Vec::new() };
        self.declarations(context, &mut pipe)?;
        loop {
            let item = self.next_non_space();
            match item.kind {
                kind if kind == end => break,
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Nil
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back_up();
                    let command = self.command()?;
                    pipe.commands.push(command);
                },
                _ => return Err(self.unexpected(&item, context)),
            }
        }
        self.check(&pipe, context)?;
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, `$i, $x :=`.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Parsed<()> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(());
            }
            drop(self.next());
            let behind = self.peek();
            let next = self.peek_non_space();
            if matches!(next.kind, Kind::Assign | Kind::Declare) {
                pipe.is_assign = next.kind == Kind::Assign;
                drop(self.next_non_space());
                self.declare(pipe, variable.text);
                return Ok(());
            }
            if !(next.kind == Kind::Char && next.text == ",") {
                if behind.kind == Kind::Space {
                    self.back_up_three(variable, behind);
                } else {
                    self.back_up_two(variable);
                }
                return Ok(());
            }
            drop(self.next_non_space());
            self.declare(pipe, variable.text);
            if context != "range" || pipe.names.len() >= 2 {
                return Err(self.fault(format!("too many declarations in {context}")));
            }
            let follows = self.peek_non_space().kind;
            if !matches!(follows, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                return Err(self.fault("range can only initialize variables"));
            }
        }
    }

    fn declare(&mut self, pipe: &mut Pipe, name: String) {
        pipe.names.push(name.clone());
        self.scope.names.push(name);
    }

    fn check(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return Err(self.fault(format!("missing value for {context}")));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            let first = command.words.first().map(|word| &word.operand);
            if matches!(
                first,
                Some(
                    Operand::Bool(_)
                        | Operand::Dot
                        | Operand::Nil
                        | Operand::Number(_)
                        | Operand::Text { .. }
                )
            ) {
                let stage = index + 1;
                return Err(self.fault(format!("non executable command in pipeline stage {stage}")));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        drop(self.peek_non_space());
        let mut words = Vec::new();
        loop {
            drop(self.peek_non_space());
            words.extend(self.operand()?);
            let item = self.next();
            match item.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back_up(),
                Kind::Pipe => {},
                _ => return Err(self.unexpected(&item, "operand")),
            }
            break;
        }
        if words.is_empty() { Err(self.fault("empty command")) } else { Ok(Command { words }) }
    }

    /// A term with the fields behind it; none: what follows is no operand.
    fn operand(&mut self) -> Parsed<Option<Word>> {
        let Some(word) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(word));
        }
        let mut fields = Vec::new();
        while self.peek().kind == Kind::Field {
            fields.push(field_name(&self.next()));
        }
        let at = first.at;
        let operand = match word.operand {
            Operand::Field(mut names) => {
                names.append(&mut fields);
                Operand::Field(names)
            },
            Operand::Variable(mut names) => {
                names.append(&mut fields);
                Operand::Variable(names)
            },
            Operand::Identifier(_) | Operand::Pipe(_) | Operand::Chain { .. } => {
                Operand::Chain { of: Box::new(word), fields }
            },
            Operand::Bool(_)
            | Operand::Text { .. }
            | Operand::Number(_)
            | Operand::Nil
            | Operand::Dot => {
                let shown = go::quote(word.operand.to_string().as_bytes());
                return Err(self.fault(format!("unexpected . after term {shown}")));
            },
        };
        Ok(Some(Word { at, operand }))
    }

    fn term(&mut self) -> Parsed<Option<Word>> {
        let item = self.next_non_space();
        let at = item.at;
        let operand = match item.kind {
            Kind::Identifier => {
                if !(self.is_function)(&item.text) {
                    let shown = go::quote(item.text.as_bytes());
                    return Err(self.fault(format!("function {shown} not defined")));
                }
                Operand::Identifier(item.text)
            },
            Kind::Dot => Operand::Dot,
            Kind::Nil => Operand::Nil,
            Kind::Variable => {
                if !self.scope.names.contains(&item.text) {
                    let shown = go::quote(item.text.as_bytes());
                    return Err(self.fault(format!("undefined variable {shown}")));
                }
                Operand::Variable(vec![item.text])
            },
            Kind::Field => Operand::Field(vec![field_name(&item)]),
            Kind::Bool => Operand::Bool(item.text == "true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => {
                let number = number::parse(&item).map_err(|text| self.fault(text))?;
                Operand::Number(number)
            },
            Kind::LeftParen => {
                let pipe = self
                    .deeper(|parser| parser.pipeline("parenthesized pipeline", Kind::RightParen))?;
                Operand::Pipe(pipe)
            },
            Kind::String | Kind::RawString => {
                let value = go::unquote(&item.text).ok_or_else(|| self.fault("invalid syntax"))?;
                Operand::Text { literal: item.text, value: value.into() }
            },
            _ => {
                self.back_up();
                return Ok(None);
            },
        };
        Ok(Some(Word { at, operand }))
    }
}

/// Without its dot.
fn field_name(item: &Item) -> String {
    item.text.trim_start_matches('.').to_owned()
}
