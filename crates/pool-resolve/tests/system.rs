//! Host names by the system's resolver, as this machine has them.

#![cfg(feature = "system")]

mod support;

use futures_util::StreamExt;
use pool_conformance::simulated::Clock;
use pool_driver::{AddressUpdate, ConfigError};
use pool_resolve::{HostPort, PollConfig, Resolve, System};
use std::net::SocketAddr;

fn first_word(name: &str) -> AddressUpdate<SocketAddr> {
    let name: HostPort = name.parse().expect("a host and a port");
    let mut addresses = System::new(Clock::default()).subscribe(&name);
    smol::block_on(addresses.next()).expect("it never ends")
}

#[test]
fn a_name_of_this_machine_is_resolved_with_its_port() {
    let AddressUpdate::Addresses(set) = first_word("localhost:6379") else {
        panic!("every resolver knows localhost")
    };
    assert!(!set.is_empty());
    assert!(set.addresses().all(|address| address.ip().is_loopback() && address.port() == 6379), "{set:?}");
}

#[test]
fn an_address_is_its_own_answer() {
    for literal in ["127.0.0.1:80", "[::1]:80"] {
        let AddressUpdate::Addresses(set) = first_word(literal) else { panic!("{literal} is an address") };
        let expected: SocketAddr = literal.parse().expect("an address");
        assert_eq!(set, [expected].into());
    }
}

#[test]
fn a_name_that_does_not_exist_has_failed_and_the_error_names_it() {
    let AddressUpdate::Failed(error) = first_word("no-such-host.invalid:80") else {
        panic!("there is no such host")
    };
    assert!(error.to_string().contains("`no-such-host.invalid:80`"), "{error}");
}

#[test]
fn settings_out_of_range_are_refused_where_they_are_made() {
    let mut config = PollConfig::default();
    config.timeout = std::time::Duration::ZERO;
    let refused = System::new(Clock::default()).with_config(config);
    assert_eq!(refused.as_ref().map_err(ConfigError::field).err(), Some("timeout"));
}
