//! Items that nobody answers.

use core::convert::Infallible;

use futures_util::SinkExt;

use crate::connections::CountingSink;
use crate::{CONNECTIONS, Counter, Load, QUEUE, SHUTDOWN, floor};

pub(crate) async fn floor(load: Load, counter: &Counter) {
    let (sender, consumer) = floor::spawn_loop(counter);
    for _ in 0..load.producers {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            for item in 0..load.items_per_producer {
                sender.send(item).await.expect("the consumer outlives its producers");
            }
        });
    }
    drop(sender);
    consumer.await.expect("the consumer doesn't panic");
}

pub(crate) async fn pool(load: Load, counter: &Counter) {
    let counter = counter.clone();
    let connector = move |_: u32| {
        let connection = CountingSink::new(&counter);
        async move { Ok::<_, Infallible>(connection) }
    };
    let pool = pool_tokio::sink_pool_for(connector).connect_to_fixed(0..CONNECTIONS).queue_size(QUEUE);
    let pool = pool.spawn::<u64>().expect("the settings make sense");
    let produce = |_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for item in 0..load.items_per_producer {
                pool.send(item).await.expect("the pool outlives its producers");
            }
        })
    };
    let producers: Vec<_> = (0..load.producers).map(produce).collect();
    for producer in producers {
        producer.await.expect("producers don't panic");
    }
    pool.shutdown(SHUTDOWN).await;
}
