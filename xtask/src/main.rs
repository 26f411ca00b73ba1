//! The developer's commands. `cargo xtask ci` is what CI runs.

mod bench;
mod callgrind;
mod ci;
mod command;
mod conformance;
mod etcd;
mod msrv;
mod no_std;
mod report;
mod simulate;
mod steps;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The developer's commands.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything that must hold before a change lands.
    Ci,
    /// What holds of the repository's texts: sizes, words, manifests, patches.
    Tidy,
    /// Whether pool-core builds where there is no std, and runs there.
    NoStd(no_std::Arguments),
    /// Whether the libraries build with the oldest Rust they promise to support.
    Msrv,
    /// What has to do with etcd: needs protoc, and for its tests etcd.
    Etcd,
    /// Whether the pool keeps its promises on every runtime.
    Conformance(conformance::Arguments),
    /// Measures, and checks what has a bound.
    Bench(bench::Arguments),
    /// Simulates situations from the field in virtual time, and checks what the pool makes of them.
    Simulate(simulate::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
        Command::NoStd(arguments) => no_std::run(&arguments),
        Command::Msrv => msrv::run(),
        Command::Etcd => etcd::run(),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
    };
    if let Err(error) = result {
        // A backtrace would say nothing about the check that failed.
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
