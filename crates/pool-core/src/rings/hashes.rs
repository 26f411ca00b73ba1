//! The stable hashes of addresses, for balancers that go by them.

use alloc::vec::Vec;

/// The stable hash of each address. Most pools know none: those keep nothing here.
#[derive(Clone, Debug, Default)]
pub(super) struct Hashes {
    /// By place, up to the last address that has one.
    of: Vec<u64>,
}

impl Hashes {
    /// 0 if none is known.
    pub(super) fn of(&self, address: u32) -> u64 {
        self.of.get(address as usize).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, address: u32, hash: u64) {
        let place = address as usize;
        match self.of.get_mut(place) {
            Some(known) => *known = hash,
            None if hash == 0 => {}
            None => {
                self.of.resize(place, 0);
                self.of.push(hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_without_a_hash_take_no_room() {
        let mut hashes = Hashes::default();
        hashes.set(7, 0);
        assert_eq!((hashes.of.capacity(), hashes.of(7)), (0, 0));
    }

    #[test]
    fn a_place_has_the_hash_of_its_latest_address() {
        let mut hashes = Hashes::default();
        hashes.set(2, 20);
        hashes.set(1, 10);
        assert_eq!([0, 1, 2, 3].map(|address| hashes.of(address)), [0, 10, 20, 0]);
        hashes.set(2, 0);
        assert_eq!(hashes.of(2), 0, "the place went to one without");
    }
}
