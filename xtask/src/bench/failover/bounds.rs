//! What must hold for this pool; other clients are there to compare it with.

use super::row::Row;

/// Which bounds are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    AllBounds,
    /// Those that have nothing to do with how fast the machine is, or how busy.
    AnyMachine,
}

struct Bound {
    clients: &'static [&'static str],
    name: &'static str,
    of: fn(&Row) -> f64,
    limit: Limit,
    scope: Scope,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

const BOTH: &[&str] = &["pool-tokio", "pool-tokio-retry"];
const RETRYING: &[&str] = &["pool-tokio-retry"];

const BOUNDS: &[Bound] = &[
    Bound {
        clients: BOTH,
        name: "calls that hang",
        of: |row| row.figure("hung"),
        limit: Limit::AtMost(0.0),
        scope: Scope::AnyMachine,
    },
    Bound {
        clients: BOTH,
        name: "calls that pool, servers and callers don't agree on",
        of: |row| row.figure("unaccounted"),
        limit: Limit::AtMost(0.0),
        scope: Scope::AnyMachine,
    },
    Bound {
        clients: BOTH,
        name: "calls that failed and were not on the dead server's connections",
        of: Row::failed_elsewhere,
        limit: Limit::AtMost(0.0),
        scope: Scope::AnyMachine,
    },
    Bound {
        clients: RETRYING,
        name: "calls that failed though they may be repeated",
        of: Row::failed,
        limit: Limit::AtMost(0.0),
        scope: Scope::AnyMachine,
    },
    Bound {
        clients: BOTH,
        name: "the rate while the server is down, of the rate before",
        of: |row| row.to_before("rate-down").ratio,
        limit: Limit::AtLeast(0.95),
        scope: Scope::AllBounds,
    },
    Bound {
        clients: BOTH,
        name: "milliseconds of the slowest call",
        of: |row| row.figure("slowest"),
        limit: Limit::AtMost(100.0),
        scope: Scope::AllBounds,
    },
];

/// What was missed, or not measured.
pub(super) fn missed(rows: &[Row], scope: Scope) -> Vec<String> {
    let mut missed = Vec::new();
    for bound in BOUNDS.iter().filter(|bound| scope == Scope::AllBounds || bound.scope == scope) {
        for client in bound.clients {
            let row = rows.iter().find(|row| row.client == *client);
            let found = row.map_or(f64::NAN, bound.of);
            let (is_kept, limit) = match bound.limit {
                Limit::AtLeast(least) => (found >= least, format!("at least {least}")),
                Limit::AtMost(most) => (found <= most, format!("at most {most}")),
            };
            if !is_kept {
                missed.push(format!("{client}: {}: {found:.3}, {limit} allowed", bound.name));
            }
        }
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "not-sent 0\nmaybe-sent 0\nerrors 0\nin-flight 3\nhung 0\nunaccounted 0\n\
        rate-before 8000\nrate-down 7900\nrate-after 8000\nslowest 20";

    fn rows(of_retrying: &str) -> Vec<Row> {
        let parse = |(client, printed): (&&'static str, _)| Row::parse(client, printed).expect("figures");
        BOTH.iter().zip([GOOD, of_retrying]).map(parse).collect()
    }

    #[test]
    fn what_is_good_misses_nothing() {
        assert_eq!(missed(&rows(GOOD), Scope::AllBounds), [] as [String; 0]);
    }

    #[test]
    fn each_bound_can_be_missed() {
        for (good, bad, any_machine, all) in [
            ("hung 0", "hung 1", 1, 1),
            ("unaccounted 0", "unaccounted 2", 1, 1),
            ("maybe-sent 0", "maybe-sent 3", 1, 1),
            ("maybe-sent 0", "maybe-sent 4", 2, 2),
            ("rate-down 7900", "rate-down 7599", 0, 1),
            ("slowest 20", "slowest 100.5", 0, 1),
        ] {
            let rows = rows(&GOOD.replace(good, bad));
            assert_eq!(missed(&rows, Scope::AnyMachine).len(), any_machine, "{bad}");
            assert_eq!(missed(&rows, Scope::AllBounds).len(), all, "{bad}");
        }
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let all: usize = BOUNDS.iter().map(|bound| bound.clients.len()).sum();
        assert_eq!(missed(&[], Scope::AllBounds).len(), all);
    }
}
