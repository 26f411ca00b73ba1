//! What a pool is compared with: one bounded channel, and one loop that gives each connection an item in turn.

use core::pin::Pin;

use futures_channel::mpsc;
use futures_util::{Sink, StreamExt};
use tokio::task::JoinHandle;

use crate::connections::{CountingSink, Item};
use crate::{CONNECTIONS, Counter, QUEUE};

/// Spawns the loop, which ends when all senders are gone.
pub(crate) fn spawn_loop<T>(counter: &Counter) -> (mpsc::Sender<T>, JoinHandle<()>)
where
    T: Item + Send + 'static,
{
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| CountingSink::new(counter)).collect();
    let consumer = tokio::spawn(async move {
        let mut turns = (0..connections.len()).cycle();
        while let Some(item) = receiver.next().await {
            let turn = turns.next().expect("turns go on for ever");
            let Ok(()) = Pin::new(&mut connections[turn]).start_send(item);
        }
    });
    (sender, consumer)
}
