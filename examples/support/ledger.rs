//! Where every line went.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::tracked::TrackedConnector;

/// Hands out numbered lines and keeps a record of each, for all who have a clone.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    book: Arc<Mutex<Book>>,
}

#[derive(Debug, Default)]
struct Book {
    /// By the number of the line.
    lines: Vec<Line>,
    died: BTreeSet<SocketAddr>,
    answers: u64,
}

/// What became of one line.
#[derive(Clone, Debug, Default)]
struct Line {
    sent_to: Vec<SocketAddr>,
    received_by: Vec<SocketAddr>,
    /// Why not.
    undelivered: Option<String>,
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new line to send; it consists of its number.
    #[must_use]
    pub fn write_line(&self) -> String {
        let mut book = self.book();
        book.lines.push(Line::default());
        (book.lines.len() - 1).to_string()
    }

    fn record(&self, line: &str, record: impl FnOnce(&mut Line)) {
        let number = line.parse().unwrap_or(usize::MAX);
        if let Some(line) = self.book().lines.get_mut(number) {
            record(line);
        }
    }

    /// A connector whose connections record what they are sent.
    pub fn track<C>(&self, connector: C) -> TrackedConnector<C> {
        TrackedConnector::new(connector, self.clone())
    }

    /// A connection to this server has taken the line.
    pub fn sent(&self, line: &str, address: SocketAddr) {
        self.record(line, |line| line.sent_to.push(address));
    }

    pub(crate) fn received(&self, line: &str, address: SocketAddr) {
        self.record(line, |line| line.received_by.push(address));
    }

    pub(crate) fn died(&self, address: SocketAddr) {
        self.book().died.insert(address);
    }

    /// How many lines connections to this server have taken.
    #[must_use]
    pub fn sent_to(&self, address: SocketAddr) -> usize {
        self.book().lines.iter().flat_map(|line| &line.sent_to).filter(|to| **to == address).count()
    }

    /// The pool could not deliver this line.
    pub fn undelivered(&self, line: &str, reason: impl fmt::Display) {
        self.record(line, |line| line.undelivered = Some(reason.to_string()));
    }

    /// A server has answered.
    pub fn answered(&self) {
        self.book().answers += 1;
    }

    /// What became of all lines; to be asked for when pool and servers are done.
    #[must_use]
    pub fn report(&self) -> Report {
        let book = self.book();
        let mut report = Report { accepted: book.lines.len(), answers: book.answers, ..Report::default() };
        for (number, line) in book.lines.iter().enumerate() {
            report.add(number, line, &book.died);
        }
        report
    }
}

/// The sums, and every line that did not arrive.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// Lines written.
    pub accepted: usize,
    /// Lines that connections were sent, whether they arrived or not.
    pub sent: usize,
    /// Lines that servers have read.
    pub received: usize,
    /// Lines that the pool gave back.
    pub undelivered: usize,
    /// Lines that were sent to connections whose server died.
    pub lost: usize,
    /// Answers that came back.
    pub answers: u64,
    /// Lines sent to and received by each server.
    by_server: BTreeMap<SocketAddr, (usize, usize)>,
    /// A sentence on each line that did not arrive.
    missing: Vec<String>,
    /// A sentence on each line that nothing explains.
    wrong: Vec<String>,
}

impl Report {
    /// Lines that connections to this server were sent and the server has not read.
    #[must_use]
    pub fn missing_at(&self, address: SocketAddr) -> usize {
        let (sent, received) = self.by_server.get(&address).copied().unwrap_or_default();
        sent.saturating_sub(received)
    }

    fn add(&mut self, number: usize, line: &Line, died: &BTreeSet<SocketAddr>) {
        for address in &line.sent_to {
            self.sent += 1;
            self.by_server.entry(*address).or_default().0 += 1;
        }
        for address in &line.received_by {
            self.received += 1;
            self.by_server.entry(*address).or_default().1 += 1;
        }
        match (&line.sent_to[..], &line.received_by[..], &line.undelivered) {
            ([to], [by], None) if to == by => {}
            ([], [], Some(reason)) => {
                self.undelivered += 1;
                self.missing.push(format!("line {number}: undelivered, {reason}"));
            }
            ([to], [], None) if died.contains(to) => {
                self.lost += 1;
                self.missing.push(format!("line {number}: sent to {to}, which died"));
            }
            (to, by, undelivered) => self.wrong.push(format!(
                "line {number}: sent to {to:?}, received by {by:?}, undelivered: {undelivered:?}"
            )),
        }
    }

    /// Whether every line is accounted for, and the sums agree.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.wrong.is_empty() && self.accepted == self.received + self.undelivered + self.lost
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>8} {:>8} {:>8}", "server", "sent", "received", "missing")?;
        for (address, (sent, received)) in &self.by_server {
            let missing = self.missing_at(*address);
            writeln!(f, "{:<24} {sent:>8} {received:>8} {missing:>8}", address.to_string())?;
        }
        let Self { accepted, sent, received, undelivered, lost, answers, .. } = self;
        writeln!(f, "{:<24} {sent:>8} {received:>8} {:>8}\n", "all", sent.saturating_sub(*received))?;
        for line in &self.missing {
            writeln!(f, "{line}")?;
        }
        for line in &self.wrong {
            writeln!(f, "WRONG: {line}")?;
        }
        let sign = if self.is_balanced() { '=' } else { '≠' };
        write!(
            f,
            "{accepted} accepted {sign} {received} received + {undelivered} undelivered + {lost} lost"
        )?;
        writeln!(f, " with the server that died; {answers} answers came back")
    }
}
