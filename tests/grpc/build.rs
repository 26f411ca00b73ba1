//! Generates client and server of `greeter.proto`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=greeter.proto");
    Ok(tonic_prost_build::compile_fds(protox::compile(["greeter.proto"], ["."])?)?)
}
