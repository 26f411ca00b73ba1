//! The policies that come with the pool, a file each.

mod circle;
mod consistent_hash;
mod decay;
mod least_loaded;
mod peak_ewma;
mod round_robin;
mod two_choices;
mod weighted_round_robin;

pub use consistent_hash::ConsistentHash;
pub use least_loaded::LeastLoaded;
pub use peak_ewma::PeakEwma;
pub use round_robin::RoundRobin;
pub use weighted_round_robin::WeightedRoundRobin;
