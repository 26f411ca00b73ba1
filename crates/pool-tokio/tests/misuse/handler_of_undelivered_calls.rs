//! expect: method not found in `PoolBuilder
fn main() {
    // Undelivered calls go back to their callers.
    let connect = async |_: u16| Ok::<_, String>(futures_util::sink::drain::<String>());
    let _pool = pool_tokio::call_pool_for(connect).on_undelivered(|_: String, _| {});
}
