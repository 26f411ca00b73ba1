//! Whether an etcd is still the one it was.

use etcd_client::ResponseHeader;

use super::error::EtcdError;

/// A point in an etcd's history. The cluster id alone is not enough: it is made of the members' URLs, so it
/// outlives the loss of all data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) cluster: u64,
    pub(super) term: u64,
    pub(super) revision: i64,
}

impl From<&ResponseHeader> for Point {
    fn from(header: &ResponseHeader) -> Self {
        let (cluster, term, revision) = (header.cluster_id(), header.raft_term(), header.revision());
        Self { cluster, term, revision }
    }
}

/// The last point of etcd's history that was seen, and whether the history was lost.
#[derive(Debug, Default)]
pub(super) struct History {
    seen: Option<Point>,
    /// The last point of the history that was accepted, if another history has begun.
    lost: Option<Point>,
}

impl History {
    /// Whether this point can't follow the one that was seen. Terms and revisions only grow, on all members.
    pub(super) fn contradicts(&self, now: Point) -> bool {
        self.seen.is_some_and(|seen| {
            now.cluster != seen.cluster || now.term < seen.term || now.revision < seen.revision
        })
    }

    pub(super) fn see(&mut self, now: Point) {
        if self.contradicts(now) {
            // If it is lost a second time, the first point is still the last that was accepted.
            self.lost = self.lost.or(self.seen);
        }
        self.seen = Some(now);
    }

    /// The revision grows. A member that lags behind changes nothing.
    pub(super) fn advance(&mut self, revision: i64) {
        if let Some(seen) = &mut self.seen {
            seen.revision = seen.revision.max(revision);
        }
    }

    /// Accepts this history: it is not lost any more.
    pub(super) fn accept(&mut self) {
        self.lost = None;
    }

    /// The error, if this is another history than the one that was accepted last.
    pub(super) fn lost(&self) -> Option<EtcdError> {
        let (lost, seen) = (self.lost?, self.seen?);
        Some(EtcdError::DataLost { revision: seen.revision, revision_before: lost.revision })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Point = Point { cluster: 7, term: 3, revision: 10 };

    #[test]
    fn a_history_that_goes_on_is_not_lost() {
        let mut history = History::default();
        for (term, revision) in [(2, 1), (2, 1), (2, 5), (3, 5), (9, 100)] {
            history.see(Point { term, revision, ..LATER });
            assert!(history.lost().is_none());
        }
    }

    #[test]
    fn what_can_not_come_after_what_was_seen_is_another_history() {
        for other in [
            Point { revision: 9, ..LATER },
            Point { term: 2, revision: 11, ..LATER },
            Point { cluster: 8, revision: 11, ..LATER },
        ] {
            let mut history = History::default();
            history.see(LATER);
            history.see(other);
            assert!(history.lost().is_some(), "{other:?}");
        }
    }

    #[test]
    fn a_lost_history_stays_lost_until_the_new_one_is_accepted() {
        let mut history = History::default();
        history.see(LATER);
        history.see(Point { revision: 1, ..LATER });
        history.see(Point { revision: 1000, ..LATER });
        history.advance(2000);
        assert!(history.lost().is_some());
        history.accept();
        assert!(history.lost().is_none());
        assert!(history.contradicts(Point { revision: 1999, ..LATER }));
    }
}
