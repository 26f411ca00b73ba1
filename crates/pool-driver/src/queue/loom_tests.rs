//! The queue under every interleaving of a driver, senders and a close.

use std::task::Wake;

use loom::sync::Notify;
use loom::thread;

use super::*;
use crate::wake_list::{WakeList, WakeUp};

/// Stands for a task. A lost wake-up leaves it waiting, which loom reports as a deadlock.
struct Task(Notify);

impl Task {
    fn new() -> (Arc<Self>, Waker) {
        let task = Arc::new(Self(Notify::new()));
        (Arc::clone(&task), Waker::from(task))
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

fn queue(capacity: usize) -> (Arc<Queue<u32>>, Arc<WakeList>) {
    let list = Arc::new(WakeList::default());
    let signal = Signal::new(&list, WakeUp::Handles);
    (Arc::new(Queue::new(capacity, signal)), list)
}

/// Takes items, as a driver does, until it has `expected` of them.
fn drive(queue: &Queue<u32>, list: &WakeList, expected: usize) -> Vec<u32> {
    let (task, waker) = Task::new();
    let (mut backlog, mut taken, mut sent) = (Backlog::new(), Vec::new(), 0);
    while taken.len() < expected {
        list.start_poll(&waker, &mut Vec::new());
        queue.signal.clear();
        loop {
            queue.turn_over(sent, &mut backlog);
            let before = taken.len();
            taken.extend(std::iter::from_fn(|| backlog.pop()));
            sent = taken.len() - before;
            if sent == 0 {
                break;
            }
        }
        if taken.len() < expected {
            task.0.wait();
        }
    }
    list.stop();
    taken
}

/// Sends, as `Sending` does.
fn send(queue: &Queue<u32>, item: u32) -> Result<(), SendError<u32>> {
    let (task, waker) = Task::new();
    let mut permit = Permit::default();
    let Err(item) = queue.try_push_first(&permit, item) else { return Ok(()) };
    loop {
        match queue.poll_permit(&mut permit, &waker) {
            Some(Ok(())) => return queue.push(&mut permit, item),
            Some(Err(reason)) => {
                queue.leave(&mut permit);
                return Err(SendError { item, reason });
            }
            None => task.0.wait(),
        }
    }
}

#[test]
fn loom_every_item_reaches_a_driver_that_goes_to_sleep_between_them() {
    loom::model(|| {
        let (queue, list) = queue(1);
        let sender = Arc::clone(&queue);
        thread::spawn(move || {
            send(&sender, 1).expect("the queue is open");
            send(&sender, 2).expect("the queue is open");
        });
        assert_eq!(drive(&queue, &list, 2), [1, 2]);
    });
}

#[test]
fn loom_a_permit_that_a_sender_gives_up_goes_to_the_next_in_line() {
    loom::model(|| {
        let (queue, list) = queue(1);
        queue.try_push(1).expect("there is room");
        let (_, waker) = Task::new();
        let mut quitter = Permit::default();
        assert!(queue.poll_permit(&mut quitter, &waker).is_none());
        let sender = Arc::clone(&queue);
        thread::spawn(move || send(&sender, 2).expect("the queue is open"));
        let leaver = Arc::clone(&queue);
        thread::spawn(move || leaver.leave(&mut quitter));
        assert_eq!(drive(&queue, &list, 2), [1, 2]);
    });
}

#[test]
fn loom_a_sender_that_begins_to_wait_while_the_queue_closes_is_not_left_waiting() {
    loom::model(|| {
        let (queue, list) = queue(1);
        queue.try_push(1).expect("there is room");
        let sender = Arc::clone(&queue);
        let sending = thread::spawn(move || send(&sender, 2));
        assert!(queue.close(EndReason::Shutdown));
        let refused = sending.join().expect("no panic").expect_err("closed while it waited");
        assert_eq!((refused.item, refused.reason), (2, RefusedReason::Closed(EndReason::Shutdown)));
        assert_eq!(drive(&queue, &list, 1), [1]);
    });
}
