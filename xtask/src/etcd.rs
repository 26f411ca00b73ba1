//! `cargo xtask etcd`: what has to do with etcd, which is no part of the default builds: the build of its
//! client needs protoc, and nobody shall have to install that to try a pool.

use std::env;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::command::{command, is_installed, output};
use crate::msrv;
use crate::steps::{Steps, Verdict, or_skip_when_missing};

pub(crate) fn run() -> Result<()> {
    let mut steps = Steps::new();
    add_to(&mut steps);
    steps.finish()
}

pub(crate) fn add_to(steps: &mut Steps) {
    let packages = "-p pool-resolve -p pool-examples -p pool-tests --features etcd";
    add(steps, "clippy", &format!("cargo clippy {packages} --all-targets -- -D warnings"));
    add(steps, "tests", &format!("cargo test {packages} --lib --test etcd"));
    add(steps, "doc tests", "cargo test -p pool-resolve --features etcd --doc");
    add(steps, "docs", "cargo doc --no-deps -p pool-resolve --features etcd");
    add(steps, "example", "cargo run --quiet -p pool-examples --features etcd --example etcd");
    steps.check("etcd: msrv", || {
        or_skip_when_missing(protoc().and_then(|()| msrv::toolchain()), |toolchain| {
            let check = format!("rustup run {toolchain} cargo check -p pool-resolve --features etcd");
            run_to_end(&check)
        })
    });
}

fn add(steps: &mut Steps, name: &str, line: &str) {
    steps.check(&format!("etcd: {name}"), || or_skip_when_missing(protoc(), |()| run_to_end(line)));
}

fn run_to_end(line: &str) -> Result<Verdict> {
    output(command(line).env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Verdict::Passed)
}

/// Some packages of protoc are without the standard files that the build of etcd's client includes.
fn protoc() -> Result<()> {
    // The variable is that of prost-build, which runs it.
    let program = env::var("PROTOC").unwrap_or_else(|_| "protoc".to_owned());
    let install = "apt-get install protobuf-compiler libprotobuf-dev, brew install protobuf";
    ensure!(is_installed(&program), "there is no protoc ({install})");
    let mut compile = Command::new(&program);
    compile.args(["--descriptor_set_out=/dev/null", "google/protobuf/descriptor.proto"]);
    output(&mut compile).with_context(|| format!("protoc lacks its standard files ({install})"))?;
    Ok(())
}
