//! What the settings of a call leave behind, byte by byte.

mod support;

use std::alloc::System;

use pool_call::Retry;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use support::bench::Bench;
use support::{End, end_of, request};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const TIMES: usize = 1000;

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// When a call is set.
#[derive(Clone, Copy, Debug)]
enum Moment {
    First,
    UnderWay,
    Over,
}

fn call(bench: &mut Bench, moment: Moment, is_answered: bool) {
    let (pool, retry) = (bench.pool.clone(), Retry::new());
    let mut calling = pool.call(request(0));
    if let Moment::First = moment {
        calling = calling.retry(&retry);
    }
    assert_eq!(end_of(&mut calling), End::Waiting);
    bench.executor.run();
    if let Moment::UnderWay = moment {
        calling = calling.retry(&retry);
    }
    bench.peers.all().iter().for_each(|peer| peer.answer(peer.received().len()));
    bench.executor.run();
    if is_answered {
        assert_eq!(end_of(&mut calling), End::Reply(0));
        if let Moment::Over = moment {
            calling = calling.retry(&retry);
        }
    }
    drop(calling);
}

#[test]
fn a_call_leaves_none_of_its_settings_behind_whenever_they_are_made() {
    let mut bench = Bench::up();
    for moment in [Moment::First, Moment::UnderWay, Moment::Over] {
        for is_answered in [true, false] {
            let mut call_all = || (0..TIMES).for_each(|_| call(&mut bench, moment, is_answered));
            call_all();
            let before = live_bytes();
            call_all();
            let left = live_bytes().saturating_sub(before);
            assert!(left < TIMES, "{left} bytes of settings at {moment:?}, answered: {is_answered}");
        }
    }
}
