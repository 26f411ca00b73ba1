//! Tower layers over a pool, in the pool's own time.

mod support;

use std::cell::Cell;
use std::future::{Pending, Ready, pending, ready};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pool_call::{CallPool, Retry, ServiceError};
use pool_conformance::simulated::Spawned;
use support::bench::Bench;
use support::{Reply, Request, request};
use tower::limit::ConcurrencyLimit;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

type Pool = CallPool<Request, Reply, u16>;
type Response = Result<Reply, ServiceError>;

const SECOND: Duration = Duration::from_secs(1);

fn ask<S>(bench: &mut Bench, service: &S, number: usize) -> Spawned<Response>
where
    S: Service<Request, Response = Reply, Error = ServiceError> + Clone + 'static,
{
    let service = service.clone();
    let task = bench.executor.spawn(async move { service.oneshot(request(number)).await });
    bench.executor.run();
    task
}

fn answer_all(bench: &mut Bench) {
    bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
    bench.executor.run();
}

fn number_of(task: &Spawned<Response>) -> Option<usize> {
    Some(task.output()?.expect("it is answered").number)
}

#[test]
fn a_stack_of_timeout_and_concurrency_limit_over_a_pool() {
    let mut bench = Bench::up();
    let stack: pool_call::tower::Timeout<ConcurrencyLimit<Pool>> = ServiceBuilder::new()
        .layer(bench.pool.timeout_layer(SECOND))
        .concurrency_limit(2)
        .service(bench.pool.clone());
    let calls: Vec<_> = (0..4).map(|number| ask(&mut bench, &stack, number)).collect();
    let received: usize = bench.peers.all().iter().map(|peer| peer.received().len()).sum();
    assert_eq!(received, 2, "the limit is kept");
    answer_all(&mut bench);
    assert_eq!(calls.iter().filter(|call| call.is_done()).count(), 2);
    bench.advance(SECOND);
    bench.executor.run();
    let ends: Vec<_> = calls.iter().map(|call| call.output().expect("it is over")).collect();
    assert_eq!(ends.iter().filter(|end| end.is_err()).count(), 2, "{ends:?}");
    let error = ends.into_iter().find_map(Result::err).expect("two have no time left");
    assert!(!error.is_not_sent(), "{error}");
}

#[test]
fn a_layer_repeats_what_was_certainly_not_sent_and_the_rest_only_where_that_does_no_harm() {
    for is_idempotent in [false, true] {
        let mut bench = Bench::up();
        let layer = bench.pool.retry_layer(Retry::new());
        let layer = if is_idempotent { layer.idempotent() } else { layer };
        let stack = ServiceBuilder::new().layer(layer).service(bench.pool.clone());
        let call = ask(&mut bench, &stack, 0);
        let busy = bench.peers.all().iter().find(|peer| !peer.received().is_empty()).cloned();
        busy.expect("one has it").hang_up();
        bench.executor.run();
        assert_eq!(call.is_done(), !is_idempotent);
        answer_all(&mut bench);
        match call.output().expect("it is over") {
            Ok(reply) => assert!(is_idempotent && reply.number == 0),
            Err(error) => assert!(!is_idempotent && !error.is_not_sent()),
        }
    }
}

#[test]
fn each_attempt_of_a_layer_has_its_own_time_below_it() {
    let mut bench = Bench::up();
    let retry = bench.pool.retry_layer(Retry::new()).idempotent();
    let attempt = bench.pool.timeout_layer(SECOND);
    let stack = ServiceBuilder::new().layer(retry).layer(attempt).service(bench.pool.clone());
    let call = ask(&mut bench, &stack, 0);
    bench.advance(SECOND);
    assert!(!call.is_done(), "the second attempt is under way");
    answer_all(&mut bench);
    assert_eq!(number_of(&call), Some(0));
}

#[test]
fn attempts_of_a_layer_are_bounded() {
    let mut bench = Bench::up();
    let retry = bench.pool.retry_layer(Retry::new().attempts_max(2)).idempotent();
    let attempt = bench.pool.timeout_layer(SECOND);
    let stack = ServiceBuilder::new().layer(retry).layer(attempt).service(bench.pool.clone());
    let call = ask(&mut bench, &stack, 0);
    bench.advance(SECOND);
    assert!(!call.is_done());
    bench.advance(SECOND);
    assert!(call.output().expect("there is no third").is_err());
}

/// A service that has failed, and says so from then on.
#[derive(Clone, Default)]
struct Dead {
    looks: Rc<Cell<usize>>,
}

impl Service<Request> for Dead {
    type Response = Reply;
    type Error = String;
    type Future = Ready<Result<Reply, String>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.looks.set(self.looks.get() + 1);
        Poll::Ready(if self.looks.get() == 1 { Ok(()) } else { Err("the worker is gone".to_owned()) })
    }

    fn call(&mut self, _: Request) -> Self::Future {
        ready(Err("the request failed".to_owned()))
    }
}

#[test]
fn a_request_is_not_repeated_by_a_service_that_is_never_ready_again() {
    let bench = Bench::up();
    let dead = Dead::default();
    let mut stack = bench.pool.retry_layer(Retry::new()).idempotent().layer(dead.clone());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(stack.poll_ready(&mut cx).is_ready());
    let polled = pin!(stack.call(request(0))).poll(&mut cx);
    assert!(matches!(polled, Poll::Ready(Err(_))));
    assert_eq!(dead.looks.get(), 2, "it is asked no third time");
}

/// A service that never answers, and counts its calls.
#[derive(Clone, Default)]
struct Silent {
    calls: Rc<Cell<usize>>,
}

impl Service<Request> for Silent {
    type Response = Reply;
    type Error = String;
    type Future = Pending<Result<Reply, String>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        self.calls.set(self.calls.get() + 1);
        pending()
    }
}

#[test]
fn a_layer_ends_no_request_early_because_its_pool_is_over() {
    let mut bench = Bench::up();
    let mut stack = bench.pool.timeout_layer(SECOND).layer(Silent::default());
    let mut cx = Context::from_waker(Waker::noop());
    let mut earlier = pin!(stack.call(request(0)));
    assert!(earlier.as_mut().poll(&mut cx).is_pending());
    bench.executor.cancel(&bench.driver.clone());
    let mut later = pin!(stack.call(request(1)));
    assert!(earlier.as_mut().poll(&mut cx).is_pending() && later.as_mut().poll(&mut cx).is_pending());
    bench.clock.set(bench.pool.now() + SECOND);
    assert!(earlier.as_mut().poll(&mut cx).is_ready() && later.as_mut().poll(&mut cx).is_ready());
}

#[test]
fn a_layer_without_any_time_calls_nothing() {
    let bench = Bench::up();
    let silent = Silent::default();
    let mut stack = bench.pool.timeout_layer(Duration::ZERO).layer(silent.clone());
    match pin!(stack.call(request(0))).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Err(error)) => assert!(error.is_not_sent(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(silent.calls.get(), 0);
}

#[test]
fn the_error_of_a_pool_keeps_its_meaning_through_layers() {
    let mut bench = Bench::new(256, false, |settings| settings.fail_fast_after(SECOND));
    let stack = ServiceBuilder::new()
        .layer(bench.pool.retry_layer(Retry::new()))
        .layer(bench.pool.timeout_layer(60 * SECOND))
        .service(bench.pool.clone());
    let call = ask(&mut bench, &stack, 0);
    bench.advance(SECOND);
    let error = call.output().expect("the pool fails fast").expect_err("there is no connection");
    assert!(error.is_not_sent(), "{error}");
}

#[test]
fn errors_of_services_can_be_shared_whatever_the_request() {
    fn is_shared<S: Service<Request, Error: Send + Sync + std::error::Error + 'static>, Request>(_: &S) {}
    let bench = Bench::up();
    is_shared::<_, Request>(&bench.pool);
}
