//! Who creates, who waits, who makes room, and what is closed: the decisions of a map of pools.

use core::time::Duration;

use pool_core::Instant;
use pool_core::pool_map::{
    Inserted, NameId, NamedPools, Output, Patience, PoolMapConfig, PoolMapCounts, Refusal, Wanted,
};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn at(seconds: u64) -> Instant {
    Instant::ZERO + secs(seconds)
}

const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

fn pools(names_max: usize, idle_timeout: Option<Duration>) -> NamedPools {
    let mut config = PoolMapConfig::default();
    config.names_max = names_max;
    config.idle_timeout = idle_timeout;
    config.shutdown_timeout = SHUTDOWN_TIMEOUT;
    NamedPools::new(config).expect("a valid configuration")
}

/// What is to be done, and when to call again.
fn drain(pools: &mut NamedPools) -> (Vec<Output>, Option<Instant>) {
    let mut outputs = Vec::new();
    loop {
        match pools.poll_output() {
            Output::Timeout(at) => return (outputs, at),
            output => outputs.push(output),
        }
    }
}

fn outputs(pools: &mut NamedPools) -> Vec<Output> {
    drain(pools).0
}

/// A name whose pool is open and in use.
fn open(pools: &mut NamedPools) -> NameId {
    let Ok(Inserted::Create(name)) = pools.insert(Patience::Wait) else { panic!("there is a permit") };
    assert!(pools.handle_created(name));
    assert_eq!(outputs(pools), [Output::NotifyWhenIdle(name)]);
    name
}

/// A name whose pool has told that it is idle.
fn idle(pools: &mut NamedPools, now: Instant) -> NameId {
    let name = open(pools);
    become_idle(pools, name, now);
    name
}

fn become_idle(pools: &mut NamedPools, name: NameId, now: Instant) {
    pools.handle_news(name);
    assert_eq!(outputs(pools), [Output::Look(name)]);
    pools.handle_idle(name, now);
    assert_eq!(outputs(pools), []);
}

fn wait(pools: &mut NamedPools) -> NameId {
    let Ok(Inserted::Wait(name)) = pools.insert(Patience::Wait) else { panic!("there is no permit left") };
    name
}

fn closes(name: NameId) -> [Output; 2] {
    [Output::Release(name), Output::ShutDown { name, timeout: SHUTDOWN_TIMEOUT }]
}

fn counts(pools: &NamedPools) -> [usize; 4] {
    let PoolMapCounts { open, creating, closing, waiting, .. } = pools.counts();
    [open, creating, closing, waiting]
}

#[test]
fn callers_of_one_name_wait_for_the_one_that_creates_its_pool() {
    let mut pools = pools(1, None);
    let Ok(Inserted::Create(name)) = pools.insert(Patience::Wait) else { panic!("there is a permit") };
    assert_eq!(pools.want(name, Patience::Wait), Ok(Wanted::Wait));
    assert_eq!(pools.want(name, Patience::NoWait), Err(Refusal::BeingCreated));
    assert_eq!(pools.resume(name), Wanted::Wait);
    assert!(pools.handle_created(name));
    assert_eq!(outputs(&mut pools), [Output::Opened(name)]);
    assert_eq!(pools.resume(name), Wanted::Open);
    assert_eq!(outputs(&mut pools), [Output::NotifyWhenIdle(name)], "now that nobody comes for it");
}

#[test]
fn a_creation_that_fails_leaves_nothing_behind_and_passes_its_permit_on() {
    let mut pools = pools(1, None);
    let Ok(Inserted::Create(name)) = pools.insert(Patience::Wait) else { panic!("there is a permit") };
    let next = wait(&mut pools);
    pools.handle_creation_failed(name);
    assert_eq!(outputs(&mut pools), [Output::Forget(name), Output::Grant(next)]);
    assert_eq!(pools.resume(name), Wanted::Unknown);
    assert_eq!(pools.resume(next), Wanted::Create);
    assert_eq!(counts(&pools), [0, 1, 0, 0]);
}

#[test]
fn permits_are_granted_in_the_order_of_waiting_and_a_caller_that_gives_up_takes_none() {
    let mut pools = pools(1, None);
    let held = open(&mut pools);
    let [first, second, third] = [(); 3].map(|()| wait(&mut pools));
    pools.cancel(first);
    assert_eq!(outputs(&mut pools), [Output::Forget(first)]);
    assert!(pools.handle_ended(held));
    assert_eq!(outputs(&mut pools), [Output::Forget(held), Output::Grant(second)]);
    pools.cancel(second);
    assert_eq!(outputs(&mut pools), [Output::Forget(second), Output::Grant(third)]);
}

#[test]
fn a_permit_belongs_to_all_who_want_the_name() {
    let mut pools = pools(1, None);
    let held = open(&mut pools);
    let name = wait(&mut pools);
    assert_eq!(pools.want(name, Patience::Wait), Ok(Wanted::Wait));
    pools.handle_ended(held);
    assert_eq!(outputs(&mut pools), [Output::Forget(held), Output::Grant(name)]);
    pools.cancel(name);
    assert_eq!(outputs(&mut pools), [Output::Grant(name)], "the next is woken");
    assert_eq!(pools.want(name, Patience::NoWait), Ok(Wanted::Create), "the first caller creates");
}

#[test]
fn the_least_recently_used_of_the_idle_names_makes_room() {
    let mut pools = pools(3, None);
    let [first, second, third] = [(); 3].map(|()| idle(&mut pools, at(0)));
    assert_eq!(pools.want(first, Patience::Wait), Ok(Wanted::Open));
    let waiting = wait(&mut pools);
    let (_, wake_at) = drain(&mut pools);
    assert!(wake_at.is_some_and(|wake_at| wake_at <= at(0)), "at once");
    pools.handle_timeout(at(0));
    assert_eq!(outputs(&mut pools), [Output::Look(second)]);
    pools.handle_idle(second, at(0));
    assert_eq!(outputs(&mut pools), closes(second));
    assert_eq!(counts(&pools), [2, 0, 1, 1], "one is enough for one that waits");
    pools.handle_ended(second);
    assert_eq!(outputs(&mut pools), [Output::Forget(second), Output::Grant(waiting)]);
    let _ = third;
}

#[test]
fn names_that_turn_out_to_be_in_use_are_passed_over_and_tell_when_they_are_idle() {
    let mut pools = pools(2, None);
    let [first, second] = [(); 2].map(|()| idle(&mut pools, at(0)));
    for name in [first, second] {
        assert_eq!(pools.want(name, Patience::Wait), Ok(Wanted::Open));
    }
    wait(&mut pools);
    pools.handle_timeout(at(0));
    assert_eq!(outputs(&mut pools), [Output::Look(first)]);
    pools.handle_in_use(first, at(0));
    assert_eq!(outputs(&mut pools), [Output::NotifyWhenIdle(first), Output::Look(second)]);
    pools.handle_in_use(second, at(0));
    assert_eq!(drain(&mut pools), (vec![Output::NotifyWhenIdle(second)], None));
    pools.handle_news(second);
    pools.handle_idle(second, at(1));
    assert_eq!(outputs(&mut pools)[1..], closes(second));
}

#[test]
fn a_full_map_without_idle_names_looks_at_none_whatever_its_size() {
    let mut pools = pools(65_536, None);
    for _ in 0..65_536 {
        open(&mut pools);
    }
    for _ in 0..3 {
        assert_eq!(pools.insert(Patience::NoWait), Err(Refusal::Full));
        pools.handle_timeout(at(0));
        assert_eq!(drain(&mut pools), (vec![], None));
    }
}

#[test]
fn a_refused_caller_has_room_made_for_it_once_and_only_while_it_may_come_again() {
    let mut pools = pools(2, None);
    let first = idle(&mut pools, at(0));
    let second = open(&mut pools);
    assert_eq!(pools.insert(Patience::NoWait), Err(Refusal::Full));
    pools.handle_timeout(at(0));
    pools.handle_idle(first, at(0));
    assert_eq!(outputs(&mut pools)[1..], closes(first));
    pools.handle_timeout(at(0));
    assert_eq!(drain(&mut pools), (vec![], None));
    // It doesn't come again, and nobody is closed for it later.
    pools.handle_ended(first);
    outputs(&mut pools);
    become_idle(&mut pools, second, at(1));
}

#[test]
fn a_pool_that_somebody_gets_while_it_is_looked_at_is_not_closed() {
    let mut pools = pools(1, Some(secs(60)));
    let name = idle(&mut pools, at(0));
    wait(&mut pools);
    pools.handle_timeout(at(0));
    assert_eq!(outputs(&mut pools), [Output::Look(name)]);
    assert_eq!(pools.want(name, Patience::Wait), Ok(Wanted::Open));
    pools.handle_idle(name, at(0));
    assert_eq!(outputs(&mut pools), [Output::Look(name)], "once more, for the old look counts for nothing");
    pools.handle_in_use(name, at(0));
    assert_eq!(outputs(&mut pools), [Output::NotifyWhenIdle(name)]);
}

#[test]
fn a_pool_is_closed_when_its_idle_timeout_is_over() {
    let mut pools = pools(8, Some(secs(60)));
    let name = idle(&mut pools, at(100));
    assert_eq!(drain(&mut pools), (vec![], Some(at(160))));
    pools.handle_timeout(at(159));
    assert_eq!(drain(&mut pools), (vec![], Some(at(160))));
    pools.handle_timeout(at(160));
    assert_eq!(outputs(&mut pools), [Output::Look(name)]);
    pools.handle_idle(name, at(160));
    assert_eq!(drain(&mut pools), (closes(name).to_vec(), None));
}

#[test]
fn a_name_that_is_used_again_is_looked_at_every_quarter_of_the_timeout_and_not_at_every_use() {
    let mut pools = pools(8, Some(secs(60)));
    let name = idle(&mut pools, at(0));
    pools.want(name, Patience::Wait).expect("it is open");
    let (_, wake_at) = drain(&mut pools);
    assert!(wake_at.is_some_and(|wake_at| wake_at <= at(10)), "to set the time of the look");
    pools.handle_timeout(at(10));
    assert_eq!(drain(&mut pools), (vec![], Some(at(25))));
    for _ in 0..100 {
        pools.want(name, Patience::Wait).expect("it is open");
        assert_eq!(drain(&mut pools), (vec![], Some(at(25))));
    }
    pools.handle_timeout(at(25));
    assert_eq!(outputs(&mut pools), [Output::Look(name)]);
    pools.handle_idle(name, at(25));
    assert_eq!(drain(&mut pools), (vec![], Some(at(85))), "nobody knows since when");
}

#[test]
fn a_pool_that_ends_by_itself_or_takes_nothing_more_loses_its_name() {
    let mut pools = pools(2, None);
    let [ended, closed] = [(); 2].map(|()| open(&mut pools));
    assert!(pools.handle_ended(ended));
    assert_eq!(outputs(&mut pools), [Output::Forget(ended)]);
    pools.handle_closed(closed);
    assert_eq!(outputs(&mut pools), [Output::Release(closed)], "it was told how long it may take");
    assert_eq!(counts(&pools), [0, 0, 1, 0]);
    assert_eq!(pools.want(closed, Patience::Wait), Ok(Wanted::Unknown));
    assert!(pools.handle_ended(closed) && !pools.handle_ended(closed), "once");
}

#[test]
fn a_shutdown_refuses_who_waits_closes_all_pools_and_ends_with_the_last() {
    let mut pools = pools(2, None);
    let held = open(&mut pools);
    let Ok(Inserted::Create(late)) = pools.insert(Patience::Wait) else { panic!("there is a permit") };
    let waiting = wait(&mut pools);
    pools.shut_down(secs(5));
    let shut_down = |name, seconds| Output::ShutDown { name, timeout: secs(seconds) };
    assert_eq!(outputs(&mut pools), [Output::Forget(waiting), Output::Release(held), shut_down(held, 5)]);
    assert_eq!(pools.insert(Patience::Wait), Err(Refusal::Closed));
    pools.shut_down(secs(1));
    assert_eq!(outputs(&mut pools), [shut_down(held, 1)], "the shortest timeout counts");
    assert!(!pools.handle_created(late), "too late");
    assert_eq!(outputs(&mut pools), [Output::Release(late), shut_down(late, 0)]);
    pools.handle_ended(held);
    assert!(!pools.is_over());
    pools.handle_ended(late);
    assert_eq!(outputs(&mut pools)[2..], [Output::Closed]);
    assert!(pools.is_over());
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    type Change = fn(&mut PoolMapConfig);
    let changes: [(&str, Change); 5] = [
        ("names_max", |config| config.names_max = 0),
        ("names_max", |config| config.names_max = 131_073),
        ("idle_timeout", |config| config.idle_timeout = Some(Duration::ZERO)),
        ("idle_timeout", |config| config.idle_timeout = Some(Duration::MAX)),
        ("shutdown_timeout", |config| config.shutdown_timeout = Duration::MAX),
    ];
    for (field, change) in changes {
        let mut config = PoolMapConfig::default();
        change(&mut config);
        assert_eq!(NamedPools::new(config).expect_err("it makes no sense").field(), field);
    }
}
