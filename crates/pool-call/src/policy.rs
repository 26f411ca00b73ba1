//! The limits and defaults of calls, each with its reason.

use std::time::Duration;

/// The default of [`fail_fast_after`](pool_driver::PoolBuilder::fail_fast_after) for pools of calls: 3 s.
///
/// A restart of a server takes less. In a longer outage a caller gets its request back instead of waiting.
pub const FAIL_FAST_AFTER: Duration = Duration::from_secs(3);

/// The default of [`suspect_after`](pool_driver::PoolBuilder::suspect_after) for pools of calls: 5 s.
///
/// But for commands that block, a healthy server says something within it, and nobody's call waits behind a silent one
/// for longer.
pub const SUSPECT_AFTER: Duration = Duration::from_secs(5);

/// The default of [`outcome_timeout`](pool_driver::PoolBuilder::outcome_timeout) for pools of calls: 30 s.
///
/// A connection that owes replies and gets none for this long is taken for dead.
pub const OUTCOME_TIMEOUT: Duration = Duration::from_secs(30);

/// The default of [`queue_size`](pool_driver::PoolBuilder::queue_size) for pools of calls: 16,384.
///
/// A call that finds no room waits all the same, and to wait for room costs more: with room for a hundred a thousand
/// callers have half the rate, and with room for a thousand ten thousand have two thirds of it.
pub const QUEUE_SIZE: usize = 16_384;

/// The default limit of calls in flight on one connection. It keeps a server busy over a link with a round
/// trip of milliseconds, and a connection that dies takes no more calls than this with it.
pub(crate) const IN_FLIGHT_MAX: usize = 256;

/// The default limit of parts of one reply. A peer that sends part after part, and never the last, must not fill the
/// memory.
pub(crate) const PARTS_MAX: u32 = 65_536;

/// The limit of answers to pings that wait while the peer takes nothing. Who asks as often, and doesn't read, is no
/// peer to talk to.
pub(crate) const CONTROLS_MAX: usize = 64;

/// The limit of replies read in one poll. A peer that never stops sending must not starve other tasks.
pub(crate) const READS_PER_POLL_MAX: usize = 64;

/// The capacity, in calls, up to which an idle connection keeps its buffers. Under the default limit they are
/// never larger, so no call allocates; buffers that a burst has made larger are released.
pub(crate) const IDLE_CAPACITY_MAX: usize = IN_FLIGHT_MAX;

/// The limit of unused call slots that a shard of a pool's free list keeps: with eight shards, one
/// for each call that may be queued.
pub(crate) const FREE_SLOTS_MAX: usize = QUEUE_SIZE / 8;

/// The limit of memory in unused call slots that a shard keeps: requests and replies that are large in themselves
/// make large slots. One slot is kept in any case.
pub(crate) const FREE_SLOT_BYTES_MAX: usize = 192 * 1024;

/// The default limit of attempts of one call, the first included. Two retries outlive one server that dies
/// among several.
pub(crate) const ATTEMPTS_MAX: u32 = 3;

/// The default share of calls that may be repeated. It bounds the load that retries add to an outage.
pub(crate) const RETRY_PERCENT: u32 = 20;

/// The default number of calls that may be repeated in a second, whatever the share. Without it a program that
/// seldom calls could never repeat a call.
pub(crate) const RETRIES_PER_SECOND: u32 = 10;

/// The time over which a retry budget counts.
pub(crate) const RETRY_WINDOW_SECONDS: usize = 10;
