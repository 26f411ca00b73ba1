//! What came of a run, in numbers.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::callers::{CALLERS, CallRecord, End, PERIOD};
use super::servers::{SECOND_LIFE, VICTIM};
use crate::clients::Failure;

/// When the phases began, and the last one ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phases {
    pub(crate) started: Instant,
    /// A server answers no more.
    pub(crate) down: Instant,
    /// It can answer again.
    pub(crate) up: Instant,
    pub(crate) over: Instant,
}

/// Names and numbers, printed one a line.
#[derive(Default, Debug)]
pub(crate) struct Figures(Vec<(&'static str, f64)>);

impl Figures {
    pub(crate) fn add(&mut self, name: &'static str, value: f64) {
        self.0.push((name, value));
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub(crate) fn add_count(&mut self, name: &'static str, count: u64) {
        self.add(name, count as f64);
    }

    pub(crate) fn add_milliseconds(&mut self, name: &'static str, duration: Duration) {
        self.add(name, duration.as_secs_f64() * 1000.0);
    }

    pub(crate) fn add_load(&mut self) {
        self.add_count("callers", CALLERS.into());
        self.add_milliseconds("period", PERIOD);
    }

    /// What the callers saw.
    pub(crate) fn add_calls(&mut self, calls: &[CallRecord], phases: Phases) {
        let count =
            |is_counted: fn(End) -> bool| calls.iter().filter(|call| is_counted(call.end)).count() as u64;
        self.add_count("calls", calls.len() as u64);
        self.add_count("not-sent", count(|end| end == End::Failed(Failure::NotSent)));
        self.add_count("maybe-sent", count(|end| end == End::Failed(Failure::MaybeSent)));
        self.add_count("timed-out", count(|end| end == End::Failed(Failure::TimedOut)));
        self.add_count("errors", count(|end| matches!(end, End::Failed(Failure::Other) | End::Wrong)));

        let Phases { started, down, up, over } = phases;
        let answers = answers(calls);
        self.add("rate-before", rate(&answers, started, down));
        self.add("rate-down", rate(&answers, down, up));
        self.add("rate-after", rate(&answers, up, over));
        let slowest = calls.iter().map(|call| call.ended - call.begun).max();
        self.add_milliseconds("slowest", slowest.unwrap_or_default());
        self.add_milliseconds("stall", longest_gap(&answers, started, over));
        // A server that never answered again counts as one that does so at the end.
        let is_again = |call: &&CallRecord| {
            call.ended >= up && [End::Answered(VICTIM), End::Answered(SECOND_LIFE)].contains(&call.end)
        };
        let again = calls.iter().filter(is_again).map(|call| call.ended).min().unwrap_or(over);
        self.add_milliseconds("back", again.saturating_duration_since(up));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name} {value:.3}"))
    }
}

/// When calls were answered, in order.
fn answers(calls: &[CallRecord]) -> Vec<Instant> {
    let answered = calls.iter().filter(|call| matches!(call.end, End::Answered(_)));
    let mut answers: Vec<Instant> = answered.map(|call| call.ended).collect();
    answers.sort_unstable();
    answers
}

/// Answers a second.
#[expect(clippy::cast_precision_loss, reason = "counts are small")]
fn rate(answers: &[Instant], from: Instant, to: Instant) -> f64 {
    let count = answers.iter().filter(|answer| (from..to).contains(answer)).count();
    count as f64 / (to - from).as_secs_f64()
}

/// The longest time without an answer.
fn longest_gap(answers: &[Instant], from: Instant, to: Instant) -> Duration {
    let mut gap = Duration::ZERO;
    let mut latest = from;
    for answer in answers.iter().filter(|answer| **answer < to).chain([&to]) {
        gap = gap.max(answer.saturating_duration_since(latest));
        latest = *answer;
    }
    gap
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(calls: &[CallRecord], phases: Phases, name: &str) -> f64 {
        let mut figures = Figures::default();
        figures.add_calls(calls, phases);
        figures.0.iter().find(|(known, _)| *known == name).expect("there is such a figure").1
    }

    #[test]
    fn figures_are_those_of_their_phases() {
        let started = Instant::now();
        let at = |milliseconds| started + Duration::from_millis(milliseconds);
        let phases = Phases { started, down: at(1000), up: at(3000), over: at(4000) };
        let call = |begun, ended, end| CallRecord { begun: at(begun), ended: at(ended), end };
        let calls = |second_life| {
            [
                call(2500, 2990, End::Failed(Failure::MaybeSent)),
                call(1500, 2500, End::Failed(Failure::TimedOut)),
                call(3200, 3250, End::Answered(second_life)),
                call(100, 200, End::Answered(0)),
                call(100, 900, End::Answered(1)),
                call(1000, 1100, End::Answered(1)),
                call(3000, 4100, End::Answered(2)),
            ]
        };
        for (name, expected) in [
            ("calls", 7.0),
            ("not-sent", 0.0),
            ("maybe-sent", 1.0),
            ("timed-out", 1.0),
            ("errors", 0.0),
            ("rate-before", 2.0),
            ("rate-down", 0.5),
            ("rate-after", 1.0),
            ("slowest", 1100.0),
            ("stall", 2150.0),
            ("back", 250.0),
        ] {
            // It comes back without its memory if it was killed, and with it if it was stopped.
            for second_life in [SECOND_LIFE, VICTIM] {
                let found = figure(&calls(second_life), phases, name);
                assert!((found - expected).abs() < 1e-9, "{name}: {found}");
            }
        }
    }

    #[test]
    fn who_never_answers_is_stalled_for_ever() {
        let started = Instant::now();
        let over = started + Duration::from_secs(4);
        let phases = Phases { started, down: started, up: started, over };
        assert!((figure(&[], phases, "stall") - 4000.0).abs() < 1e-9);
        assert!((figure(&[], phases, "back") - 4000.0).abs() < 1e-9);
    }
}
