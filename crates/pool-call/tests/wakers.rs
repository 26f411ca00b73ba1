//! Callers whose wakers panic harm nobody else (F1).

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use pool_call::{Pipelined, ReplyFuture};
use support::bench::Bench;
use support::{End, Owner, Peer, Reply, Request, end_of, request};

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a scripted panic of a waker");
    }
}

fn wait_and_panic(reply: &mut ReplyFuture<Request, Reply>) {
    let waker = Waker::from(Arc::new(Panics));
    assert!(Pin::new(reply).poll(&mut Context::from_waker(&waker)).is_pending());
}

#[test]
fn f1_a_caller_whose_waker_panics_costs_no_other_call_its_reply() {
    let peer = Peer::default();
    let mut owner = Owner::new(Pipelined::new(peer.transport()));
    let mut replies = [owner.start_send(1), owner.start_send(2)];
    wait_and_panic(&mut replies[0]);
    assert!(owner.events().is_empty());
    assert!(owner.flush().is_ready());
    peer.answer(2);
    assert_eq!(owner.events().len(), 2);
    assert_eq!(replies.map(|mut reply| end_of(&mut reply)), [End::Reply(1), End::Reply(2)]);
}

#[test]
fn f1_a_connection_can_be_dropped_whatever_the_wakers_of_its_callers_do() {
    let peer = Peer::default();
    let mut owner = Owner::new(Pipelined::new(peer.transport()));
    let mut replies = [owner.start_send(1), owner.start_send(2)];
    replies.iter_mut().for_each(wait_and_panic);
    assert!(owner.events().is_empty());
    assert!(owner.flush().is_ready());
    drop(owner);
    assert!(replies.iter_mut().all(|reply| matches!(end_of(reply), End::MaybeSent(_))));
}

#[test]
fn a_timed_call_that_is_over_keeps_no_task_alive() {
    struct Sleeps;

    impl Wake for Sleeps {
        fn wake(self: Arc<Self>) {}
    }

    let mut bench = Bench::up();
    let (pool, task) = (bench.pool.clone(), Arc::new(Sleeps));
    for is_answered in [true, false] {
        let mut calling = pool.call(request(0)).timeout(Duration::from_secs(1));
        let waker = Waker::from(Arc::clone(&task));
        assert!(Pin::new(&mut calling).poll(&mut Context::from_waker(&waker)).is_pending());
        bench.executor.run();
        if is_answered {
            bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
            bench.executor.run();
            assert_eq!(end_of(&mut calling), End::Reply(0));
        }
        drop((calling, waker));
        assert_eq!(Arc::strong_count(&task), 1, "answered: {is_answered}");
    }
}
