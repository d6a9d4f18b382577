//! An expression made ready: bounds for its loops, its regular expressions compiled, what cel-go does otherwise put in, and
//! what it needs of a request noted.

use std::collections::BTreeMap;

use cel::common::ast::operators::{ADD, CONDITIONAL, IN, INDEX};
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr,
};

use super::functions::{FLAG, Pattern, STEP, TEXT, UTC};

/// What expressions need of variables, by their names.
pub(super) type Needs = BTreeMap<Box<str>, Need>;

/// What is needed of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// These members of a map.
    Members(Vec<Box<str>>),
    All,
}

/// What the expressions of a layer have in common.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) needs: Needs,
    pub(super) patterns: Vec<Pattern>,
}

/// The name of a compiled pattern in an expression.
pub(super) fn pattern_name(place: usize) -> String {
    format!("@pattern{place}")
}

/// The place of a pattern of this name.
pub(super) fn pattern_place(name: &str) -> Option<usize> {
    name.strip_prefix("@pattern")?.parse().ok()
}

impl Gathered {
    /// Makes an expression ready.
    pub(super) fn prepare(&mut self, expression: &mut IdedExpr) {
        match &mut expression.expr {
            Expr::Ident(name) => self.need_all(name),
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => {
                self.call(call);
                if call.func_name == "timestamp" {
                    wrap(UTC, expression);
                }
            },
            Expr::List(list) => list.elements.iter_mut().for_each(|item| self.prepare(item)),
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else { continue };
                    self.prepare(&mut entry.key);
                    self.prepare(&mut entry.value);
                }
            },
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => {},
        }
    }

    fn select(&mut self, select: &mut SelectExpr) {
        match &select.operand.expr {
            Expr::Ident(name) => self.need_member(name, &select.field),
            _ => self.prepare(&mut select.operand),
        }
    }

    fn call(&mut self, call: &mut CallExpr) {
        if let Some((name, member)) = looked_up(call) {
            self.need_member(name, member);
            return;
        }
        call.target.iter_mut().for_each(|target| self.prepare(target));
        call.args.iter_mut().for_each(|argument| self.prepare(argument));
        match (&*call.func_name, call.args.as_mut_slice()) {
            ("string", [value]) => wrap(TEXT, value),
            ("bool", [value]) => wrap(FLAG, value),
            ("matches", [.., sought]) => self.compile(sought),
            _ => {},
        }
    }

    /// A pattern that is known is compiled; one that cannot be fails when it is used, as with cel-go.
    fn compile(&mut self, sought: &mut IdedExpr) {
        let Expr::Literal(LiteralValue::String(text)) = &sought.expr else { return };
        if let Some(pattern) = Pattern::compile(text) {
            sought.expr = Expr::Ident(pattern_name(self.patterns.len()));
            self.patterns.push(pattern);
        }
    }

    fn comprehension(&mut self, comprehension: &mut ComprehensionExpr) {
        let ComprehensionExpr { iter_range, accu_init, loop_cond, loop_step, result, .. } =
            comprehension;
        for part in [iter_range, accu_init, &mut *loop_cond, &mut *loop_step, result] {
            self.prepare(part);
        }
        bound(loop_cond, loop_step);
    }

    fn need_all(&mut self, name: &str) {
        if !name.starts_with('@') {
            self.needs.insert(bare(name).into(), Need::All);
        }
    }

    fn need_member(&mut self, name: &str, member: &str) {
        let need = self.needs.entry(bare(name).into());
        match need.or_insert_with(|| Need::Members(Vec::new())) {
            Need::Members(members) if members.iter().all(|known| **known != *member) => {
                members.push(member.into());
            },
            Need::Members(_) | Need::All => {},
        }
    }
}

/// A leading dot says that it is no variable of a loop.
fn bare(name: &str) -> &str {
    name.strip_prefix('.').unwrap_or(name)
}

/// `variable['member']`, `'member' in variable`
fn looked_up(call: &CallExpr) -> Option<(&str, &str)> {
    let [first, second] = call.args.as_slice() else { return None };
    let (map, member) = match &*call.func_name {
        INDEX => (first, second),
        IN => (second, first),
        _ => return None,
    };
    match (&map.expr, &member.expr) {
        (Expr::Ident(name), Expr::Literal(LiteralValue::String(member))) => Some((name, member)),
        _ => None,
    }
}

/// Counts the turns of a loop: where its condition decides, there, since an error ends the loop only there; where it goes
/// on in any case, at what decides or is made. The forms of the crate's own shortcuts stay as they are.
fn bound(condition: &mut IdedExpr, turn: &mut IdedExpr) {
    if !matches!(condition.expr, Expr::Literal(_)) {
        return wrap(STEP, condition);
    }
    let Expr::Call(call) = &mut turn.expr else { return wrap(STEP, condition) };
    match (&*call.func_name, call.args.as_mut_slice()) {
        (CONDITIONAL, [decides, ..]) => wrap(STEP, decides),
        (ADD, [_, IdedExpr { expr: Expr::List(list), .. }]) => {
            list.elements.iter_mut().for_each(|item| wrap(STEP, item));
        },
        _ => wrap(STEP, condition),
    }
}

/// `function(expression)`
fn wrap(function: &str, expression: &mut IdedExpr) {
    let id = expression.id;
    let inner = std::mem::take(expression);
    let call = CallExpr { func_name: function.to_owned(), target: None, args: vec![inner] };
    *expression = IdedExpr { id, expr: Expr::Call(call) };
}
