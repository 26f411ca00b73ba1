//! Where chance comes from: clients that fail together must not ask together.

use std::hash::{BuildHasher, Hasher, RandomState};

use pool_core::Random;

/// Seeded chance. Without a seed, every call has another one.
pub(crate) fn random(seed: Option<u64>) -> Random {
    Random::new(seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()))
}
