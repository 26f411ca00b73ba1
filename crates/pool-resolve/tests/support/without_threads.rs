//! A process in which no thread can be had.

use std::env;
use std::process::Command;
use std::thread;

/// Runs the body in another process, of this one test, where every new thread asks for a larger stack than
/// there is address space.
pub(crate) fn without_threads(test: &str, body: impl FnOnce()) {
    const VARIABLE: &str = "RUST_MIN_STACK";
    if env::var_os(VARIABLE).is_some() {
        assert!(thread::Builder::new().spawn(|| ()).is_err(), "there are threads after all");
        return body();
    }
    let this = env::current_exe().expect("the test runs");
    let output = Command::new(this)
        .args([test, "--exact", "--test-threads=1"])
        .env(VARIABLE, (1_u64 << 47).to_string())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{output:?}");
}
