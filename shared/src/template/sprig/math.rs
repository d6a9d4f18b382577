//! Arithmetic: on int64, on float64 in decimal steps, and rounding.

use super::convert::{to_float, to_int};
use super::list::until_step;
use super::{ANY, Outcome, any, functions, int, string_of};
use crate::template::function::{Context, Function, Type};
use crate::template::numbers;
use crate::template::value::{IntType, Value};

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Any, Int};
    functions! {
        "add" [] ANY => |_, args| Ok(int64(args.iter().map(to_int).fold(0, i64::wrapping_add)));
        "add1" [Any] None => |_, args| Ok(int64(to_int(any(args, 0)).wrapping_add(1)));
        "add1f" [Any] None => |_, args| decimals(&[any(args, 0).clone(), Value::int(1)], Step::Add);
        "addf" [] ANY => |_, args| {
            let from_zero: Vec<Value> =
                std::iter::once(Value::Float(0.0)).chain(args.iter().cloned()).collect();
            decimals(&from_zero, Step::Add)
        };
        "biggest" [Any] ANY => |_, args| Ok(int64(args.iter().map(to_int).max().unwrap_or(0)));
        "ceil" [Any] None => |_, args| Ok(Value::Float(to_float(any(args, 0)).ceil()));
        "div" [Any, Any] None => |_, args| divide(args, i64::wrapping_div);
        "divf" [Any] ANY => |_, args| decimals(args, Step::Divide);
        "floor" [Any] None => |_, args| Ok(Value::Float(to_float(any(args, 0)).floor()));
        "max" [Any] ANY => |_, args| Ok(int64(args.iter().map(to_int).max().unwrap_or(0)));
        "maxf" [Any] ANY => |_, args| Ok(extreme(args, |a, b| a > b));
        "min" [Any] ANY => |_, args| Ok(int64(args.iter().map(to_int).min().unwrap_or(0)));
        "minf" [Any] ANY => |_, args| Ok(extreme(args, |a, b| a < b));
        "mod" [Any, Any] None => |_, args| divide(args, i64::wrapping_rem);
        "mul" [Any] ANY => |_, args| Ok(int64(args.iter().map(to_int).fold(1, i64::wrapping_mul)));
        "mulf" [Any] ANY => |_, args| decimals(args, Step::Multiply);
        "round" [Any, Int] Some(Type::Float) => |_, args| Ok(round(args));
        "seq" [] Some(Int) => seq;
        "sub" [Any, Any] None => |_, args| {
            Ok(int64(to_int(any(args, 0)).wrapping_sub(to_int(any(args, 1)))))
        };
        "subf" [Any] ANY => |_, args| decimals(args, Step::Subtract);
        "toDecimal" [Any] None => |context, args| {
            let text = string_of(context, any(args, 0))?;
            let octal = std::str::from_utf8(&text).ok();
            Ok(int64(octal.and_then(|text| numbers::parse_int(text, 8)).unwrap_or(0)))
        };
    }
};

const fn int64(int: i64) -> Value {
    Value::Int(int, IntType::Int64)
}

fn divide(args: &[Value], how: fn(i64, i64) -> i64) -> Outcome {
    match to_int(any(args, 1)) {
        0 => Err("runtime error: integer divide by zero".to_owned()),
        by => Ok(int64(how(to_int(any(args, 0)), by))),
    }
}

/// Go's `math.Max` and `math.Min`: NaN beats everything.
fn extreme(args: &[Value], beats: fn(f64, f64) -> bool) -> Value {
    let mut found = to_float(any(args, 0));
    for next in args.iter().skip(1).map(to_float) {
        if next.is_nan() || beats(next, found) {
            found = next;
        }
    }
    Value::Float(found)
}

fn round(args: &[Value]) -> Value {
    let up_from = args.get(2).map_or(0.5, to_float);
    #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
    let power = 10_f64.powf(int(args, 1) as f64);
    let digits = power * to_float(any(args, 0));
    let rounded = if digits.fract() >= up_from { digits.ceil() } else { digits.floor() };
    Value::Float(rounded / power)
}

fn seq(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (start, end, step) = match args.len() {
        1 => (1, int(args, 0), None),
        2 => (int(args, 0), int(args, 1), None),
        3 => (int(args, 0), int(args, 2), Some(int(args, 1))),
        _ => return Ok(Value::text("")),
    };
    let one = if end < start { -1 } else { 1 };
    if one < 0 && step.is_some_and(|step| step > 0) {
        return Ok(Value::text(""));
    }
    let all = until_step(context, start, end.saturating_add(one), step.unwrap_or(one))?;
    context.make(all.len().saturating_mul(21))?;
    let texts: Vec<String> = all.iter().map(i64::to_string).collect();
    Ok(Value::text(texts.join(" ")))
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// One after the other, in decimal: `addf 0.1 0.2` is 0.3.
fn decimals(args: &[Value], step: Step) -> Outcome {
    let Some((first, rest)) = args.split_first() else { return Ok(Value::Float(0.0)) };
    let mut so_far = finite(to_float(first))?;
    for next in rest.iter().map(to_float) {
        let next = finite(next)?;
        if matches!(step, Step::Divide) && next == 0.0 {
            return Err("decimal division by 0".to_owned());
        }
        so_far = Decimal::of(so_far)
            .zip(Decimal::of(next))
            .and_then(|(a, b)| a.step(b, step))
            .map_or_else(|| binary(so_far, next, step), Decimal::to_float);
    }
    Ok(Value::Float(if so_far == 0.0 { 0.0 } else { so_far }))
}

fn finite(float: f64) -> Result<f64, String> {
    if float.is_finite() {
        return Ok(float);
    }
    Err(format!(
        "Cannot create a Decimal from {}",
        numbers::format_float(float, numbers::Layout::Shorter, None)
    ))
}

/// Where the digits do not fit.
fn binary(a: f64, b: f64, step: Step) -> f64 {
    match step {
        Step::Add => a + b,
        Step::Subtract => a - b,
        Step::Multiply => a * b,
        Step::Divide => a / b,
    }
}

/// `digits × 10^exponent`
#[derive(Clone, Copy, Debug)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

/// Digits behind the point of a quotient.
const QUOTIENT_DIGITS: i32 = 16;

impl Decimal {
    /// The shortest that reads back the same.
    fn of(float: f64) -> Option<Self> {
        let text = format!("{float:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let behind_point = mantissa.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let digits = mantissa.replace('.', "").parse().ok()?;
        let exponent: i32 = exponent.parse().ok()?;
        Some(Self { digits, exponent: exponent - i32::try_from(behind_point).ok()? })
    }

    fn to_float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// The digits when the exponent is this one, which is not larger.
    fn scaled(self, exponent: i32) -> Option<i128> {
        let by = u32::try_from(self.exponent - exponent).ok()?;
        self.digits.checked_mul(10_i128.checked_pow(by)?)
    }

    fn step(self, other: Self, step: Step) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        match step {
            Step::Add | Step::Subtract => {
                let (a, b) = (self.scaled(exponent)?, other.scaled(exponent)?);
                let is_sum = matches!(step, Step::Add);
                let digits = if is_sum { a.checked_add(b) } else { a.checked_sub(b) }?;
                Some(Self { digits, exponent })
            },
            Step::Multiply => Some(Self {
                digits: self.digits.checked_mul(other.digits)?,
                exponent: self.exponent + other.exponent,
            }),
            Step::Divide => {
                // One digit more, then rounded half away from zero.
                let shift = self.exponent - other.exponent + QUOTIENT_DIGITS;
                let (mut a, mut b) = (self.digits, other.digits);
                let by = 10_i128.checked_pow(shift.unsigned_abs())?;
                if shift >= 0 {
                    a = a.checked_mul(by)?;
                } else {
                    b = b.checked_mul(by)?;
                }
                let quotient = a.checked_div(b)?;
                let left = a.checked_rem(b)?.checked_mul(2)?;
                let away = if left.unsigned_abs() >= b.unsigned_abs() {
                    if (a < 0) == (b < 0) { 1 } else { -1 }
                } else {
                    0
                };
                Some(Self { digits: quotient + away, exponent: -QUOTIENT_DIGITS })
            },
        }
    }
}
