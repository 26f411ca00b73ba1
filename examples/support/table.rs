//! What a state machine says of its addresses, as a table.

use std::fmt;
use std::net::SocketAddr;

use pool_core::{AddressStatus, Uniform};

use crate::ledger::Ledger;

/// A look at a pool that is driven by hand. `pool_driver::Snapshot` is its like.
#[derive(Clone, Debug)]
pub struct Table {
    rows: Vec<(SocketAddr, AddressStatus, usize)>,
}

impl Table {
    /// How things are now; the ledger knows what each address was sent.
    #[must_use]
    pub fn new(uniform: &Uniform<SocketAddr>, ledger: &Ledger) -> Self {
        let row = |(address, status): (&SocketAddr, _)| (*address, status, ledger.sent_to(*address));
        Self { rows: uniform.addresses().map(row).collect() }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<24} {:<9} {:>8} {:>6} {:>6} {:>9} {:>9} {:>9}",
            "address", "state", "dialling", "open", "drain", "failures", "sent", "in flight"
        )?;
        for (address, status, sent) in &self.rows {
            let AddressStatus { state, slots, failures, in_flight, .. } = status;
            let (dialling, open) = (slots.dialling, slots.connected());
            write!(f, "{:<24} {state:<9} {dialling:>8} {open:>6} ", address.to_string())?;
            writeln!(f, "{:>6} {failures:>9} {sent:>9} {in_flight:>9}", slots.draining)?;
        }
        Ok(())
    }
}
