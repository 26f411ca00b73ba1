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
use crate::script::{Check, Outside, Script, Setting, Step, Use, Wait};
use crate::task::Task;
use crate::world::{Answer, Change, Dial, End, Item, Link};

/// Why a script could not be played to its end.
pub(crate) type Failure = String;

/// Whoever plays a script on a scene.
pub(crate) struct Player<A: Adapter> {
    adapter: Rc<A>,
    scene: Arc<Scene>,
    alarm: Rc<Alarm<A::Runtime>>,
    /// A handle that has reserved a place, or wants to.
    reserver: Option<Pin<Box<Pool<Item, u16>>>>,
    /// The next item whose number doesn't matter.
    next_item: u32,
}

/// Longer than this nobody waits for anything, where time jumps.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);
/// Tokio's timers fire on whole milliseconds.
const TIMER_GRANULARITY: Duration = Duration::from_millis(1);
/// Items whose numbers don't matter are numbered from here.
const SOME_ITEM: u32 = 1_000_000;
const NO_HANDLE: &str = "the script has no handle any more";

impl<A: Adapter + 'static> Player<A> {
    pub(crate) fn new(adapter: &Rc<A>, scene: &Arc<Scene>, alarm: &Rc<Alarm<A::Runtime>>) -> Self {
        Self {
            adapter: Rc::clone(adapter),
            scene: Arc::clone(scene),
            alarm: Rc::clone(alarm),
            reserver: None,
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
            Step::Outside(step) => self.change_outside(step),
            Step::Use(step) => self.use_pool(step),
            Step::Wait(step) => self.wait(step).await,
            Step::Check(step) => self.check(step).await,
            Step::Repeat(..) => unreachable!("its steps are played one by one"),
        }
    }

    async fn wait(&mut self, step: &Wait) -> Result<(), Failure> {
        match step {
            Wait::Send(items) => self.send_all(items.iter().copied()).await,
            Wait::SendSome(items) => {
                let first = self.next_item;
                self.next_item += u32::try_from(*items).expect("a script sends fewer items than that");
                self.send_all(first..self.next_item).await
            }
            Wait::Reserve => self.reserve().await,
            Wait::Advance(duration) => self.advance(*duration).await,
        }
    }

    fn change_outside(&self, step: &Outside) -> Result<(), Failure> {
        let Scene { world, feed, settings, log, balancer, ledger, .. } = &*self.scene;
        match step {
            Outside::Serve(address, dial) => world.answer(*address, *dial),
            Outside::Behave(address, conduct) => {
                world.behave(*address, |behaviour| conduct.change(behaviour));
                for link in world.links(*address) {
                    link.change(|behaviour| conduct.change(behaviour));
                }
            }
            Outside::SetAddresses(endpoints) => {
                let set: AddressSet<u16> = endpoints.iter().copied().collect();
                feed.push(Answer::Set(set));
            }
            Outside::FailNames(error) => feed.push(Answer::Error(error)),
            Outside::DelayNames => feed.push(Answer::Pending),
            Outside::LoseName => feed.push(Answer::NoSuchName),
            Outside::EndNames => feed.push(Answer::End),
            Outside::PanicNames => feed.push(Answer::Panic),
            Outside::HoldNames => feed.hold(),
            Outside::ReleaseNames => feed.release(),
            Outside::ChangeSettings(list) => settings.push(Change::Settings(Setting::settings(list).into())),
            Outside::EndSettings => settings.push(Change::End),
            Outside::PanicSettings => settings.push(Change::Panic),
            Outside::HoldSettings => settings.hold(),
            Outside::ReleaseSettings => settings.release(),
            Outside::Kill(address) => {
                world.answer(*address, Dial::Refuse);
                return self.each_link(*address, Link::break_off);
            }
            Outside::BreakConnections(address) => return self.each_link(*address, Link::break_off),
            Outside::HangUp(address) => return self.each_link(*address, Link::hang_up),
            Outside::GoAway(address) => return self.each_link(*address, Link::go_away),
            Outside::Finish(address, items, outcome) => {
                return self.each_link(*address, |link| link.finish(*items, *outcome));
            }
            Outside::GiveBack(address) => return self.each_link(*address, Link::give_back),
            Outside::WakeFormerTenants(address) => return self.wake_former_tenants(*address),
            Outside::DropDriver => return self.drop_driver(),
            Outside::PanicObserver => log.spoil(),
            Outside::PanicBalancer => balancer.spoil(),
            Outside::PanicUndelivered => ledger.spoil(),
            Outside::MarkPolls => {
                let polls = self.scene.driver.polls().count;
                self.scene.users.lock().polls_mark = polls;
            }
            Outside::MarkCalls => world.mark_calls(),
            Outside::MarkTime => self.scene.users.lock().time_mark = self.scene.stamp.now(),
            Outside::SetTimer(duration) => self.alarm.set_timer(*duration),
        }
        Ok(())
    }

    fn each_link(&self, address: u16, change: impl Fn(&Link)) -> Result<(), Failure> {
        let mut links = self.scene.world.links(address);
        links.retain(Link::is_open);
        if links.is_empty() {
            return Err("there is no connection".into());
        }
        links.iter().for_each(change);
        Ok(())
    }

    fn wake_former_tenants(&self, address: u16) -> Result<(), Failure> {
        let wakers = self.scene.world.former_wakers(address);
        if wakers.is_empty() {
            return Err("no dial and no connection is over".into());
        }
        wakers.into_iter().for_each(Waker::wake);
        Ok(())
    }

    fn drop_driver(&self) -> Result<(), Failure> {
        if self.scene.ended().is_some() {
            return Err("the driver is over".into());
        }
        self.scene.driver.condemn();
        Ok(())
    }

    fn use_pool(&mut self, step: &Use) -> Result<(), Failure> {
        let handle = || self.scene.pool().ok_or_else(|| Failure::from(NO_HANDLE));
        let scene = Arc::clone(&self.scene);
        match step {
            Use::TrySend(item) => {
                let sent = handle()?.try_send(scene.ledger.item(*item));
                scene.note_sent(sent);
            }
            Use::StartSend(item) => self.start_send(*item, handle()?),
            Use::Cancel(item) => {
                if !self.cancel(*item) {
                    return Err("nobody sends it any more".into());
                }
            }
            Use::TryToCancel(item) => drop(self.cancel(*item)),
            Use::Disown(item) => {
                scene.ledger.disown(*item);
                handle()?.report_unwanted();
            }
            Use::SendReserved(item) => return self.send_reserved(*item),
            Use::ReleaseReserved => drop(self.reserver.take().ok_or("nobody has reserved a place")?),
            Use::AskReady => self.ask_ready(handle()?),
            Use::WaitForEnd => self.wait_for_end(handle()?),
            Use::RetryNow(address) => handle()?.retry_now(*address),
            Use::Shutdown(deadline) => drop(handle()?.shutdown(*deadline)),
            Use::DropHandles => {
                drop(handle()?);
                self.reserver = None;
                scene.drop_pool();
            }
        }
        Ok(())
    }

    fn ask_ready(&self, pool: Pool<Item, u16>) {
        let scene = Arc::clone(&self.scene);
        self.adapter.spawn(Task::user(async move {
            let answer = pool.ready().await;
            drop(pool);
            let answer = answer.map_or_else(|error| error.to_string(), |()| "ready".into());
            scene.users.lock().ready = Some(answer);
            scene.bell.ring();
        }));
    }

    fn wait_for_end(&self, pool: Pool<Item, u16>) {
        let scene = Arc::clone(&self.scene);
        self.adapter.spawn(Task::user(async move {
            let ended = pool.closed().await;
            drop(pool);
            scene.users.lock().seen_ends.push(ended);
            scene.bell.ring();
        }));
    }

    /// Returns whether anybody was sending it.
    fn cancel(&self, item: u32) -> bool {
        let cancel = self.scene.users.lock().sending.get(&item).cloned();
        cancel.inspect(|cancel| cancel.cancel()).is_some()
    }

    async fn send_all(&self, items: impl Iterator<Item = u32>) -> Result<(), Failure> {
        for item in items {
            let pool = self.scene.pool().ok_or(NO_HANDLE)?;
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
        let pool = self.scene.pool().ok_or(NO_HANDLE)?;
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

    fn send_reserved(&mut self, number: u32) -> Result<(), Failure> {
        let reserver = self.reserver.as_mut().ok_or("nobody has reserved a place")?;
        let item = self.scene.ledger.item(number);
        if let Err(closed) = reserver.as_mut().start_send(item) {
            // A sink can't give an item back.
            self.scene.ledger.record(number, End::Refused);
            self.scene.users.lock().refusals.push(closed.reason);
        }
        Ok(())
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

    async fn check(&self, step: &Check) -> Result<(), Failure> {
        let (observation, is_met) = match step {
            Check::Expect(observation, value) => {
                (observation, self.wait_until(|scene| observation.of(scene) == *value).await)
            }
            Check::ExpectAtLeast(observation, min) => {
                let is_enough = |number| number >= *min;
                (observation, self.wait_until(|scene| number(*observation, scene, is_enough)).await)
            }
            Check::ExpectBetween(observation, min, max) => {
                let max = if A::TIME == Time::Real && observation.is_time() { u64::MAX } else { *max };
                let is_between = |number| (*min..=max).contains(&number);
                (observation, self.wait_until(|scene| number(*observation, scene, is_between)).await)
            }
            Check::ExpectWithin(limit, observation, value) => {
                let end = self.scene.clock.sleep(*limit + TIMER_GRANULARITY);
                let is_seen = self.wait_until(|scene| observation.of(scene) == *value).await;
                if is_seen && A::TIME == Time::Virtual && end.is_over() {
                    return Err(format!("it came too late; seen {}", observation.of(&self.scene)));
                }
                (observation, is_seen)
            }
            Check::ExpectToStay(time, observation, value) => {
                let is_seen = self.wait_until(|scene| observation.of(scene) == *value).await;
                if is_seen {
                    self.hold(*time, Limit::Stays(*observation, value.clone())).await?;
                }
                (observation, is_seen)
            }
            Check::NeverAbove(observation, max) => {
                let limit = Limit::NeverAbove(*observation, *max);
                self.scene.limits.lock().limits.push(limit);
                return Ok(());
            }
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
