//! The machine's source of chance: seeded by the caller, the same everywhere.

/// `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Uniform over `0..=max`, by multiplication instead of a division (Lemire 2019).
    pub(crate) fn up_to(&mut self, max: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * (u128::from(max) + 1);
        u64::try_from(wide >> 64).unwrap_or(max)
    }

    pub(crate) fn next_u16(&mut self) -> u16 {
        let [low, high, ..] = self.next_u64().to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}
