//! What goes wrong between a subscription and etcd.

use futures_util::StreamExt;
use pool_driver::AddressUpdate;
use pool_resolve::{EtcdConfig, EtcdError};
use pool_servers::EtcdCluster;
use pool_tests::{TestResult, run_on_smol, until};

use super::admin::Admin;
use super::proxy::Proxy;
use super::{address, key, set, subscribe, until_failed, until_set};

#[test]
fn what_is_compacted_before_it_is_watched_is_read_again() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    let proxy = Proxy::start(&cluster.endpoints()[0], "127.1.0.1:7000")?;
    run_on_smol(async {
        admin.put(key("a"), &address(1))?;
        let mut subscription = subscribe(vec![proxy.endpoint()], EtcdConfig::default());
        until_set(&mut subscription, set([1])).await;
        // It has read, and what it says next, that it wants to watch, doesn't get to etcd.
        proxy.wait_until_closed();
        admin.put(key("a"), &address(2))?;
        admin.put(key("b"), &address(3))?;
        admin.compact()?;
        proxy.open();
        match subscription.next().await {
            Some(AddressUpdate::Addresses(found)) => assert_eq!(found, set([2, 3])),
            other => panic!("it is no failure: {other:?}"),
        }
        Ok(())
    })
}

#[test]
fn an_etcd_that_says_nothing_any_more_is_noticed() -> TestResult {
    let Some(cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    let proxy = Proxy::start(&cluster.endpoints()[0], "127.1.0.2:7000")?;
    run_on_smol(async {
        admin.put(key("a"), &address(1))?;
        let mut subscription = subscribe(vec![proxy.endpoint()], EtcdConfig::default());
        until_set(&mut subscription, set([1])).await;
        admin.put(key("a"), &address(2))?;
        until_set(&mut subscription, set([2])).await;
        until_failed(&mut subscription, |error| matches!(error, EtcdError::TimedOut { .. })).await;
        admin.put(key("a"), &address(3))?;
        proxy.open();
        until_set(&mut subscription, set([3])).await;
        Ok(())
    })
}

#[test]
fn another_endpoint_takes_over() -> TestResult {
    let Some(mut cluster) = EtcdCluster::start_or_skip(3)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints()[2..])?;
    run_on_smol(async {
        let nobody = "http://127.0.0.1:1".to_owned();
        let endpoints = [cluster.endpoints()[0].clone(), nobody, cluster.endpoints()[1].clone()];
        let mut subscription = subscribe(endpoints.to_vec(), EtcdConfig::default());
        admin.put(key("a"), &address(1))?;
        until_set(&mut subscription, set([1])).await;
        for (round, victim) in [(2, 0), (4, 1), (6, 0), (8, 1)] {
            cluster.kill(victim)?;
            until(|| admin.put(key("a"), &address(round)).is_ok()).await;
            until_set(&mut subscription, set([round])).await;
            cluster.restart(victim)?;
            until(|| admin.put(key("a"), &address(round + 1)).is_ok()).await;
            until_set(&mut subscription, set([round + 1])).await;
        }
        Ok(())
    })
}

#[test]
fn an_etcd_that_has_lost_its_data_is_believed_once_it_has_keys() -> TestResult {
    let Some(mut cluster) = EtcdCluster::start_or_skip(1)? else { return Ok(()) };
    let admin = Admin::new(&cluster.endpoints())?;
    run_on_smol(async {
        let mut subscription = subscribe(cluster.endpoints(), EtcdConfig::default());
        admin.put(key("a"), &address(1))?;
        until_set(&mut subscription, set([1])).await;
        cluster.kill(0)?;
        cluster.wipe(0)?;
        cluster.restart(0)?;
        let is_loss = |error: &EtcdError| matches!(error, EtcdError::DataLost { .. });
        until_failed(&mut subscription, is_loss).await;
        let admin = Admin::new(&cluster.endpoints())?;
        until(|| admin.put("/elsewhere", "").is_ok()).await;

        // However far its new history gets.
        for _ in 0..100 {
            admin.put("/elsewhere", "")?;
        }
        cluster.kill(0)?;
        cluster.restart(0)?;
        until_failed(&mut subscription, |error| !is_loss(error)).await;
        until_failed(&mut subscription, is_loss).await;

        until(|| admin.put(key("b"), &address(2)).is_ok()).await;
        until_set(&mut subscription, set([2])).await;
        admin.delete(key("b"))?;
        until_set(&mut subscription, set([])).await;
        Ok(())
    })
}
