//! Numbers as people read them: three digits and a unit.

use super::figure::Unit;

const THOUSANDS: [(f64, &str); 3] = [(1e9, " G"), (1e6, " M"), (1e3, " k")];
const TIMES: [(f64, &str); 3] = [(1e9, " s"), (1e6, " ms"), (1e3, " µs")];

pub(super) fn shown(value: f64, unit: Unit) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if unit == Unit::Percent {
        return format!("{} %", percent(value));
    }
    let (scales, smallest, rest) = match unit {
        Unit::Nanoseconds => (TIMES, 1e3, " ns"),
        Unit::PerSecond => (THOUSANDS, 1e4, "/s"),
        Unit::Count | Unit::Bytes | Unit::Percent => (THOUSANDS, 1e5, ""),
    };
    let scale = scales.into_iter().find(|(least, _)| value.abs() >= *least && value.abs() >= smallest);
    let Some((least, name)) = scale else { return format!("{}{rest}", digits(value)) };
    let per = if unit == Unit::PerSecond { "/s" } else { "" };
    format!("{}{name}{per}", digits(value / least))
}

/// Two places: of a share that is nearly all, those matter.
fn percent(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

/// Three of them, or all of a whole number.
pub(super) fn digits(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_three_digits_and_a_unit() {
        let shown_each = [
            (62.0, Unit::Count, "62"),
            (725.6, Unit::Count, "726"),
            (1234.0, Unit::Bytes, "1234"),
            (0.0, Unit::Count, "0"),
            (9_400.0, Unit::PerSecond, "9400/s"),
            (1_270_000.0, Unit::PerSecond, "1.27 M/s"),
            (634_000.0, Unit::PerSecond, "634 k/s"),
            (25.3, Unit::Nanoseconds, "25.3 ns"),
            (1_560.0, Unit::Nanoseconds, "1.56 µs"),
            (2.5e9, Unit::Nanoseconds, "2.50 s"),
            (99.926, Unit::Percent, "99.93 %"),
            (100.0, Unit::Percent, "100 %"),
            (f64::NAN, Unit::Count, "–"),
        ];
        for (value, unit, text) in shown_each {
            assert_eq!(shown(value, unit), text);
        }
    }
}
