//! Random histories of a map of pools, checked against a naive reference after every step, and against a
//! world in which pools really have handles and items.

mod reference;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use pool_core::Instant;
use pool_core::pool_map::{Inserted, NameId, NamedPools, Output, Patience, PoolMapConfig, Wanted};
use proptest::prelude::*;
use proptest::test_runner::Config as Runs;
use reference::{Phase, Reference};

/// A pool as it is, whatever the machine knows of it.
#[derive(Clone, Copy, Default, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Pool {
    /// Outside of the map.
    handles: usize,
    /// It has something to deliver.
    owes: bool,
    /// It tells when it becomes idle.
    notifies: bool,
    /// It takes no more items; the machine may not know yet.
    is_closed: bool,
    has_ended: bool,
}

impl Pool {
    fn is_idle(self) -> bool {
        self.handles == 0 && !self.owes
    }
}

/// What a look has shown, some time ago.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Idle,
    InUse,
    Closed,
    Ended,
}

/// The machine beside its reference.
struct Pair {
    config: PoolMapConfig,
    machine: NamedPools,
    reference: Reference,
    now: Instant,
    wake_at: Option<Instant>,
    pools: BTreeMap<NameId, Pool>,
    /// Pools that have something to tell.
    news: VecDeque<NameId>,
    /// Looks that were ordered.
    looks: VecDeque<NameId>,
    /// Looks that were taken and not reported.
    seen: VecDeque<(NameId, Seen)>,
    /// The owner has just asked for pools to be closed.
    owner_closes: bool,
    trace: Vec<Output>,
}

impl Pair {
    fn new(config: PoolMapConfig) -> Self {
        Self {
            config,
            machine: NamedPools::new(config).expect("a valid configuration"),
            reference: Reference::new(config),
            now: Instant::ZERO + Duration::from_secs(1_000),
            wake_at: None,
            pools: BTreeMap::new(),
            news: VecDeque::new(),
            looks: VecDeque::new(),
            seen: VecDeque::new(),
            owner_closes: false,
            trace: Vec::new(),
        }
    }

    /// Carries out what the machine orders, and checks it.
    fn end_step(&mut self) {
        let expected = self.reference.take_outputs();
        let mut outputs = Vec::new();
        loop {
            match self.machine.poll_output() {
                Output::Timeout(at) => {
                    self.wake_at = at;
                    break;
                }
                output => outputs.push(output),
            }
        }
        assert_eq!(outputs, expected);
        assert_eq!(self.wake_at, self.reference.deadline());
        for output in &outputs {
            self.carry_out_order(*output);
        }
        self.trace.extend(outputs);
        self.owner_closes = false;
        self.check();
    }

    fn carry_out_order(&mut self, output: Output) {
        match output {
            Output::NotifyWhenIdle(id) => {
                let pool = self.pools.get_mut(&id).expect("it has a pool");
                pool.notifies = true;
                self.tell_if_idle(id);
            }
            Output::Look(id) => self.looks.push_back(id),
            Output::Release(id) => self.news.push_back(id),
            Output::ShutDown { name, .. } => {
                let pool = self.pools.get_mut(&name).expect("it has a pool");
                assert!(self.owner_closes || pool.is_idle(), "{name:?} is in use: {pool:?}");
                pool.is_closed = true;
            }
            Output::Forget(id) => {
                self.pools.remove(&id);
            }
            Output::Grant(_) | Output::Opened(_) | Output::Closed | Output::Timeout(_) => {}
        }
    }

    fn check(&self) {
        let reference = &self.reference;
        reference.assert_counts(self.machine.counts());
        assert!(reference.permits_taken() <= self.config.names_max, "too many pools");
        if reference.count(Phase::Waiting) > 0 {
            assert_eq!(reference.permits_taken(), self.config.names_max, "a name waits beside a free permit");
        }
        assert_eq!(self.machine.is_over(), reference.is_closed && reference.names.is_empty());
        let mut open = reference.ids(Phase::Open);
        open.sort_unstable();
        let mut found = self.machine.open_names();
        found.sort_unstable();
        assert_eq!(found, open);
    }

    fn tell_if_idle(&mut self, id: NameId) {
        if let Some(pool) = self.pools.get_mut(&id)
            && pool.notifies
            && pool.is_idle()
        {
            pool.notifies = false;
            self.news.push_back(id);
        }
    }
}

/// One step of a history. Numbers choose among what there is at the time.
#[derive(Clone, Debug)]
enum Op {
    Insert(Patience),
    Want(usize, Patience),
    Resume(usize),
    Cancel(usize),
    Create(usize),
    FailCreation(usize),
    DropHandle(usize),
    Deliver(usize),
    CloseByItself(usize),
    End(usize),
    TakeNews,
    TakeLook,
    AnswerLook,
    Timeout,
    Advance(u64),
    CloseName(usize, u64),
    ForgetName(usize),
    CloseUnheld,
    ShutDown(u64),
    Abandon,
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn chosen(ids: &[NameId], which: usize) -> Option<NameId> {
    ids.get(which % ids.len().max(1)).copied()
}

impl Pair {
    fn carry_out(&mut self, op: &Op) {
        match *op {
            Op::Insert(patience) => self.insert(patience),
            Op::Want(which, patience) => self.for_any(which, |pair, id| pair.want(id, patience)),
            Op::Resume(which) => self.for_waiter(which, Self::resume),
            Op::Cancel(which) => self.for_waiter(which, |pair, id| {
                pair.reference.cancel(id);
                pair.machine.cancel(id);
            }),
            Op::Create(which) => self.for_phase(Phase::Creating, which, Self::create),
            Op::FailCreation(which) => self.for_phase(Phase::Creating, which, |pair, id| {
                pair.reference.on_creation_failed(id);
                pair.machine.handle_creation_failed(id);
            }),
            Op::DropHandle(which) => self.for_pool(which, |pool| pool.handles > 0, |pool| pool.handles -= 1),
            Op::Deliver(which) => self.for_pool(which, |pool| pool.owes, |pool| pool.owes = false),
            Op::CloseByItself(which) => self.for_phase(Phase::Open, which, |pair, id| {
                pair.pools.get_mut(&id).expect("it has a pool").is_closed = true;
                pair.news.push_back(id);
            }),
            Op::End(which) => self.end_pool(which),
            Op::TakeNews => self.take_news(),
            Op::TakeLook => self.take_look(),
            Op::AnswerLook => self.answer_look(),
            Op::Timeout => self.timeout(),
            Op::Advance(by) => self.advance(millis(by)),
            Op::CloseName(which, timeout) => self.for_any(which, |pair, id| {
                pair.owner_closes = true;
                let expected = pair.reference.close_name(id, millis(timeout));
                assert_eq!(pair.machine.close_name(id, millis(timeout)), expected);
            }),
            Op::ForgetName(which) => self.for_any(which, |pair, id| {
                pair.reference.forget_name(id);
                pair.machine.forget_name(id);
            }),
            Op::CloseUnheld | Op::ShutDown(_) | Op::Abandon => self.close(op),
        }
        self.end_step();
    }

    fn for_any(&mut self, which: usize, act: impl FnOnce(&mut Self, NameId)) {
        let ids: Vec<NameId> = self.reference.names.iter().map(|name| name.id).collect();
        if let Some(id) = chosen(&ids, which) {
            act(self, id);
        }
    }

    fn for_phase(&mut self, phase: Phase, which: usize, act: impl FnOnce(&mut Self, NameId)) {
        if let Some(id) = chosen(&self.reference.ids(phase), which) {
            act(self, id);
        }
    }

    fn for_waiter(&mut self, which: usize, act: impl FnOnce(&mut Self, NameId)) {
        let awaited = self.reference.names.iter().filter(|name| name.waiters > 0);
        let awaited: Vec<NameId> = awaited.map(|name| name.id).collect();
        if let Some(id) = chosen(&awaited, which) {
            act(self, id);
        }
    }

    /// Something happens to a pool, which becomes idle by it or not.
    fn for_pool(&mut self, which: usize, is_meant: impl Fn(&Pool) -> bool, act: impl FnOnce(&mut Pool)) {
        let meant = self.pools.iter().filter(|(_, pool)| is_meant(pool));
        let ids: Vec<NameId> = meant.map(|(id, _)| *id).collect();
        if let Some(id) = chosen(&ids, which) {
            act(self.pools.get_mut(&id).expect("it was found"));
            self.tell_if_idle(id);
        }
    }

    fn insert(&mut self, patience: Patience) {
        let expected = self.reference.expect_insert(patience);
        let inserted = self.machine.insert(patience);
        assert_eq!(inserted.map(|inserted| matches!(inserted, Inserted::Create(_))), expected);
        self.reference.on_insert(inserted);
    }

    fn want(&mut self, id: NameId, patience: Patience) {
        let expected = self.reference.want(id, patience);
        let wanted = self.machine.want(id, patience);
        assert_eq!(wanted, expected);
        self.on_wanted(id, wanted.ok());
    }

    fn resume(&mut self, id: NameId) {
        let expected = self.reference.resume(id);
        let wanted = self.machine.resume(id);
        assert_eq!(wanted, expected);
        self.on_wanted(id, Some(wanted));
    }

    /// A caller that gets a pool has a handle at once, and sends something.
    fn on_wanted(&mut self, id: NameId, wanted: Option<Wanted>) {
        if wanted == Some(Wanted::Open) {
            let pool = self.pools.get_mut(&id).expect("it has a pool");
            pool.handles += 1;
            pool.owes |= !pool.is_closed;
        }
    }

    fn create(&mut self, id: NameId) {
        self.owner_closes = true;
        self.pools.insert(id, Pool { handles: 1, ..Pool::default() });
        let expected = self.reference.on_created(id);
        assert_eq!(self.machine.handle_created(id), expected);
    }

    /// A pool that is closed ends.
    fn end_pool(&mut self, which: usize) {
        let closed = self.pools.iter().filter(|(_, pool)| pool.is_closed && !pool.has_ended);
        let ids: Vec<NameId> = closed.map(|(id, _)| *id).collect();
        if let Some(id) = chosen(&ids, which) {
            self.pools.get_mut(&id).expect("it was found").has_ended = true;
            self.news.push_back(id);
        }
    }

    fn take_news(&mut self) {
        if let Some(id) = self.news.pop_front() {
            self.reference.on_news(id);
            self.machine.handle_news(id);
        }
    }

    fn take_look(&mut self) {
        let Some(id) = self.looks.pop_front() else { return };
        let Some(pool) = self.pools.get(&id) else { return };
        let seen = match pool {
            Pool { has_ended: true, .. } => Seen::Ended,
            Pool { is_closed: true, .. } => Seen::Closed,
            pool if pool.is_idle() => Seen::Idle,
            _ => Seen::InUse,
        };
        self.seen.push_back((id, seen));
    }

    fn answer_look(&mut self) {
        let Some((id, seen)) = self.seen.pop_front() else { return };
        match seen {
            Seen::Idle => {
                self.reference.on_idle(id, self.now);
                self.machine.handle_idle(id, self.now);
            }
            Seen::InUse => {
                self.reference.on_in_use(id, self.now);
                self.machine.handle_in_use(id, self.now);
            }
            Seen::Closed => {
                self.reference.on_closed(id);
                self.machine.handle_closed(id);
            }
            Seen::Ended => {
                let expected = self.reference.on_ended(id);
                assert_eq!(self.machine.handle_ended(id), expected);
            }
        }
    }

    fn timeout(&mut self) {
        self.reference.on_timeout(self.now);
        self.machine.handle_timeout(self.now);
    }

    fn close(&mut self, op: &Op) {
        self.owner_closes = true;
        match *op {
            Op::ShutDown(timeout) => {
                self.reference.shut_down(millis(timeout));
                self.machine.shut_down(millis(timeout));
            }
            Op::Abandon => {
                self.reference.abandon();
                self.machine.abandon();
            }
            _ => self.close_unheld(),
        }
    }

    /// As when the last handle of a map is dropped: pools that somebody has a handle of live on.
    fn close_unheld(&mut self) {
        self.reference.close();
        self.machine.close();
        for id in self.machine.open_names() {
            if self.pools[&id].handles > 0 {
                self.reference.forget_name(id);
                self.machine.forget_name(id);
            } else {
                self.reference.close_name(id, self.config.shutdown_timeout);
                self.machine.close_name(id, self.config.shutdown_timeout);
            }
        }
    }

    /// Does all that can be done now: takes news, looks, and calls when the machine wants to be called.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let op = if !self.news.is_empty() {
                Op::TakeNews
            } else if !self.looks.is_empty() {
                Op::TakeLook
            } else if !self.seen.is_empty() {
                Op::AnswerLook
            } else if self.wake_at.is_some_and(|at| at <= self.now) {
                Op::Timeout
            } else {
                return self.check_settled();
            };
            self.carry_out(&op);
        }
        panic!("the machine spins at {:?}", self.now);
    }

    fn check_settled(&self) {
        let reference = &self.reference;
        if reference.is_room_due() {
            let is_spare = |id: &NameId| {
                let is_awaited = reference.name(*id).is_some_and(|name| name.waiters > 0);
                !is_awaited && self.pools[id].is_idle()
            };
            let spare: Vec<NameId> = reference.ids(Phase::Open).into_iter().filter(is_spare).collect();
            assert_eq!(spare, [], "names wait, and these pools are idle");
        }
    }

    fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            self.settle();
            let Some(at) = self.wake_at.filter(|at| *at <= end) else { break };
            self.now = self.now.max(at);
        }
        self.now = end;
        self.settle();
    }

    /// From now on everybody does what is expected of them: nobody is left waiting.
    fn heal(&mut self) {
        for _ in 0..100_000 {
            self.settle();
            let op = if self.reference.count(Phase::Creating) > 0 {
                Op::Create(0)
            } else if self.pools.values().any(|pool| pool.owes) {
                Op::Deliver(0)
            } else if self.pools.values().any(|pool| pool.handles > 0) {
                Op::DropHandle(0)
            } else if self.pools.values().any(|pool| pool.is_closed && !pool.has_ended) {
                Op::End(0)
            } else if let Some(which) = self.next_to_resume() {
                Op::Resume(which)
            } else {
                return;
            };
            self.carry_out(&op);
        }
        panic!("it never ends");
    }

    /// A waiter that has something to come for.
    fn next_to_resume(&self) -> Option<usize> {
        let awaited = self.reference.names.iter().filter(|name| name.waiters > 0);
        awaited.map(|name| name.phase).position(|phase| matches!(phase, Phase::Granted | Phase::Open))
    }
}

fn any_config() -> impl Strategy<Value = PoolMapConfig> {
    (1..=4_usize, any::<bool>(), 0..3_u64).prop_map(|(names_max, has_timeout, shutdown)| {
        let mut config = PoolMapConfig::default();
        config.names_max = names_max;
        config.idle_timeout = has_timeout.then_some(IDLE_TIMEOUT);
        config.shutdown_timeout = Duration::from_secs(shutdown);
        config
    })
}

const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

fn any_op() -> impl Strategy<Value = Op> {
    let which = || any::<usize>();
    let patience = || prop_oneof![3 => Just(Patience::Wait), 1 => Just(Patience::NoWait)];
    prop_oneof![
        12 => patience().prop_map(Op::Insert),
        16 => (which(), patience()).prop_map(|(which, patience)| Op::Want(which, patience)),
        10 => which().prop_map(Op::Resume),
        4 => which().prop_map(Op::Cancel),
        14 => which().prop_map(Op::Create),
        2 => which().prop_map(Op::FailCreation),
        20 => which().prop_map(Op::DropHandle),
        20 => which().prop_map(Op::Deliver),
        1 => which().prop_map(Op::CloseByItself),
        8 => which().prop_map(Op::End),
        14 => Just(Op::TakeNews),
        14 => Just(Op::TakeLook),
        14 => Just(Op::AnswerLook),
        8 => Just(Op::Timeout),
        8 => (0..1_500_u64).prop_map(Op::Advance),
        2 => (which(), 0..100_u64).prop_map(|(which, timeout)| Op::CloseName(which, timeout)),
        1 => which().prop_map(Op::ForgetName),
    ]
}

fn history(config: PoolMapConfig, ops: &[Op]) -> Pair {
    let mut pair = Pair::new(config);
    for op in ops {
        pair.carry_out(op);
    }
    pair
}

/// Every failure prints its configuration and its shortest history.
fn runs(cases: u32) -> Runs {
    Runs { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Runs::default() }
}

proptest! {
    #![proptest_config(runs(600))]

    #[test]
    fn whatever_happens_the_machine_does_what_the_reference_says_and_nobody_is_left_waiting(
        config in any_config(),
        ops in prop::collection::vec(any_op(), 1..150),
    ) {
        let mut pair = history(config, &ops);
        pair.heal();
        prop_assert_eq!(pair.reference.count(Phase::Waiting) + pair.reference.count(Phase::Granted), 0);
        if config.idle_timeout.is_some() {
            pair.advance(IDLE_TIMEOUT * 5 / 4);
            pair.heal();
            prop_assert_eq!(pair.machine.counts().open, 0, "idle for too long");
            prop_assert_eq!(pair.wake_at, None, "there is nothing to wait for");
        }
    }

    #[test]
    fn whatever_happened_a_map_that_closes_comes_to_its_end(
        config in any_config(),
        before in prop::collection::vec(any_op(), 1..80),
        close in prop_oneof![Just(Op::ShutDown(5)), Just(Op::CloseUnheld), Just(Op::Abandon)],
        after in prop::collection::vec(any_op(), 0..40),
    ) {
        let mut pair = history(config, &before);
        pair.carry_out(&close);
        for op in &after {
            pair.carry_out(op);
        }
        pair.heal();
        prop_assert!(pair.machine.is_over());
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(
        config in any_config(),
        ops in prop::collection::vec(any_op(), 1..80),
    ) {
        prop_assert_eq!(history(config, &ops).trace, history(config, &ops).trace);
    }
}
