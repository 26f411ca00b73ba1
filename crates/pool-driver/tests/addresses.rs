//! What the name service says, and what the pool makes of it (A3 to A7).

mod support;

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::FutureExt;
use futures_util::sink::Drain;
use futures_util::stream::{self, StreamExt};
use pool_driver::{
    AddressSet, AddressStream, AddressUpdate, EndReason, Endpoint, Event, FixedAddresses, IntoAddressUpdate,
    OnAddressesEnd, PoolBuilder, RefusedReason, SourceState, StreamSource,
};
use support::{A, Answer, B, Bench, C, Clock, Dial, Executor, millis, secs};

#[test]
fn a7_connections_are_opened_and_drained_while_no_item_is_sent() {
    let mut bench = Bench::up([A], |pool| pool.connections_per_address(2));
    assert_eq!((bench.world.alive(A), bench.world.alive(B)), (2, 0));
    bench.set([B]);
    assert_eq!((bench.world.alive(A), bench.world.alive(B)), (0, 2));
    assert_eq!(bench.finish().counts.accepted, 0);
}

#[test]
fn t1_backoff_dials_and_discovery_go_on_while_no_item_is_sent() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    bench.advance(secs(2));
    assert!(bench.world.dials(A) > 3, "{}", bench.snapshot());
    bench.world.answer(A, Dial::Accept);
    bench.advance(secs(2));
    assert_eq!(bench.world.alive(A), 1);
    bench.set([A, B]);
    assert_eq!(bench.world.alive(B), 1);
}

#[test]
fn a1_the_same_set_again_keeps_every_connection() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.take_events();
    bench.set([B, A]);
    assert_eq!((bench.world.dials(A), bench.world.dials(B)), (1, 1));
    assert!(bench.take_events().is_empty());
}

#[test]
fn a1_t34_a_change_of_weight_or_priority_is_shown_at_once() {
    let mut bench = Bench::up([A, B], |pool| pool);
    let changed = [Endpoint::new(A).with_weight(7), Endpoint::new(B).with_priority(3)];
    bench.feed.push(Answer::Set(changed.into_iter().collect()));
    bench.run();
    let records = bench.snapshot().addresses;
    let shown: Vec<_> = records.iter().map(|record| (record.status.weight, record.status.priority)).collect();
    assert_eq!(shown, [(7, 0), (1, 3)]);
    assert_eq!((bench.world.dials(A), bench.world.dials(B)), (1, 1));
}

#[test]
fn a3_a_dial_to_an_address_that_leaves_is_dropped() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Hang);
    bench.set([A]);
    assert_eq!(bench.world.dialling(A), 1);
    bench.set([]);
    assert_eq!(bench.world.dialling(A), 0);
}

#[test]
fn a3_a_connection_to_an_address_that_leaves_flushes_and_closes_and_takes_nothing_new() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.behave(A, |behaviour| behaviour.flushes = false);
    bench.set([A]);
    bench.send([1]);
    bench.set([B]);
    bench.send([2]);
    assert_eq!((bench.world.received(B), bench.world.alive(A)), (vec![2], 1));
    bench.world.link(A).change(|behaviour| behaviour.flushes = true);
    bench.run();
    assert_eq!((bench.world.received(A), bench.world.alive(A)), (vec![1], 0));
    bench.finish();
}

#[test]
fn t11_an_address_that_comes_back_gets_a_new_connection_beside_the_one_that_drains() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.link(A).change(|behaviour| behaviour.closes = false);
    bench.set([]);
    bench.set([A]);
    assert_eq!((bench.world.alive(A), bench.world.dials(A)), (2, 2));
    bench.send([1, 2]);
    assert_eq!(bench.world.link(A).received(), [1, 2]);
    bench.world.links(A)[0].change(|behaviour| behaviour.closes = true);
    bench.run();
    assert_eq!(bench.world.alive(A), 1);
    bench.finish();
}

#[test]
fn a4_an_empty_set_drains_everything_and_items_wait_for_the_next_one() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.set([]);
    assert_eq!(bench.world.alive(A), 0);
    bench.send([1, 2]);
    bench.advance(secs(3600));
    assert_eq!(bench.snapshot().counts.sent, 0);
    bench.set([B]);
    assert_eq!(bench.world.received(B), [1, 2]);
    bench.finish();
}

#[test]
fn a4_t14_an_error_of_the_name_service_keeps_the_set_and_is_shown_until_the_next_answer() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.feed.push(Answer::Error("no such name"));
    bench.run();
    assert_eq!(bench.world.alive(A), 1);
    let shown = bench.snapshot().source.state.error().map(ToString::to_string);
    assert_eq!(shown.as_deref(), Some("no such name"));
    assert_eq!(bench.count_events(|event| matches!(event, Event::AddressesFailed { .. })), 1);
    bench.set([A]);
    assert!(matches!(bench.snapshot().source.state, SourceState::Answered));
    bench.send([1]);
    assert_eq!(bench.world.received(A), [1]);
    bench.finish();
}

#[test]
fn a5_of_several_sets_at_once_only_the_last_is_applied() {
    let mut bench = Bench::new(|pool| pool);
    bench.run();
    for set in [[A], [B], [C]] {
        bench.feed.push_set(set);
    }
    bench.run();
    assert_eq!([A, B, C].map(|address| bench.world.dials(address)), [0, 0, 1]);
}

#[test]
fn a5_an_error_after_a_set_does_not_undo_it() {
    let mut bench = Bench::new(|pool| pool);
    bench.feed.push_set([A]);
    bench.feed.push(Answer::Error("and now it is down"));
    bench.run();
    assert_eq!(bench.world.alive(A), 1);
    assert!(matches!(bench.snapshot().source.state, SourceState::Failed(_)));
}

#[test]
fn a5_at_most_32_sets_are_read_per_poll_and_the_rest_in_the_next() {
    let mut bench = Bench::new(|pool| pool);
    bench.run();
    for address in 1..=70 {
        bench.feed.push_set([address]);
    }
    bench.executor.run_round();
    assert_eq!(bench.feed.len(), 70 - 32);
    bench.executor.run_round();
    assert_eq!(bench.feed.len(), 70 - 64);
    bench.run();
    assert_eq!((bench.feed.len(), bench.world.alive(70)), (0, 1));
}

#[test]
fn a6_the_end_of_the_stream_delivers_what_is_queued_and_ends_the_pool() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    bench.send([1]);
    bench.feed.push(Answer::End);
    bench.run();
    assert_eq!(bench.try_send(2), Err(RefusedReason::Closed(EndReason::AddressesEnded)));
    bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    let ended = bench.output(&bench.driver.clone());
    assert_eq!(ended.reason, EndReason::AddressesEnded);
    assert_eq!(bench.world.received(A), [1]);
    bench.check_accounts(ended, "");
}

#[test]
fn a6_the_end_of_the_stream_has_the_default_deadline() {
    let mut bench = Bench::new(|pool| pool.shutdown_timeout(secs(7)));
    bench.send([1]);
    bench.feed.push(Answer::End);
    bench.advance(millis(6999));
    assert!(!bench.driver.is_done());
    bench.advance(millis(1));
    let ended = bench.output(&bench.driver.clone());
    assert_eq!(bench.ledger.undelivered(), [1]);
    bench.check_accounts(ended, "");
}

#[test]
fn a6_a_set_that_comes_together_with_the_end_is_applied_before_the_pool_ends() {
    let mut bench = Bench::new(|pool| pool);
    bench.send([1]);
    bench.feed.push_set([A]);
    bench.feed.push(Answer::End);
    let ended = bench.output(&bench.driver.clone());
    assert_eq!(bench.world.received(A), [1]);
    bench.check_accounts(ended, "");
}

#[test]
fn a6_a_pool_that_keeps_its_set_lives_on_when_the_stream_ends() {
    let mut bench = Bench::up([A], |pool| pool.on_addresses_end(OnAddressesEnd::Keep));
    bench.feed.push(Answer::End);
    bench.run();
    bench.world.link(A).break_off();
    bench.advance(secs(1));
    bench.send([1]);
    assert_eq!(bench.world.received(A), [1]);
    assert_eq!(bench.finish().reason, EndReason::Shutdown);
}

#[test]
fn t14_the_stream_is_never_polled_again_after_it_ended() {
    for answer in [Answer::End, Answer::Panic] {
        let mut bench = Bench::up([A], |pool| pool.on_addresses_end(OnAddressesEnd::Keep));
        bench.feed.push(answer);
        bench.feed.push_set([B]);
        bench.run();
        bench.feed.push_set([C]);
        bench.send([1]);
        bench.advance(secs(60));
        assert_eq!((bench.feed.polls_after_end(), bench.feed.len()), (0, 2));
        bench.finish();
    }
}

#[test]
fn f1_a_panic_of_the_stream_is_its_end_with_a_reason() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.send([1]);
    bench.feed.push(Answer::Panic);
    let ended = bench.output(&bench.driver.clone());
    assert_eq!(ended.reason, EndReason::AddressesPanicked);
    let told = |event: &Event<u16>| matches!(event, Event::AddressesEnded { error: Some(_) });
    assert_eq!(bench.count_events(told), 1);
    let shown = bench.snapshot().source.state.error().map(ToString::to_string);
    assert_eq!(shown.as_deref(), Some("panicked: a scripted panic of the name service"));
    bench.check_accounts(ended, "");
}

#[test]
fn f4_a_set_that_is_too_large_is_refused_whole_and_costs_nothing() {
    let mut bench = Bench::up([A, B], |pool| pool.addresses_max(3));
    bench.set(1..=4);
    assert_eq!((bench.world.alive(A), bench.world.alive(B), bench.world.dials(C)), (1, 1, 0));
    let refused = |event: &Event<u16>| matches!(event, Event::AddressesRefused { len: 4, max: 3 });
    assert_eq!(bench.count_events(refused), 1);
    let shown = bench.snapshot().source.state.error().map(ToString::to_string);
    assert_eq!(shown.as_deref(), Some("4 addresses are more than the 3 that may be (addresses_max)"));
    bench.set([A, B]);
    assert!(matches!(bench.snapshot().source.state, SourceState::Answered));
    bench.send([1, 2]);
    bench.finish();
}

#[test]
fn f4_a_first_set_that_is_too_large_is_no_answer() {
    let mut bench = Bench::new(|pool| pool.addresses_max(3));
    bench.set(1..=4);
    let source = bench.snapshot().source;
    assert!(matches!(source.state, SourceState::Failed(_)) && source.answer_age.is_none(), "{source}");
}

#[test]
fn a4_streams_of_sets_of_results_and_of_updates_all_do() {
    fn source<S: Stream<Item: IntoAddressUpdate<Address = u16>>>(stream: S) -> Vec<String> {
        let said = StreamSource::new(stream).collect::<Vec<_>>().now_or_never().expect("it is all there");
        said.into_iter().map(|update| format!("{update:?}")).collect()
    }
    let set = AddressSet::from([A]);
    let plain = source(stream::iter([set.clone()]));
    assert_eq!(plain.len(), 1, "an empty list would equal the others");
    assert_eq!(plain, source(stream::iter([AddressUpdate::Addresses(set.clone())])));
    assert_eq!(plain, source(stream::iter([Ok::<_, String>(set.clone())])));
    let updates = [Ok(AddressUpdate::Pending), Ok(AddressUpdate::NoSuchName), Err("down")];
    assert_eq!(source(stream::iter(updates)), ["Pending", "NoSuchName", "Failed(\"down\")"]);
}

#[test]
fn f1_a_source_that_panics_when_it_is_asked_again_has_ended() {
    struct Touchy(FixedAddresses<u16>);
    impl Stream for Touchy {
        type Item = AddressUpdate<u16>;
        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            Pin::new(&mut self.0).poll_next(cx)
        }
    }
    impl AddressStream for Touchy {
        type Address = u16;
        fn refresh(self: Pin<&mut Self>) {
            panic!("not again");
        }
    }
    let names = Touchy(FixedAddresses::new([A].into()));
    let connector = |_: u16| async { Err::<Drain<u32>, _>("refused") };
    let builder = PoolBuilder::plain(connector, Clock::default()).follow(names);
    let (pool, driver) =
        builder.on_addresses_end(OnAddressesEnd::Keep).build::<u32>().expect("it is all set");
    let mut executor = Executor::default();
    let driver = executor.spawn(driver);
    executor.run();
    let state = pool.snapshot().source.state;
    assert_eq!(state.error().map(ToString::to_string).as_deref(), Some("panicked: not again"), "{state:?}");
    assert!(!driver.is_done());
}
