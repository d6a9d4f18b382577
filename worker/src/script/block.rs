//! A block of `modifier/lua-*`, compiled: its code as bytecode, and where each line of it came from.

use mlua::Lua;

use super::error::ScriptError;

/// `sources`, `pre` and `post` of one block.
#[derive(Debug)]
pub(crate) struct Block {
    /// All `sources` as one chunk, or why there is none.
    sources: Result<Option<Code>, Box<str>>,
    pre: Option<Code>,
    post: Option<Code>,
    /// Names of the sources and how many lines each has.
    lines: Box<[(Box<str>, usize)]>,
    pub(crate) next: Next,
    pub(crate) libraries: Libraries,
    /// Whether some code may read a body.
    pub(crate) reads_body: ReadsBody,
}

/// Whether the next layer is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Call,
    /// `skip_next`.
    Skip,
}

/// What of Lua's libraries there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Libraries {
    /// What touches nothing but values.
    Base,
    /// `allow_open_libs`: files and processes too.
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadsBody {
    Perhaps,
    Never,
}

/// Which code of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Sources,
    Pre,
    Post,
}

/// One chunk.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) compiled: Result<Box<[u8]>, SyntaxError>,
    lines: usize,
}

/// Code that is none: each request that needs it fails, as in KrakenD.
#[derive(Clone, Debug)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    /// What stands there.
    near: Box<str>,
}

/// What a block is made of.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    /// By their paths; none: it cannot be read.
    pub(crate) sources: Vec<(&'a str, Option<&'a [u8]>)>,
    pub(crate) pre: &'a str,
    pub(crate) post: &'a str,
    pub(crate) next: Next,
    pub(crate) libraries: Libraries,
}

impl Block {
    /// Compiles everything; what is no Lua is told, and kept as the error that requests get.
    pub(crate) fn compile(settings: &Settings<'_>, mut tell: impl FnMut(&str, String)) -> Self {
        let lua = Lua::new();
        let missing = settings.sources.iter().find(|(_, content)| content.is_none());
        let whole: Vec<&[u8]> =
            settings.sources.iter().filter_map(|(_, content)| *content).collect();
        let sources = match missing {
            Some((path, _)) => Err(format!("lua: unable to load required source {path}").into()),
            None => Ok((!whole.is_empty()).then(|| Code::compile(&lua, &whole.join(&b'\n')))),
        };
        let code = |text: &str| (!text.is_empty()).then(|| Code::compile(&lua, text.as_bytes()));
        let named = |(path, content): &(&str, Option<&[u8]>)| {
            let name = path.rsplit('/').next().unwrap_or(path);
            (name.into(), line_count(content.unwrap_or_default()))
        };
        let reads = |text: &[u8]| memchr::memmem::find(text, b"body").is_some();
        let texts =
            whole.iter().copied().chain([settings.pre.as_bytes(), settings.post.as_bytes()]);
        let block = Self {
            reads_body: if texts.into_iter().any(reads) {
                ReadsBody::Perhaps
            } else {
                ReadsBody::Never
            },
            sources,
            pre: code(settings.pre),
            post: code(settings.post),
            lines: settings.sources.iter().map(named).collect(),
            next: settings.next,
            libraries: settings.libraries,
        };
        for (key, phase) in
            [("sources", Phase::Sources), ("pre", Phase::Pre), ("post", Phase::Post)]
        {
            if let Err(error) = block.code(phase) {
                tell(key, format!("{}: each request fails", error.text));
            }
        }
        block
    }

    /// The code of a phase, if there is some.
    pub(super) fn code(&self, phase: Phase) -> Result<Option<&[u8]>, ScriptError> {
        let code = match phase {
            Phase::Sources => match &self.sources {
                Ok(code) => code,
                Err(missing) => return Err(ScriptError::plain(missing.to_string())),
            },
            Phase::Pre => &self.pre,
            Phase::Post => &self.post,
        };
        let Some(code) = code else { return Ok(None) };
        match &code.compiled {
            Ok(bytes) => Ok(Some(bytes)),
            Err(SyntaxError { line, near }) => {
                let text = format!("{near}: parse error");
                Err(ScriptError::plain(self.blame(phase, text, Some(*line))))
            },
        }
    }

    /// Adds the place of an error as KrakenD does: lines are counted over the sources first, whatever code they are of.
    pub(super) fn blame(&self, phase: Phase, text: String, line: Option<usize>) -> String {
        let own = match (phase, &self.pre, &self.post) {
            (Phase::Pre, Some(code), _) => Some(("pre-script", code.lines)),
            (Phase::Post, _, Some(code)) => Some(("post-script", code.lines)),
            _ => None,
        };
        let parts = self.lines.iter().map(|(name, lines)| (&**name, *lines)).chain(own);
        let mut count = 0;
        for (name, lines) in parts {
            count += lines;
            if let Some(line) = line.filter(|line| count >= *line) {
                return format!("{text} ({name}:L{})", lines + line - count);
            }
        }
        text
    }
}

impl Code {
    fn compile(lua: &Lua, text: &[u8]) -> Self {
        let compiled = lua.load(text).set_name("=S").into_function();
        let compiled = compiled.map(|function| function.dump(false).into());
        let compiled = compiled.map_err(|error| SyntaxError::of(&error));
        Self { compiled, lines: line_count(text) }
    }
}

impl SyntaxError {
    /// `S:2: '=' expected near 'is'`
    fn of(error: &mlua::Error) -> Self {
        let text = match error {
            mlua::Error::SyntaxError { message, .. } => message.clone(),
            other => other.to_string(),
        };
        let line = text.strip_prefix("S:").and_then(|rest| rest.split(':').next()?.parse().ok());
        let near = text.rsplit_once("near ").map_or(&*text, |(_, near)| near);
        Self { line: line.unwrap_or(1), near: near.into() }
    }
}

/// As KrakenD counts them: without line feeds around the text.
fn line_count(text: &[u8]) -> usize {
    let start = text.iter().position(|byte| *byte != b'\n').unwrap_or(text.len());
    let end = text.iter().rposition(|byte| *byte != b'\n').map_or(start, |last| last + 1);
    let inside = text.get(start..end).unwrap_or_default();
    inside.iter().filter(|byte| **byte == b'\n').count() + 1
}
