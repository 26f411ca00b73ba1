//! Threads for jobs that block, shared by all sources of a process.
//!
//! A job is refused if no thread can be had for it. A queue that takes it in silence would leave its
//! source without an answer for ever.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::spawn::{Spawn, SystemThreads, ThreadError};

/// Further jobs wait for one of these threads.
const THREADS_MAX: usize = 500;
/// A thread that has had no job for this long ends.
const IDLE_TIMEOUT: Duration = Duration::from_millis(500);

/// Threads that end when they have nothing to do.
#[derive(Clone)]
pub(super) struct ThreadPool {
    shared: Arc<Shared>,
}

struct Shared {
    spawn: Box<dyn Spawn>,
    queue: Mutex<JobQueue>,
    /// Signals that there is a job.
    job_queued: Condvar,
}

/// Jobs, and the threads that take them.
#[derive(Default)]
struct JobQueue {
    jobs: VecDeque<Box<dyn FnOnce() + Send>>,
    threads: usize,
    /// Those of the threads that wait for a job.
    idle: usize,
}

impl ThreadPool {
    /// The pool of this process.
    pub(super) fn of_process() -> Self {
        static POOL: LazyLock<ThreadPool> = LazyLock::new(|| ThreadPool::new(SystemThreads));
        POOL.clone()
    }

    pub(super) fn new(spawn: impl Spawn + 'static) -> Self {
        let (queue, job_queued) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { spawn: Box::new(spawn), queue, job_queued }) }
    }

    /// Runs a job on an idle thread or a new one. If no new one can be had, the job waits for a thread that
    /// is busy now.
    ///
    /// # Errors
    ///
    /// If there is no thread at all. The job is dropped then.
    pub(super) fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<(), ThreadError> {
        let mut queue = self.shared.lock();
        if queue.idle <= queue.jobs.len() && queue.threads < THREADS_MAX {
            let shared = Arc::clone(&self.shared);
            match self.shared.spawn.spawn("pool-lookup", Box::new(move || shared.take_jobs())) {
                Ok(()) => queue.threads += 1,
                Err(error) if queue.threads == 0 => {
                    // The job is dropped outside the lock: it may own values of user types.
                    drop(queue);
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.shared.job_queued.notify_one();
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, JobQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does until it has been idle for too long.
    fn take_jobs(&self) {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                // A job that panics must not take the thread with it: the thread is counted.
                let _ = catch_unwind(AssertUnwindSafe(job));
                queue = self.lock();
                continue;
            }
            queue.idle += 1;
            let woken =
                self.job_queued.wait_timeout_while(queue, IDLE_TIMEOUT, |queue| queue.jobs.is_empty());
            queue = woken.unwrap_or_else(PoisonError::into_inner).0;
            queue.idle -= 1;
            if queue.jobs.is_empty() {
                queue.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;
    use crate::threads::spawn::tests::NoThreads;

    /// Starts one thread at most.
    #[derive(Default)]
    struct OneThread(AtomicUsize);

    impl Spawn for OneThread {
        fn spawn(&self, name: &str, run: Box<dyn FnOnce() + Send>) -> Result<(), ThreadError> {
            if self.0.fetch_add(1, Ordering::Relaxed) > 0 {
                return Err(ThreadError::new(name, io::ErrorKind::WouldBlock.into()));
            }
            SystemThreads.spawn(name, run)
        }
    }

    #[test]
    fn a_job_is_refused_and_dropped_when_no_thread_can_be_had() {
        let pool = ThreadPool::new(NoThreads);
        let (kept, dropped) = mpsc::channel::<()>();
        let refused = pool.run(Box::new(move || drop(kept)));
        assert!(refused.expect_err("no thread").to_string().contains("`pool-lookup` could not be started"));
        assert_eq!(dropped.recv(), Err(mpsc::RecvError));
    }

    #[test]
    fn a_job_waits_for_a_busy_thread_when_no_other_can_be_had() {
        let pool = ThreadPool::new(OneThread::default());
        let (go, may_go) = mpsc::channel::<()>();
        let (done, is_done) = mpsc::channel();
        let first = done.clone();
        pool.run(Box::new(move || {
            may_go.recv().expect("it is told");
            first.send(1).expect("somebody waits");
        }))
        .expect("one thread");
        pool.run(Box::new(move || done.send(2).expect("somebody waits"))).expect("it waits");
        go.send(()).expect("it waits");
        assert_eq!((is_done.recv(), is_done.recv()), (Ok(1), Ok(2)));
    }

    #[test]
    fn a_thread_survives_a_job_that_panics() {
        let pool = ThreadPool::new(OneThread::default());
        let (done, is_done) = mpsc::channel();
        pool.run(Box::new(|| panic!("at line 7"))).expect("one thread");
        pool.run(Box::new(move || done.send(()).expect("somebody waits"))).expect("the same thread");
        assert_eq!(is_done.recv(), Ok(()));
    }

    #[test]
    fn jobs_that_block_each_have_a_thread() {
        let pool = ThreadPool::new(SystemThreads);
        let barrier = Arc::new(std::sync::Barrier::new(5));
        for _ in 0..4 {
            let barrier = Arc::clone(&barrier);
            let job = move || {
                barrier.wait();
            };
            pool.run(Box::new(job)).expect("a thread");
        }
        barrier.wait();
    }
}
