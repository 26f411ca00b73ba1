//! Addresses of which a hundredth refuse all dials: the pool dials them again and again, with backoff, while items pass.

use core::future::ready;
use std::io;

use pool_tests::bench::nanoseconds;

use crate::connections::{Counter, CountingSink};
use crate::runtime;

const PRODUCERS: u32 = 4;

pub(crate) fn case(addresses: u32, items: u32) {
    let counter = Counter::default();
    let runtime = runtime();
    let connections = counter.clone();
    let connector = move |address: u32| {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        ready(if fails(address) { Err(refused()) } else { Ok(CountingSink::new(&connections)) })
    };
    let pool = runtime.block_on(async {
        let pool = pool_tokio::sink_pool_for(connector).connect_to_fixed(0..addresses);
        let pool = pool.spawn::<u32>().expect("the settings make sense");
        let connected = (0..addresses).filter(|&address| !fails(address)).count();
        pool.ready(connected).await.expect("the others accept");
        pool
    });
    let share = items / PRODUCERS;
    let send = async {
        let produce = |_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for item in 0..share {
                    pool.send(item).await.expect("the pool outlives its producers");
                }
            })
        };
        let producers: Vec<_> = (0..PRODUCERS).map(produce).collect();
        for producer in producers {
            producer.await.expect("producers don't panic");
        }
        while counter.count() < share * PRODUCERS {
            tokio::task::yield_now().await;
        }
    };
    println!("{}", nanoseconds(|| runtime.block_on(send)));
}

fn fails(address: u32) -> bool {
    address % 100 == 50
}
