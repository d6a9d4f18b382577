//! A number of the configuration as Go's `encoding/json` writes a `float64`.

/// Shortest digits that read back the same; exponents below 1e-6 and from 1e21 on. Infinity and NaN
/// have no JSON: `None`.
pub(super) fn float64(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(number.to_string());
    }
    let text = format!("{number:e}");
    Some(if size < 1.0 { text } else { text.replace('e', "e+") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: f64, text: &str) {
        assert_eq!(float64(number).as_deref(), Some(text));
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        assert_eq!(float64(f64::NAN), None);
        assert_eq!(float64(f64::NEG_INFINITY), None);
    }

    #[test]
    fn exponents_begin_where_go_begins_them() {
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(-1.5e300, "-1.5e+300");
        check(1e-6, "0.000001");
        check(1e-7, "1e-7");
        check(1.25e-10, "1.25e-10");
        check(5e-324, "5e-324");
    }

    #[test]
    fn digits_are_the_fewest_that_read_back() {
        check(0.1, "0.1");
        check(12_345_678_901_234_567.0, "12345678901234568");
        check(1.0, "1");
        check(-0.0, "-0");
        check(0.0, "0");
    }
}
