//! What it costs other balancers to choose one of many addresses, all of which are ready.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use pool_tokio::BoxError;
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequestsDiscover};

use crate::usage;

/// `SUBJECT ADDRESSES CHOICES`; prints the nanoseconds of all choices.
pub(crate) fn run(arguments: &[String]) -> Result<(), BoxError> {
    let [subject, addresses, choices] = arguments else { return Err(usage()) };
    let addresses = addresses.parse().map_err(|_| usage())?;
    let choices = choices.parse().map_err(|_| usage())?;
    let choose = match subject.as_str() {
        #[cfg(feature = "pingora")]
        "pingora" => pingora::choose,
        "tower" => tower,
        _ => return Err(usage()),
    };
    println!("{}", choose(addresses, choices)?);
    Ok(())
}

/// A cache of ready services, and the less loaded of two. The service that is called does nothing.
fn tower(addresses: u32, choices: u32) -> Result<u128, BoxError> {
    let services: Vec<_> = (0..addresses).map(|_| Idle).collect();
    let discover = ServiceList::new::<()>(services);
    let mut balance = Balance::new(PendingRequestsDiscover::new(discover, CompleteOnResponse::default()));
    let mut cx = Context::from_waker(Waker::noop());
    // The first look finds all services.
    assert!(balance.poll_ready(&mut cx)?.is_ready(), "every service is ready");
    let begun = Instant::now();
    for _ in 0..choices {
        assert!(balance.poll_ready(&mut cx)?.is_ready(), "every service is ready");
        drop(balance.call(()));
    }
    Ok(begun.elapsed().as_nanos())
}

struct Idle;

impl Service<()> for Idle {
    type Response = ();
    type Error = Infallible;
    type Future = Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[cfg(feature = "pingora")]
mod pingora {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Instant;

    use pingora_load_balancing::LoadBalancer;
    use pingora_load_balancing::selection::RoundRobin;
    use pool_tokio::BoxError;

    /// The selector over fixed addresses. Nobody checks their health, so that all of them are healthy.
    pub(super) fn choose(addresses: u32, choices: u32) -> Result<u128, BoxError> {
        let balancer = LoadBalancer::<RoundRobin>::try_from_iter((0..addresses).map(address))?;
        let begun = Instant::now();
        for _ in 0..choices {
            balancer.select(b"", 256).ok_or("every address is healthy")?;
        }
        Ok(begun.elapsed().as_nanos())
    }

    fn address(number: u32) -> SocketAddr {
        let first = Ipv4Addr::new(10, 0, 0, 1).to_bits();
        SocketAddr::from((Ipv4Addr::from_bits(first + number), 6379))
    }
}
