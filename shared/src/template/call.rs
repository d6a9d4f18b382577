//! Commands: fields, variables, functions with their arguments, each with Go's checks of types.

use super::function::{Function, Type};
use super::node::{Command, Number, Operand, Word};
use super::run::{Halt, Here, Run, Walked, text_of};
use super::value::{Element, Slot, Value};
use super::{builtin, methods};

fn fault<T>(text: impl Into<String>) -> Walked<T> {
    Err(Halt::Fault(text.into()))
}

impl<'t> Run<'t, '_> {
    /// `last`: what the command before in the pipeline gave.
    pub(super) fn command(
        &mut self,
        dot: &Slot,
        command: &'t Command,
        last: Option<&Slot>,
    ) -> Walked<Slot> {
        let Some((first, arguments)) = command.words.split_first() else {
            return fault("empty command");
        };
        match &first.operand {
            Operand::Field(names) => {
                self.here = Here::Word(first);
                return self.fields(dot, dot.clone(), names, arguments, last);
            },
            Operand::Chain { of, fields } => {
                self.here = Here::Word(first);
                let receiver = self.chain_start(dot, first, of)?;
                return self.fields(dot, receiver, fields, arguments, last);
            },
            Operand::Identifier(name) => {
                let function = self.function(first, name)?;
                return self.call(dot, &function, None, Here::Command(command), arguments, last);
            },
            Operand::Pipe(pipe) => {
                not_a_function(first, arguments, last)?;
                return self.pipeline(dot, pipe);
            },
            Operand::Variable(names) => {
                self.here = Here::Word(first);
                return self.variable_fields(dot, first, names, arguments, last);
            },
            Operand::Dot
            | Operand::Nil
            | Operand::Bool(_)
            | Operand::Number(_)
            | Operand::Text { .. } => {},
        }
        self.here = Here::Word(first);
        not_a_function(first, arguments, last)?;
        match &first.operand {
            Operand::Nil => fault("nil is not a command"),
            _ => literal(dot, first),
        }
    }

    fn chain_start(&mut self, dot: &Slot, chain: &Word, of: &'t Word) -> Walked<Slot> {
        if matches!(of.operand, Operand::Nil) {
            return fault(format!("indirection through explicit nil in {}", chain.operand));
        }
        self.argument(dot, Type::Any, of)
    }

    fn variable_fields(
        &mut self,
        dot: &Slot,
        word: &'t Word,
        names: &'t [String],
        arguments: &'t [Word],
        last: Option<&Slot>,
    ) -> Walked<Slot> {
        let Some((name, fields)) = names.split_first() else { return Ok(Slot::default()) };
        let value = self.variable(name)?;
        if fields.is_empty() {
            not_a_function(word, arguments, last)?;
            return Ok(value);
        }
        self.fields(dot, value, fields, arguments, last)
    }

    /// `.a.b c`: arguments belong to the last field, should it be a method.
    fn fields(
        &mut self,
        dot: &Slot,
        mut receiver: Slot,
        names: &'t [String],
        arguments: &'t [Word],
        last: Option<&Slot>,
    ) -> Walked<Slot> {
        let Some((end, before)) = names.split_last() else { return Ok(receiver) };
        for name in before {
            receiver = self.field(dot, &receiver, name, &[], None)?;
        }
        self.field(dot, &receiver, end, arguments, last)
    }

    fn field(
        &mut self,
        dot: &Slot,
        receiver: &Slot,
        name: &str,
        arguments: &'t [Word],
        last: Option<&Slot>,
    ) -> Walked<Slot> {
        if receiver.is_absent() {
            return Ok(Slot::default());
        }
        let kind = receiver.type_name();
        if receiver.value.is_nil() {
            return fault(format!("nil pointer evaluating {kind}.{name}"));
        }
        if let Some(method) = methods::find(&receiver.value, name) {
            let node = self.here;
            return self.call(dot, &method, Some(&receiver.value), node, arguments, last);
        }
        let Value::Map(map) = &receiver.value else {
            return fault(format!("can't evaluate field {name} in type {kind}"));
        };
        if !arguments.is_empty() || last.is_some() {
            return fault(format!("{name} is not a method but has arguments"));
        }
        let is_boxed = map.element == Element::Any;
        Ok(map.get(name.as_bytes()).map_or_else(Slot::default, |value| Slot { value, is_boxed }))
    }

    fn function(&mut self, word: &'t Word, name: &str) -> Walked<Function> {
        self.here = Here::Word(word);
        match self.set.function(name) {
            Some(function) => Ok(*function),
            None => fault(format!("\"{name}\" is not a defined function")),
        }
    }

    /// A function, or a method with what it belongs to.
    fn call(
        &mut self,
        dot: &Slot,
        function: &Function,
        receiver: Option<&Value>,
        node: Here<'t>,
        arguments: &'t [Word],
        last: Option<&Slot>,
    ) -> Walked<Slot> {
        let own = usize::from(receiver.is_some());
        let (name, wanted) = (function.name, function.fixed.len() - own);
        let given = arguments.len() + usize::from(last.is_some());
        if function.rest.is_some() && given < wanted {
            let got = arguments.len();
            return fault(format!(
                "wrong number of args for {name}: want at least {wanted} got {got}"
            ));
        }
        if function.rest.is_none() && given != wanted {
            return fault(format!("wrong number of args for {name}: want {wanted} got {given}"));
        }
        if let Some(stops_at) = builtin::short_circuit(name) {
            return self.logic(dot, stops_at, arguments, last);
        }
        let mut values: Vec<Value> = receiver.cloned().into_iter().collect();
        for word in arguments {
            let parameter = function.parameter(values.len());
            values.push(self.argument(dot, parameter, word)?.value);
        }
        if let Some(last) = last {
            let parameter = function.parameter(values.len());
            values.push(fit(last, parameter)?.value);
        }
        let outcome = (function.body)(&mut self.context, &values)
            .and_then(|value| self.context.made(&value).map(|()| value));
        match outcome {
            Ok(value) => Ok(Slot::plain(value)),
            Err(text) => {
                self.here = node;
                fault(format!("error calling {name}: {text}"))
            },
        }
    }

    /// `and`, `or`: the first that decides is the answer, and what follows is not looked at.
    fn logic(
        &mut self,
        dot: &Slot,
        stops_at: bool,
        arguments: &'t [Word],
        last: Option<&Slot>,
    ) -> Walked<Slot> {
        let mut value = Slot::default();
        for word in arguments {
            value = self.argument(dot, Type::Reflect, word)?;
            if value.value.is_true() == stops_at {
                return Ok(value);
            }
        }
        Ok(last.cloned().unwrap_or(value))
    }

    /// An argument, of the type of its parameter.
    fn argument(&mut self, dot: &Slot, wanted: Type, word: &'t Word) -> Walked<Slot> {
        self.here = Here::Word(word);
        let slot = match &word.operand {
            Operand::Dot => dot.clone(),
            Operand::Nil if wanted.can_be_nil() => Slot::boxed(Value::Nil),
            Operand::Nil => return fault(format!("cannot assign nil to {}", wanted.name())),
            Operand::Field(names) => self.fields(dot, dot.clone(), names, &[], None)?,
            Operand::Variable(names) => self.variable_fields(dot, word, names, &[], None)?,
            Operand::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Operand::Identifier(name) => {
                let function = self.function(word, name)?;
                self.call(dot, &function, None, Here::Word(word), &[], None)?
            },
            Operand::Chain { of, fields } => {
                let receiver = self.chain_start(dot, word, of)?;
                self.fields(dot, receiver, fields, &[], None)?
            },
            Operand::Bool(_) | Operand::Text { .. } | Operand::Number(_) => {
                return literal_as(dot, wanted, word);
            },
        };
        if matches!(word.operand, Operand::Nil) { Ok(slot) } else { fit(&slot, wanted) }
    }
}

/// A literal takes the type that is wanted, if it can.
fn literal_as(dot: &Slot, wanted: Type, word: &Word) -> Walked<Slot> {
    let expected = |what: &str| fault(format!("expected {what}; found {}", word.operand));
    match (wanted, &word.operand) {
        (Type::Any | Type::Reflect, _) => literal(dot, word),
        (Type::Bool, Operand::Bool(is_true)) => Ok(Slot::plain(Value::Bool(*is_true))),
        (Type::Bool, _) => expected("bool"),
        (Type::Text, Operand::Text { value, .. }) => Ok(text_of(value)),
        (Type::Text, _) => expected("string"),
        (Type::Int, Operand::Number(Number { int: Some(int), .. })) => {
            Ok(Slot::plain(Value::int(*int)))
        },
        (Type::Int, _) => expected("integer"),
        (Type::Float, Operand::Number(Number { float: Some(float), .. })) => {
            Ok(Slot::plain(Value::Float(*float)))
        },
        (Type::Float, _) => expected("float"),
        (Type::Map | Type::Time | Type::Version, operand) => {
            fault(format!("can't handle {operand} for arg of type {}", wanted.name()))
        },
    }
}

fn not_a_function(first: &Word, arguments: &[Word], last: Option<&Slot>) -> Walked<()> {
    if arguments.is_empty() && last.is_none() {
        return Ok(());
    }
    let shown = match &first.operand {
        Operand::Pipe(pipe) => pipe.to_string(),
        operand => operand.to_string(),
    };
    fault(format!("can't give argument to non-function {shown}"))
}

/// What stands for itself, where any type will do.
fn literal(dot: &Slot, word: &Word) -> Walked<Slot> {
    match &word.operand {
        Operand::Dot => Ok(dot.clone()),
        Operand::Bool(is_true) => Ok(Slot::plain(Value::Bool(*is_true))),
        Operand::Text { value, .. } => Ok(text_of(value)),
        Operand::Number(number) => ideal_constant(number),
        operand => fault(format!("can't evaluate command \"{operand}\"")),
    }
}

/// The value, if the parameter takes it.
fn fit(slot: &Slot, wanted: Type) -> Walked<Slot> {
    if slot.is_absent() {
        if wanted.can_be_nil() {
            return Ok(Slot::boxed(Value::Nil));
        }
        return fault(format!("invalid value; expected {}", wanted.name()));
    }
    let is_open = matches!(wanted, Type::Any | Type::Reflect);
    if is_open || (!slot.value.is_nil() && wanted.takes(&slot.value)) {
        return Ok(slot.clone());
    }
    let got = if slot.value.is_nil() { slot.type_name() } else { slot.value.type_name() };
    fault(format!("wrong type for value; expected {}; got {got}", wanted.name()))
}

/// A number where nothing says of which type: its spelling decides.
fn ideal_constant(number: &Number) -> Walked<Slot> {
    let text = &number.text;
    let is_hex = text.len() > 2
        && (text.starts_with("0x") || text.starts_with("0X"))
        && !text.contains(['p', 'P']);
    let is_float = !is_hex && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']);
    match (number.float, number.int) {
        (Some(float), _) if is_float => Ok(Slot::plain(Value::Float(float))),
        (_, Some(int)) => Ok(Slot::plain(Value::int(int))),
        _ => fault(format!("{text} overflows int")),
    }
}
