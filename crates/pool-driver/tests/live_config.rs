//! Settings that come while the pool runs.

mod support;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures_channel::mpsc::{self, UnboundedSender};
use futures_core::Stream;
use futures_util::stream;
use pool_driver::{BoxError, EndReason, Event, Opening, PoolBuilder, PoolConfig};
use support::{A, B, Bench, Dial, Item, Outside, SEED, millis, secs};

/// A pool whose settings can be changed, and what it has to start from.
fn changeable(
    change: impl FnOnce(support::Builder) -> support::Builder,
) -> (Bench, UnboundedSender<PoolConfig>, PoolConfig) {
    let (sender, receiver) = mpsc::unbounded();
    let mut settings = None;
    let bench = Bench::up([A], |pool| {
        let pool = change(pool).config_from(receiver);
        settings = Some(pool.pool_config());
        pool
    });
    (bench, sender, settings.expect("made by the closure"))
}

fn stall(bench: &Bench) {
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
}

fn told(bench: &Bench) -> Vec<String> {
    let told = bench.take_events().into_iter().filter_map(|event| match event {
        Event::ConfigApplied { .. } => Some("applied".to_owned()),
        Event::ConfigRefused { error } => Some(error.field().to_owned()),
        Event::ConfigEnded { error } => Some(error.map_or("ended".into(), |error| error.to_string())),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_builder_tells_the_settings_that_it_has() {
    let outside = Outside::new();
    let builder = outside.builder().connections_per_address(3).lazy().queue_size(7).shutdown_timeout(secs(5));
    let settings = builder.pool_config();
    assert_eq!((settings.config.connections_per_address, settings.config.opening), (3, Opening::Lazy));
    assert_eq!((settings.queue_size, settings.shutdown_timeout), (7, secs(5)));
}

#[test]
fn settings_that_are_there_at_once_come_before_the_first_dial() {
    let mut settings = Outside::new().builder().pool_config();
    settings.config.connections_per_address = 2;
    let mut bench =
        Bench::up([A], |pool| pool.connections_per_address(5).config_from(stream::iter([settings])));
    bench.run();
    assert_eq!((bench.world.dials(A), bench.world.alive(A)), (2, 2));
    assert_eq!(told(&bench), ["applied", "ended"]);
    bench.finish();
}

#[test]
fn the_last_of_several_counts_and_is_the_only_one_that_is_told_of() {
    let (mut bench, sender, mut settings) = changeable(|pool| pool);
    for connections in [9, 4, 2] {
        settings.config.connections_per_address = connections;
        sender.unbounded_send(settings.clone()).expect("the pool runs");
    }
    bench.run();
    assert_eq!((bench.world.dials(A), bench.world.alive(A)), (2, 2));
    assert_eq!(told(&bench), ["applied"]);
    sender.unbounded_send(settings).expect("the pool runs");
    bench.run();
    assert_eq!(told(&bench), [""; 0], "they are in force already");
    bench.finish();
}

#[test]
fn settings_that_make_no_sense_displace_none_that_came_just_before() {
    let (mut bench, sender, settings) = changeable(|pool| pool);
    told(&bench);
    let (mut good, mut bad) = (settings.clone(), settings);
    good.config.connections_per_address = 2;
    bad.config.connections_per_address = 0;
    sender.unbounded_send(good).expect("the pool listens");
    sender.unbounded_send(bad).expect("the pool listens");
    bench.run();
    assert_eq!(told(&bench), ["connections_per_address", "applied"]);
    assert_eq!(bench.world.alive(A), 2);
}

#[test]
fn settings_are_put_in_force_whole_or_not_at_all() {
    let (mut bench, sender, settings) = changeable(|pool| pool);
    let mut refused = |change: fn(&mut PoolConfig)| {
        let mut nonsense = settings.clone();
        nonsense.config.connections_per_address = 3;
        nonsense.queue_size = 7;
        change(&mut nonsense);
        sender.unbounded_send(nonsense).expect("the pool runs");
        bench.run();
        assert_eq!((bench.world.alive(A), bench.snapshot().queue.capacity), (1, 100));
        told(&bench)
    };
    assert_eq!(refused(|settings| settings.queue_size = 0), ["queue_size"]);
    assert_eq!(refused(|settings| settings.config.dials_max = 0), ["dials_max"]);
    assert_eq!(
        refused(|settings| settings.shutdown_timeout = std::time::Duration::MAX),
        ["shutdown_timeout"]
    );
    bench.finish();
}

/// Never pauses, and counts how often it was asked.
struct Chatterbox(PoolConfig, Arc<AtomicUsize>);

impl Stream for Chatterbox {
    type Item = PoolConfig;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<PoolConfig>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(self.0.clone()))
    }
}

#[test]
fn a_stream_that_never_pauses_is_read_a_bounded_number_of_times_in_a_poll() {
    let asked = Arc::new(AtomicUsize::new(0));
    let outside = Outside::new();
    let builder = outside.builder();
    let chatter = Chatterbox(builder.pool_config(), Arc::clone(&asked));
    let (pool, driver) = builder.config_from(chatter).build::<Item>().expect("the settings make sense");
    let mut driver = Box::pin(driver);
    for polls in 1..=3 {
        assert!(driver.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        assert_eq!(asked.load(Ordering::Relaxed), 32 * polls);
    }
    drop((pool, driver));
}

#[test]
fn a_stream_that_panics_has_ended_and_what_it_said_just_before_counts() {
    let mut settings = Outside::new().builder().pool_config();
    settings.queue_size = 3;
    let mut said = Some(settings);
    let panicking = stream::poll_fn(move |_| Poll::Ready(Some(said.take().expect("said already"))));
    let mut bench = Bench::up([A], |pool| pool.config_from(panicking));
    bench.run();
    assert_eq!(bench.snapshot().queue.capacity, 3);
    assert_eq!(told(&bench), ["applied", "panicked: said already"]);
    bench.send([1, 2]);
    assert_eq!(bench.finish().counts.sent, 2);
}

#[test]
fn a_queue_that_shrinks_below_what_it_holds_takes_one_sender_for_each_place_again() {
    let (mut bench, sender, mut settings) = changeable(|pool| pool.queue_size(5));
    stall(&bench);
    bench.send(0..5);
    let waiting = bench.sender(5);
    settings.queue_size = 2;
    sender.unbounded_send(settings).expect("the pool runs");
    bench.run();
    let queue = bench.snapshot().queue;
    assert_eq!((queue.queued + queue.in_backlog, queue.capacity, queue.granted), (5, 2, 0));
    assert!(!waiting.is_done() && bench.try_send(6).is_err());
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    assert_eq!(bench.output(&waiting), Ok(()));
    let ended = bench.finish();
    assert_eq!((ended.counts.sent, ended.counts.undelivered), (6, 0));
}

#[test]
fn a_shutdown_timeout_that_was_changed_is_that_of_the_next_shutdown() {
    let (mut bench, sender, mut settings) = changeable(|pool| pool);
    stall(&bench);
    bench.send([1]);
    settings.shutdown_timeout = secs(2);
    settings.config.drain_timeout = secs(1);
    sender.unbounded_send(settings).expect("the pool runs");
    bench.run();
    bench.drop_pool();
    bench.advance(secs(3));
    let ended = bench.output(&bench.driver.clone());
    assert_eq!((ended.reason, ended.counts.undelivered), (EndReason::HandlesDropped, 1));
}

#[test]
fn a_pool_that_no_longer_fails_fast_takes_items_again() {
    let (mut bench, sender, mut settings) = changeable(|pool| pool.fail_fast_after(secs(1)));
    bench.world.answer(A, Dial::Refuse);
    bench.set([B]);
    bench.world.answer(B, Dial::Refuse);
    bench.set([A]);
    bench.advance(secs(2));
    assert!(bench.try_send(1).is_err());
    settings.config.fail_fast_after = None;
    sender.unbounded_send(settings).expect("the pool runs");
    bench.run();
    assert_eq!(bench.try_send(2), Ok(()));
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(60));
    assert_eq!(bench.finish().counts.sent, 1);
}

#[test]
fn a_snapshot_shows_at_once_what_a_change_did_to_an_address_that_told_nothing() {
    let (mut bench, sender, mut settings) = changeable(|pool| pool.backoff(slow()));
    bench.world.answer(B, Dial::Refuse);
    bench.set([A, B]);
    settings.config.backoff.base = millis(1);
    settings.config.backoff.cap = secs(1);
    sender.unbounded_send(settings).expect("the pool runs");
    bench.run();
    let snapshot = bench.snapshot();
    let record = snapshot.addresses.iter().find(|record| *record.address == B).expect("in the set");
    assert!(record.retry_after.is_some_and(|left| left <= secs(1)), "{snapshot}");
    bench.finish();
}

fn slow() -> pool_driver::Backoff {
    let mut backoff = pool_driver::Backoff::default();
    (backoff.base, backoff.cap) = (secs(1_000), secs(1_000));
    backoff
}

#[test]
fn a_multiplexer_has_no_queue_and_ignores_its_size() {
    let outside = Outside::new();
    let (sender, receiver) = mpsc::unbounded();
    let builder = outside.builder().config_from(receiver).seed(SEED);
    let mut settings = builder.pool_config();
    let mut multiplexer = builder.build_multiplexer::<Item>().expect("the settings make sense");
    outside.feed.push_set([A]);
    settings.queue_size = 0;
    settings.config.connections_per_address = 2;
    sender.unbounded_send(settings).expect("it runs");
    for _ in 0..10 {
        assert!(multiplexer.poll_progress(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
    }
    assert_eq!(outside.world.alive(A), 2);
    assert_eq!(outside.count_events(|event| matches!(event, Event::ConfigRefused { .. })), 0);
}

#[test]
fn an_outcome_timeout_is_refused_where_connections_do_not_report() {
    let outside = Outside::new();
    let (sender, receiver) = mpsc::unbounded();
    let refused = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&refused);
    let connect = |_: u16| std::future::ready(Ok::<_, BoxError>(futures_util::sink::drain::<u32>()));
    let builder = PoolBuilder::plain(connect, outside.clock.clone())
        .connect_to_fixed([A])
        .observer(move |event: &Event<u16>| {
            if let Event::ConfigRefused { error } = event {
                // An assertion would be lost here: the driver catches panics of the observer.
                seen.lock().expect("nothing panics under this lock").push(error.field().to_owned());
            }
        })
        .config_from(receiver);
    let mut settings = builder.pool_config();
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    (settings.config.silence.outcome_timeout, settings.queue_size) = (Some(secs(1)), 7);
    sender.unbounded_send(settings).expect("it runs");
    let mut driver = Box::pin(driver);
    assert!(driver.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
    assert_eq!(*refused.lock().expect("nothing panics under this lock"), ["outcome_timeout"]);
    assert_eq!(pool.snapshot().queue.capacity, 100);
}

#[test]
fn a_clone_of_a_builder_is_without_the_stream() {
    let outside = Outside::new();
    let mut settings = outside.builder().pool_config();
    settings.queue_size = 3;
    let builder = outside.builder().config_from(stream::iter([settings]));
    let clone = builder.clone();
    for (builder, capacity) in [(clone, 100), (builder, 3)] {
        let (pool, driver) = builder.build::<Item>().expect("the settings make sense");
        let mut driver = Box::pin(driver);
        assert!(driver.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        assert_eq!(pool.snapshot().queue.capacity, capacity);
    }
}
