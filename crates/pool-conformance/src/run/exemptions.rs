//! Scenarios that say more than what holds for connections with tasks of their own.

/// What is on its way to a connection comes back: its address leaves, or it breaks or turns busy before it takes it.
const A_BATCH_COMES_BACK: &str = "counts what is on its way as what has arrived";
/// What a connection has to tell is known when its task has found out. The driver hears of it in its next turn.
const IS_HEARD_OF_LATER: &str = "takes what a connection knows for what the driver has heard";
/// Without time nothing waits for a task to take what is on its way. It comes back.
const NOTHING_WAITS: &str = "counts what is on its way as sent when the pool has no time";

const EXEMPTIONS: [(&str, &str); 13] = [
    ("a1_an_address_that_stays_works_on_while_others_come_and_go", A_BATCH_COMES_BACK),
    ("c6_places_that_change_hands_many_times_are_all_there_in_the_end", IS_HEARD_OF_LATER),
    ("c8_cancels_alone_make_no_suspect", IS_HEARD_OF_LATER),
    ("d2_a_shutdown_without_time_hands_over_what_is_taken_at_once", NOTHING_WAITS),
    ("d2_an_item_that_comes_back_during_the_shutdown_goes_to_another_connection", A_BATCH_COMES_BACK),
    ("d3_a_driver_that_is_dropped_loses_nothing_silently", A_BATCH_COMES_BACK),
    ("i1_a_connection_that_fails_before_it_takes_an_item_leaves_it_to_another", A_BATCH_COMES_BACK),
    ("i1_a_start_send_that_fails_costs_its_connection_and_that_item_alone", A_BATCH_COMES_BACK),
    ("i1_an_item_that_a_failed_start_send_gives_back_is_next_in_line", A_BATCH_COMES_BACK),
    ("i3_an_address_that_leaves_leaves_equal_shares_to_the_others", A_BATCH_COMES_BACK),
    ("i4_an_item_that_is_pushed_back_goes_to_another_without_more_traffic", A_BATCH_COMES_BACK),
    ("i5_every_place_that_becomes_free_lets_one_sender_in", A_BATCH_COMES_BACK),
    ("i5_senders_that_give_up_in_the_moment_of_their_grants_leave_nothing_behind", A_BATCH_COMES_BACK),
];

/// Why a scenario is not played with connections that have tasks of their own, if it is not.
pub(super) fn exemption(scenario: &str) -> Option<&'static str> {
    EXEMPTIONS.into_iter().find_map(|(name, reason)| (name == scenario).then_some(reason))
}
