//! Addresses with and without weight and priority.

use pool_driver::Endpoint;

/// An address, or an endpoint.
pub trait IntoEndpoint {
    /// The endpoint. An address alone has weight 1 and priority 0.
    fn into_endpoint(self) -> Endpoint<u16>;
}

impl IntoEndpoint for u16 {
    fn into_endpoint(self) -> Endpoint<u16> {
        Endpoint::new(self)
    }
}

impl IntoEndpoint for Endpoint<u16> {
    fn into_endpoint(self) -> Endpoint<u16> {
        self
    }
}
