//! A crowd of callers, a third of whom give up at random, over connections that die now and then,
//! on transports that are ready when they like.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use fastrand::Rng;
use futures_core::Stream;
use futures_sink::Sink;
use pool_call::{CallError, CallPool, Pipelined, Tagged, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor, Spawned};
use pool_driver::{Connection, Runtime};
use support::{Item, Reply, Request, id_of, request, stamp};

const CALLS: usize = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };
const CALLERS: usize = 200;
/// One look in this many finds a transport dead.
const DEATHS: u32 = 4_000;

/// What all servers have seen and what all callers know of it.
struct World {
    random: Rng,
    /// By number.
    seen: Vec<bool>,
    next: usize,
    replies: usize,
    given_up: usize,
    repeated: usize,
    maybe_sent: usize,
    deaths: usize,
    is_in_order: bool,
}

impl World {
    fn new(seed: u64, is_in_order: bool) -> Self {
        Self {
            random: Rng::with_seed(seed),
            seen: vec![false; CALLS],
            next: 0,
            replies: 0,
            given_up: 0,
            repeated: 0,
            maybe_sent: 0,
            deaths: 0,
            is_in_order,
        }
    }

    /// Looks whether all calls have ended as they should, once all callers are done.
    fn check(&self) {
        println!(
            "{} replies, {} given up, {} maybe sent, {} sent again, {} connections died",
            self.replies, self.given_up, self.maybe_sent, self.repeated, self.deaths
        );
        assert_eq!(self.replies + self.given_up + self.maybe_sent, CALLS);
        let never_sent = self.seen.iter().filter(|is_seen| !**is_seen).count();
        assert!((1..self.given_up).contains(&never_sent), "{never_sent}: some give up early, some late");
        assert!(self.given_up > CALLS / 5 && self.deaths > CALLS / 20_000, "the world was too kind");
        assert!(self.maybe_sent < self.deaths * 256, "one connection's death is one connection's");
    }
}

type Shared = Rc<RefCell<World>>;

/// A transport with a server at its end, either of which does something only when it likes.
struct Whimsical {
    world: Shared,
    buffer: VecDeque<Request>,
    received: VecDeque<Request>,
}

impl Whimsical {
    /// Whether it likes to do something now; if not, it wakes.
    fn is_in_the_mood(&self, cx: &Context<'_>) -> bool {
        let is_in_the_mood = self.world.borrow_mut().random.u32(..3) > 0;
        if !is_in_the_mood {
            cx.waker().wake_by_ref();
        }
        is_in_the_mood
    }
}

impl Sink<Request> for Whimsical {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.is_in_the_mood(cx) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(mut self: Pin<&mut Self>, request: Request) -> Result<(), String> {
        self.buffer.push_back(request);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        while let Some(request) = self.buffer.pop_front() {
            let is_first = !std::mem::replace(&mut self.world.borrow_mut().seen[request.number], true);
            assert!(is_first, "{} was sent twice", request.number);
            self.received.push_back(request);
            // There is something to read.
            cx.waker().wake_by_ref();
            if !self.is_in_the_mood(cx) {
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        assert!(self.received.is_empty(), "replies are owed");
        Poll::Ready(Ok(()))
    }
}

impl Stream for Whimsical {
    type Item = Result<Reply, String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.received.is_empty() {
            return Poll::Pending;
        }
        if !self.is_in_the_mood(cx) {
            return Poll::Pending;
        }
        let this = &mut *self;
        let mut world = this.world.borrow_mut();
        if world.random.u32(..DEATHS) == 0 {
            world.deaths += 1;
            return Poll::Ready(if world.random.bool() { None } else { Some(Err("reset".to_owned())) });
        }
        let index = if world.is_in_order { 0 } else { world.random.usize(..this.received.len()) };
        let Request { id, number } = this.received.remove(index).expect("it isn't empty");
        Poll::Ready(Some(Ok(Reply { id, number })))
    }
}

/// Calls, number after number, until there are none left.
async fn caller(pool: CallPool<Request, Reply, u16>, world: Shared) {
    loop {
        let (number, gives_up) = {
            let mut world = world.borrow_mut();
            world.next += 1;
            (world.next - 1, world.random.u32(..3) == 0)
        };
        if number >= CALLS {
            return;
        }
        let mut request = request(number);
        loop {
            let mut calling = pin!(pool.call(request));
            // One that gives up does so at any poll; what it has by then is thrown away.
            let answered = poll_fn(|cx| match calling.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending if !gives_up => Poll::Pending,
                Poll::Pending if world.borrow_mut().random.u32(..8) == 0 => Poll::Ready(None),
                Poll::Pending => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
            });
            let answered = answered.await;
            let mut world = world.borrow_mut();
            match answered {
                None => world.given_up += 1,
                Some(Ok(reply)) => {
                    assert_eq!(reply.number, number, "a reply went to the wrong caller");
                    world.replies += 1;
                }
                Some(Err(CallError::MaybeSent { .. })) => world.maybe_sent += 1,
                Some(Err(error)) => {
                    assert!(!world.seen[number], "{number} was sent: {error}");
                    world.repeated += 1;
                    request = error.into_request().expect("it never left");
                    continue;
                }
            }
            break;
        }
    }
}

fn run<K>(seed: u64, is_in_order: bool, connect: impl Fn(Whimsical) -> K + 'static)
where
    K: Connection<Item> + 'static,
{
    println!("seed {seed}");
    let world = Rc::new(RefCell::new(World::new(seed, is_in_order)));
    let clock = Clock::default();
    let server = Rc::clone(&world);
    let connector = move |_: u16| {
        let (buffer, received) = (VecDeque::new(), VecDeque::new());
        let transport = Whimsical { world: Rc::clone(&server), buffer, received };
        std::future::ready(Ok::<_, String>(connect(transport)))
    };
    let (pool, driver) = call_pool_builder(connector, clock.clone())
        .fail_fast_after(None)
        .outcome_timeout(None)
        .connect_to_fixed([1, 2, 3])
        .connections_per_address(2)
        .seed(seed)
        .build()
        .expect("the settings make sense");
    let mut executor = Executor::seeded(seed);
    let driver = executor.spawn(driver);
    let callers: Vec<_> =
        (0..CALLERS).map(|_| executor.spawn(caller(pool.clone(), Rc::clone(&world)))).collect();
    finish_callers(&mut executor, &clock, &callers);
    drop(pool);
    while !driver.is_done() {
        if !executor.step() {
            clock.set(clock.next().expect("the pool closes"));
        }
    }
    let ended = driver.output().expect("it is done");
    assert_eq!(ended.counts.accepted, ended.counts.sent + ended.counts.undelivered);
    println!("{:?} of virtual time", clock.now());
    world.borrow().check();
}

/// Runs until all callers are done.
fn finish_callers(executor: &mut Executor, clock: &Clock, callers: &[Spawned<()>]) {
    while !callers.iter().all(Spawned::is_done) {
        // Looking at all callers is slow.
        for _ in 0..1000 {
            if !executor.step() {
                let Some(next) = clock.next() else { break };
                clock.set(next);
            }
        }
        let is_stuck = executor.is_idle() && clock.next().is_none();
        assert!(!is_stuck || callers.iter().all(Spawned::is_done), "stuck");
    }
}

#[test]
fn every_caller_gets_its_own_reply_on_pipelined_connections() {
    (1..=2).for_each(|seed| run(seed, true, Pipelined::new));
}

#[test]
fn every_caller_gets_its_own_reply_on_tagged_connections() {
    (1..=2).for_each(|seed| run(seed, false, |transport| Tagged::new(transport, stamp, id_of)));
}
