//! A pool of two addresses: one server answers, the other does as a test says.

#![allow(dead_code, reason = "every test file uses another part")]

mod server;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use pool_tokio::call::{Call, ConnectionError, MaybeSentReason, NotSentReason};
use pool_tokio::driver::Backoff;
use pool_tokio::events::AddressSnapshot;
use pool_tokio::{CallError, CallPool, Pipelined, Tagged, call_pool_for, connect::Connection};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{AbortHandle, JoinSet, spawn_blocking, yield_now};
use tokio::time::{advance, pause};
use tokio_util::codec::Framed;

use crate::frames::{ClientCodec, Reply, Request, id_of, stamp};
use crate::watchdog::Watchdog;
pub(crate) use server::{Peer, Server};

pub(crate) type Item = Call<Request, Reply>;
pub(crate) type Transport = Framed<TcpStream, ClientCodec>;

/// Sockets hold no more than about as much as this on either side, whatever the machine's default.
const SOCKET_BUFFER_LEN: u32 = 16 * 1024;

/// How connections to the server that misbehaves are set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) in_flight_max: Option<usize>,
    /// Of the pool's.
    pub(crate) outcome_timeout: Option<Duration>,
}

/// A kind of connection.
pub(crate) trait Kind: 'static {
    type Connection: Connection<Item> + Send + 'static;

    fn connect(transport: Transport, settings: Settings) -> Self::Connection;
}

/// Makes tests of these for both kinds of connection.
macro_rules! on_both_kinds {
    ($($test:ident)*) => {
        mod pipelined {
            $(#[tokio::test] async fn $test() { super::$test::<crate::bench::InOrder>().await; })*
        }
        mod tagged {
            $(#[tokio::test] async fn $test() { super::$test::<crate::bench::ById>().await; })*
        }
    };
}
pub(crate) use on_both_kinds;

pub(crate) enum InOrder {}
pub(crate) enum ById {}

impl Kind for InOrder {
    type Connection = Pipelined<Transport, Request, Reply>;

    fn connect(transport: Transport, settings: Settings) -> Self::Connection {
        let mut connection = Pipelined::new(transport);
        if let Some(calls) = settings.in_flight_max {
            connection = connection.in_flight_max(calls);
        }
        connection
    }
}

impl Kind for ById {
    type Connection = Tagged<Transport, Request, Reply, fn(&mut Request, u32), fn(&Reply) -> Option<u32>>;

    fn connect(transport: Transport, settings: Settings) -> Self::Connection {
        let mut connection = Tagged::new(transport, stamp as fn(&mut _, _), id_of as fn(&_) -> _);
        if let Some(calls) = settings.in_flight_max {
            connection = connection.in_flight_max(calls);
        }
        connection
    }
}

/// How a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Reply,
    NotSent(&'static str),
    MaybeSent(&'static str),
    /// It may have been sent: there was an error of the network, or of the codec.
    Broken(io::ErrorKind),
}

/// The default but for its start, which tests wait for.
pub(crate) fn backoff() -> Backoff {
    let mut backoff = Backoff::default();
    backoff.base = Duration::from_millis(1);
    backoff
}

/// So many calls go to each server.
pub(crate) const EACH: u32 = 8;

pub(crate) fn each() -> usize {
    usize::try_from(EACH).expect("it is small")
}

/// What became of calls, by number.
pub(crate) type Ends = BTreeMap<u32, End>;

pub(crate) struct Bench {
    pub(crate) pool: CallPool<Request, Reply>,
    pub(crate) good: Server,
    pub(crate) bad: Server,
    next: u32,
    _watchdog: Watchdog,
}

impl Bench {
    /// The bad server's connections do as `conduct` says, which is told how many there were before.
    pub(crate) fn start<K, C, F>(settings: Settings, conduct: C) -> Self
    where
        K: Kind,
        C: Fn(usize, Peer) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let good = Server::start(|_, peer| peer.answer_all());
        let bad = Server::start(conduct);
        let (good_address, bad_address) = (good.address(), bad.address());
        let connector = move |address| async move {
            let settings = if address == bad_address { settings } else { Settings::default() };
            dial(address).await.map(|transport| K::connect(transport, settings))
        };
        let pool = call_pool_for(connector)
            .connect_to_fixed([good_address, bad_address])
            .items_per_turn(1)
            .backoff(backoff())
            .outcome_timeout(settings.outcome_timeout)
            .seed(1)
            .spawn()
            .expect("the settings make sense");
        Self { pool, good, bad, next: 0, _watchdog: Watchdog::start("a bad peer".to_owned()) }
    }

    /// The bad server's first connection does as `conduct` says, and the next are good. When this is
    /// ready, both addresses have a connection, so that they take exact turns.
    pub(crate) async fn up<K, C, F>(settings: Settings, conduct: C) -> Self
    where
        K: Kind,
        C: Fn(Peer) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let conduct = Arc::new(conduct);
        let bench = Self::start::<K, _, _>(settings, move |before, peer| {
            let conduct = Arc::clone(&conduct);
            async move { if before == 0 { conduct(peer).await } else { peer.answer_all().await } }
        });
        while bench.pool.snapshot().addresses.iter().filter(|row| row.status.slots.ready > 0).count() < 2 {
            yield_now().await;
        }
        bench
    }

    /// Makes calls at once. Where both servers take calls, every other one goes to the bad server.
    pub(crate) fn call(&mut self, count: u32) -> Calls {
        self.call_with(count, 0, None)
    }

    /// As [`call`](Self::call), with so much padding and a deadline.
    pub(crate) fn call_with(&mut self, count: u32, padding: u32, timeout: Option<Duration>) -> Calls {
        let mut calls = Calls { under_way: JoinSet::new(), handles: BTreeMap::new() };
        for number in self.next..self.next + count {
            let (pool, request) = (self.pool.clone(), Request { number, padding, ..Request::default() });
            let handle = calls.under_way.spawn(async move {
                let call = pool.call(request);
                let answered = match timeout {
                    Some(timeout) => call.timeout(timeout).await,
                    None => call.await,
                };
                (number, end_of(number, answered))
            });
            calls.handles.insert(number, handle);
        }
        self.next += count;
        calls
    }

    /// What the pool knows of the bad server.
    pub(crate) fn bad_row(&self) -> AddressSnapshot<SocketAddr> {
        let rows = self.pool.snapshot().addresses;
        rows.into_iter().find(|row| *row.address == self.bad.address()).expect("it is in the set")
    }

    /// Waits until so many calls are on their way to the bad server and back.
    pub(crate) async fn has_in_flight(&self, count: u32) {
        while self.bad_row().status.in_flight != count {
            yield_now().await;
        }
    }

    /// How those calls ended that the bad server has seen, oldest first. All others have their replies.
    pub(crate) fn ends_at_bad(&self, ends: &Ends) -> Vec<End> {
        let seen = self.bad.seen();
        let (at_bad, others): (Vec<_>, Vec<_>) = ends.iter().partition(|(number, _)| seen.contains(number));
        for (number, end) in others {
            assert_eq!(*end, End::Reply, "{number}, which the bad server has not seen");
        }
        at_bad.into_iter().map(|(_, end)| *end).collect()
    }

    /// Waits until the bad server, which is good by now, has another connection and gets calls again.
    pub(crate) async fn recovers(&mut self) {
        self.bad.has_connections(2).await;
        let seen = self.bad.seen().len();
        while self.bad.seen().len() == seen {
            self.all_is_well().await;
        }
        assert_eq!(self.bad.connections(), 2, "the next connection was not at fault");
    }

    /// Calls now get their replies from either server.
    pub(crate) async fn all_is_well(&mut self) {
        let ends = self.call(2).ends().await;
        assert!(ends.values().all(|end| *end == End::Reply), "{ends:?}");
    }
}

/// Calls that are under way.
pub(crate) struct Calls {
    under_way: JoinSet<(u32, End)>,
    handles: BTreeMap<u32, AbortHandle>,
}

impl Calls {
    /// Waits for so many ends, those that come first.
    pub(crate) async fn first_ends(&mut self, count: u32) -> Ends {
        let mut ends = Ends::new();
        while ends.len() < usize::try_from(count).expect("there are few") {
            let end = self.under_way.join_next().await.expect("there are more calls");
            ends.extend([end.expect("callers don't panic")]);
        }
        ends
    }

    /// Waits for the ends of all that have not been given up.
    pub(crate) async fn ends(mut self) -> Ends {
        let mut ends = Ends::new();
        while let Some(end) = self.under_way.join_next().await {
            match end {
                Ok(end) => ends.extend([end]),
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        ends
    }

    pub(crate) fn give_up(&self, number: u32) {
        self.handles[&number].abort();
    }
}

/// Time stands still from now on but for [`pass`], also while all wait for sockets: it is known not
/// to go on by itself while a blocking task runs.
pub(crate) fn hold_time() -> mpsc::Sender<()> {
    pause();
    let (hold, until_let_go) = mpsc::channel();
    spawn_blocking(move || until_let_go.recv());
    hold
}

/// Lets time pass that is held, in small steps: a jump looks like a process that stood still, and a pool gives
/// nobody up for that. Tokio's timers are a millisecond late at most.
pub(crate) async fn pass(duration: Duration) {
    const STEP: Duration = Duration::from_millis(20);
    let mut left = duration + Duration::from_millis(1);
    while !left.is_zero() {
        let step = left.min(STEP);
        advance(step).await;
        left -= step;
    }
}

async fn dial(address: SocketAddr) -> io::Result<Transport> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SOCKET_BUFFER_LEN)?;
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Framed::new(stream, ClientCodec))
}

fn end_of(number: u32, answered: Result<Reply, CallError<Request>>) -> End {
    match answered {
        Ok(reply) => {
            assert_eq!(reply.number, number, "a reply went to the wrong caller");
            End::Reply
        }
        Err(CallError::NotSent { request, reason }) => {
            assert_eq!(request.number, number, "a request came back to the wrong caller");
            End::NotSent(match reason {
                NotSentReason::TimedOut { .. } => "timed out",
                NotSentReason::Dropped => "dropped",
                reason => panic!("{reason:?}"),
            })
        }
        Err(CallError::MaybeSent { reason }) => match reason {
            MaybeSentReason::ConnectionFailed(ConnectionError::Transport(error)) => {
                let error = error.downcast_ref::<io::Error>().expect("it is that of the socket or the codec");
                End::Broken(error.kind())
            }
            MaybeSentReason::ConnectionFailed(ConnectionError::Closed) => End::MaybeSent("closed"),
            MaybeSentReason::ConnectionFailed(ConnectionError::UnexpectedReply { .. }) => {
                End::MaybeSent("unexpected reply")
            }
            MaybeSentReason::ConnectionFailed(ConnectionError::Silent { .. }) => End::MaybeSent("silent"),
            MaybeSentReason::TimedOut => End::MaybeSent("timed out"),
            MaybeSentReason::Dropped => End::MaybeSent("dropped"),
            reason => panic!("{reason:?}"),
        },
        Err(error) => panic!("{error:?}"),
    }
}
