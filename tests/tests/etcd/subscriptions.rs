//! What is said of a prefix, on an executor that etcd's client knows nothing of.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::pin::Pin;

use futures_util::{FutureExt, StreamExt};
use pool_core::Endpoint;
use pool_driver::{AddressStream, AddressUpdate};
use pool_resolve::{Etcd, EtcdConfig, EtcdError, Resolve};
use pool_servers::EtcdCluster;
use pool_tests::{TestResult, run_on_smol, until};

use super::admin::Admin;
use super::{PREFIX, address, key, next_set, prefix, set, subscribe, until_failed, until_set};

#[test]
fn a_prefix_is_followed_from_no_keys_to_many_kinds_of_values() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        admin.put("/services/linesmen/a", &address(9))?;
        let mut subscription = subscribe(cluster.endpoints(), EtcdConfig::default());
        assert_eq!(next_set(&mut subscription).await, [], "no keys are an answer");
        admin.put(key("a"), &address(1))?;
        until_set(&mut subscription, set([1])).await;
        let json = format!(r#"{{"address": "{}", "weight": 5, "priority": 2}}"#, address(2));
        admin.put(key("deep/down"), &json)?;
        let second = Endpoint::new(address(2)).with_weight(5).with_priority(2);
        until_set(&mut subscription, [Endpoint::new(address(1)), second].into_iter().collect()).await;
        admin.put(key("a"), &address(3))?;
        admin.delete(key("deep/down"))?;
        until_set(&mut subscription, set([3])).await;
        admin.delete(key("a"))?;
        until_set(&mut subscription, set([])).await;
        Ok(())
    })
}

#[test]
fn an_address_goes_with_its_lease() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        let mut subscription = subscribe(cluster.endpoints(), EtcdConfig::default());
        admin.put(key("stays"), &address(1))?;
        until_set(&mut subscription, set([1])).await;
        admin.put_for_a_while(key("goes"), address(2))?;
        until_set(&mut subscription, set([1, 2])).await;
        until_set(&mut subscription, set([1])).await;
        Ok(())
    })
}

#[test]
fn a_value_that_makes_no_sense_fails_the_answer_until_it_is_gone() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        let mut subscription = subscribe(cluster.endpoints(), EtcdConfig::default());
        admin.put(key("good"), &address(1))?;
        until_set(&mut subscription, set([1])).await;
        admin.put(key("bad"), "nonsense")?;
        let is_named = |error: &EtcdError| {
            matches!(error, EtcdError::BadValue { key, .. } if *key == format!("{PREFIX}bad"))
                && error.to_string().contains("`nonsense`")
        };
        until_failed(&mut subscription, is_named).await;
        admin.put(key("other"), &address(2))?;
        until_failed(&mut subscription, is_named).await;
        admin.delete(key("bad"))?;
        until_set(&mut subscription, set([1, 2])).await;
        Ok(())
    })
}

#[test]
fn values_that_make_no_sense_are_skipped_on_demand_unless_all_are_such() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        admin.put(key("bad"), "nonsense")?;
        admin.put(key("good"), &address(1))?;
        let mut subscription = subscribe(cluster.endpoints(), EtcdConfig::default().skip_bad_values());
        assert_eq!(next_set(&mut subscription).await, [Endpoint::new(address(1))]);
        admin.put(key("good"), "nonsense too")?;
        let are_all = |error: &EtcdError| matches!(error, EtcdError::BadValue { others: 1, .. });
        until_failed(&mut subscription, are_all).await;
        Ok(())
    })
}

#[test]
fn ten_thousand_addresses_come_in_one_set() -> TestResult {
    const COUNT: u16 = 10_000;
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        admin.put_all((0..COUNT).map(|number| (key(number), address(number).to_string())))?;
        let mut subscription = subscribe(cluster.endpoints(), EtcdConfig::default());
        assert_eq!(next_set(&mut subscription).await, set(0..COUNT).endpoints());
        admin.put(key("one more"), &address(COUNT))?;
        until_set(&mut subscription, set(0..=COUNT)).await;
        Ok(())
    })
}

#[test]
fn a_subscription_that_is_asked_reads_again() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        admin.put(key("a"), &address(1))?;
        let mut subscription = subscribe(cluster.endpoints(), EtcdConfig::default());
        until_set(&mut subscription, set([1])).await;
        for _ in 0..10 {
            Pin::new(&mut subscription).refresh();
            assert_eq!(next_set(&mut subscription).await, [Endpoint::new(address(1))]);
        }
        Ok(())
    })
}

#[test]
fn what_is_not_read_does_not_pile_up() -> TestResult {
    const CHANGES: u16 = 500;
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        let etcd = Etcd::connect(cluster.endpoints(), EtcdConfig::default())?;
        let [mut sleeper, mut reader] = [(); 2].map(|()| etcd.subscribe(&prefix()));
        until_set(&mut sleeper, set([])).await;
        for number in 1..=CHANGES {
            admin.put(key("a"), &address(number))?;
        }
        until_set(&mut reader, set([CHANGES])).await;
        let mut unread = 0;
        loop {
            let Some(Some(update)) = sleeper.next().now_or_never() else { break };
            assert!(matches!(update, AddressUpdate::Addresses(_)), "{update:?}");
            unread += 1;
        }
        assert!(unread <= 2, "{unread}");
        Ok(())
    })
}

#[test]
fn subscriptions_share_a_connection_and_leave_nothing_behind() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        admin.put(key("a"), &address(1))?;
        let etcd = Etcd::connect(cluster.endpoints(), EtcdConfig::default())?;
        let mut subscriptions: Vec<_> = (0..50).map(|_| etcd.subscribe(&prefix())).collect();
        for subscription in &mut subscriptions {
            until_set(subscription, set([1])).await;
        }
        let figure = |name| figure(&cluster.endpoints()[0], name);
        until(|| figure("etcd_debugging_mvcc_watcher_total").is_ok_and(|watchers| watchers == 50)).await;
        let last = subscriptions.pop();
        drop((subscriptions, etcd));
        until(|| figure("etcd_debugging_mvcc_watcher_total").is_ok_and(|watchers| watchers == 1)).await;
        admin.put(key("a"), &address(2))?;
        let mut last = last.ok_or("there were fifty")?;
        until_set(&mut last, set([2])).await;
        drop(last);
        until(|| figure("etcd_debugging_mvcc_watcher_total").is_ok_and(|watchers| watchers == 0)).await;
        Ok(())
    })
}

#[test]
fn etcd_wants_to_know_who_is_there() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        admin.put(key("a"), &address(1))?;
        admin.require_password("secret")?;
        for options in [EtcdConfig::default(), EtcdConfig::default().user("root", "wrong")] {
            let mut subscription = subscribe(cluster.endpoints(), options);
            until_failed(&mut subscription, |error| matches!(error, EtcdError::Endpoint { .. })).await;
        }
        let options = EtcdConfig::default().user("root", "secret");
        assert!(!format!("{options:?}").contains("secret"));
        assert_eq!(next_set(&mut subscribe(cluster.endpoints(), options)).await, [Endpoint::new(address(1))]);
        Ok(())
    })
}

/// What etcd says of itself.
fn figure(endpoint: &str, name: &str) -> io::Result<u64> {
    let mut stream = TcpStream::connect(endpoint.trim_start_matches("http://"))?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut metrics = String::new();
    stream.read_to_string(&mut metrics)?;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.ok_or_else(|| io::Error::other(format!("there is no {name}")))
}
