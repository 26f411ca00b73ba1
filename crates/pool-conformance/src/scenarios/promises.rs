//! The promises that the scenarios are about.

/// A promise, in a few words.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Promise {
    /// A letter and a number, for example `A1`.
    pub name: &'static str,
    /// The promise, in a sentence.
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
    C6: "a late event for a former occupant of a slot changes nothing";
    C7: "pace is not blame: an orderly end delays dials, only a failure puts into backoff";
    C8: "outstanding work is bounded: who is silent gets no more, and patience blames nobody";
    I1: "every item ends once: refused, undelivered or sent";
    I2: "an item goes only to a connection that is ready just then";
    I3: "round-robin is exact";
    I4: "a busy connection delays nobody else";
    I5: "the queue is strictly bounded, and first come first served";
    I6: "when the driver sleeps nothing is unflushed";
    Q1: "everybody gets their own reply";
    Q2: "not sent is certain; maybe sent, only where nobody can know";
    Q3: "a caller that goes leaves nothing behind";
    Q4: "a deadline that is over sends nothing";
    Q5: "an item is in flight until nothing of its reply is owed";
    Q6: "retries avoid the failed address, and keep to their budget";
    H4: "an address that is overloaded gets less, one that is unfit rests";
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
    R6: "tasks that use a pool wait by its timer";
}
