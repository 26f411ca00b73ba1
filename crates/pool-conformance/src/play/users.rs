//! Plays what the users of the pool do.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_sink::Sink;
use pool_call::CallPool;
use pool_driver::{Pool, Ready};

use super::callers::{self, OwnedCall};
use super::failure::Failure;
use super::sleepers;
use super::waiting::Waiting;
use crate::adapter::Adapter;
use crate::fixture::{CancelSignal, Fixture, ScenarioPool, WeakScenarioPool};
use crate::script::{CallWay, Goal, Setting, UserStep, WaitStep};
use crate::task::Task;
use crate::world::{End, Item};

/// Items whose numbers don't matter are numbered from here.
const SOME_ITEM: u32 = 1_000_000;
const NO_HANDLE: &str = "the script has no handle any more";

/// The users of the pool. Some of them wait on tasks of their own.
pub(crate) struct PoolUsers<A: Adapter> {
    adapter: Rc<A>,
    fixture: Arc<Fixture>,
    waiting: Waiting,
    /// A handle that has reserved a permit, or waits for one.
    reserver: Option<Pin<Box<Pool<Item, u16>>>>,
    /// A look at the pool that the script keeps.
    weak: Option<WeakScenarioPool>,
    /// Calls that nobody looks at.
    neglected: Vec<OwnedCall>,
    /// The number of the next item whose number doesn't matter.
    next_item: u32,
}

impl<A: Adapter + 'static> PoolUsers<A> {
    pub(crate) fn new(adapter: &Rc<A>, fixture: &Arc<Fixture>, waiting: &Waiting) -> Self {
        Self {
            adapter: Rc::clone(adapter),
            fixture: Arc::clone(fixture),
            waiting: waiting.clone(),
            reserver: None,
            weak: None,
            neglected: Vec::new(),
            next_item: SOME_ITEM,
        }
    }

    /// Plays a step that waits for nothing.
    pub(crate) fn play(&mut self, step: &UserStep) -> Result<(), Failure> {
        match step {
            UserStep::TrySend(item) => {
                let sent = self.pool()?.try_send(self.fixture.world.ledger.item(*item));
                self.fixture.record_sent(sent);
            }
            UserStep::StartSend(item) => self.start_send(*item)?,
            UserStep::Cancel(item) if self.cancel(*item) => {}
            UserStep::Cancel(_) => return Err("it is not being sent any more".into()),
            UserStep::TryToCancel(item) => drop(self.cancel(*item)),
            UserStep::Disown(item) => {
                self.fixture.world.ledger.disown(*item);
                self.pool()?.report_unwanted();
            }
            UserStep::SendReserved(item) => self.send_reserved(*item)?,
            UserStep::ReleaseReserved => drop(self.reserver.take().ok_or("no permit is reserved")?),
            UserStep::AskReady => self.ask_ready()?,
            UserStep::WaitFor(goal, timeout) => self.wait_for(*goal, *timeout)?,
            UserStep::WaitForEnd => self.wait_for_end()?,
            UserStep::RetryNow(address) => self.pool()?.retry_now(*address),
            UserStep::Reconfigure(settings) => self.reconfigure(settings)?,
            UserStep::Shutdown(timeout) => self.any_pool()?.shut_down(*timeout),
            UserStep::DropHandles => {
                drop(self.any_pool()?);
                self.drop_handles();
            }
            UserStep::KeepWeakHandle => self.weak = Some(self.pool()?.downgrade()),
            UserStep::Upgrade => self.upgrade()?,
            UserStep::StartSleep(numbers, duration) => {
                let sleep = sleepers::sleep(numbers, *duration, &self.pool()?, &self.fixture);
                self.adapter.spawn(Task::user(sleep));
            }
            UserStep::StopSleep(number) => self.stop_sleep(*number)?,
            UserStep::Call(number, way) => self.call(*number, *way)?,
            UserStep::NeglectCall(number, timeout) => {
                self.neglected.push(callers::neglect(*number, *timeout, self.call_pool()?));
            }
        }
        Ok(())
    }

    /// Plays a step that waits for the pool or for time to pass.
    pub(crate) async fn wait(&mut self, step: &WaitStep) -> Result<(), Failure> {
        match step {
            WaitStep::Send(items) => self.send_all(items.iter().copied()).await,
            WaitStep::SendSome(items) => {
                let first = self.next_item;
                self.next_item += u32::try_from(*items).expect("a script sends fewer items than that");
                self.send_all(first..self.next_item).await
            }
            WaitStep::Reserve => self.reserve().await,
            WaitStep::Advance(duration) => self.waiting.advance(*duration).await,
        }
    }

    /// Drops the handles that the script has.
    pub(crate) fn drop_handles(&mut self) {
        self.reserver = None;
        self.neglected.clear();
        self.fixture.drop_pool();
    }

    fn any_pool(&self) -> Result<ScenarioPool, Failure> {
        self.fixture.pool().ok_or_else(|| NO_HANDLE.into())
    }

    fn pool(&self) -> Result<Pool<Item, u16>, Failure> {
        match self.any_pool()? {
            ScenarioPool::Items(pool) => Ok(pool),
            ScenarioPool::Calls(_) => Err("a pool of calls is called".into()),
        }
    }

    fn call_pool(&self) -> Result<CallPool<u32, u32, u16>, Failure> {
        match self.any_pool()? {
            ScenarioPool::Calls(pool) => Ok(pool),
            ScenarioPool::Items(_) => Err("a pool of items is sent to".into()),
        }
    }

    fn call(&self, number: u32, way: CallWay) -> Result<(), Failure> {
        let call = callers::call(number, way, self.call_pool()?, &self.fixture);
        self.adapter.spawn(Task::user(call));
        Ok(())
    }

    fn upgrade(&self) -> Result<(), Failure> {
        let weak = self.weak.as_ref().ok_or("the script has no weak handle")?;
        if let Some(pool) = weak.upgrade() {
            self.fixture.users.lock().upgrades += 1;
            self.fixture.set_pool(ScenarioPool::Items(pool));
        }
        Ok(())
    }

    fn stop_sleep(&self, number: u32) -> Result<(), Failure> {
        let sleeper = self.fixture.users.lock().sleepers.sleeping.get(&number).cloned();
        sleeper.ok_or("it doesn't sleep")?.cancel();
        Ok(())
    }

    fn reconfigure(&self, settings: &[Setting]) -> Result<(), Failure> {
        let changed = self.pool()?.reconfigure(Setting::config(settings));
        self.fixture.users.lock().settings_error = changed.err().map(|error| error.to_string());
        Ok(())
    }

    fn ask_ready(&self) -> Result<(), Failure> {
        let ready = self.pool()?.ready(1).unless_failing();
        self.spawn_ready(ready);
        Ok(())
    }

    fn wait_for(&self, goal: Goal, timeout: Duration) -> Result<(), Failure> {
        let pool = self.pool()?;
        let ready = match goal {
            Goal::Connections(connections) => pool.ready(connections),
            Goal::Address(address) => pool.ready_at(address),
        };
        self.spawn_ready(ready.timeout(timeout));
        Ok(())
    }

    /// Waits on a task of its own, without a handle.
    fn spawn_ready(&self, ready: Ready<Item, u16>) {
        let fixture = Arc::clone(&self.fixture);
        self.adapter.spawn(Task::user(async move {
            let ready = ready.await;
            let ready = ready.map_or_else(|error| error.to_string(), |()| "ready".into());
            fixture.users.lock().ready = Some(ready);
            fixture.script.wake();
        }));
    }

    fn wait_for_end(&self) -> Result<(), Failure> {
        let (pool, fixture) = (self.pool()?, Arc::clone(&self.fixture));
        self.adapter.spawn(Task::user(async move {
            let ended = pool.closed().await;
            drop(pool);
            fixture.users.lock().seen_ends.push(ended);
            fixture.script.wake();
        }));
        Ok(())
    }

    /// Returns whether it was being sent.
    fn cancel(&self, item: u32) -> bool {
        let sender = self.fixture.users.lock().sending.get(&item).cloned();
        sender.inspect(|sender| sender.cancel()).is_some()
    }

    async fn send_all(&self, items: impl Iterator<Item = u32>) -> Result<(), Failure> {
        for item in items {
            let pool = self.pool()?;
            let mut sending = pin!(pool.send(self.fixture.world.ledger.item(item)));
            let mut sent = None;
            let wait = poll_fn(|cx| {
                if let Poll::Ready(done) = sending.as_mut().poll(cx) {
                    sent = Some(done);
                    return Poll::Ready(true);
                }
                self.waiting.go_on()
            });
            if !self.waiting.with_patience(wait).await {
                return Err(format!("item {item} got no permit\n{}", self.fixture.table()).into());
            }
            if let Some(sent) = sent {
                self.fixture.record_sent(sent);
            }
        }
        Ok(())
    }

    fn start_send(&self, number: u32) -> Result<(), Failure> {
        let (pool, fixture) = (self.pool()?, Arc::clone(&self.fixture));
        let cancel = Arc::new(CancelSignal::default());
        fixture.users.lock().sending.insert(number, Arc::clone(&cancel));
        let item = fixture.world.ledger.item(number);
        self.adapter.spawn(Task::user(async move {
            let mut sending = Some(Box::pin(async { pool.send(item).await }));
            let sent = poll_fn(|cx| {
                let Some(future) = &mut sending else { return Poll::Ready(None) };
                if cancel.is_cancelled(cx.waker()) {
                    sending = None;
                    return Poll::Ready(None);
                }
                let sent = future.as_mut().poll(cx).map(Some);
                // It may be in the wait queue now, and the driver is not polled for that.
                fixture.script.wake();
                sent
            })
            .await;
            drop(sending);
            match sent {
                Some(sent) => fixture.record_sent(sent),
                None => fixture.world.ledger.record(number, End::Withdrawn),
            }
            fixture.users.lock().sending.remove(&number);
            fixture.script.wake();
        }));
        Ok(())
    }

    async fn reserve(&mut self) -> Result<(), Failure> {
        let mut reserver = Box::pin(self.pool()?);
        let wait = poll_fn(|cx| match reserver.as_mut().poll_ready(cx) {
            Poll::Ready(ready) => Poll::Ready(ready.is_ok()),
            Poll::Pending => self.waiting.go_on(),
        });
        let is_reserved = self.waiting.with_patience(wait).await;
        self.reserver = Some(reserver);
        if is_reserved {
            Ok(())
        } else {
            Err(format!("there was no permit to reserve\n{}", self.fixture.table()).into())
        }
    }

    fn send_reserved(&mut self, number: u32) -> Result<(), Failure> {
        let reserver = self.reserver.as_mut().ok_or("no permit is reserved")?;
        let item = self.fixture.world.ledger.item(number);
        if let Err(refused) = reserver.as_mut().start_send(item) {
            // A sink can't give the item back.
            self.fixture.record_refused(number, refused.reason);
        }
        Ok(())
    }
}
