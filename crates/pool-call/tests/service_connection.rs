//! Tower services as connections.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Pending, pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_channel::oneshot;
use futures_sink::Sink;
use pool_call::tower::{ServiceConnection, Unsent};
use pool_call::{CallExt, CallPool, ConnectionError, call_pool_builder};
use pool_conformance::simulated::{Clock, Executor};
use pool_driver::{Connection, ConnectionEvent, Instant, Reads, Runtime, Verdict};
use support::{End, Item, Owner, Reply, Request, Told, end_of, ends_of, request};
use tower::Service;

/// What a test sees and does of a service.
#[derive(Clone, Default)]
struct Remote(Rc<RefCell<RemoteState>>);

#[derive(Default)]
struct RemoteState {
    /// Requests that have not been answered, by their numbers.
    open: BTreeMap<usize, oneshot::Sender<Result<Reply, String>>>,
    /// Set when it takes no more.
    refusal: Option<String>,
    is_busy: bool,
    /// It answers by itself.
    answers_at_once: bool,
    readiness_asked: usize,
    calls: usize,
    background: Option<oneshot::Sender<Result<(), String>>>,
    is_dropped: bool,
    waker: Option<Waker>,
}

impl Remote {
    fn change<R>(&self, change: impl FnOnce(&mut RemoteState) -> R) -> R {
        let mut state = self.0.borrow_mut();
        let changed = change(&mut state);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        changed
    }

    fn answer(&self, number: usize, result: Result<Reply, String>) {
        let sender = self.change(|state| state.open.remove(&number)).expect("there is such a request");
        sender.send(result).expect("somebody waits");
    }

    fn reply(&self, number: usize) {
        self.answer(number, Ok(Reply { id: 0, number }));
    }

    /// Requests whose responses somebody still waits for.
    fn open(&self) -> Vec<usize> {
        let state = self.0.borrow();
        state.open.iter().filter(|(_, sender)| !sender.is_canceled()).map(|(number, _)| *number).collect()
    }

    fn end_background(&self, result: Result<(), String>) {
        let sender = self.change(|state| state.background.take()).expect("it has one");
        sender.send(result).expect("it is polled");
    }

    fn service(&self) -> Client {
        Client(self.clone())
    }

    fn background(&self) -> impl Future<Output = Result<(), String>> + use<> {
        let (sender, receiver) = oneshot::channel();
        self.change(|state| state.background = Some(sender));
        async move { receiver.await.map_err(|error| error.to_string())? }
    }
}

struct Client(Remote);

impl Drop for Client {
    fn drop(&mut self) {
        self.0.change(|state| state.is_dropped = true);
    }
}

impl Service<Request> for Client {
    type Response = Reply;
    type Error = String;
    type Future = Pin<Box<dyn Future<Output = Result<Reply, String>>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut state = self.0.0.borrow_mut();
        state.readiness_asked += 1;
        state.waker = Some(cx.waker().clone());
        match &state.refusal {
            Some(error) => Poll::Ready(Err(error.clone())),
            None if state.is_busy => Poll::Pending,
            None => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let (sender, receiver) = oneshot::channel();
        // Without a wake-up: that would hide one that is missing.
        let mut state = self.0.0.borrow_mut();
        state.calls += 1;
        if state.answers_at_once {
            return Box::pin(ready(Ok(Reply { id: 0, number: request.number })));
        }
        state.open.insert(request.number, sender);
        drop(state);
        Box::pin(async move { receiver.await.map_err(|error| error.to_string())? })
    }
}

fn owner(
    remote: &Remote,
) -> Owner<ServiceConnection<Client, Request, impl Future<Output = Result<(), String>> + use<>>> {
    Owner::new(ServiceConnection::new(remote.service()).background(remote.background()))
}

#[test]
fn responses_come_in_any_order_each_to_its_caller() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let mut answers = owner.send(0..3);
    for number in [2, 0, 1] {
        remote.reply(number);
        assert!(owner.is_woken());
        assert_eq!(owner.events(), [Told::Success]);
        assert_eq!(end_of(&mut answers[number]), End::Reply(number));
    }
}

#[test]
fn an_error_of_a_response_is_that_of_its_call_and_the_connection_lives_on() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let mut answers = owner.send(0..2);
    remote.answer(0, Err("no such table".to_owned()));
    assert_eq!(owner.events(), [Told::Failure]);
    assert_eq!(end_of(&mut answers[0]), End::MaybeSent("service"));
    remote.reply(1);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answers[1]), End::Reply(1));
    assert!(owner.is_ready());
}

#[test]
fn readiness_is_asked_for_each_request_and_by_no_look_at_events_nor_flush() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    owner.events();
    let _answers = owner.send(0..3);
    owner.events();
    let state = remote.0.borrow();
    assert_eq!((state.readiness_asked, state.calls), (3, 3));
}

#[test]
fn a_service_that_is_busy_or_has_enough_to_do_takes_no_more() {
    let remote = Remote::default();
    let mut owner = Owner::new(ServiceConnection::new(remote.service()).in_flight_max(1));
    remote.change(|state| state.is_busy = true);
    assert!(!owner.is_ready());
    remote.change(|state| state.is_busy = false);
    assert!(owner.is_woken() && owner.is_ready());
    let mut answers = owner.send([0]);
    assert!(!owner.is_ready(), "one is enough");
    remote.reply(0);
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Success]);
    assert!(owner.is_ready());
    assert_eq!(end_of(&mut answers[0]), End::Reply(0));
}

#[test]
fn the_response_of_a_caller_who_has_gone_is_dropped_and_its_place_free() {
    let remote = Remote::default();
    let mut owner = Owner::new(ServiceConnection::new(remote.service()).in_flight_max(2));
    let mut answers = owner.send(0..2);
    drop(answers.remove(0));
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Cancelled]);
    assert_eq!(remote.open(), [1]);
    assert!(owner.is_ready());
}

#[test]
fn a_call_that_is_finished_without_its_caller_keeps_its_place_until_then() {
    let remote = Remote::default();
    let mut owner = Owner::new(ServiceConnection::new(remote.service()).in_flight_max(2).finish_abandoned());
    let mut answers = owner.send(0..2);
    drop(answers.remove(0));
    assert!(owner.is_woken());
    assert_eq!(owner.events(), []);
    assert_eq!(remote.open(), [0, 1]);
    assert!(!owner.is_ready());
    remote.reply(0);
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Cancelled, Told::Progress]);
    assert!(owner.is_ready());
    remote.reply(1);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answers[0]), End::Reply(1));
}

#[test]
fn a_connection_with_nothing_but_calls_without_callers_asks_to_be_replaced() {
    let remote = Remote::default();
    let connection = ServiceConnection::new(remote.service()).in_flight_max(2).finish_abandoned();
    let mut owner = Owner::new(connection.background(remote.background()));
    let mut answers = owner.send(0..2);
    drop(answers.pop());
    assert_eq!(owner.events(), []);
    drop(answers.pop());
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::GoingAway]);
    assert!(owner.close().is_pending());
    remote.answer(0, Err("no such table".to_owned()));
    remote.reply(1);
    assert_eq!(owner.events(), [Told::Cancelled, Told::Cancelled, Told::Progress]);
    remote.end_background(Ok(()));
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
}

#[test]
fn a_call_whose_caller_has_gone_before_never_reaches_the_service() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    owner.start_send_abandoned(0);
    assert!(owner.flush().is_ready());
    assert_eq!(owner.events(), [Told::Cancelled]);
    assert_eq!(remote.0.borrow().calls, 0);
}

#[test]
fn a_service_that_takes_no_more_requests_answers_those_it_has() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let mut first = owner.send([9]);
    remote.reply(9);
    assert_eq!((owner.events(), end_of(&mut first[0])), (vec![Told::Success], End::Reply(9)));
    let mut answers = owner.send(0..2);
    remote.change(|state| state.refusal = Some("going away".to_owned()));
    assert!(!owner.is_ready());
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::GoingAway]);
    assert!(!owner.is_ready(), "it is not asked again: it would panic");
    assert!(owner.close().is_pending());
    remote.reply(0);
    remote.reply(1);
    assert_eq!(owner.events(), [Told::Success, Told::Success]);
    for (number, answer) in answers.iter_mut().enumerate() {
        assert_eq!(end_of(answer), End::Reply(number));
    }
    assert!(owner.close().is_pending(), "the background has not ended");
    remote.end_background(Ok(()));
    assert!(owner.is_woken());
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
}

#[test]
fn a_service_that_takes_no_more_and_never_responded_answers_what_it_has_and_has_failed() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let mut answers = owner.send(0..2);
    remote.change(|state| state.refusal = Some("certificate revoked".to_owned()));
    assert!(!owner.is_ready());
    assert_eq!(owner.events(), [], "it does not ask to be replaced");
    assert!(!owner.is_ready(), "it is not asked again");
    remote.reply(0);
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Success]);
    remote.end_background(Ok(()));
    drop(answers.pop());
    assert!(owner.is_woken());
    let told = owner.last_events();
    assert!(
        matches!(&told[..], [Told::Cancelled, Told::Failed(error)] if error.contains("certificate revoked")),
        "{told:?}"
    );
    assert_eq!(end_of(&mut answers[0]), End::Reply(0));
}

#[test]
fn a_connection_that_is_given_up_fails_its_calls() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let mut answers = owner.send(0..3);
    remote.reply(0);
    assert_eq!(owner.events(), [Told::Success]);
    owner.give_up();
    assert_eq!(end_of(&mut answers[0]), End::Reply(0));
    for answer in &mut answers[1..] {
        assert_eq!(end_of(answer), End::MaybeSent("silent"));
    }
    assert!(remote.open().is_empty(), "the service is told");
    assert!(!owner.is_ready());
    let silent = "the peer owes replies and has been silent for 0.0 s".to_owned();
    assert_eq!(owner.last_events(), [Told::Failed(silent)]);
}

#[test]
fn however_many_callers_lose_patience_with_a_slow_method_others_get_their_responses() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let mut patient = owner.send([5000]);
    for number in 0..1000 {
        drop(owner.send([number]));
        assert_eq!(owner.events(), [Told::Cancelled], "{number}");
        assert!(owner.is_ready());
    }
    remote.reply(5000);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut patient), [End::Reply(5000)]);
}

#[test]
fn calls_that_are_finished_without_their_callers_do_not_count_against_the_connection() {
    let remote = Remote::default();
    let mut owner = Owner::new(ServiceConnection::new(remote.service()).finish_abandoned());
    let mut answers = owner.send(0..20);
    answers.clear();
    assert_eq!(owner.events(), []);
    assert!(owner.is_ready());
    (0..20).for_each(|number| remote.reply(number));
    let told = owner.events();
    assert_eq!((&told[..20], &told[20..]), (&vec![Told::Cancelled; 20][..], &[Told::Progress][..]));
    assert!(owner.is_ready());
}

// What the client reads

/// A connection that knows what its client reads, at most two calls at a time.
fn listening(remote: &Remote) -> (Reads, Owner<impl Connection<Item, Error = ConnectionError> + use<>>) {
    let reads = Reads::new();
    let connection = ServiceConnection::new(remote.service()).background(remote.background());
    (reads.clone(), Owner::new(connection.in_flight_max(2).reads(reads)))
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + Duration::from_secs(seconds)
}

#[test]
fn bytes_of_a_response_that_trickles_in_are_no_silence() {
    let remote = Remote::default();
    let (reads, mut owner) = listening(&remote);
    let mut answers = owner.send([0]);
    for second in 1..=100 {
        owner.is_woken();
        owner.set_now(at(second));
        reads.add(1);
        assert!(owner.is_woken(), "somebody else has read");
        assert_eq!(owner.events(), [Told::Progress]);
    }
    reads.add(1);
    assert_eq!(owner.events(), [], "the same moment is no news");
    owner.set_now(at(101));
    reads.add(1);
    remote.reply(0);
    assert_eq!(owner.events(), [Told::Success], "which says so already");
    assert_eq!(ends_of(&mut answers), [End::Reply(0)]);
    let _more = owner.send([1]);
    owner.set_now(at(110));
    reads.add(1);
    assert_eq!(owner.events(), [Told::Progress]);
    owner.set_now(at(120));
    owner.give_up();
    let silent = "the peer owes replies and has been silent for 10.0 s".to_owned();
    assert_eq!(owner.last_events(), [Told::Failed(silent)]);
}

#[test]
fn bytes_that_the_background_reads_when_it_is_polled_are_told_at_once_and_wake_nobody() {
    let remote = Remote::default();
    let (reads, to_read) = (Reads::new(), Rc::new(Cell::new(0)));
    let (count, left) = (reads.clone(), Rc::clone(&to_read));
    let background = poll_fn(move |_| {
        count.add(left.take());
        Poll::<Result<(), String>>::Pending
    });
    let mut owner = Owner::new(ServiceConnection::new(remote.service()).background(background).reads(reads));
    let _answers = owner.send([0]);
    owner.set_now(at(1));
    owner.is_woken();
    to_read.set(5);
    assert_eq!(owner.events(), [Told::Progress]);
    assert!(!owner.is_woken(), "it knows");
}

#[test]
fn bytes_that_come_while_nothing_is_owed_wake_nobody() {
    let remote = Remote::default();
    let (reads, mut owner) = listening(&remote);
    owner.set_now(at(1));
    owner.is_woken();
    reads.add(1);
    assert!(!owner.is_woken());
    assert_eq!(owner.events(), []);
}

#[test]
fn an_abandoned_call_keeps_its_place_until_the_client_has_read_something() {
    let remote = Remote::default();
    let (reads, mut owner) = listening(&remote);
    owner.set_now(at(1));
    let mut answers = owner.send(0..2);
    reads.add(10);
    drop(answers.remove(0));
    assert_eq!(owner.events(), [Told::Abandoned, Told::Progress], "what has come before is no sign");
    assert_eq!((remote.open(), owner.is_ready()), (vec![1], false));
    owner.set_now(at(2));
    assert_eq!(owner.events(), []);
    owner.is_woken();
    reads.add(1);
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Progress, Told::Cancelled]);
    assert!(owner.is_ready());
}

#[test]
fn an_abandoned_call_keeps_its_place_also_if_there_is_no_other() {
    let remote = Remote::default();
    let (reads, mut owner) = listening(&remote);
    owner.set_now(at(1));
    drop(owner.send(0..2));
    assert_eq!((owner.events(), owner.is_ready()), (vec![Told::Abandoned; 2], false));
    owner.is_woken();
    reads.add(1);
    assert!(owner.is_woken());
    let told = owner.events();
    assert_eq!(told, [Told::Progress, Told::Cancelled, Told::Cancelled]);
    assert!(owner.is_ready());
}

#[test]
fn a_response_frees_the_places_of_calls_that_were_abandoned_before_and_an_error_does_not() {
    let remote = Remote::default();
    let (_reads, mut owner) = listening(&remote);
    let mut answers = owner.send(0..2);
    drop(answers.remove(0));
    assert_eq!(owner.events(), [Told::Abandoned]);
    remote.answer(1, Err("cancelled here".to_owned()));
    assert_eq!(owner.events(), [Told::Failure], "it may be the client's own");
    let mut more = owner.send([2]);
    assert!(!owner.is_ready());
    remote.reply(2);
    assert_eq!(owner.events(), [Told::Success, Told::Cancelled]);
    assert_eq!(ends_of(&mut more), [End::Reply(2)]);
    let _both = owner.send([3, 4]);
}

#[test]
fn abandoned_calls_are_over_when_their_connection_closes() {
    let remote = Remote::default();
    let (_reads, mut owner) = listening(&remote);
    drop(owner.send([0]));
    assert_eq!(owner.events(), [Told::Abandoned]);
    assert!(owner.close().is_pending());
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Cancelled]);
    assert!(owner.close().is_pending(), "the background has not ended");
    remote.end_background(Ok(()));
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
}

#[test]
fn abandoned_calls_are_over_when_their_connection_ends_or_is_given_up() {
    for is_given_up in [false, true] {
        let remote = Remote::default();
        let (_reads, mut owner) = listening(&remote);
        drop(owner.send([0]));
        assert_eq!(owner.events(), [Told::Abandoned]);
        owner.set_now(at(30));
        let last = if is_given_up {
            owner.give_up();
            Told::Failed("the peer owes replies and has been silent for 30.0 s".to_owned())
        } else {
            remote.end_background(Ok(()));
            Told::Closed
        };
        assert_eq!(owner.last_events(), [Told::Cancelled, last]);
    }
}

#[test]
fn a_call_that_is_finished_without_its_caller_is_owed_also_where_reads_are_counted() {
    let remote = Remote::default();
    let reads = Reads::new();
    let connection = ServiceConnection::new(remote.service()).finish_abandoned().reads(reads.clone());
    let mut owner = Owner::new(connection);
    owner.set_now(at(1));
    drop(owner.send([0]));
    reads.add(1);
    assert_eq!(owner.events(), [Told::Progress], "it is not abandoned");
    owner.set_now(at(2));
    remote.reply(0);
    reads.add(1);
    let mut told = owner.events();
    told.sort_by_key(|told| *told == Told::Progress);
    assert_eq!(told, [Told::Cancelled, Told::Progress]);
}

#[test]
fn a_service_connection_says_how_many_calls_it_takes() {
    let connection = ServiceConnection::new(Remote::default().service());
    assert_eq!(Connection::<Item>::in_flight_max(&connection), Some(256));
    assert_eq!(Connection::<Item>::in_flight_max(&connection.in_flight_max(0)), Some(1));
}

// Answers at once, and ends

#[test]
fn a_response_that_is_ready_at_once_is_told_after_the_flush() {
    let remote = Remote::default();
    remote.change(|state| state.answers_at_once = true);
    let mut owner = Owner::new(ServiceConnection::new(remote.service()));
    let mut answers = owner.send([0]);
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answers[0]), End::Reply(0));
}

#[test]
fn a_response_that_is_ready_at_once_is_told_before_the_close() {
    let remote = Remote::default();
    remote.change(|state| state.answers_at_once = true);
    let mut owner = Owner::new(ServiceConnection::new(remote.service()));
    let mut answer = owner.start_send(0);
    assert!(owner.close().is_pending());
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answer), End::Reply(0));
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
}

#[test]
fn what_the_background_answers_as_it_ends_is_told_before_the_end() {
    let remote = Remote::default();
    let peer = remote.clone();
    let is_over = Rc::new(Cell::new(false));
    let is_over_seen = Rc::clone(&is_over);
    let background = poll_fn(move |_| {
        if !is_over_seen.get() {
            return Poll::Pending;
        }
        peer.reply(0);
        Poll::Ready(Ok::<_, String>(()))
    });
    let mut owner = Owner::new(ServiceConnection::new(remote.service()).background(background));
    let mut answers = owner.send([0]);
    is_over.set(true);
    assert_eq!(owner.last_events(), [Told::Success, Told::Closed]);
    assert_eq!(end_of(&mut answers[0]), End::Reply(0));
}

#[test]
fn a_background_can_be_given_to_a_connection_whose_service_is_gone() {
    let remote = Remote::default();
    let mut connection = Box::pin(ServiceConnection::new(remote.service()));
    remote.change(|state| state.refusal = Some("too late".to_owned()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(Sink::poll_ready(connection.as_mut(), &mut cx), Poll::Ready(Err(_))));
    let mut connection = Pin::into_inner(connection).background(pending::<Result<(), String>>());
    let mut calling = connection.call(request(0));
    assert_eq!(end_of(&mut calling), End::NotSent(0, "sink failed"));
}

#[test]
fn a_service_that_takes_no_requests_at_all_is_a_failed_connection() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    remote.change(|state| state.refusal = Some("too late".to_owned()));
    let Poll::Ready(Err(error)) = owner.poll_ready() else { panic!("it has failed") };
    assert_eq!(error.to_string(), "too late");
}

#[test]
fn the_end_of_the_background_is_noticed_without_traffic() {
    for result in [Ok(()), Err("connection reset".to_owned())] {
        let remote = Remote::default();
        let mut owner = owner(&remote);
        remote.end_background(result.clone());
        assert!(owner.is_woken());
        match result {
            Ok(()) => assert_eq!(owner.last_events(), [Told::Closed]),
            Err(error) => {
                assert!(matches!(&owner.last_events()[..], [Told::Failed(told)] if told.contains(&error)));
            }
        }
    }
}

#[test]
fn a_background_that_was_not_woken_is_polled_before_the_first_request_of_a_batch() {
    let remote = Remote::default();
    let (is_over, polls) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    let (is_over_seen, polls_seen) = (Rc::clone(&is_over), Rc::clone(&polls));
    let background = poll_fn(move |_| {
        polls_seen.set(polls_seen.get() + 1);
        if is_over_seen.get() { Poll::Ready(Ok::<_, String>(())) } else { Poll::Pending }
    });
    let mut owner = Owner::new(ServiceConnection::new(remote.service()).background(background));
    polls.set(0);
    let mut answer = owner.start_send(0);
    let _in_the_same_batch = owner.start_send(1);
    assert_eq!(polls.get(), 1);
    assert!(owner.flush().is_ready());
    owner.is_woken();

    is_over.set(true);
    assert!(!owner.is_ready());
    assert!(owner.is_woken());
    assert_eq!(owner.events(), [Told::GoingAway], "it still answers what it has");
    assert_eq!(remote.0.borrow().calls, 2, "a third would have come to nothing");
    remote.reply(0);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(end_of(&mut answer), End::Reply(0));
}

#[test]
fn calls_in_flight_learn_their_errors_before_the_connection_ends() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let mut answers = owner.send(0..2);
    remote.end_background(Err("connection reset".to_owned()));
    remote.answer(0, Err("connection reset".to_owned()));
    assert_eq!(owner.events(), [Told::Failure, Told::GoingAway], "one of them has no answer yet");
    assert!(owner.close().is_pending());
    remote.answer(1, Err("connection reset".to_owned()));
    assert!(matches!(&owner.last_events()[..], [Told::Failure, Told::Failed(_)]));
    for answer in &mut answers {
        assert_eq!(end_of(answer), End::MaybeSent("service"));
    }
}

#[test]
fn a_close_waits_for_the_calls_then_drops_the_service_then_waits_for_the_background() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let _answers = owner.send([0]);
    assert!(owner.close().is_pending() && !remote.0.borrow().is_dropped);
    remote.reply(0);
    assert_eq!(owner.events(), [Told::Success]);
    assert!(owner.close().is_pending() && remote.0.borrow().is_dropped);
    remote.end_background(Ok(()));
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
}

#[test]
fn a_connection_without_a_background_closes_by_itself() {
    let remote = Remote::default();
    let mut owner = Owner::new(ServiceConnection::new(remote.service()));
    assert!(matches!(owner.close(), Poll::Ready(Ok(()))));
    assert!(remote.0.borrow().is_dropped);
}

#[test]
fn a_connection_alone_is_driven_by_the_caller_that_waits() {
    let remote = Remote::default();
    let mut connection = ServiceConnection::new(remote.service()).background(Box::pin(remote.background()));
    {
        let mut calling = connection.call(request(0));
        assert_eq!(end_of(&mut calling), End::Waiting);
        remote.reply(0);
        assert_eq!(end_of(&mut calling), End::Reply(0));
    }
    remote.end_background(Ok(()));
    let mut calling = connection.call(request(1));
    assert_eq!(end_of(&mut calling), End::NotSent(1, "sink failed"));
}

type Dial =
    std::future::Ready<Result<ServiceConnection<Client, Request, Pending<Result<(), String>>>, String>>;

#[test]
fn a_pool_of_services_spreads_calls_and_replaces_one_that_takes_no_more() {
    let remotes: Rc<RefCell<Vec<Remote>>> = Rc::default();
    let dialled = Rc::clone(&remotes);
    let connect = move |_: u16| -> Dial {
        let remote = Remote::default();
        dialled.borrow_mut().push(remote.clone());
        ready(Ok(ServiceConnection::new(remote.service()).background(std::future::pending())))
    };
    let clock = Clock::default();
    let settings = call_pool_builder(connect, clock.clone()).connect_to_fixed([1, 2]).seed(1);
    let (pool, driver) = settings.build().expect("the settings make sense");
    let mut executor = Executor::default();
    let _driver = executor.spawn(driver);
    executor.run();
    let calls: Vec<_> = (0..4)
        .map(|number| {
            let pool = pool.clone();
            let task = executor.spawn(async move { pool.call(request(number)).await });
            executor.run();
            task
        })
        .collect();
    let (one, two) = (remotes.borrow()[0].clone(), remotes.borrow()[1].clone());
    assert_eq!((one.open().len(), two.open().len()), (2, 2));
    one.reply(one.open()[0]);
    executor.run();
    one.change(|state| state.refusal = Some("going away".to_owned()));
    let more: Vec<_> = (4..6)
        .map(|number| {
            let pool = pool.clone();
            let task = executor.spawn(async move { pool.call(request(number)).await });
            executor.run();
            task
        })
        .collect();
    clock.set(clock.now() + Duration::from_secs(1));
    executor.run();
    assert_eq!(remotes.borrow().len(), 3, "it is replaced\n{}", pool.snapshot());
    for remote in remotes.borrow().iter() {
        remote.open().into_iter().for_each(|number| remote.reply(number));
    }
    executor.run();
    for (number, call) in calls.iter().chain(&more).enumerate() {
        assert_eq!(End::from(call.output().expect("it is answered")), End::Reply(number));
    }
    assert!(pool.last_error().is_none(), "that is no failure");
}

/// Dials a service, again and again, and counts that.
fn pool_of_one(
    service: impl Fn() -> Remote + 'static,
    dials: &Rc<Cell<usize>>,
    clock: &Clock,
    executor: &mut Executor,
) -> CallPool<Request, Reply, u16> {
    pool_of_one_with(service, false, dials, clock, executor)
}

/// The same, with connections that count what is read, if they are to: nothing.
fn pool_of_one_with(
    service: impl Fn() -> Remote + 'static,
    counts_reads: bool,
    dials: &Rc<Cell<usize>>,
    clock: &Clock,
    executor: &mut Executor,
) -> CallPool<Request, Reply, u16> {
    let counted = Rc::clone(dials);
    let connect = move |_: u16| -> Dial {
        counted.set(counted.get() + 1);
        let connection = ServiceConnection::new(service().service()).background(std::future::pending());
        ready(Ok(if counts_reads { connection.reads(Reads::new()) } else { connection }))
    };
    let settings = call_pool_builder(connect, clock.clone())
        .connect_to_fixed([1])
        .outcome_timeout(Duration::from_secs(10))
        .seed(1);
    let (pool, driver) = settings.build().expect("the settings make sense");
    executor.spawn(driver);
    executor.run();
    pool
}

fn advance(clock: &Clock, time: Duration, executor: &mut Executor) {
    clock.advance(time, || executor.run());
}

#[test]
fn a_dead_service_is_replaced_whatever_the_callers_patience() {
    // With calls that are dropped one after the other nothing is owed in between, and only reads tell.
    for (patience, counts_reads, callers) in [(20, false, 1), (1, false, 4), (20, true, 1), (1, true, 1)] {
        let (dials, clock, mut executor) = (Rc::default(), Clock::default(), Executor::default());
        let pool = pool_of_one_with(Remote::default, counts_reads, &dials, &clock, &mut executor);
        // Each begins at another time, so that of several somebody is always waiting.
        for caller in 0..callers {
            let (pool, clock) = (pool.clone(), clock.clone());
            executor.spawn(async move {
                clock.sleep(Duration::from_millis(250) * caller).await;
                for _ in 0..1000 {
                    let deadline = clock.sleep(Duration::from_secs(patience));
                    let _ = pool.call(request(caller as usize)).until(deadline).await;
                }
            });
        }
        executor.run();
        advance(&clock, Duration::from_secs(60), &mut executor);
        assert!(dials.get() > 1, "patience {patience}, {callers} callers: it is replaced");
        assert!(dials.get() < 20, "patience {patience}, {callers} callers: {} dials", dials.get());
    }
}

/// One caller after the other loses patience with a slow method; the one before them gets its response.
#[test]
fn impatient_callers_of_a_slow_service_change_nothing_for_the_others() {
    for impatient in [16, 1000] {
        let (dials, clock, mut executor) = (Rc::default(), Clock::default(), Executor::default());
        let remote = Remote::default();
        let only = remote.clone();
        let pool = pool_of_one(move || only.clone(), &dials, &clock, &mut executor);
        let call = |number, executor: &mut Executor| {
            let pool = pool.clone();
            let call = executor.spawn(async move { pool.call(request(number)).await });
            executor.run();
            call
        };
        let patient = call(5000, &mut executor);
        for number in 0..impatient {
            let call = call(number, &mut executor);
            advance(&clock, Duration::from_millis(1), &mut executor);
            executor.cancel(&call);
            executor.run();
        }
        let other = call(6000, &mut executor);
        remote.reply(5000);
        remote.reply(6000);
        executor.run();
        assert_eq!(patient.output().map(End::from), Some(End::Reply(5000)), "{impatient}");
        assert_eq!(other.output().map(End::from), Some(End::Reply(6000)), "{impatient}");
        let snapshot = pool.snapshot();
        assert_eq!((dials.get(), snapshot.addresses[0].status.failures), (1, 0), "{snapshot}");
    }
}

#[test]
fn the_error_of_a_readiness_is_remembered_and_backed_off_from() {
    let (dials, clock, mut executor) = (Rc::default(), Clock::default(), Executor::default());
    let remote = Remote::default();
    let only = remote.clone();
    let pool = pool_of_one(move || only.clone(), &dials, &clock, &mut executor);
    let call = |number, executor: &mut Executor| {
        let pool = pool.clone();
        let call = executor.spawn(async move { pool.call(request(number)).await });
        executor.run();
        call
    };
    let first = call(0, &mut executor);
    remote.change(|state| state.refusal = Some("certificate revoked".to_owned()));
    let _others: Vec<_> = (1..50).map(|number| call(number, &mut executor)).collect();
    assert_eq!((dials.get(), remote.0.borrow().calls), (1, 1), "the first is still in flight");
    executor.cancel(&first);
    executor.run();
    assert_eq!(dials.get(), 1, "the next dial is backed off");
    let error = pool.last_error().expect("it is remembered");
    assert_eq!(error.to_string(), "certificate revoked");
    remote.change(|state| state.refusal = None);
    advance(&clock, Duration::from_secs(60), &mut executor);
    assert!(dials.get() > 1, "it is replaced in the end");
}

#[test]
fn a_pool_asks_for_readiness_also_before_there_is_a_request() {
    let (dials, clock, mut executor) = (Rc::default(), Clock::default(), Executor::default());
    let remote = Remote::default();
    let only = remote.clone();
    let pool = pool_of_one(move || only.clone(), &dials, &clock, &mut executor);
    assert_eq!((remote.0.borrow().readiness_asked, remote.0.borrow().calls), (1, 0));
    executor.spawn(async move { pool.call(request(0)).await });
    executor.run();
    assert_eq!((remote.0.borrow().readiness_asked, remote.0.borrow().calls), (2, 1));
}

#[test]
fn a_connection_that_answers_at_once_is_not_thought_silent() {
    let (dials, clock, mut executor) = (Rc::default(), Clock::default(), Executor::default());
    let remote = Remote::default();
    remote.change(|state| state.answers_at_once = true);
    let pool = pool_of_one(move || remote.clone(), &dials, &clock, &mut executor);
    let caller = pool.clone();
    let call = executor.spawn(async move { caller.call(request(0)).await });
    executor.run();
    assert_eq!(call.output().map(End::from), Some(End::Reply(0)));
    advance(&clock, Duration::from_secs(60), &mut executor);
    assert_eq!(dials.get(), 1, "it owes nothing");
}

#[test]
fn the_error_of_a_call_is_shown_as_the_last_of_its_address_which_has_not_failed() {
    let (dials, clock, mut executor) = (Rc::default(), Clock::default(), Executor::default());
    let remote = Remote::default();
    let only = remote.clone();
    let pool = pool_of_one(move || only.clone(), &dials, &clock, &mut executor);
    let caller = pool.clone();
    let call = executor.spawn(async move { caller.call(request(0)).await });
    executor.run();
    remote.answer(0, Err("no such table".to_owned()));
    executor.run();
    let is_failed = matches!(call.output(), Some(Err(_)));
    let snapshot = pool.snapshot();
    let address = &snapshot.addresses[0];
    let error = address.last_error.as_ref().map(ToString::to_string);
    assert_eq!((is_failed, error.as_deref()), (true, Some("no such table")));
    assert_eq!((address.status.slots.ready, address.status.failures, dials.get()), (1, 0, 1));
}

#[test]
fn a_client_that_reconnects_by_itself_hides_a_dead_server() {
    // It takes every request, and each fails because nobody is there.
    let connect = |_: u16| {
        let client = tower::service_fn(|_: Request| ready(Err::<Reply, _>("connection refused")));
        ready(Ok::<_, String>(ServiceConnection::new(client)))
    };
    let builder = call_pool_builder(connect, Clock::default()).connect_to_fixed([1]).seed(1);
    let (pool, driver) = builder.build().expect("the settings make sense");
    let mut executor = Executor::default();
    executor.spawn(driver);
    for number in 0..10 {
        let pool = pool.clone();
        let call = executor.spawn(async move { pool.call(request(number)).await });
        executor.run();
        assert_eq!(End::from(call.output().expect("it is over")), End::MaybeSent("service"));
    }
    let snapshot = pool.snapshot();
    let address = &snapshot.addresses[0];
    assert_eq!((address.status.slots.ready, address.status.failures), (1, 0), "it looks well\n{snapshot}");
    assert!(address.last_error.is_some(), "all that shows is the last error");
}

// What answers mean

/// Answers that are judged by their numbers, errors by their words.
fn judge(answer: Result<&Reply, &String>) -> Verdict {
    match answer {
        Ok(reply) => match reply.number {
            901 => Verdict::Failure,
            902 => Verdict::Overloaded { pause: Some(Duration::from_secs(1)) },
            904 => Verdict::Goodbye,
            905 => Verdict::Unfit,
            906 => panic!("a scripted panic"),
            _ => Verdict::Success,
        },
        Err(error) => match &**error {
            "overloaded" => Verdict::Overloaded { pause: None },
            "going away" => Verdict::Goodbye,
            "unfit" => Verdict::Unfit,
            "mine" => Verdict::Success,
            "panic" => panic!("a scripted panic"),
            _ => Verdict::Failure,
        },
    }
}

/// Gives back request 0 with errors that begin with 'back', and is sure of those that begin with 'refused'.
fn unsent(error: String) -> Unsent<Request, String> {
    match error.split_once(": ") {
        Some(("back", reason)) => Unsent::Returned(request(0), reason.to_owned()),
        Some(("refused", reason)) => Unsent::Unprocessed(reason.to_owned()),
        Some(("panics", _)) => panic!("a scripted panic"),
        _ => Unsent::Unknown(error),
    }
}

/// The verdict is on the reason, whatever `unsent` says of it.
fn judge_reason(answer: Result<&Reply, &String>) -> Verdict {
    let reason =
        answer.map_err(|error| error.split_once(": ").map_or(error.clone(), |(_, reason)| reason.to_owned()));
    judge(reason.as_ref().map(|reply| *reply))
}

fn judging(remote: &Remote) -> Owner<impl Connection<Item, Error = ConnectionError> + use<>> {
    let connection = ServiceConnection::new(remote.service()).judge(judge_reason).unsent(unsent);
    Owner::new(connection.background(remote.background()))
}

#[test]
fn each_verdict_on_a_response_is_reported_and_the_caller_gets_it() {
    for (number, told) in [
        (1, vec![Told::Success]),
        (901, vec![Told::Failure]),
        (902, vec![Told::Overloaded(Some(Duration::from_secs(1)))]),
        (904, vec![Told::Success, Told::GoingAway]),
        (905, vec![Told::Unfit]),
    ] {
        let remote = Remote::default();
        let mut owner = judging(&remote);
        let mut answers = owner.send([0]);
        remote.answer(0, Ok(Reply { id: 0, number }));
        assert_eq!(owner.events(), told);
        assert_eq!(ends_of(&mut answers), [End::Reply(number)]);
    }
}

#[test]
fn each_verdict_on_an_error_is_reported_and_the_caller_gets_it() {
    for (error, told) in [
        ("mine", vec![Told::Success]),
        ("no such table", vec![Told::Failure]),
        ("overloaded", vec![Told::Overloaded(None)]),
        ("going away", vec![Told::Success, Told::GoingAway]),
        ("unfit", vec![Told::Unfit]),
    ] {
        let remote = Remote::default();
        let mut owner = judging(&remote);
        let mut answers = owner.send([0]);
        remote.answer(0, Err(error.to_owned()));
        assert_eq!(owner.events(), told);
        assert_eq!(ends_of(&mut answers), [End::MaybeSent("service")]);
    }
}

#[test]
fn a_request_that_comes_back_with_a_goodbye_goes_to_another_connection() {
    let remote = Remote::default();
    let mut owner = judging(&remote);
    let mut answers = owner.send([0, 1]);
    remote.answer(0, Err("back: going away".to_owned()));
    let Poll::Ready(Ok(ConnectionEvent::Unsent(call))) = owner.next_event() else { panic!("it is not told") };
    let (returned, responder) = call.begin().expect("its caller is there");
    assert_eq!(returned, request(0));
    responder.reply(Reply { id: 0, number: 7 }).expect("its caller is there");
    assert_eq!(owner.events(), [Told::GoingAway]);
    remote.reply(1);
    assert_eq!(owner.events(), [Told::Success]);
    assert_eq!(ends_of(&mut answers), [End::Reply(7), End::Reply(1)]);
}

#[test]
fn a_request_that_comes_back_otherwise_goes_to_its_caller_so_that_nobody_sends_it_for_ever() {
    for (error, told) in [("back: overloaded", Told::Overloaded(None)), ("back: it burns", Told::Failure)] {
        let remote = Remote::default();
        let mut owner = judging(&remote);
        let mut answers = owner.send([0]);
        remote.answer(0, Err(error.to_owned()));
        assert_eq!(owner.events(), [told]);
        assert_eq!(ends_of(&mut answers), [End::NotSent(0, "unprocessed")]);
        assert!(owner.is_ready());
    }
}

#[test]
fn a_request_that_was_certainly_not_processed_and_is_lost_is_said_to_be_so() {
    let remote = Remote::default();
    let mut owner = judging(&remote);
    let mut answers = owner.send([0]);
    remote.answer(0, Err("refused: overloaded".to_owned()));
    assert_eq!(owner.events(), [Told::Overloaded(None)]);
    assert_eq!(ends_of(&mut answers), [End::Unprocessed]);
}

#[test]
fn a_verdict_on_a_response_without_a_caller_counts_where_it_is_finished() {
    let remote = Remote::default();
    let connection = ServiceConnection::new(remote.service()).judge(judge).unsent(unsent).finish_abandoned();
    let mut owner = Owner::new(connection);
    for (number, answer, told) in [
        (0, Ok(1), vec![Told::Cancelled, Told::Progress]),
        (1, Ok(902), vec![Told::Overloaded(Some(Duration::from_secs(1)))]),
        (2, Err("unfit"), vec![Told::Unfit]),
        (3, Err("back: no"), vec![Told::Cancelled]),
    ] {
        owner.set_now(at(number as u64));
        drop(owner.send([number]));
        remote.answer(number, answer.map(|number| Reply { id: 0, number }).map_err(str::to_owned));
        assert_eq!(owner.events(), told);
    }
}

#[test]
fn rules_that_panic_cost_their_connection_and_no_other() {
    for answer in [Ok(906), Err("panic"), Err("panics: so or so")] {
        let remote = Remote::default();
        let mut owner = judging(&remote);
        let mut answers = owner.send(0..2);
        remote.answer(0, answer.map(|number| Reply { id: 0, number }).map_err(str::to_owned));
        let panicked = Told::Failed("the protocol panicked: a scripted panic".to_owned());
        assert_eq!(owner.last_events(), [panicked]);
        assert_eq!(ends_of(&mut answers), vec![End::MaybeSent("protocol panicked"); 2]);
    }
}

#[test]
fn a_service_that_did_not_drain_says_so() {
    let remote = Remote::default();
    let mut owner = owner(&remote);
    let _answers = owner.send(0..2);
    assert!(owner.close().is_pending());
    owner.give_up();
    let not_drained = "the time to drain was over, and 2 calls had no reply".to_owned();
    assert_eq!(owner.last_events(), [Told::Failed(not_drained)]);
}
