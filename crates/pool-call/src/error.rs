//! Why a call has no reply, and why a connection has ended.

use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use pool_driver::{BoxError, Refused, RefusedReason, SharedError, UndeliveredReason};

/// Why a call has no reply, and whether the request may have been executed.
///
/// ```
/// use pool_call::CallError;
///
/// fn next_step(error: CallError<String>) -> String {
///     match error {
///         CallError::NotSent { request, reason } => format!("send {request} again, later: {reason}"),
///         CallError::MaybeSent { reason } => format!("look whether it was executed: {reason}"),
///         _ => "give up".to_owned(),
///     }
/// }
/// ```
#[non_exhaustive]
pub enum CallError<Request> {
    /// The request never left, for certain. It can be repeated, whatever it does.
    NotSent {
        /// The request, untouched.
        request: Request,
        /// Why it was not sent.
        reason: NotSentReason,
    },
    /// The request was given to a connection, and it is not known how far it got. Repeat it only if
    /// executing it twice does no harm.
    MaybeSent {
        /// Why there is no reply.
        reason: MaybeSentReason,
    },
}

impl<Request> CallError<Request> {
    /// The request, if it never left.
    pub fn into_request(self) -> Option<Request> {
        match self {
            Self::NotSent { request, .. } => Some(request),
            Self::MaybeSent { .. } => None,
        }
    }

    /// Whether the request never left, so that repeating it can do no harm.
    pub fn is_not_sent(&self) -> bool {
        matches!(self, Self::NotSent { .. })
    }
}

impl<Request> fmt::Debug for CallError<Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent { reason, .. } => {
                f.debug_struct("NotSent").field("reason", reason).finish_non_exhaustive()
            }
            Self::MaybeSent { reason } => f.debug_struct("MaybeSent").field("reason", reason).finish(),
        }
    }
}

impl<Request> fmt::Display for CallError<Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent { reason, .. } => write!(f, "the request was not sent: {reason}"),
            Self::MaybeSent { reason } => write!(f, "the request may have been executed: {reason}"),
        }
    }
}

impl<Request> Error for CallError<Request> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotSent { reason, .. } => reason.source(),
            Self::MaybeSent { reason } => reason.source(),
        }
    }
}

/// Why a call has no reply, without its request: what a pool returns as a tower service.
///
/// Services share their errors between threads and keep them in boxes, which not every request allows. Where the
/// request is to come back, call [the pool](crate::CallPool) itself.
///
/// ```
/// use pool_call::ServiceError;
///
/// fn is_safe_to_repeat(error: &(dyn std::error::Error + 'static)) -> bool {
///     error.downcast_ref().is_some_and(ServiceError::is_not_sent)
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServiceError {
    /// The request never left, for certain. It can be repeated, whatever it does.
    NotSent(NotSentReason),
    /// The request was given to a connection, and it is not known how far it got. Repeat it only if executing
    /// it twice does no harm.
    MaybeSent(MaybeSentReason),
}

impl ServiceError {
    /// Whether the request never left, so that repeating it can do no harm.
    #[must_use]
    pub fn is_not_sent(&self) -> bool {
        matches!(self, Self::NotSent(_))
    }

    /// What the error of a service means. That of a pool, however far below, keeps its meaning; of any other it is
    /// not known how far the request got.
    #[cfg(feature = "tower")]
    pub(crate) fn of_service(error: impl Into<BoxError>) -> Self {
        match error.into().downcast::<Self>() {
            Ok(error) => *error,
            Err(error) => Self::MaybeSent(MaybeSentReason::ServiceFailed(error.into())),
        }
    }
}

impl<Request> From<CallError<Request>> for ServiceError {
    fn from(error: CallError<Request>) -> Self {
        match error {
            CallError::NotSent { reason, .. } => Self::NotSent(reason),
            CallError::MaybeSent { reason } => Self::MaybeSent(reason),
        }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(reason) => write!(f, "the request was not sent: {reason}"),
            Self::MaybeSent(reason) => write!(f, "the request may have been executed: {reason}"),
        }
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotSent(reason) => reason.source(),
            Self::MaybeSent(reason) => reason.source(),
        }
    }
}

/// Why a request never left.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum NotSentReason {
    /// The pool did not take it.
    Refused {
        /// Why.
        reason: RefusedReason,
        /// The latest error of any of the pool's connections or dials, if there ever was one.
        last_error: Option<SharedError>,
    },
    /// The pool took it, and no connection could before the pool gave up.
    Undelivered {
        /// Why.
        reason: UndeliveredReason,
        /// The latest error of any of the pool's connections or dials, if there ever was one.
        last_error: Option<SharedError>,
    },
    /// The deadline came before a connection took it.
    TimedOut {
        /// The latest error of any of the pool's connections or dials, if there ever was one.
        last_error: Option<SharedError>,
    },
    /// The sink that should have taken it is broken.
    SinkFailed(SharedError),
    /// The call was dropped: by a pool that is no [`CallPool`](crate::CallPool),
    /// or with a connection that had not written it.
    Dropped,
}

impl NotSentReason {
    /// What the error of a sink means.
    pub(crate) fn of_sink_error(error: &SharedError) -> Self {
        match error.downcast_ref::<Refused>() {
            Some(refused) => Self::Refused { reason: refused.reason, last_error: None },
            None => Self::SinkFailed(Arc::clone(error)),
        }
    }

    /// Whether another attempt may succeed at once. A pool that refuses or returns calls has no
    /// connection for any.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Dropped => true,
            Self::Refused { .. } | Self::Undelivered { .. } | Self::TimedOut { .. } | Self::SinkFailed(_) => {
                false
            }
        }
    }

    /// Where the pool's last error goes, if the reason has one.
    pub(crate) fn last_error_mut(&mut self) -> Option<&mut Option<SharedError>> {
        match self {
            Self::Refused { last_error, .. }
            | Self::Undelivered { last_error, .. }
            | Self::TimedOut { last_error } => Some(last_error),
            Self::SinkFailed(_) | Self::Dropped => None,
        }
    }

    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused { last_error, .. }
            | Self::Undelivered { last_error, .. }
            | Self::TimedOut { last_error } => last_error.as_deref().map(as_source),
            Self::SinkFailed(error) => Some(as_source(&**error)),
            Self::Dropped => None,
        }
    }
}

impl fmt::Display for NotSentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last_error = match self {
            Self::Refused { reason, last_error } => {
                write!(f, "{reason}")?;
                last_error
            }
            Self::Undelivered { reason, last_error } => {
                write!(f, "{reason}")?;
                last_error
            }
            Self::TimedOut { last_error } => {
                f.write_str("its time was over before a connection could take it")?;
                last_error
            }
            Self::SinkFailed(error) => return error.fmt(f),
            Self::Dropped => return f.write_str("the call was dropped"),
        };
        match last_error {
            Some(error) => write!(f, "; the last error of a connection: {error}"),
            None => Ok(()),
        }
    }
}

/// Why there is no reply to a request that may have been executed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MaybeSentReason {
    /// Its connection broke.
    ConnectionFailed(ConnectionError),
    /// The tower service that had it returned this error; its connection lives on.
    ServiceFailed(SharedError),
    /// The sink that had it broke.
    SinkFailed(SharedError),
    /// The deadline came before the reply.
    TimedOut,
    /// Its connection was dropped before the reply came: it took too long to drain, or its pool
    /// ended.
    Dropped,
}

impl MaybeSentReason {
    /// Whether another attempt may succeed at once.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::ConnectionFailed(_) | Self::ServiceFailed(_) | Self::Dropped => true,
            Self::SinkFailed(_) | Self::TimedOut => false,
        }
    }

    #[cfg(feature = "tower")]
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::TimedOut)
    }

    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::ConnectionFailed(error) => Some(error),
            Self::ServiceFailed(error) | Self::SinkFailed(error) => Some(as_source(&**error)),
            Self::TimedOut | Self::Dropped => None,
        }
    }
}

impl fmt::Display for MaybeSentReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConnectionFailed(error) => error.fmt(f),
            Self::ServiceFailed(error) | Self::SinkFailed(error) => error.fmt(f),
            Self::TimedOut => f.write_str("no reply came in time"),
            Self::Dropped => f.write_str("its connection was dropped"),
        }
    }
}

/// Why a connection of this crate is over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The transport returned an error: of the network, or of a codec that was sent garbage.
    Transport(SharedError),
    /// The peer closed the connection while it owed replies.
    Closed,
    /// The peer sent a reply that nobody waits for: out of step, or with an id that is not in use.
    UnexpectedReply,
    /// The connection was given up: it has owed replies and got none for as long as
    /// [`outcome_timeout`](pool_driver::PoolBuilder::outcome_timeout) allows, or while it drained; or
    /// too many callers of a tower service left in a row.
    NotAnswering,
}

impl ConnectionError {
    pub(crate) fn transport(error: impl Into<BoxError>) -> Self {
        Self::Transport(error.into().into())
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transport(error) => error.fmt(f),
            Self::Closed => f.write_str("the peer closed the connection while it owed replies"),
            Self::UnexpectedReply => f.write_str("the peer sent a reply that nobody waits for"),
            Self::NotAnswering => f.write_str("the peer doesn't answer"),
        }
    }
}

impl Error for ConnectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Transport(error) => Some(as_source(&**error)),
            Self::Closed | Self::UnexpectedReply | Self::NotAnswering => None,
        }
    }
}

fn as_source<'a>(error: &'a (dyn Error + Send + Sync + 'static)) -> &'a (dyn Error + 'static) {
    error
}

// Errors are shown and dropped, which is all that can be done with one after a panic.
impl UnwindSafe for NotSentReason {}
impl RefUnwindSafe for NotSentReason {}
impl UnwindSafe for MaybeSentReason {}
impl RefUnwindSafe for MaybeSentReason {}
impl UnwindSafe for ConnectionError {}
impl RefUnwindSafe for ConnectionError {}
