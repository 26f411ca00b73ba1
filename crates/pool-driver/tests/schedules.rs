//! Random schedules: whatever happens in whatever order, every item is accounted for and nobody
//! waits for ever.

mod support;

use pool_driver::{Outcome, Pool, RefusedReason};
use support::{Bench, Call, Dial, Fault, Item, Link, Task, millis, secs};

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below<N: TryFrom<u64>>(&mut self, end: u64) -> N {
        N::try_from(self.next() % end).unwrap_or_else(|_| panic!("{end} fits"))
    }

    fn is(&mut self, percent: u64) -> bool {
        self.below::<u64>(100) < percent
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        let index: usize = self.below(from.len().max(1) as u64);
        from.get(index).cloned()
    }
}

/// Says which seed it was when a schedule fails.
struct Confession(u64);

impl Drop for Confession {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the seed was {}", self.0);
        }
    }
}

const ADDRESSES: u16 = 5;

struct Schedule {
    random: Random,
    bench: Bench,
    senders: Vec<(Task<Result<(), RefusedReason>>, u32)>,
    clones: Vec<Pool<Item, u16>>,
    items: u32,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let (queue_size, connections) = (random.below::<usize>(6) + 1, random.below::<u32>(3) + 1);
        let (is_lazy, fails_fast) = (random.is(40), random.is(40));
        let bench = Bench::new(|pool| {
            let pool = pool.queue_size(queue_size).connections_per_address(connections).seed(seed);
            let pool = if is_lazy { pool.lazy().idle_timeout(secs(20)) } else { pool };
            if fails_fast { pool.fail_fast_after(secs(3)) } else { pool }
        });
        Self { random, bench, senders: Vec::new(), clones: Vec::new(), items: 0 }
    }

    fn next_item(&mut self) -> u32 {
        self.items += 1;
        self.items
    }

    fn step(&mut self) {
        match self.random.below::<u8>(12) {
            0..=2 => {
                let id = self.next_item();
                let _ = self.bench.try_send(id);
            }
            3..=4 => {
                let id = self.next_item();
                let sender = self.bench.sender(id);
                self.senders.push((sender, id));
            }
            5 => self.withdraw(),
            6 => self.clones.push(self.bench.pool().clone()),
            7 => drop(self.clones.pop()),
            8 => self.change_names(),
            9 => self.change_server(),
            _ => self.change_link(),
        }
        match self.random.below::<u8>(10) {
            0..=4 => self.bench.executor.run_round(),
            5..=7 => {
                self.bench.run();
                self.check();
            }
            8 => self.bench.advance(millis(self.random.below(500))),
            _ => self.bench.advance(secs(self.random.below(20))),
        }
    }

    /// What holds whenever the driver sleeps.
    fn check(&self) {
        let snapshot = self.bench.snapshot();
        let queue = snapshot.queue;
        assert!(queue.queued + queue.granted <= queue.capacity, "{snapshot}");
        for link in self.bench.world.all_links() {
            let is_flushed = link.unflushed() == 0 || link.pushes_back();
            assert!(is_flushed, "the driver sleeps with items unflushed at {}:\n{snapshot}", link.address());
        }
        for record in &snapshot.addresses {
            let alive = usize::from(record.status.slots.connected() + record.status.slots.draining);
            assert_eq!(alive, self.bench.world.alive(*record.address), "{snapshot}");
            assert_eq!(usize::from(record.status.slots.dialling), self.bench.world.dialling(*record.address));
        }
    }

    fn withdraw(&mut self) {
        self.senders.retain(|(sender, _)| !sender.is_done());
        if let Some((sender, id)) = self.random.pick(&self.senders) {
            self.bench.give_up(&sender, id);
            self.senders.retain(|(_, other)| *other != id);
        }
    }

    fn change_names(&mut self) {
        let chosen: Vec<_> = (1..=ADDRESSES).filter(|_| self.random.is(60)).collect();
        match self.random.below::<u8>(10) {
            0 => self.bench.feed.push(support::Answer::Error("no answer")),
            _ => self.bench.feed.push_set(chosen),
        }
    }

    fn change_server(&mut self) {
        let address = self.random.below::<u16>(ADDRESSES.into()) + 1;
        let dials = [Dial::Accept, Dial::Accept, Dial::Refuse, Dial::Hang, Dial::PanicInFuture];
        let dial = self.random.pick(&dials).unwrap_or_default();
        self.bench.world.answer(address, dial);
        let (window, keeps_items) = (self.random.below::<usize>(4) + 1, self.random.is(50));
        let (returns_unflushed, returns_refused) = (self.random.is(50), self.random.is(50));
        self.bench.world.behave(address, |behaviour| {
            (behaviour.returns_unflushed, behaviour.returns_refused) = (returns_unflushed, returns_refused);
            behaviour.window = window;
            behaviour.keeps_items = keeps_items;
        });
    }

    fn change_link(&mut self) {
        let open: Vec<_> = self.bench.world.all_links().into_iter().filter(Link::is_open).collect();
        let Some(link) = self.random.pick(&open) else { return };
        match self.random.below::<u8>(10) {
            0 => link.break_off(),
            1 => link.hang_up(),
            2 => link.go_away(),
            3 => link.give_back(),
            4 => {
                link.give_back();
                link.hang_up();
            }
            5 => link.finish(link.in_flight().min(2), Outcome::Success { latency: Some(millis(1)) }),
            6 => link.change(|behaviour| behaviour.is_ready ^= true),
            7 => link.change(|behaviour| behaviour.flushes ^= true),
            8 => link.change(|behaviour| behaviour.closes ^= true),
            _ => {
                let calls = [Call::Ready, Call::Send, Call::Flush, Call::Close, Call::Event, Call::Drop];
                let call = self.random.pick(&calls).unwrap_or(Call::Send);
                link.fault(call, if self.random.is(50) { Fault::Error } else { Fault::Panic });
            }
        }
    }

    /// The world is well again.
    fn heal(&mut self) {
        for address in 1..=ADDRESSES {
            self.bench.world.answer(address, Dial::Accept);
            self.bench.world.behave(address, |behaviour| *behaviour = support::Behaviour::default());
        }
        for link in self.bench.world.all_links() {
            link.change(|behaviour| *behaviour = support::Behaviour::default());
        }
        self.bench.set(1..=ADDRESSES);
        self.bench.advance(secs(60));
    }
}

#[test]
fn after_any_schedule_a_healed_pool_delivers_everything_and_serves_every_sender() {
    for seed in 0..400 {
        let _confession = Confession(seed);
        let mut schedule = Schedule::new(seed);
        (0..150).for_each(|_| schedule.step());
        schedule.heal();
        let Schedule { mut bench, senders, clones, items, .. } = schedule;
        for (sender, id) in &senders {
            assert!(sender.is_done(), "the sender of {id} is stuck:\n{}", bench.snapshot());
        }
        let queue = bench.snapshot().queue;
        assert_eq!((queue.queued, queue.in_backlog, queue.granted, queue.waiting), (0, 0, 0, 0));
        bench.send([items + 1]);
        drop(clones);
        let ended = bench.finish();
        assert_eq!(ended.counts.accepted, ended.counts.sent + ended.counts.undelivered);
    }
}

#[test]
fn any_schedule_may_end_in_a_shutdown_at_any_moment() {
    for seed in 1000..1400 {
        let _confession = Confession(seed);
        let mut schedule = Schedule::new(seed);
        let steps = schedule.random.below::<u8>(100);
        (0..steps).for_each(|_| schedule.step());
        let deadline = millis(schedule.random.below(5000));
        drop(schedule.bench.pool().shutdown(deadline));
        (0..10).for_each(|_| schedule.step());
        schedule.bench.advance(secs(60));
        let ended = schedule.bench.output(&schedule.bench.driver.clone());
        for (sender, id) in &schedule.senders {
            assert!(sender.is_done(), "the sender of {id} is stuck:\n{}", schedule.bench.snapshot());
        }
        schedule.bench.check_accounts(ended, "");
    }
}

#[test]
fn any_schedule_may_end_with_the_drop_of_the_driver() {
    for seed in 2000..2400 {
        let _confession = Confession(seed);
        let mut schedule = Schedule::new(seed);
        let steps = schedule.random.below::<u8>(100);
        (0..steps).for_each(|_| schedule.step());
        schedule.bench.executor.cancel(&schedule.bench.driver.clone());
        schedule.bench.run();
        let ended = schedule.bench.snapshot().ended.expect("it is over");
        for (sender, id) in &schedule.senders {
            assert!(sender.is_done(), "the sender of {id} is stuck");
        }
        schedule.bench.check_accounts(ended, "");
    }
}
