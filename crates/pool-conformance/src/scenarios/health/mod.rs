//! H4: what replies say of addresses.

mod verdicts;

pub(super) use verdicts::*;
