//! Tokens → trees, as Go's `text/template/parse`, with its messages.

mod item;
mod lex;
mod number;
mod pipeline;

use std::collections::BTreeMap;
use std::rc::Rc;

use self::item::{Item, Kind};
use self::lex::Lexer;
use super::go;
use super::node::{Branch, Node, Pipe, Source, Tree, is_empty};

/// Controls and parentheses within each other: deeper ones could exhaust the stack.
const DEPTH_MAX: usize = 200;

/// A template that cannot be parsed: Go's message, and the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) text: String,
    pub(super) line: u32,
}

type Parsed<T> = Result<T, Fault>;

/// All templates that `source` defines: the file itself, and each `define` and `block` in it.
pub(super) fn parse(
    source: &Rc<Source>,
    is_function: &dyn Fn(&str) -> bool,
) -> Parsed<BTreeMap<String, Tree>> {
    let mut parser = Parser {
        lexer: Lexer::new(&source.text),
        source: Rc::clone(source),
        is_function,
        ahead: std::array::from_fn(|_| nothing()),
        waiting: 0,
        depth: 0,
        scope: Scope::default(),
        trees: BTreeMap::new(),
    };
    let root = parser.file()?;
    parser.add(source.name.clone(), root)?;
    Ok(parser.trees)
}

fn nothing() -> Item {
    Item { kind: Kind::Eof, at: 0, text: String::new(), line: 1 }
}

/// What belongs to the template that is being parsed.
#[derive(Debug)]
struct Scope {
    names: Vec<String>,
    range_depth: usize,
    /// The line on which the current action began; 0: outside of actions.
    action_line: u32,
}

impl Default for Scope {
    fn default() -> Self {
        Self { names: vec!["$".to_owned()], range_depth: 0, action_line: 0 }
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    source: Rc<Source>,
    is_function: &'a dyn Fn(&str) -> bool,
    /// Tokens that were read; the first `waiting` are to be given again, the last of them first.
    ahead: [Item; 3],
    waiting: usize,
    depth: usize,
    scope: Scope,
    trees: BTreeMap<String, Tree>,
}

/// What ends a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    End,
    Else,
}

impl Last {
    const fn shown(self) -> &'static str {
        match self {
            Self::End => "{{end}}",
            Self::Else => "{{else}}",
        }
    }
}

enum Part {
    Node(Node),
    Last(Last),
}

/// The control words that take a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    const fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }
}

impl Parser<'_> {
    fn next(&mut self) -> Item {
        match self.waiting.checked_sub(1) {
            Some(left) => self.waiting = left,
            None => self.put(0, None),
        }
        self.ahead.get(self.waiting).cloned().unwrap_or_else(nothing)
    }

    fn peek(&mut self) -> Item {
        if self.waiting == 0 {
            self.put(0, None);
            self.waiting = 1;
        }
        self.ahead.get(self.waiting - 1).cloned().unwrap_or_else(nothing)
    }

    /// Puts a token, or a new one, in a place.
    fn put(&mut self, place: usize, item: Option<Item>) {
        let item = item.unwrap_or_else(|| self.lexer.next_item());
        if let Some(slot) = self.ahead.get_mut(place) {
            *slot = item;
        }
    }

    const fn back_up(&mut self) {
        self.waiting += 1;
    }

    /// The newest token is to come again, and `before` before it.
    fn back_up_two(&mut self, before: Item) {
        self.put(1, Some(before));
        self.waiting = 2;
    }

    fn back_up_three(&mut self, first: Item, second: Item) {
        self.put(1, Some(second));
        self.put(2, Some(first));
        self.waiting = 3;
    }

    fn next_non_space(&mut self) -> Item {
        loop {
            let item = self.next();
            if item.kind != Kind::Space {
                return item;
            }
        }
    }

    fn peek_non_space(&mut self) -> Item {
        let item = self.next_non_space();
        self.back_up();
        item
    }

    fn expect(&mut self, wanted: Kind, context: &str) -> Parsed<Item> {
        let item = self.next_non_space();
        if item.kind == wanted { Ok(item) } else { Err(self.unexpected(&item, context)) }
    }

    /// A message with the place of the newest token.
    fn fault(&self, text: impl AsRef<str>) -> Fault {
        let [newest, ..] = &self.ahead;
        let (name, line, text) = (&self.source.name, newest.line, text.as_ref());
        Fault { text: format!("template: {name}:{line}: {text}"), line }
    }

    fn unexpected(&self, item: &Item, context: &str) -> Fault {
        if item.kind != Kind::Error {
            return self.fault(format!("unexpected {} in {context}", item.shown()));
        }
        let (began, name) = (self.scope.action_line, &self.source.name);
        if began == 0 || began == item.line {
            return self.fault(&item.text);
        }
        let place = if item.text.ends_with(" action") { "" } else { " in action" };
        self.fault(format!("{}{place} started at {name}:{began}", item.text))
    }

    /// Whatever nests goes through here.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            return Err(self.fault("max expression depth exceeded"));
        }
        self.depth += 1;
        let outcome = inner(self);
        self.depth -= 1;
        outcome
    }

    fn add(&mut self, name: String, root: Vec<Node>) -> Parsed<()> {
        if self.trees.get(&name).is_some_and(|tree| !is_empty(&tree.root)) {
            if is_empty(&root) {
                return Ok(());
            }
            let shown = go::quote(name.as_bytes());
            return Err(self.fault(format!("template: multiple definition of template {shown}")));
        }
        let tree = Tree { name: name.clone(), source: Rc::clone(&self.source), root };
        self.trees.insert(name, tree);
        Ok(())
    }

    fn file(&mut self) -> Parsed<Vec<Node>> {
        let mut root = Vec::new();
        while self.peek().kind != Kind::Eof {
            if self.peek().kind == Kind::LeftDelim {
                let delim = self.next();
                if self.next_non_space().kind == Kind::Define {
                    self.definition()?;
                    continue;
                }
                self.back_up_two(delim);
            }
            match self.text_or_action()? {
                Part::Node(node) => root.push(node),
                Part::Last(last) => return Err(self.fault(format!("unexpected {}", last.shown()))),
            }
        }
        Ok(root)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.scope);
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        drop(self.expect(Kind::RightDelim, CONTEXT)?);
        self.body(name, CONTEXT)?;
        self.scope = outer;
        Ok(())
    }

    /// The rest of a definition, up to its end.
    fn body(&mut self, name: String, context: &str) -> Parsed<()> {
        match self.deeper(Self::list)? {
            (root, Last::End) => self.add(name, root),
            (_, last) => Err(self.fault(format!("unexpected {} in {context}", last.shown()))),
        }
    }

    fn list(&mut self) -> Parsed<(Vec<Node>, Last)> {
        let mut list = Vec::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Part::Node(node) => list.push(node),
                Part::Last(last) => return Ok((list, last)),
            }
        }
        Err(self.fault("unexpected EOF"))
    }

    fn text_or_action(&mut self) -> Parsed<Part> {
        let item = self.next_non_space();
        match item.kind {
            Kind::Text => Ok(Part::Node(Node::Text(item.text.into_bytes().into()))),
            Kind::LeftDelim => {
                self.scope.action_line = item.line;
                let part = self.action()?;
                self.scope.action_line = 0;
                Ok(part)
            },
            _ => Err(self.unexpected(&item, "input")),
        }
    }

    fn action(&mut self) -> Parsed<Part> {
        let node = match self.next_non_space().kind {
            Kind::Block => self.block()?,
            Kind::Break => self.leave_loop("{{break}}", Node::Break)?,
            Kind::Continue => self.leave_loop("{{continue}}", Node::Continue)?,
            Kind::Else => return self.other_branch(),
            Kind::End => {
                drop(self.expect(Kind::RightDelim, "end")?);
                return Ok(Part::Last(Last::End));
            },
            Kind::If => Node::If(self.control(Control::If)?),
            Kind::Range => Node::Range(self.control(Control::Range)?),
            Kind::Template => self.template()?,
            Kind::With => Node::With(self.control(Control::With)?),
            _ => {
                self.back_up();
                Node::Action(self.pipeline("command", Kind::RightDelim)?)
            },
        };
        Ok(Part::Node(node))
    }

    fn leave_loop(&mut self, shown: &str, node: Node) -> Parsed<Node> {
        drop(self.expect(Kind::RightDelim, shown)?);
        if self.scope.range_depth == 0 {
            return Err(self.fault(format!("{shown} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    /// `else`; an `if` or `with` behind it stays for who asked.
    fn other_branch(&mut self) -> Parsed<Part> {
        if !matches!(self.peek_non_space().kind, Kind::If | Kind::With) {
            drop(self.expect(Kind::RightDelim, "else")?);
        }
        Ok(Part::Last(Last::Else))
    }

    fn control(&mut self, control: Control) -> Parsed<Branch> {
        let known = self.scope.names.len();
        let branch = self.deeper(|parser| parser.branch(control))?;
        self.scope.names.truncate(known);
        Ok(branch)
    }

    fn branch(&mut self, control: Control) -> Parsed<Branch> {
        let pipe = self.pipeline(control.name(), Kind::RightDelim)?;
        let loops = usize::from(control == Control::Range);
        self.scope.range_depth += loops;
        let (list, last) = self.list()?;
        self.scope.range_depth -= loops;
        let otherwise = match last {
            Last::End => None,
            Last::Else => Some(self.otherwise(control)?),
        };
        Ok(Branch { pipe, list, otherwise })
    }

    /// What stands behind `else`. `else if` is an `if` whose end is also ours.
    fn otherwise(&mut self, control: Control) -> Parsed<Vec<Node>> {
        match (control, self.peek().kind) {
            (Control::If, Kind::If) => {
                drop(self.next());
                return Ok(vec![Node::If(self.control(Control::If)?)]);
            },
            (Control::With, Kind::With) => {
                drop(self.next());
                return Ok(vec![Node::With(self.control(Control::With)?)]);
            },
            _ => {},
        }
        match self.list()? {
            (list, Last::End) => Ok(list),
            (_, last) => Err(self.fault(format!("expected end; found {}", last.shown()))),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let outer = std::mem::take(&mut self.scope);
        self.body(name.clone(), CONTEXT)?;
        self.scope = outer;
        Ok(Node::Template { at: item.at, name, pipe: Some(pipe) })
    }

    fn template(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(&item, CONTEXT)?;
        let mut pipe: Option<Pipe> = None;
        if self.next_non_space().kind != Kind::RightDelim {
            self.back_up();
            pipe = Some(self.pipeline(CONTEXT, Kind::RightDelim)?);
        }
        Ok(Node::Template { at: item.at, name, pipe })
    }

    fn template_name(&self, item: &Item, context: &str) -> Parsed<String> {
        if !matches!(item.kind, Kind::String | Kind::RawString) {
            return Err(self.unexpected(item, context));
        }
        let name = go::unquote(&item.text).ok_or_else(|| self.fault("invalid syntax"))?;
        Ok(String::from_utf8_lossy(&name).into_owned())
    }
}
