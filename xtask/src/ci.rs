//! `cargo xtask ci`: everything that must hold before a change lands.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::command::{command, output, target_dir};
use crate::steps::{Steps, Verdict};
use crate::{bench, conformance, etcd, msrv, no_std, simulate, tidy};

const EXAMPLES: [&str; 13] = [
    "quickstart",
    "quickstart_smol",
    "event_loop",
    "lines",
    "redis_counter",
    "redis_get",
    "redis_get_smol",
    "memcached",
    "http1",
    "http2",
    "poolmap",
    "slow_server",
    "postgres",
];

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    steps.run("format", &mut command("cargo fmt --all --check -- --color=never"));
    let manifest = "examples/cortex-m/Cargo.toml";
    let format = format!("cargo fmt --manifest-path {manifest} --check -- --color=never");
    steps.run("format: cortex-m", &mut command(&format));
    tidy::add_to(&mut steps);
    steps.run("clippy", &mut command("cargo clippy --workspace --all-targets -- -D warnings"));
    // Once is enough: `.ci/run` has just run the tests, and the suite on all adapters is among them.
    if std::env::var_os("POOL_TESTED").is_none() {
        steps.run("tests", &mut command("cargo test --workspace"));
        steps.check("conformance", || conformance::check().map(|()| Verdict::Passed));
    }
    // Optimised, other things happen at the same time; and in memory it is ten times as many calls.
    let crowds = "cargo test --release -p pool-call -p pool-smol -p pool-tokio --test crowd";
    steps.run("crowds of callers", quickly_linked(&mut command(crowds)));
    steps.check("loom", loom);
    for library in ["pool-driver", "pool-smol", "pool-tokio"] {
        let check = format!("cargo check -p {library} --no-default-features");
        steps.run(&format!("{library} without features"), &mut command(&check));
    }
    let mut named = command("cargo check -p pool-tokio --features task-names");
    named.env("RUSTFLAGS", "--cfg tokio_unstable").env("CARGO_TARGET_DIR", target_dir().join("unstable"));
    steps.run("pool-tokio with names of tasks", &mut named);
    let dns = "cargo check -p pool-resolve --no-default-features --features dns";
    steps.run("pool-resolve with dns alone", &mut command(dns));
    steps.check("conformance: mutants", || conformance::check_mutants().map(|()| Verdict::Passed));
    steps.check("simulations", simulate::check);
    let mut doc = command("cargo doc --no-deps --workspace");
    steps.run("docs", doc.env("RUSTDOCFLAGS", "-D warnings"));
    no_std::add_to(&mut steps);
    no_std::add_qemu_to(&mut steps);
    steps.run("examples: build", &mut command("cargo build --examples -p pool-examples"));
    for example in EXAMPLES {
        let run = format!("cargo run --quiet -p pool-examples --example {example}");
        steps.run(&format!("examples: {example}"), &mut command(&run));
    }
    etcd::add_to(&mut steps);
    msrv::add_to(&mut steps);
    // Without arguments they do next to nothing.
    steps.run("benches", &mut command("cargo test -p pool-tests --benches"));
    bench::gate::add_to(&mut steps);
    bench::peers::add_to(&mut steps);
    bench::failover::add_to(&mut steps);
    steps.finish()
}

/// Optimised, but not across crates: that takes longer than the test.
fn quickly_linked(command: &mut Command) -> &mut Command {
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
}

/// The wake list under every interleaving. A filter that finds no test passes too, so that there
/// was one is checked.
fn loom() -> Result<Verdict> {
    let mut test = command("cargo test -p pool-driver --lib --release loom");
    test.env("RUSTFLAGS", "--cfg loom").env("CARGO_TARGET_DIR", target_dir().join("loom"));
    let (stdout, _) = output(quickly_linked(&mut test))?;
    ensure!(!stdout.contains("running 0 tests"), "there is no loom test in pool-driver\n{stdout}");
    Ok(Verdict::Passed)
}
