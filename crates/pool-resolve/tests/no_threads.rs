//! What sources do when the system has no thread left.

#![cfg(all(
    target_os = "linux",
    any(feature = "dns", feature = "etcd", feature = "file", feature = "system")
))]

#[path = "support/without_threads.rs"]
mod without_threads;

use without_threads::without_threads;

#[cfg(feature = "dns")]
#[test]
fn dns_in_async_code_is_refused_with_an_error() {
    without_threads("dns_in_async_code_is_refused_with_an_error", || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it needs no thread");
        let clock = pool_conformance::simulated::Clock::default();
        let server = "127.0.0.1:53".parse().expect("an address");
        let refused = runtime.block_on(async { pool_resolve::Dns::with_servers([server], clock) });
        let error = refused.expect_err("it needs a thread").to_string();
        assert!(error.contains("the thread `pool-dns` could not be started"), "{error}");
    });
}

#[cfg(feature = "etcd")]
#[test]
fn etcd_in_async_code_is_refused_with_an_error() {
    without_threads("etcd_in_async_code_is_refused_with_an_error", || {
        use pool_resolve::{Etcd, EtcdConfig, EtcdConnectError};

        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it needs no thread");
        let refused = runtime.block_on(async { Etcd::connect(["127.0.0.1:2379"], EtcdConfig::default()) });
        let error = refused.expect_err("it needs a thread");
        assert!(matches!(error, EtcdConnectError::Thread(_)), "{error}");
    });
}

#[cfg(feature = "system")]
#[test]
fn a_name_that_no_thread_can_be_had_for_has_failed() {
    without_threads("a_name_that_no_thread_can_be_had_for_has_failed", || {
        use pool_resolve::{HostPort, Resolve, System};

        let name: HostPort = "localhost:80".parse().expect("a host and a port");
        let clock = pool_conformance::simulated::Clock::default();
        assert_no_thread(System::new(clock).subscribe(&name));
    });
}

#[cfg(feature = "file")]
#[test]
fn a_file_that_no_thread_can_be_had_for_has_failed() {
    without_threads("a_file_that_no_thread_can_be_had_for_has_failed", || {
        use pool_resolve::{File, Resolve};

        let clock = pool_conformance::simulated::Clock::default();
        assert_no_thread(File::new(clock).subscribe(&std::env::current_exe().expect("the test runs")));
    });
}

#[cfg(any(feature = "file", feature = "system"))]
fn assert_no_thread(mut source: impl pool_driver::AddressStream<Address: std::fmt::Debug> + Unpin) {
    use futures_util::{FutureExt, StreamExt};
    use pool_driver::AddressUpdate;

    let update = source.next().now_or_never().flatten().expect("it fails at once");
    let AddressUpdate::Failed(error) = update else { panic!("{update:?}") };
    assert!(error.to_string().contains("could not be started"), "{error}");
}
