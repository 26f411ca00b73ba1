//! Why a call has no reply, and why a connection has ended.

use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::Duration;

use pool_driver::{BoxError, Panicked, Refused, RefusedReason, SharedError, UndeliveredReason};

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
    /// The request was sent, and the peer certainly did not process it; it could not be had back. It can be
    /// repeated, whatever it does, by who has a copy.
    Unprocessed {
        /// What says so.
        error: SharedError,
    },
}

impl<Request> CallError<Request> {
    /// The request, if it never left or came back.
    pub fn into_request(self) -> Option<Request> {
        match self {
            Self::NotSent { request, .. } => Some(request),
            Self::MaybeSent { .. } | Self::Unprocessed { .. } => None,
        }
    }

    /// Whether the request was certainly not executed, so that repeating it can do no harm.
    pub fn is_not_sent(&self) -> bool {
        matches!(self, Self::NotSent { .. } | Self::Unprocessed { .. })
    }
}

impl<Request> fmt::Debug for CallError<Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent { reason, .. } => {
                f.debug_struct("NotSent").field("reason", reason).finish_non_exhaustive()
            }
            Self::MaybeSent { reason } => f.debug_struct("MaybeSent").field("reason", reason).finish(),
            Self::Unprocessed { error } => f.debug_struct("Unprocessed").field("error", error).finish(),
        }
    }
}

impl<Request> fmt::Display for CallError<Request> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent { reason, .. } => write!(f, "the request was not sent: {reason}"),
            Self::MaybeSent { reason } => write!(f, "the request may have been executed: {reason}"),
            Self::Unprocessed { error } => write!(f, "the request was not processed: {error}"),
        }
    }
}

impl<Request> Error for CallError<Request> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::NotSent { reason, .. } => reason.source(),
            Self::MaybeSent { reason } => reason.source(),
            Self::Unprocessed { error } => Some(as_source(&**error)),
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
            CallError::Unprocessed { error } => Self::NotSent(NotSentReason::Unprocessed(error)),
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
    /// The peer refused it, certainly unprocessed, and gave it back.
    Unprocessed(SharedError),
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
            Self::Dropped | Self::Unprocessed(_) => true,
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
            Self::SinkFailed(_) | Self::Unprocessed(_) | Self::Dropped => None,
        }
    }

    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused { last_error, .. }
            | Self::Undelivered { last_error, .. }
            | Self::TimedOut { last_error } => last_error.as_deref().map(as_source),
            Self::SinkFailed(error) | Self::Unprocessed(error) => Some(as_source(&**error)),
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
            Self::Unprocessed(error) => return write!(f, "the peer did not process it: {error}"),
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
    UnexpectedReply {
        /// How the protocol [describes](crate::Protocol::describe) it, in at most 80 printable characters; empty
        /// unless it does.
        reply: Arc<str>,
    },
    /// The peer sent a reply in more parts than [`parts_max`](crate::CallConnection::parts_max) allows.
    TooManyParts,
    /// The peer asks for answers of the connection itself, as by pings, and takes none of them.
    TooManyControls,
    /// The connection was given up: the peer owes replies, and has sent nothing for as long as
    /// [`outcome_timeout`](pool_driver::PoolBuilder::outcome_timeout) allows.
    Silent {
        /// For how long.
        silence: Duration,
    },
    /// The connection was given up: the peer took no request for as long as
    /// [`outcome_timeout`](pool_driver::PoolBuilder::outcome_timeout) allows.
    Blocked,
    /// The connection was given up while it drained: its [time](pool_driver::PoolBuilder::drain_timeout) was over.
    NotDrained {
        /// Calls that had no reply yet.
        owed: usize,
    },
    /// The [`Protocol`](crate::Protocol) panicked.
    ProtocolPanicked(Arc<Panicked>),
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
            Self::UnexpectedReply { reply } if reply.is_empty() => {
                f.write_str("the peer sent a reply that nobody waits for")
            }
            Self::UnexpectedReply { reply } => {
                write!(f, "the peer sent a reply that nobody waits for: {reply}")
            }
            Self::TooManyParts => f.write_str("the peer sent a reply in too many parts"),
            Self::TooManyControls => f.write_str("the peer asks again and again, and takes no answer"),
            Self::Silent { silence } => {
                write!(f, "the peer owes replies and has been silent for {:.1} s", silence.as_secs_f64())
            }
            Self::Blocked => f.write_str("the peer took no request"),
            Self::NotDrained { owed } => {
                write!(f, "the time to drain was over, and {owed} calls had no reply")
            }
            Self::ProtocolPanicked(panicked) => write!(f, "the protocol {panicked}"),
        }
    }
}

impl Error for ConnectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Transport(error) => Some(as_source(&**error)),
            Self::ProtocolPanicked(panicked) => Some(&**panicked),
            Self::Closed
            | Self::UnexpectedReply { .. }
            | Self::TooManyParts
            | Self::TooManyControls
            | Self::Silent { .. }
            | Self::Blocked
            | Self::NotDrained { .. } => None,
        }
    }
}

fn as_source<'a>(error: &'a (dyn Error + Send + Sync + 'static)) -> &'a (dyn Error + 'static) {
    error
}

// Errors are shown and dropped, which is all that can be done with one after a panic.
impl<Request: UnwindSafe> UnwindSafe for CallError<Request> {}
impl<Request: RefUnwindSafe> RefUnwindSafe for CallError<Request> {}
impl UnwindSafe for NotSentReason {}
impl RefUnwindSafe for NotSentReason {}
impl UnwindSafe for MaybeSentReason {}
impl RefUnwindSafe for MaybeSentReason {}
impl UnwindSafe for ConnectionError {}
impl RefUnwindSafe for ConnectionError {}
