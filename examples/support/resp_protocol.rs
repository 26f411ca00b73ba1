//! What the replies of Redis mean for its pool.

use std::fmt;

use pool_call::{Incoming, Protocol};
use pool_driver::Verdict;

use crate::resp::{Command, Reply};

/// The protocol of the Redis examples: pushes go to a handler, and errors are judged by what they say of their server.
///
/// The handler must not block. Of commands that don't have exactly one reply, as `SUBSCRIBE`, it knows nothing.
#[derive(Clone, Copy, Debug)]
pub struct Resp<F = fn(Vec<Reply>)> {
    on_push: F,
}

impl Resp {
    /// Pushes are dropped.
    #[must_use]
    pub fn new() -> Self {
        Self { on_push: drop }
    }
}

impl Default for Resp {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: FnMut(Vec<Reply>)> Resp<F> {
    /// Pushes go to this handler: invalidations, after `HELLO 3` and `CLIENT TRACKING ON`.
    pub fn with_pushes(on_push: F) -> Self {
        Self { on_push }
    }
}

impl<F: FnMut(Vec<Reply>)> Protocol<Command, Reply> for Resp<F> {
    type Reply = Reply;

    fn classify(&mut self, reply: Reply) -> Incoming<Command, Reply> {
        match reply {
            Reply::Push(elements) => {
                (self.on_push)(elements);
                Incoming::Push
            }
            reply => Incoming::Reply(reply),
        }
    }

    fn judge(&mut self, reply: &Reply) -> Verdict {
        if let Reply::Error(error) = reply { judge_error(error) } else { Verdict::Success }
    }

    fn describe(&self, reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{reply:?}")
    }
}

/// All errors that are not judged as a success or a failure say that the command was not executed.
fn judge_error(error: &str) -> Verdict {
    let overloaded = Verdict::Overloaded { pause: None };
    // Its code is not of its own.
    if error.starts_with("ERR max number of clients") {
        // Said to a new connection, which is closed then: those that are open work.
        return overloaded;
    }
    match error.split(' ').next().unwrap_or(error) {
        // It reads its data from the disk: a matter of seconds or minutes.
        "LOADING"
        // A replica that has lost its master, and is not to answer from old data.
        | "MASTERDOWN"
        // Part of the cluster is without a master: until one is elected.
        | "CLUSTERDOWN"
        // The keys are on their way to another server.
        | "TRYAGAIN"
        // A script runs for too long: until it ends, or is killed.
        | "BUSY"
        // Its memory is full, for writes: until something expires. A server that has room can take them.
        | "OOM" => overloaded,
        // A replica: it will not take writes before somebody makes it a master, so it is not asked.
        "READONLY"
        // It can't save its data, so it takes no writes: until somebody frees the disk.
        | "MISCONF" => Verdict::Unfit,
        // It wants a password. That is wrong in the configuration of this program or of this server, and only
        // somebody who sees it can mend it: the caller gets it, and the address has failed.
        "NOAUTH" => Verdict::Failure,
        // The command is wrong, for its key, its user or its server: that is between the caller and the data.
        _ => Verdict::Success,
    }
}
