//! D1 to D3: how a pool ends, and who learns of it.

mod end;
mod last_handle;
mod shutdown;

pub(super) use end::*;
pub(super) use last_handle::*;
pub(super) use shutdown::*;
