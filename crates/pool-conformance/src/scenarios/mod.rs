//! The scenarios: one list, and a file for each group of promises.

#![allow(
    clippy::enum_glob_use,
    clippy::wildcard_imports,
    reason = "a script reads like a sentence when its words stand alone"
)]

mod addresses;
mod closing;
mod connections;
mod faults;
mod items;
mod runtime;

use crate::script::Script;

use addresses::*;
use closing::*;
use connections::*;
use faults::*;
use items::*;
use runtime::*;

/// A script and what it is about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scenario {
    /// The promise, and a sentence.
    pub name: &'static str,
    /// What is done, and what is expected.
    pub script: fn() -> Script,
}

impl Scenario {
    /// The scenario with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        scenarios().into_iter().find(|scenario| scenario.name == name)
    }

    /// The promise that it is about: `A1`.
    #[must_use]
    pub fn promise(&self) -> String {
        let (promise, _) = self.name.split_once('_').unwrap_or((self.name, ""));
        promise.to_uppercase()
    }
}

/// A promise, in a few words.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Promise {
    /// A letter and a number.
    pub name: &'static str,
    /// What is promised.
    pub text: &'static str,
}

macro_rules! promises {
    ($($name:ident: $text:literal;)*) => {
        /// All promises.
        pub const PROMISES: &[Promise] = &[$(Promise { name: stringify!($name), text: $text }),*];
    };
}

promises! {
    A1: "a set is applied whole, and only its difference acts";
    A2: "duplicates collapse: weights add, the best priority wins";
    A3: "an address that leaves drains; its backoff outlives its absence";
    A4: "an empty set is an instruction, an error is not";
    A5: "of several sets only the last is applied";
    A6: "the end of the address stream shuts the pool down";
    A7: "all of this goes on while no item is sent";
    A8: "items go to the best priority that has a connection";
    C1: "never more connections or dials than the limits";
    C2: "eager opens without traffic, lazy only when an item waits";
    C3: "an address that fails backs off and slows no other";
    C4: "a connection that dies while idle is noticed and replaced";
    C5: "a connection that dies young backs off like a failed dial";
    C6: "a late event for a former tenant changes nothing";
    I1: "every item ends once: refused, undelivered or handed";
    I2: "an item goes only to a connection that is ready just then";
    I3: "round-robin is exact";
    I4: "a busy connection delays nobody else";
    I5: "the queue is strictly bounded, and first come first served";
    I6: "when the driver sleeps nothing is unflushed";
    D1: "the last handle's drop is a shutdown";
    D2: "a shutdown delivers while there is time";
    D3: "the end comes once, and everybody sees it";
    F1: "a panic costs what panicked";
    F2: "no wake-up is lost, and nothing spins";
    F3: "nothing grows with time";
    F4: "a bad name service costs nothing that works";
    F5: "hostile settings are refused by name";
    R1: "the clock never goes back";
    R2: "a timer fires when its time has come";
    R3: "a timer can be set again";
    R4: "a spawned task runs by itself";
    R5: "a task that is over is left alone";
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

/// Makes a test of every scenario, for an [`Adapter`](crate::Adapter).
#[macro_export]
macro_rules! conformance {
    ($adapter:ty) => {
        $crate::for_each_scenario!([$crate::conformance_tests][$adapter]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ([$adapter:ty] $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $crate::check::<$adapter>(stringify!($name));
            }
        )*
    };
}

/// The list. A scenario that isn't on it is an unused function, and the compiler says so.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_scenario {
    ([$($callback:tt)*] $($arguments:tt)*) => {
        $($callback)*! { $($arguments)*
            // addresses.rs

            // connections.rs
            c5_a_connection_that_dies_young_backs_off_like_a_failed_dial

            // items.rs

            // closing.rs

            // faults.rs

            // runtime.rs
            r1_the_clock_never_goes_back_while_a_driver_looks_at_it
            r1_the_clock_moves_on_while_everybody_waits
            r2_a_timer_fires_when_its_time_has_come
            r2_a_timer_whose_time_has_passed_fires_at_once
            r2_a_drivers_timer_fires_although_nothing_else_happens
            r2_the_timers_of_a_driver_and_of_others_do_not_get_into_each_others_way
            r3_a_timer_that_is_set_to_an_earlier_time_fires_then
            r3_a_timer_that_is_set_to_a_later_time_fires_then
            r3_a_timer_that_has_fired_can_be_set_again
            r3_a_driver_that_waits_for_long_wakes_earlier_when_something_shorter_comes_up
            r4_a_spawned_driver_runs_although_its_spawner_only_waits
            r4_a_driver_that_is_woken_while_it_is_polled_is_polled_again
            r4_tasks_that_wait_for_each_other_all_get_on
            r4_a_task_that_nobody_wakes_is_not_polled
            r5_a_driver_that_has_ended_is_left_alone
            r5_a_driver_that_ends_in_its_first_poll_is_left_alone
        }
    };
}
