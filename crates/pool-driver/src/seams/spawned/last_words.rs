//! What a connection that is over still has to tell of its items.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::seams::connection::{Connection, ConnectionEvent};

/// So many events are read at least, whatever it goes on telling, besides items that come back.
const LAST_EVENTS_MAX: u64 = 1 << 15;

/// Reads what a connection has to tell before it is dropped, and returns whether it is over by that. It owes `owed` items, if it tells what becomes of them. So
/// it can't return more, and each may be answered, abandoned and then finished.
pub(super) fn read_last_words<T, K: Connection<T>>(
    mut connection: Pin<&mut K>,
    owed: u64,
    events: &mut VecDeque<ConnectionEvent<T>>,
    cx: &mut Context<'_>,
) -> bool {
    let owed = if K::REPORTS_OUTCOMES { owed } else { 0 };
    let (mut items_left, mut others_left) = (owed, (owed * 3).max(LAST_EVENTS_MAX));
    while others_left > 0 {
        let event = match connection.as_mut().poll_event(cx) {
            Poll::Ready(Ok(ConnectionEvent::Closed) | Err(_)) => return true,
            Poll::Pending => return false,
            Poll::Ready(Ok(event)) => event,
        };
        if matches!(event, ConnectionEvent::Unsent(_)) && items_left > 0 {
            items_left -= 1;
        } else {
            others_left -= 1;
        }
        // It goes anyway.
        if !matches!(event, ConnectionEvent::GoingAway) {
            events.push_back(event);
        }
    }
    false
}
