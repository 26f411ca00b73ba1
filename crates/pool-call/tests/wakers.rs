//! Callers whose wakers panic harm nobody else (F1).

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use pool_call::{Pipelined, ReplyFuture};
use support::{End, Owner, Peer, Reply, Request, end_of};

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
