//! What a connection tells of itself, up to its end: a pool by events, another owner by the errors of the sink.

use pool_driver::ConnectionEvent;

use crate::error::ConnectionError;

/// Where a connection stands on the way to its end.
///
/// A connection goes away first, if it can: it takes no more calls and answers those it has. Then it ends,
/// in good order or with an error. The first end counts.
pub(crate) struct Ending {
    /// A pool polls for events. Reads are driven by that then, and by everything else otherwise.
    is_pooled: bool,
    /// The dial has found that the address is unfit, and the pool is to be told.
    is_unfit: bool,
    departure: Departure,
    end: Option<ConnectionEnd>,
}

/// Whether the connection has asked to be replaced though it works.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Departure {
    /// It stays.
    No,
    /// The pool is to be told.
    Due,
    /// The pool was told, or is told of the end instead.
    Settled,
}

enum ConnectionEnd {
    /// The peer closed in good order.
    Closed,
    Failed(ConnectionError),
}

impl Ending {
    pub(crate) fn new() -> Self {
        Self { is_pooled: false, is_unfit: false, departure: Departure::No, end: None }
    }

    /// A pool has polled for events.
    #[inline]
    pub(crate) fn set_pooled(&mut self) {
        self.is_pooled = true;
    }

    #[inline]
    pub(crate) fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.end, Some(ConnectionEnd::Closed))
    }

    /// The error that the connection ended with.
    #[inline]
    pub(crate) fn error(&self) -> Option<&ConnectionError> {
        if let Some(ConnectionEnd::Failed(error)) = &self.end { Some(error) } else { None }
    }

    /// The dial has found that the address is unfit.
    pub(crate) fn set_unfit(&mut self) {
        self.is_unfit = true;
    }

    /// The connection asks to be replaced, once.
    pub(crate) fn go_away(&mut self) {
        if self.departure == Departure::No {
            self.departure = Departure::Due;
        }
    }

    /// The peer has closed in good order.
    pub(crate) fn close(&mut self) {
        self.end.get_or_insert(ConnectionEnd::Closed);
    }

    pub(crate) fn fail(&mut self, error: ConnectionError) {
        self.end.get_or_insert(ConnectionEnd::Failed(error));
    }

    /// The connection has failed, and still answers the calls it has. It doesn't ask to be replaced before.
    #[cfg(feature = "tower")]
    pub(crate) fn fail_when_answered(&mut self, error: ConnectionError) {
        self.departure = Departure::Settled;
        self.fail(error);
    }

    /// Whether there is an event for a pool to poll for.
    #[inline]
    pub(crate) fn has_event(&self) -> bool {
        self.is_pooled && (self.departure == Departure::Due || self.end.is_some() || self.is_unfit)
    }

    /// What a pool is told next, once it was told of all outcomes. The end is last, when no replies are owed;
    /// until then the connection goes away.
    pub(crate) fn next_event<T>(
        &mut self,
        owes_replies: bool,
    ) -> Option<Result<ConnectionEvent<T>, ConnectionError>> {
        if std::mem::take(&mut self.is_unfit) {
            return Some(Ok(ConnectionEvent::Unfit));
        }
        match &self.end {
            Some(_) if owes_replies => self.go_away(),
            Some(ConnectionEnd::Closed) => return Some(Ok(ConnectionEvent::Closed)),
            Some(ConnectionEnd::Failed(error)) => return Some(Err(error.clone())),
            None => {}
        }
        if self.departure == Departure::Due {
            self.departure = Departure::Settled;
            return Some(Ok(ConnectionEvent::GoingAway));
        }
        None
    }

    /// What the methods of the sink return. A pool learns of the end from [`next_event`](Self::next_event)
    /// instead, if replies are owed or the peer closed in good order.
    #[inline]
    pub(crate) fn check(&self, owes_replies: bool) -> Result<(), ConnectionError> {
        match self.error() {
            Some(error) if !(self.is_pooled && owes_replies) => Err(error.clone()),
            None if self.is_closed() && !self.is_pooled => Err(ConnectionError::Closed),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Option<Result<&'static str, &'static str>>;

    fn next_event(ending: &mut Ending, owes_replies: bool) -> Told {
        let event = ending.next_event(owes_replies)?;
        Some(match event {
            Ok(ConnectionEvent::<()>::GoingAway) => Ok("going away"),
            Ok(ConnectionEvent::Unfit) => Ok("unfit"),
            Ok(ConnectionEvent::Closed) => Ok("closed"),
            Ok(_) => Ok("another event"),
            Err(ConnectionError::Blocked) => Err("blocked"),
            Err(_) => Err("another error"),
        })
    }

    fn pooled() -> Ending {
        let mut ending = Ending::new();
        ending.set_pooled();
        ending
    }

    #[test]
    fn a_departure_is_told_once() {
        let mut ending = pooled();
        assert_eq!(next_event(&mut ending, true), None);
        ending.go_away();
        assert!(ending.has_event());
        assert_eq!(next_event(&mut ending, true), Some(Ok("going away")));
        ending.go_away();
        assert_eq!(next_event(&mut ending, true), None);
    }

    #[test]
    fn what_the_dial_has_found_is_told_once_and_first() {
        let mut ending = pooled();
        ending.set_unfit();
        ending.go_away();
        assert!(ending.has_event());
        assert_eq!(next_event(&mut ending, false), Some(Ok("unfit")));
        assert_eq!(next_event(&mut ending, false), Some(Ok("going away")));
        assert_eq!(next_event(&mut ending, false), None);
    }

    #[test]
    fn an_end_is_told_when_nothing_is_owed_and_until_then_the_connection_goes_away() {
        let mut ending = pooled();
        ending.close();
        assert_eq!(next_event(&mut ending, true), Some(Ok("going away")));
        assert_eq!(next_event(&mut ending, true), None);
        assert_eq!(next_event(&mut ending, false), Some(Ok("closed")));
    }

    #[cfg(feature = "tower")]
    #[test]
    fn a_failure_that_waits_for_replies_does_not_ask_to_be_replaced() {
        let mut ending = pooled();
        ending.fail_when_answered(ConnectionError::Blocked);
        assert_eq!(next_event(&mut ending, true), None);
        assert!(ending.check(true).is_ok());
        assert_eq!(next_event(&mut ending, false), Some(Err("blocked")));
        assert!(ending.check(false).is_err());
    }

    #[test]
    fn the_first_end_counts() {
        let mut ending = pooled();
        ending.close();
        ending.fail(ConnectionError::Blocked);
        assert!(ending.is_closed() && ending.error().is_none());
    }

    #[test]
    fn an_owner_that_is_no_pool_is_told_by_errors() {
        let mut ending = Ending::new();
        assert!(ending.check(true).is_ok());
        ending.close();
        assert!(matches!(ending.check(true), Err(ConnectionError::Closed)));
        assert!(!ending.has_event());
    }
}
