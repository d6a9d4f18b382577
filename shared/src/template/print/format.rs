//! `Sprintf`: the format string, its argument numbers, widths and complaints.

use super::{Spec, any};
use crate::template::function::Context;
use crate::template::value::Value;

/// A larger width or precision is refused, as in Go.
const SIZE_MAX: usize = 1_000_000;

struct Printer<'a> {
    format: &'a [u8],
    at: usize,
    args: &'a [Value],
    arg: usize,
    is_reordered: bool,
    is_good: bool,
}

/// Go's `fmt.Sprintf`.
pub(in crate::template) fn sprintf(
    context: &mut Context<'_>,
    format: &[u8],
    args: &[Value],
) -> Result<Vec<u8>, String> {
    let mut printer = Printer { format, at: 0, args, arg: 0, is_reordered: false, is_good: true };
    let mut out = Vec::new();
    while let Some(byte) = format.get(printer.at) {
        printer.at += 1;
        if *byte == b'%' {
            context.step()?;
            if !printer.verb(context, &mut out)? {
                break;
            }
        } else {
            out.push(*byte);
        }
    }
    printer.complain_of_extra(context, &mut out)?;
    Ok(out)
}

impl Printer<'_> {
    fn peek(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// One verb, behind its `%`. False: the format ended within it.
    fn verb(&mut self, context: &mut Context<'_>, out: &mut Vec<u8>) -> Result<bool, String> {
        self.is_good = true;
        let mut spec = self.flags();
        let mut after_index = self.argument_index();
        self.width(&mut spec, out, &mut after_index);
        self.precision(&mut spec, out, &mut after_index);
        if !after_index {
            let _found = self.argument_index();
        }
        let rest = self.format.get(self.at..).unwrap_or_default();
        let Some(chunk) = rest.utf8_chunks().next() else {
            out.extend_from_slice(b"%!(NOVERB)");
            return Ok(false);
        };
        let verb = chunk.valid().chars().next().unwrap_or('\u{fffd}');
        self.at += if chunk.valid().is_empty() { 1 } else { verb.len_utf8() };
        spec.verb = verb;
        context.make(spec.width.unwrap_or(0).saturating_add(spec.precision.unwrap_or(0)))?;
        match self.args.get(self.arg) {
            _ if verb == '%' => out.push(b'%'),
            _ if !self.is_good => {
                out.extend_from_slice(format!("%!{verb}(BADINDEX)").as_bytes());
            },
            None => out.extend_from_slice(format!("%!{verb}(MISSING)").as_bytes()),
            Some(value) => {
                if verb == 'v' {
                    spec.go_syntax = std::mem::take(&mut spec.sharp);
                    spec.plus = false;
                }
                self.arg += 1;
                any(context, out, value, &spec, 0)?;
            },
        }
        Ok(true)
    }

    fn flags(&mut self) -> Spec {
        let mut spec = Spec::default();
        loop {
            match self.peek() {
                Some(b'#') => spec.sharp = true,
                Some(b'0') => spec.zero = true,
                Some(b'+') => spec.plus = true,
                Some(b'-') => spec.minus = true,
                Some(b' ') => spec.space = true,
                _ => return spec,
            }
            self.at += 1;
        }
    }

    /// `[3]`: the argument to use. True when there was one.
    fn argument_index(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.is_reordered = true;
        let rest = self.format.get(self.at..).unwrap_or_default();
        let Some(end) = rest.iter().position(|byte| *byte == b']') else {
            self.is_good = false;
            self.at += 1;
            return false;
        };
        let written = rest.get(1..end).unwrap_or_default();
        let number = std::str::from_utf8(written).ok().and_then(|text| text.parse::<usize>().ok());
        self.at += end + 1;
        match number.and_then(|number| number.checked_sub(1)) {
            Some(index) if index < self.args.len() => self.arg = index,
            _ => self.is_good = false,
        }
        number.is_some()
    }

    fn width(&mut self, spec: &mut Spec, out: &mut Vec<u8>, after_index: &mut bool) {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.int_argument() {
                None => out.extend_from_slice(b"%!(BADWIDTH)"),
                Some(width) => {
                    if width < 0 {
                        spec.minus = true;
                        spec.zero = false;
                    }
                    spec.width = usize::try_from(width.unsigned_abs()).ok();
                },
            }
            *after_index = false;
            return;
        }
        spec.width = self.number();
        if *after_index && spec.width.is_some() {
            self.is_good = false;
        }
    }

    fn precision(&mut self, spec: &mut Spec, out: &mut Vec<u8>, after_index: &mut bool) {
        if self.peek() != Some(b'.') || self.at + 1 >= self.format.len() {
            return;
        }
        self.at += 1;
        if *after_index {
            self.is_good = false;
        }
        *after_index = self.argument_index();
        if self.peek() == Some(b'*') {
            self.at += 1;
            spec.precision = self.int_argument().and_then(|int| usize::try_from(int).ok());
            if spec.precision.is_none() {
                out.extend_from_slice(b"%!(BADPREC)");
            }
            *after_index = false;
        } else {
            spec.precision = Some(self.number().unwrap_or(0));
        }
    }

    fn number(&mut self) -> Option<usize> {
        let mut number: Option<usize> = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            let so_far = number.unwrap_or(0);
            if so_far > SIZE_MAX {
                self.at = self.format.len();
                return None;
            }
            number = Some(so_far * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    fn int_argument(&mut self) -> Option<i64> {
        let value = self.args.get(self.arg)?;
        self.arg += 1;
        match value {
            Value::Int(int, _) if int.unsigned_abs() <= SIZE_MAX as u64 => Some(*int),
            _ => None,
        }
    }

    fn complain_of_extra(
        &self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let extra = self.args.get(self.arg..).unwrap_or_default();
        if self.is_reordered || extra.is_empty() {
            return Ok(());
        }
        out.extend_from_slice(b"%!(EXTRA ");
        for (index, value) in extra.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            if value.is_nil() {
                out.extend_from_slice(b"<nil>");
                continue;
            }
            out.extend_from_slice(format!("{}=", value.type_name()).as_bytes());
            super::plain(context, out, value)?;
        }
        out.push(b')');
        Ok(())
    }
}
