//! A pool as a tower service.

mod support;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use pool_call::{CallError, CallPool, ServiceError};
use pool_conformance::simulated::Spawned;
use support::bench::Bench;
use support::{Answered, End, Reply, Request, request};
use tower::load_shed::error::Overloaded;
use tower::{Service, ServiceExt};

type Pool = CallPool<Request, Reply, u16>;

fn service(bench: &Bench) -> Pool {
    bench.pool.clone()
}

/// A service's error says the same as that of a call, without the request.
fn with_request(error: ServiceError, number: usize) -> CallError<Request> {
    match error {
        ServiceError::NotSent(reason) => CallError::NotSent { request: request(number), reason },
        ServiceError::MaybeSent(reason) => CallError::MaybeSent { reason },
        error => panic!("unknown: {error:?}"),
    }
}

async fn answer_of(calling: impl Future<Output = Result<Reply, ServiceError>>, number: usize) -> Answered {
    calling.await.map_err(|error| with_request(error, number))
}

fn oneshot(bench: &mut Bench, number: usize) -> Spawned<Answered> {
    let task = bench.executor.spawn(answer_of(service(bench).oneshot(request(number)), number));
    bench.executor.run();
    task
}

/// Waits until the service is ready, and returns it.
fn ready(bench: &mut Bench, mut service: Pool) -> Spawned<Pool> {
    let task = bench.executor.spawn(async move {
        poll_fn(|cx| service.poll_ready(cx)).await.expect("that is never an error");
        service
    });
    bench.executor.run();
    task
}

/// Both connections are full, and so is the queue but for some places.
fn full_but_for(places: usize) -> Bench {
    let mut bench = Bench::new(1, true, |settings| settings.queue_size(2));
    (0..4 - places).for_each(|number| drop(bench.call(number)));
    bench
}

/// Whatever the peers have seen by now.
fn answer_all(bench: &mut Bench) {
    bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
    bench.executor.run();
}

#[test]
fn a_service_calls_through_its_pool() {
    let mut bench = Bench::up();
    let calls: Vec<_> = (0..4).map(|number| oneshot(&mut bench, number)).collect();
    bench.peer(1).answer(2);
    bench.peer(0).answer(2);
    for (number, call) in calls.iter().enumerate() {
        assert_eq!(bench.end(call), End::Reply(number));
    }
}

#[test]
fn a_call_of_the_service_takes_the_settings_of_any_call() {
    let mut bench = full_but_for(1);
    let mut clone = service(&bench);
    let mut call = |number| Service::call(&mut clone, request(number)).timeout(Duration::from_secs(1));
    let (waits, unlimited) = (call(3).idempotent(), call(4).until(std::future::ready(())));
    let waits = bench.executor.spawn(answer_of(waits, 3));
    let unlimited = bench.executor.spawn(answer_of(unlimited, 4));
    bench.executor.run();
    assert_eq!(bench.end(&unlimited), End::NotSent(4, "timed out"));
    bench.advance(Duration::from_secs(1));
    assert_eq!(bench.end(&waits), End::NotSent(3, "timed out"));
}

#[test]
fn clones_that_are_ready_and_never_call_hold_no_place() {
    let mut bench = full_but_for(1);
    let idle: Vec<_> = (0..100)
        .map(|_| {
            let clone = service(&bench);
            ready(&mut bench, clone).output().expect("there is a free place")
        })
        .collect();
    let call = oneshot(&mut bench, 3);
    assert_eq!(bench.snapshot().queue.waiting, 0, "the call has the place");
    for _ in 0..2 {
        answer_all(&mut bench);
    }
    assert_eq!(bench.end(&call), End::Reply(3));
    drop(idle);
}

#[test]
fn a_service_is_ready_again_when_there_is_a_place() {
    let mut bench = full_but_for(0);
    let clones = [service(&bench), service(&bench)];
    let waiting = clones.map(|clone| ready(&mut bench, clone));
    assert!(waiting.iter().all(|clone| !clone.is_done()));
    assert_eq!(bench.snapshot().queue.waiting, 0, "a look takes no ticket");
    bench.peer(0).answer(1);
    bench.executor.run();
    assert!(waiting.iter().all(Spawned::is_done));
}

#[test]
fn a_call_that_finds_its_place_taken_waits_for_another() {
    let mut bench = full_but_for(1);
    let clones = [service(&bench), service(&bench)].map(|clone| ready(&mut bench, clone));
    let futures = clones.map(|clone| Service::call(&mut clone.output().expect("ready"), request(9)));
    let calls = futures.map(|future| bench.executor.spawn(answer_of(future, 9)));
    bench.executor.run();
    assert_eq!(bench.snapshot().queue.waiting, 1);
    for _ in 0..3 {
        answer_all(&mut bench);
    }
    for call in &calls {
        assert_eq!(bench.end(call), End::Reply(9));
    }
}

#[test]
fn load_is_shed_exactly_when_the_queue_is_full() {
    let mut bench = full_but_for(1);
    let shedding = tower::load_shed::LoadShed::new(service(&bench));
    let calls = [4, 5].map(|number| {
        let mut clone = shedding.clone();
        let task = bench
            .executor
            .spawn(async move { clone.ready().await?.call(request(number)).await.map(|reply| reply.number) });
        bench.executor.run();
        task
    });
    assert!(!calls[0].is_done());
    let error = calls[1].output().expect("it is over").expect_err("there is no place");
    assert!(error.is::<Overloaded>(), "{error}");
    drop(shedding);
}

#[test]
fn a_pool_that_refuses_is_ready_to_say_why() {
    let mut bench =
        Bench::new(1, false, |settings| settings.fail_fast_after(Duration::from_secs(3)).queue_size(1));
    let waits = oneshot(&mut bench, 0);
    let clone = service(&bench);
    let in_line = ready(&mut bench, clone);
    assert!(!in_line.is_done());
    bench.advance(Duration::from_secs(3));
    assert_eq!(bench.end(&waits), End::NotSent(0, "undelivered"));
    let refused = Service::call(&mut in_line.output().expect("it is ready"), request(1));
    let refused = bench.executor.spawn(answer_of(refused, 1));
    assert_eq!(bench.end(&refused), End::NotSent(1, "refused"));
    bench.executor.cancel(&bench.driver.clone());
    let late = oneshot(&mut bench, 2);
    assert_eq!(bench.end(&late), End::NotSent(2, "refused"));
}

#[test]
fn a_future_of_a_service_leaves_nothing_behind_wherever_it_is_dropped() {
    let mut bench = full_but_for(1);
    let mut clone = service(&bench);
    let [unpolled, queued, waits] = [2, 3, 4].map(|number| Service::call(&mut clone, request(number)));
    let [queued, waits] = [queued, waits].map(|call| bench.executor.spawn(call));
    bench.executor.run();
    assert_eq!(bench.snapshot().queue.waiting, 1);
    drop(unpolled);
    bench.executor.cancel(&queued);
    bench.executor.run();
    assert_eq!(bench.snapshot().queue.waiting, 0, "its place is another's");
    bench.executor.cancel(&waits);
    bench.executor.run();
    let queue = bench.snapshot().queue;
    assert_eq!((queue.queued + queue.in_backlog, queue.granted), (1, 0));
}

#[test]
fn no_caller_that_waits_for_readiness_starves() {
    for direct_callers in [0, 6] {
        let mut bench = Bench::new(1, true, |settings| settings.queue_size(2));
        let counts: [Rc<Cell<usize>>; 8] = Default::default();
        for count in counts.clone() {
            let mut service = service(&bench);
            bench.executor.spawn(async move {
                loop {
                    poll_fn(|cx| service.poll_ready(cx)).await.expect("never an error");
                    Service::call(&mut service, request(1)).await.expect("it is answered");
                    count.set(count.get() + 1);
                }
            });
        }
        for _ in 0..direct_callers {
            let pool = bench.pool.clone();
            bench.executor.spawn(async move {
                loop {
                    pool.call(request(2)).await.expect("it is answered");
                }
            });
        }
        bench.executor.run();
        for _ in 0..100 {
            answer_all(&mut bench);
        }
        let counts = counts.map(|count| count.get());
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(least.is_some_and(|least| *least > 0 && most <= Some(&(least + 2))), "{counts:?}");
    }
}
