//! Hashes on which programs agree.

use std::hash::{Hash, Hasher};

use siphasher::sip::SipHasher13;

/// A hash that is the same in every process, on every platform and in every release: SipHash-1-3 with a key of zeros
/// (Aumasson and Bernstein 2012), over numbers in little-endian order.
///
/// It hashes the keys of items ([`PickArgs::key`](crate::PickArgs)) and addresses
/// ([`PoolBuilder::hash_addresses`](crate::PoolBuilder::hash_addresses)). How a value is fed to it is its type's matter;
/// types of the standard library don't change that for numbers, strings and socket addresses.
///
/// ```
/// use pool_driver::stable_hash;
///
/// assert_eq!(stable_hash("user:7"), stable_hash(&"user:7".to_owned()));
/// assert_ne!(stable_hash("user:7"), stable_hash("user:8"));
/// ```
#[must_use]
pub fn stable_hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = StableHasher(SipHasher13::new());
    value.hash(&mut hasher);
    hasher.finish()
}

/// The hasher below takes numbers as the machine has them.
struct StableHasher(SipHasher13);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    fn write_u8(&mut self, number: u8) {
        self.write(&[number]);
    }

    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    /// As 64 bits, whatever the machine has.
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    // The signed ones are told as unsigned ones by default.

    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn hashes_are_what_they_were_in_earlier_releases() {
        assert_eq!(stable_hash(&7_u64), 7_364_705_619_221_056_123);
        assert_eq!(stable_hash("user:7"), 7_257_641_118_897_588_012);
        assert_eq!(stable_hash(&-1_i32), stable_hash(&u32::MAX));
        let address: SocketAddr = "127.0.0.1:6379".parse().expect("it is one");
        assert_eq!(stable_hash(&address), 9_739_337_365_059_905_617);
    }
}
