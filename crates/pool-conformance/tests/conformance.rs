//! The simulated runtime keeps the promises.

use pool_conformance::simulated::Simulated;

pool_conformance::conformance!(Simulated);
