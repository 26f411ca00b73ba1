//! All keys under a prefix, and the addresses they make.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use etcd_client::{Event, EventType, KeyValue};
use pool_core::{AddressSet, Endpoint};

use super::error::EtcdError;
use super::value;

/// More keys are refused: a prefix that is too short must not fill the memory.
const KEYS_MAX: usize = 100_000;

/// The keys, each with its endpoint or what is wrong with its value.
#[derive(Debug, Default)]
pub(super) struct Keys {
    values: BTreeMap<Vec<u8>, Result<Endpoint<SocketAddr>, String>>,
}

impl Keys {
    pub(super) fn put(&mut self, pair: &KeyValue) -> Result<(), EtcdError> {
        self.values.insert(pair.key().to_owned(), value::parse(pair.value()));
        if self.values.len() > KEYS_MAX { Err(EtcdError::TooManyKeys { max: KEYS_MAX }) } else { Ok(()) }
    }

    pub(super) fn apply(&mut self, event: &Event) -> Result<(), EtcdError> {
        match (event.event_type(), event.kv()) {
            (EventType::Put, Some(pair)) => self.put(pair)?,
            (EventType::Delete, Some(pair)) => drop(self.values.remove(pair.key())),
            (_, None) => {}
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// All addresses. A bad value is an error, or skipped while there are others.
    pub(super) fn addresses(&self, skip_bad_values: bool) -> Result<AddressSet<SocketAddr>, EtcdError> {
        let mut bad = self.values.iter().filter_map(|(key, value)| Some((key, value.as_ref().err()?)));
        if let Some((key, reason)) = bad.next() {
            let others = bad.count();
            if !skip_bad_values || others + 1 == self.values.len() {
                let key = String::from_utf8_lossy(key).into_owned();
                return Err(EtcdError::BadValue { key, reason: reason.clone(), others });
            }
        }
        Ok(self.values.values().flatten().copied().collect())
    }
}
