//! Whether an expression's types fit, as cel-go's checker sees it: what does not fit is never evaluated.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, MapExpr, SelectExpr,
};

use super::declared::{self, Style};
use super::types::{Bindings, Type, more_general};

/// The type of an expression, or what is wrong with it, in cel-go's words.
pub(super) fn check(expression: &IdedExpr) -> Result<Type, String> {
    check_with(expression, &[])
}

/// The same, with these variables besides.
pub(super) fn check_with<'a>(
    expression: &'a IdedExpr,
    variables: &[(&'a str, Type)],
) -> Result<Type, String> {
    let mut checker = Checker { bindings: Bindings::default(), scope: variables.to_vec() };
    let found = checker.expression(expression)?;
    Ok(checker.bindings.resolved(&found))
}

#[derive(Debug)]
struct Checker<'a> {
    bindings: Bindings,
    /// Further variables, those of comprehensions last, the innermost behind all.
    scope: Vec<(&'a str, Type)>,
}

impl<'a> Checker<'a> {
    fn expression(&mut self, expression: &'a IdedExpr) -> Result<Type, String> {
        match &expression.expr {
            Expr::Literal(literal) => Ok(of_literal(literal)),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let items = list.elements.iter();
                let item = items.map(|item| self.expression(item)).collect::<Result<_, _>>()?;
                Ok(Type::list(self.joined(item)))
            },
            Expr::Map(map) => self.map(map),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(message) => Err(undeclared(&message.type_name)),
            Expr::Unspecified => Err("unexpected expression".to_owned()),
        }
    }

    fn name(&self, name: &str) -> Result<Type, String> {
        let bare = name.strip_prefix('.').unwrap_or(name);
        let local = self.scope.iter().rev().find(|(known, _)| *known == name);
        let found = local.map(|(_, found)| found.clone()).or_else(|| declared::name(bare));
        found.ok_or_else(|| undeclared(name))
    }

    fn select(&mut self, select: &'a SelectExpr) -> Result<Type, String> {
        if let Some(name) = qualified(select)
            && let Some(found) = declared::name(&name)
        {
            return Ok(found);
        }
        let operand = self.expression(&select.operand)?;
        let field = match self.bindings.resolved(&operand) {
            Type::Map(both) => both.1,
            Type::Dyn => Type::Dyn,
            unknown @ Type::Var(_) => {
                self.bindings.fit(&[(&Type::Dyn, &unknown)]);
                Type::Dyn
            },
            other => {
                return Err(format!("type '{}' does not support field selection", other.name()));
            },
        };
        Ok(if select.test { Type::Bool } else { field })
    }

    fn call(&mut self, call: &'a CallExpr) -> Result<Type, String> {
        let target = call.target.as_deref();
        let style = if target.is_some() { Style::Member } else { Style::Global };
        let arguments = target.into_iter().chain(&call.args);
        let arguments: Vec<Type> =
            arguments.map(|argument| self.expression(argument)).collect::<Result<_, _>>()?;
        let overloads = declared::overloads(&call.func_name);
        if overloads.is_empty() {
            return Err(undeclared(&call.func_name));
        }
        let mut result: Option<Type> = None;
        for overload in overloads.iter().filter(|one| one.style == style) {
            if overload.arguments.len() != arguments.len() {
                continue;
            }
            let any = [self.bindings.fresh(), self.bindings.fresh()];
            let asked: Vec<Type> = overload.arguments.iter().map(|kind| kind.made(&any)).collect();
            let pairs: Vec<_> = arguments.iter().zip(&asked).collect();
            if !self.bindings.fit(&pairs) {
                continue;
            }
            let found = self.bindings.resolved(&overload.result.made(&any));
            result = Some(match result {
                None => found,
                Some(before) if before == found => before,
                Some(_) => Type::Dyn,
            });
        }
        result.ok_or_else(|| self.no_overload(&call.func_name, style, &arguments))
    }

    fn no_overload(&self, function: &str, style: Style, arguments: &[Type]) -> String {
        let names: Vec<String> =
            arguments.iter().map(|one| self.bindings.resolved(one).name()).collect();
        let applied = match (style, names.split_first()) {
            (Style::Member, Some((target, rest))) => format!("{target}.({})", rest.join(", ")),
            _ => format!("({})", names.join(", ")),
        };
        format!("found no matching overload for '{function}' applied to '{applied}'")
    }

    fn map(&mut self, map: &'a MapExpr) -> Result<Type, String> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else { continue };
            keys.push(self.expression(&entry.key)?);
            values.push(self.expression(&entry.value)?);
        }
        Ok(Type::map(self.joined(keys), self.joined(values)))
    }

    /// The type that all of these have: a list may hold anything.
    fn joined(&mut self, types: Vec<Type>) -> Type {
        let join = |before: Type, next: Type| match self.bindings.fit(&[(&before, &next)]) {
            true => more_general(&before, &next).clone(),
            false => Type::Dyn,
        };
        let joined = types.into_iter().reduce(join);
        joined.unwrap_or_else(|| self.bindings.fresh())
    }

    fn comprehension(&mut self, comprehension: &'a ComprehensionExpr) -> Result<Type, String> {
        let range = self.expression(&comprehension.iter_range)?;
        let gathered = self.expression(&comprehension.accu_init)?;
        let item = match self.bindings.resolved(&range) {
            Type::List(item) => *item,
            Type::Map(both) => both.0,
            Type::Dyn => Type::Dyn,
            unknown @ Type::Var(_) => {
                self.bindings.fit(&[(&Type::Dyn, &unknown)]);
                Type::Dyn
            },
            other => {
                let name = other.name();
                return Err(format!(
                    "expression of type '{name}' cannot be range of a comprehension (must be list, map, or dynamic)"
                ));
            },
        };
        self.scope.push((&comprehension.accu_var, gathered.clone()));
        self.scope.push((&comprehension.iter_var, item));
        let goes_on = self.expression(&comprehension.loop_cond)?;
        self.must_be(&Type::Bool, &goes_on)?;
        let step = self.expression(&comprehension.loop_step)?;
        self.must_be(&gathered, &step)?;
        self.scope.pop();
        let result = self.expression(&comprehension.result)?;
        self.scope.pop();
        Ok(self.bindings.resolved(&result))
    }

    fn must_be(&mut self, wanted: &Type, found: &Type) -> Result<(), String> {
        if self.bindings.fit(&[(wanted, found)]) {
            return Ok(());
        }
        let name = |one: &Type| self.bindings.resolved(one).name();
        Err(format!("expected type '{}' but found '{}'", name(wanted), name(found)))
    }
}

fn of_literal(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::Text,
        LiteralValue::UInt(_) => Type::Uint,
    }
}

/// `a.b.c`, if the expression is that.
fn qualified(select: &SelectExpr) -> Option<String> {
    if select.test {
        return None;
    }
    let before = match &select.operand.expr {
        Expr::Ident(name) => name.clone(),
        Expr::Select(inner) => qualified(inner)?,
        _ => return None,
    };
    Some(format!("{before}.{}", select.field))
}

fn undeclared(name: &str) -> String {
    format!("undeclared reference to '{name}' (in container '')")
}
