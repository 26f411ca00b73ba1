//! Plays a script, step by step.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use pool_driver::{AddressSet, Pool, RefusedReason, SendError};

use crate::adapter::{Adapter, Time};
use crate::observation::{Observation, Value};
use crate::pacer::Alarm;
use crate::scene::{Cancel, Limit, Scene};
use crate::script::{Script, Step};
use crate::task::Task;
use crate::world::{Answer, Dial, End, Item, Link};

/// Why a script could not be played to its end.
pub(crate) type Failure = String;

/// Whoever plays a script on a scene.
pub(crate) struct Player<A: Adapter> {
    adapter: Rc<A>,
    scene: Arc<Scene>,
    alarm: Rc<Alarm<A::Runtime>>,
    /// A handle that has reserved a place, or wants to.
    reserver: Option<Pin<Box<Pool<Item, u16>>>>,
    /// Wakers of connections whose time came.
    former_tenants: Vec<(u16, Waker)>,
    /// The next item whose number doesn't matter.
    next_item: u32,
}

/// Longer than this nobody waits for anything, where time jumps.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);
/// Tokio's timers fire on whole milliseconds.
const TIMER_GRANULARITY: Duration = Duration::from_millis(1);
/// Items whose numbers don't matter are numbered from here.
const SOME_ITEM: u32 = 1_000_000;

impl<A: Adapter + 'static> Player<A> {
    pub(crate) fn new(adapter: &Rc<A>, scene: &Arc<Scene>, alarm: &Rc<Alarm<A::Runtime>>) -> Self {
        Self {
            adapter: Rc::clone(adapter),
            scene: Arc::clone(scene),
            alarm: Rc::clone(alarm),
            reserver: None,
            former_tenants: Vec::new(),
            next_item: SOME_ITEM,
        }
    }

    /// Makes the pool, plays all steps, ends the pool, and looks whether all items are accounted for.
    pub(crate) async fn play(mut self, script: Script, seed: u64) -> Result<(), Failure> {
        match self.scene.build(&*self.adapter, &script.settings, seed) {
            Ok(driver) => self.adapter.spawn(Task::driver(driver, &self.scene)),
            Err(error) => {
                self.scene.users.lock().build_error = Some(error.to_string());
                return self.play_all(&script.steps, "").await;
            }
        }
        self.play_all(&script.steps, "").await?;
        self.end().await
    }

    async fn play_all(&mut self, steps: &[Step], prefix: &str) -> Result<(), Failure> {
        for (index, step) in steps.iter().enumerate() {
            let place = format!("{prefix}{}", index + 1);
            self.scene.progress.lock().clone_from(&place);
            if let Step::Repeat(times, steps) = step {
                for round in 1..=*times {
                    Box::pin(self.play_all(steps, &format!("{place}, round {round}, "))).await?;
                }
                continue;
            }
            let done = self.step(step).await;
            self.check_limits()?;
            done.map_err(|seen| format!("step {place}: {step:?}\n       {seen}"))?;
        }
        Ok(())
    }

    /// The end of every scenario: the driver is dropped if it isn't over.
    async fn end(mut self) -> Result<(), Failure> {
        "the end".clone_into(&mut self.scene.progress.lock());
        self.reserver = None;
        if self.scene.ended().is_none() {
            self.scene.driver.condemn();
        }
        self.scene.drop_pool();
        let mut pending = String::new();
        for (observation, value) in [
            (Observation::Accounts, Value::from("balanced")),
            (Observation::Sending, Value::Number(0)),
            (Observation::PollsAfterEnd, Value::Number(0)),
            (Observation::ClockWentBack, Value::Number(0)),
            (Observation::Unasked, Value::Number(0)),
        ] {
            let has_ended = |scene: &Scene| scene.ended().is_some() && observation.of(scene) == value;
            if !self.wait_until(has_ended).await {
                let seen = observation.of(&self.scene);
                pending = format!("at the end of every scenario {observation:?} is {value}, but was {seen}");
                break;
            }
        }
        self.check_limits()?;
        if pending.is_empty() { Ok(()) } else { Err(pending) }
    }

    fn check_limits(&self) -> Result<(), Failure> {
        self.scene.check_limits();
        let broken = self.scene.limits.lock().broken.clone();
        broken.map_or(Ok(()), |broken| Err(format!("after step {}: {broken}", self.scene.progress.lock())))
    }

    async fn step(&mut self, step: &Step) -> Result<(), Failure> {
        match step {
            Step::Send(items) => return self.send_all(items.iter().copied()).await,
            Step::SendSome(items) => {
                let first = self.next_item;
                self.next_item += u32::try_from(*items).expect("a script sends fewer items than that");
                return self.send_all(first..self.next_item).await;
            }
            Step::Reserve => return self.reserve().await,
            Step::Advance(duration) => return self.advance(*duration).await,
            Step::Expect(..)
            | Step::ExpectAtLeast(..)
            | Step::ExpectBetween(..)
            | Step::ExpectWithin(..)
            | Step::ExpectToStay(..) => return self.expect(step).await,
            Step::NeverAbove(observation, max) => {
                let limit = Limit::NeverAbove(*observation, *max);
                self.scene.limits.lock().limits.push(limit);
            }
            _ => {
                self.change_outside(step);
                self.use_pool(step);
            }
        }
        Ok(())
    }

    /// Steps of servers, the name service and whatever else is not the pool.
    fn change_outside(&mut self, step: &Step) {
        let Scene { world, feed, log, balancer, ledger, .. } = &*self.scene;
        match step {
            Step::Serve(address, dial) => world.answer(*address, *dial),
            Step::Behave(address, conduct) => {
                world.behave(*address, |behaviour| conduct.change(behaviour));
                for link in world.links(*address) {
                    link.change(|behaviour| conduct.change(behaviour));
                }
            }
            Step::SetAddresses(endpoints) => {
                let set: AddressSet<u16> = endpoints.iter().copied().collect();
                feed.push(Answer::Set(set));
            }
            Step::FailNames(error) => feed.push(Answer::Error(error)),
            Step::EndNames => feed.push(Answer::End),
            Step::PanicNames => feed.push(Answer::Panic),
            Step::HoldNames => feed.hold(),
            Step::ReleaseNames => feed.release(),
            Step::Kill(address) => {
                world.answer(*address, Dial::Refuse);
                self.each_link(*address, Link::break_off);
            }
            Step::BreakConnections(address) => self.each_link(*address, Link::break_off),
            Step::HangUp(address) => self.each_link(*address, Link::hang_up),
            Step::GoAway(address) => self.each_link(*address, Link::go_away),
            Step::Finish(address, items, outcome) => {
                self.each_link(*address, |link| link.finish(*items, *outcome));
            }
            Step::GiveBack(address) => self.each_link(*address, Link::give_back),
            Step::WakeFormerTenants(address) => {
                let tenants = self.former_tenants.iter().filter(|(of, _)| of == address);
                tenants.for_each(|(_, waker)| waker.wake_by_ref());
            }
            Step::PanicObserver => log.spoil(),
            Step::PanicBalancer => balancer.spoil(),
            Step::PanicUndelivered => ledger.spoil(),
            Step::MarkPolls => {
                let polls = self.scene.driver.polls().count;
                self.scene.users.lock().polls_mark = polls;
            }
            Step::MarkTime => self.scene.users.lock().time_mark = self.scene.stamp.now(),
            Step::SetTimer(duration) => self.alarm.set_timer(*duration),
            _ => {}
        }
    }

    fn each_link(&mut self, address: u16, change: impl Fn(&Link)) {
        for link in self.scene.world.links(address).iter().filter(|link| link.is_open()) {
            self.former_tenants.extend(link.steal_waker().map(|waker| (address, waker)));
            change(link);
        }
    }

    /// Steps of those who have a handle.
    fn use_pool(&mut self, step: &Step) {
        match step {
            Step::DropDriver => self.scene.driver.condemn(),
            Step::DropHandles => {
                self.reserver = None;
                self.scene.drop_pool();
            }
            Step::Cancel(item) => {
                if let Some(cancel) = self.scene.users.lock().sending.get(item).cloned() {
                    cancel.cancel();
                }
            }
            Step::ReleaseReserved => self.reserver = None,
            Step::SendReserved(item) => self.send_reserved(*item),
            _ => {
                if let Some(pool) = self.scene.pool() {
                    self.use_handle(step, pool);
                }
            }
        }
    }

    fn use_handle(&self, step: &Step, pool: Pool<Item, u16>) {
        let scene = Arc::clone(&self.scene);
        match step {
            Step::TrySend(item) => {
                let sent = pool.try_send(scene.ledger.item(*item));
                scene.note_sent(sent);
            }
            Step::StartSend(item) => self.start_send(*item, pool),
            Step::AskReady => self.adapter.spawn(Task::user(async move {
                let answer = pool.ready().await;
                drop(pool);
                let answer = answer.map_or_else(|error| error.to_string(), |()| "ready".into());
                scene.users.lock().ready = Some(answer);
                scene.bell.ring();
            })),
            Step::WaitForEnd => self.adapter.spawn(Task::user(async move {
                let ended = pool.closed().await;
                drop(pool);
                scene.users.lock().seen_ends.push(ended);
                scene.bell.ring();
            })),
            Step::RetryNow(address) => pool.retry_now(*address),
            Step::Shutdown(deadline) => drop(pool.shutdown(*deadline)),
            _ => {}
        }
    }

    async fn send_all(&self, items: impl Iterator<Item = u32>) -> Result<(), Failure> {
        for item in items {
            let pool = self.scene.pool().ok_or("the script has no handle any more")?;
            let mut sending = pin!(pool.send(self.scene.ledger.item(item)));
            let mut sent = None;
            let wait = poll_fn(|cx| {
                if let Poll::Ready(done) = sending.as_mut().poll(cx) {
                    sent = Some(done);
                    return Poll::Ready(true);
                }
                self.keep_waiting()
            });
            if !self.be_patient(wait).await {
                return Err(format!("item {item} found no place in the queue\n{}", self.scene.table()));
            }
            if let Some(sent) = sent {
                self.scene.note_sent(sent);
            }
        }
        Ok(())
    }

    fn start_send(&self, number: u32, pool: Pool<Item, u16>) {
        let cancel = Arc::new(Cancel::default());
        let scene = Arc::clone(&self.scene);
        scene.users.lock().sending.insert(number, Arc::clone(&cancel));
        let item = scene.ledger.item(number);
        self.adapter.spawn(Task::user(async move {
            let mut sending = Some(Box::pin(async { pool.send(item).await }));
            let sent = poll_fn(|cx| {
                let Some(future) = &mut sending else { return Poll::Ready(None) };
                if cancel.is_cancelled(cx.waker()) {
                    sending = None;
                    return Poll::Ready(None);
                }
                let told = future.as_mut().poll(cx).map(Some);
                // It stands in line now, of which the driver hears nothing.
                scene.bell.ring();
                told
            })
            .await;
            drop(sending);
            match sent {
                Some(sent) => scene.note_sent(sent),
                None => scene.ledger.record(number, End::Withdrawn),
            }
            scene.users.lock().sending.remove(&number);
            scene.bell.ring();
        }));
    }

    async fn reserve(&mut self) -> Result<(), Failure> {
        let pool = self.scene.pool().ok_or("the script has no handle any more")?;
        let mut reserver = Box::pin(pool);
        let wait = poll_fn(|cx| match reserver.as_mut().poll_ready(cx) {
            Poll::Ready(answer) => Poll::Ready(answer.is_ok()),
            Poll::Pending => self.keep_waiting(),
        });
        let is_reserved = self.be_patient(wait).await;
        self.reserver = Some(reserver);
        if is_reserved {
            Ok(())
        } else {
            Err(format!("there was no place to reserve\n{}", self.scene.table()))
        }
    }

    fn send_reserved(&mut self, number: u32) {
        let Some(reserver) = &mut self.reserver else { return };
        let item = self.scene.ledger.item(number);
        if let Err(closed) = reserver.as_mut().start_send(item) {
            // A sink can't give an item back.
            self.scene.ledger.record(number, End::Refused);
            self.scene.users.lock().refusals.push(closed.reason);
        }
    }

    async fn advance(&self, duration: Duration) -> Result<(), Failure> {
        let mut sleep = self.scene.clock.sleep(duration);
        let wait = poll_fn(|cx| {
            if Pin::new(&mut sleep).poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            self.keep_waiting()
        });
        if wait.await { Ok(()) } else { Err(format!("{duration:?} never passed")) }
    }

    async fn expect(&self, step: &Step) -> Result<(), Failure> {
        let (observation, is_met) = match step {
            Step::Expect(observation, value) => {
                (observation, self.wait_until(|scene| observation.of(scene) == *value).await)
            }
            Step::ExpectAtLeast(observation, min) => {
                let is_enough = |number| number >= *min;
                (observation, self.wait_until(|scene| number(*observation, scene, is_enough)).await)
            }
            Step::ExpectBetween(observation, min, max) => {
                let max = if A::TIME == Time::Real && observation.is_time() { u64::MAX } else { *max };
                let is_between = |number| (*min..=max).contains(&number);
                (observation, self.wait_until(|scene| number(*observation, scene, is_between)).await)
            }
            Step::ExpectWithin(limit, observation, value) => {
                let end = self.scene.clock.sleep(*limit + TIMER_GRANULARITY);
                let is_seen = self.wait_until(|scene| observation.of(scene) == *value).await;
                if is_seen && A::TIME == Time::Virtual && end.is_over() {
                    return Err(format!("it came too late; seen {}", observation.of(&self.scene)));
                }
                (observation, is_seen)
            }
            Step::ExpectToStay(time, observation, value) => {
                let is_seen = self.wait_until(|scene| observation.of(scene) == *value).await;
                if is_seen {
                    self.hold(*time, Limit::Stays(*observation, value.clone())).await?;
                }
                (observation, is_seen)
            }
            _ => return Ok(()),
        };
        if is_met { Ok(()) } else { Err(self.disappointment(*observation)) }
    }

    async fn hold(&self, time: Duration, limit: Limit) -> Result<(), Failure> {
        self.scene.limits.lock().limits.push(limit);
        let advanced = self.advance(time).await;
        self.scene.check_limits();
        self.scene.limits.lock().limits.pop();
        advanced
    }

    fn disappointment(&self, observation: Observation) -> Failure {
        let why = if self.scene.bell.has_given_up() { "waited in vain" } else { "it will never be so" };
        format!("{why}; seen {}\n{}", observation.of(&self.scene), self.scene.table())
    }

    /// Returns whether it became true.
    async fn wait_until(&self, is_true: impl Fn(&Scene) -> bool) -> bool {
        let wait = poll_fn(|_| {
            let is_so = {
                let _turn = self.scene.driver.between_polls();
                is_true(&self.scene)
            };
            if is_so { Poll::Ready(true) } else { self.keep_waiting() }
        });
        self.be_patient(wait).await
    }

    /// Whoever waits is polled whenever the bell rings. What has gone wrong already needs no
    /// waiting: where time jumps, a driver that spins would keep it from passing.
    fn keep_waiting(&self) -> Poll<bool> {
        let is_in_vain = self.scene.bell.has_given_up() || self.scene.limits.lock().broken.is_some();
        if is_in_vain { Poll::Ready(false) } else { Poll::Pending }
    }

    async fn be_patient(&self, wait: impl Future<Output = bool>) -> bool {
        let (mut wait, mut patience) = (pin!(wait), self.scene.clock.sleep(PATIENCE));
        poll_fn(|cx: &mut Context<'_>| match wait.as_mut().poll(cx) {
            Poll::Ready(is_met) => Poll::Ready(is_met),
            Poll::Pending => Pin::new(&mut patience).poll(cx).map(|()| false),
        })
        .await
    }
}

fn number(observation: Observation, scene: &Scene, is_right: impl Fn(u64) -> bool) -> bool {
    observation.of(scene).number().is_some_and(is_right)
}

impl Scene {
    /// A sender has been told.
    fn note_sent(&self, sent: Result<(), SendError<Item>>) {
        let Err(SendError { item, reason }) = sent else { return };
        self.ledger.record(item.id, End::Refused);
        self.note_refusal(reason);
    }

    fn note_refusal(&self, reason: RefusedReason) {
        self.users.lock().refusals.push(reason);
    }

    /// How the pool stands, for people.
    pub(crate) fn table(&self) -> String {
        self.snapshot().map(|snapshot| snapshot.to_string()).unwrap_or_default()
    }
}
