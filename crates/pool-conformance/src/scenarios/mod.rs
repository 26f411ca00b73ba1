//! The scenarios: a folder for each group of promises, a file for each promise, and one list of all.

#![allow(
    clippy::enum_glob_use,
    clippy::wildcard_imports,
    reason = "a script reads like a sentence when its words stand alone"
)]

mod addresses;
mod calls;
mod closing;
mod connections;
mod faults;
mod health;
mod items;
mod list;
mod promises;
mod runtime;
mod shared;
mod timers;

use crate::script::Script;

use addresses::*;
use calls::*;
use closing::*;
use connections::*;
use faults::*;
use health::*;
use items::*;
use runtime::*;
use timers::*;

pub use promises::{PROMISES, Promise};

/// A script and its name.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// The promise and a sentence, as an identifier.
    pub name: &'static str,
    /// Makes the script.
    pub script: fn() -> Script,
}

impl Scenario {
    /// Makes a scenario of your own, for [`run`](crate::run()).
    #[must_use]
    pub const fn new(name: &'static str, script: fn() -> Script) -> Self {
        Self { name, script }
    }

    /// The scenario with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        scenarios().into_iter().find(|scenario| scenario.name == name)
    }

    /// The promise that it is about, for example `A1`.
    #[must_use]
    pub fn promise(&self) -> String {
        let (promise, _) = self.name.split_once('_').unwrap_or((self.name, ""));
        promise.to_uppercase()
    }
}

/// All scenarios, in the order of the promises.
#[must_use]
pub fn scenarios() -> Vec<Scenario> {
    macro_rules! collect {
        ($($name:ident)*) => {
            vec![$(Scenario { name: stringify!($name), script: $name }),*]
        };
    }
    crate::for_each_scenario!([collect])
}
