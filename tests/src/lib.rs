//! Tests and benchmarks that need more than one crate; see `tests/` and `benches/` beside this
//! file's folder. The library itself is empty.
