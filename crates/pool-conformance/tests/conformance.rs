//! The simulated runtime keeps the promises.

use pool_conformance::simulated::Simulated;

pool_conformance::conformance!(Simulated);

mod with_connections_in_tasks_of_their_own {
    use pool_conformance::simulated::{Clock, Simulated};
    use pool_conformance::{Adapter, Task, Time, conformance};

    /// A connection that is given up ends with its task's next turn, not at once.
    const ENDS_LATER: &str = "counts connections while one of them is about to end";
    /// A batch is on its way to its connection before that breaks or turns busy, and comes back.
    const A_BATCH_COMES_BACK: &str = "one item at a time is handed over, or counted";

    const SKIPPED: [(&str, &str); 10] = [
        ("a3_an_address_that_keeps_coming_and_going_keeps_only_the_newest_of_its_drains", ENDS_LATER),
        ("c1_connections_that_drain_do_not_count_and_are_no_more_than_the_others", ENDS_LATER),
        ("c6_places_that_change_hands_many_times_are_all_there_in_the_end", ENDS_LATER),
        ("f3_connections_that_drain_for_ever_do_not_pile_up", ENDS_LATER),
        ("i1_a_connection_that_fails_before_it_takes_an_item_leaves_it_to_another", A_BATCH_COMES_BACK),
        ("i1_a_start_send_that_fails_costs_its_connection_and_that_item_alone", A_BATCH_COMES_BACK),
        ("i1_an_item_that_a_failed_start_send_gives_back_is_next_in_line", A_BATCH_COMES_BACK),
        ("i1_items_that_come_back_go_before_those_that_wait", A_BATCH_COMES_BACK),
        ("i5_every_place_that_becomes_free_lets_one_sender_in", A_BATCH_COMES_BACK),
        ("i5_senders_that_give_up_in_the_moment_of_their_grants_leave_nothing_behind", A_BATCH_COMES_BACK),
    ];

    /// The simulated runtime draws whether the driver or its connections go on.
    struct Spawning(Simulated);

    impl Adapter for Spawning {
        type Runtime = Clock;
        const NAME: &'static str = "sim-spawned-connections";
        const TIME: Time = Time::Virtual;
        const SPAWNS_CONNECTIONS: bool = true;

        fn start(seed: u64) -> Self {
            Self(Simulated::start(seed))
        }

        fn runtime(&self) -> Clock {
            self.0.runtime()
        }

        fn spawn(&self, task: Task<Clock>) {
            self.0.spawn(task);
        }

        fn run(&self, script: impl Future<Output = ()> + 'static) {
            self.0.run(script);
        }

        fn history(&self) -> Option<u64> {
            self.0.history()
        }

        fn skip(scenario: &str) -> Option<&'static str> {
            SKIPPED.into_iter().find_map(|(name, reason)| (name == scenario).then_some(reason))
        }
    }

    conformance!(Spawning);
}
