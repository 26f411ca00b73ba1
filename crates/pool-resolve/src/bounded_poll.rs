//! The bound to what one poll reads.

use std::ops::ControlFlow;
use std::task::{Context, Poll};

const STEPS_PER_POLL_MAX: usize = 32;

/// Repeats a step until it breaks. After 32 steps it yields: it is pending, and the task is woken at once.
///
/// A source that is always ready would otherwise keep the task from everything else.
pub(crate) fn bounded_poll<T>(
    cx: &mut Context<'_>,
    mut step: impl FnMut(&mut Context<'_>) -> ControlFlow<Poll<T>>,
) -> Poll<T> {
    for _ in 0..STEPS_PER_POLL_MAX {
        if let ControlFlow::Break(poll) = step(cx) {
            return poll;
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}
