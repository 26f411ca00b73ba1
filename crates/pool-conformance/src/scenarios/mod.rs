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

use std::time::Duration;

use pool_driver::Outcome;

use crate::script::{Observation, Script};

use addresses::*;
use closing::*;
use connections::*;
use faults::*;
use items::*;
use runtime::*;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Longer than any scenario lasts.
const AN_HOUR: Duration = secs(3600);
const SUCCESS: Outcome = Outcome::Success { latency: Duration::ZERO };

/// A connection to each of the addresses is ready.
fn connected(script: Script, addresses: std::ops::RangeInclusive<u16>) -> Script {
    script
        .set_addresses(addresses.clone())
        .for_each(addresses, |script, address| script.expect_at_least(Observation::Ready(address), 1))
}

/// A pool whose one connection takes nothing yet.
fn blocked() -> Script {
    Script::new().stall(1).set_addresses([1]).expect(Observation::Connected(1), 1)
}

/// Whoever spins is polled thousands of times meanwhile. A wake-up that was on its way at the mark
/// is no spin.
fn and_is_left_alone(script: Script) -> Script {
    script
        .mark_polls()
        .never_above(Observation::PollsSinceMark, 20)
        .advance(millis(500))
        .mark_polls()
        .never_above(Observation::PollsSinceMark, 3)
        .advance(secs(5))
}

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
    /// A scenario of your own, for [`run`](crate::run()).
    #[must_use]
    pub const fn new(name: &'static str, script: fn() -> Script) -> Self {
        Self { name, script }
    }

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
    I1: "every item ends once: refused, undelivered or sent";
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
            a1_the_same_set_again_causes_nothing
            a1_of_two_sets_only_the_difference_acts
            a1_the_same_set_again_ends_no_backoff
            a1_an_address_that_stays_keeps_its_dial
            a1_a_change_of_weight_and_priority_keeps_the_connection_and_what_it_holds
            a1_an_address_that_stays_works_on_while_others_come_and_go
            a1_a_change_of_the_set_counts_no_failure_and_forgets_none
            a2_an_address_that_is_named_twice_counts_once
            a2_weights_add_at_the_same_priority
            a2_weights_that_add_up_to_too_much_stay_at_the_most
            a2_the_best_priority_wins_and_only_its_weights_count
            a2_items_follow_the_best_of_several_priorities
            a2_a_duplicate_that_goes_away_changes_the_weight_and_nothing_else
            a2_duplicates_count_once_against_the_limit_of_addresses
            a3_a_dial_to_an_address_that_leaves_is_dropped
            a3_a_connection_to_an_address_that_leaves_flushes_and_closes_and_takes_nothing_new
            a3_an_address_that_comes_back_gets_new_connections_beside_the_ones_that_drain
            a3_the_backoff_of_an_address_outlives_its_absence
            a3_who_knows_that_an_address_is_up_ends_the_backoff_that_it_brought_back
            a3_what_is_queued_never_goes_to_an_address_that_left
            a3_a_drain_that_takes_too_long_is_cut_off
            a3_an_address_that_keeps_coming_and_going_keeps_only_the_newest_of_its_drains
            a3_a_connection_that_dies_while_it_drains_is_noticed_and_is_no_failure
            a4_an_empty_set_drains_everything_and_items_wait
            a4_a_pool_without_addresses_pushes_back_and_lives_on
            a4_an_empty_set_drops_dials_and_ends_retries
            a4_an_error_keeps_the_set_and_is_shown_until_the_next_answer
            a4_an_error_before_the_first_set_is_waited_out
            a4_neither_no_such_name_nor_no_answer_yet_undoes_a_set
            a4_an_error_that_comes_right_after_a_set_does_not_undo_it
            a4_connections_are_replaced_while_the_name_service_is_down
            a5_of_several_sets_at_once_only_the_last_is_applied
            a5_a_set_that_is_gone_before_it_is_read_drains_nothing
            a5_at_most_32_answers_are_read_in_one_poll_and_the_rest_in_the_next
            a5_a_name_service_that_says_a_great_deal_keeps_nobody_waiting
            a5_errors_between_sets_are_all_told
            a5_an_error_before_the_last_set_is_told_but_no_longer_shown
            a6_the_end_of_the_stream_delivers_what_is_queued_and_refuses_the_rest
            a6_the_end_of_the_stream_has_the_default_deadline
            a6_a_set_that_comes_together_with_the_end_is_used_to_deliver
            a6_the_end_of_the_stream_ends_a_pool_whose_handles_live
            a6_a_stream_that_ends_before_its_first_set_ends_the_pool
            a6_a_pool_that_keeps_its_set_lives_on_with_it
            a6_a_stream_is_never_asked_again_after_its_end
            a7_connections_are_opened_and_drained_while_no_item_is_sent
            a7_an_address_that_fails_is_tried_again_while_no_item_is_sent
            a7_a_dial_that_hangs_times_out_while_no_item_is_sent
            a7_a_drain_is_cut_off_while_no_item_is_sent
            a7_an_address_that_left_is_forgotten_while_no_item_is_sent
            a7_sets_are_read_while_no_connection_takes_an_item
            a8_eager_connections_go_to_every_priority_and_items_to_the_best
            a8_busy_does_not_spill_over
            a8_dead_spills_over_and_a_new_connection_takes_over_again
            a8_dead_spills_over_to_the_next_best_only_and_all_of_it_have_their_turns
            a8_items_do_not_wait_for_a_better_priority_that_never_connected
            a8_items_that_wait_go_to_a_better_priority_as_soon_as_it_is_up
            a8_priorities_that_change_places_are_followed_without_a_dial
            a8_one_connection_of_the_best_priority_keeps_all_items

            // connections.rs
            c1_an_address_never_has_more_connections_than_it_should_whatever_becomes_of_them
            c1_an_address_that_has_never_answered_costs_one_dial
            c1_an_address_that_has_failed_is_dialled_once_at_a_time
            c1_dials_in_the_whole_pool_are_limited
            c1_addresses_that_fail_hold_at_most_half_of_the_dials
            c1_however_dials_end_none_of_them_costs_a_permit_for_good
            c1_asking_again_while_a_dial_is_in_flight_starts_no_second_one
            c1_connections_that_drain_do_not_count_and_are_no_more_than_the_others
            c1_connections_at_the_end_of_their_lives_are_replaced_one_by_one
            c1_more_connections_are_opened_when_the_settings_say_so_and_those_there_are_stay
            c1_fewer_connections_drain_when_the_settings_say_so_and_none_is_redialled
            c1_connections_that_there_are_too_many_of_finish_what_they_hold
            c1_dials_that_there_are_too_many_of_are_dropped_and_are_no_failures
            c1_the_limit_of_dials_changes_with_the_settings
            c2_an_eager_pool_opens_all_connections_without_traffic_and_no_more
            c2_a_lazy_pool_opens_nothing_before_an_item_waits
            c2_a_lazy_pool_opens_no_more_while_an_open_connection_takes_the_items
            c2_a_lazy_pool_opens_the_next_connection_to_the_least_connected_address
            c2_a_lazy_pool_dials_once_for_every_item_that_waits
            c2_a_lazy_pool_does_not_replace_a_connection_before_the_next_item
            c2_a_lazy_pool_connects_for_somebody_who_asks_whether_it_is_ready
            c2_a_sender_that_gives_up_cancels_no_dial
            c2_a_pool_that_becomes_lazy_keeps_its_connections_and_opens_no_others
            c2_a_pool_that_becomes_eager_opens_all_connections_without_traffic
            c3_delays_grow_from_failure_to_failure_up_to_the_cap
            c3_delays_are_jittered_at_the_cap_too
            c3_an_address_that_refuses_slows_no_other
            c3_a_dial_that_hangs_slows_no_other_address
            c3_a_dial_that_hangs_has_failed_at_its_timeout_and_has_waited_already
            c3_a_restart_is_one_failure_however_many_connections_it_ends
            c3_dials_that_were_in_flight_together_fail_as_one
            c3_a_connection_that_dies_after_its_sibling_does_not_lengthen_the_delay
            c3_an_address_that_heals_is_back_after_one_delay_at_the_cap
            c3_the_connector_is_told_how_often_the_address_has_failed
            c3_no_dial_starts_during_backoff_whatever_else_happens
            c3_an_address_in_backoff_is_dialled_at_once_when_somebody_knows_that_it_is_up
            c3_a_lower_cap_shortens_the_backoff_that_an_address_is_in
            c3_a_dial_that_hangs_is_cut_off_by_a_shorter_timeout_at_once
            c4_a_connection_that_breaks_while_idle_is_replaced_without_traffic
            c4_a_peer_that_hangs_up_is_noticed_without_traffic
            c4_after_a_restart_all_connections_are_back_without_traffic
            c4_a_death_is_noticed_while_the_connection_takes_nothing
            c4_a_death_is_noticed_in_the_middle_of_a_flush
            c4_a_death_is_noticed_while_the_connection_drains
            c4_a_connection_that_is_sent_away_is_replaced_while_it_finishes_its_work
            c4_a_connection_that_owes_outcomes_and_is_silent_is_replaced
            c4_a_connection_that_owes_nothing_may_be_silent
            c4_only_the_connections_that_died_are_replaced
            c4_a_drain_is_cut_off_by_a_shorter_timeout_at_once
            c5_a_connection_that_dies_young_backs_off_like_a_failed_dial
            c5_a_peer_that_accepts_and_hangs_up_backs_off_like_a_failed_dial
            c5_a_peer_that_accepts_and_sends_away_backs_off_like_a_failed_dial
            c5_a_flapping_address_takes_no_item_with_it
            c5_a_connection_that_lives_long_enough_clears_the_failures
            c5_a_connection_that_is_merely_up_clears_nothing
            c5_one_reported_success_clears_the_failures
            c5_items_that_failed_or_were_cancelled_clear_nothing
            c5_a_clean_close_after_an_item_is_no_failure
            c5_items_that_all_came_back_do_not_excuse_a_hang_up
            c6_the_waker_of_a_connection_that_is_gone_does_nothing_to_the_next
            c6_the_waker_of_a_connection_that_is_gone_does_nothing_to_a_dial
            c6_the_waker_of_a_connection_does_nothing_to_another_address_in_its_place
            c6_dials_that_timed_out_and_would_connect_at_last_do_not_count
            c6_the_drain_deadline_of_an_old_connection_does_not_hit_the_new_one
            c6_places_that_change_hands_many_times_are_all_there_in_the_end

            // items.rs
            i1_a_start_send_that_fails_costs_its_connection_and_that_item_alone
            i1_an_item_that_a_failed_start_send_gives_back_is_next_in_line
            i1_a_connection_that_fails_before_it_takes_an_item_leaves_it_to_another
            i1_a_connection_that_dies_tells_how_many_items_it_may_have_taken_with_it
            i1_a_connection_that_breaks_gives_back_what_never_left_in_order
            i1_items_that_come_back_go_before_those_that_wait
            i1_items_that_come_back_while_nothing_is_connected_wait
            i1_a_driver_that_dies_returns_all_that_was_not_handed_over
            i1_servers_that_die_under_traffic_lose_no_item_silently_and_double_none
            i1_settings_that_change_under_traffic_lose_no_item_and_double_none
            i2_a_connection_that_drains_gets_no_item
            i2_an_address_that_has_left_gets_no_item
            i2_an_address_that_comes_back_gets_items_over_its_new_connection_only
            i2_a_connection_is_never_handed_more_than_it_takes
            i2_a_connection_that_has_turned_busy_since_it_was_last_seen_gets_no_item
            i2_an_item_waits_for_a_connection_that_is_not_up_yet
            i3_items_in_a_row_are_shared_equally
            i3_items_that_come_one_by_one_are_shared_equally
            i3_the_connections_of_an_address_take_turns
            i3_a_turn_can_be_of_several_items
            i3_an_address_that_joins_has_its_share_from_then_on
            i3_an_address_that_leaves_leaves_equal_shares_to_the_others
            i3_an_address_that_pauses_has_its_share_before_and_after
            i3_sets_that_come_all_the_time_do_not_start_the_round_afresh
            i3_turns_become_longer_when_the_settings_say_so
            i4_an_item_that_a_connection_pushes_back_goes_to_another
            i4_an_item_that_is_pushed_back_goes_to_another_without_more_traffic
            i4_an_address_that_takes_nothing_delays_no_other
            i4_a_full_connection_leaves_the_next_item_to_its_sibling
            i4_a_slow_flush_delays_no_other_connection
            i4_the_first_connection_that_is_ready_again_takes_all_that_waits
            i4_a_connection_that_drains_for_long_delays_nobody
            i5_the_bound_counts_the_items_in_the_drivers_hand
            i5_handles_neither_enlarge_the_queue_nor_reserve_in_it
            i5_senders_are_served_in_the_order_in_which_they_came
            i5_nobody_overtakes_those_in_line
            i5_every_place_that_becomes_free_lets_one_sender_in
            i5_a_sender_that_gives_up_leaves_no_gap_in_the_line
            i5_senders_that_give_up_in_the_moment_of_their_grants_leave_nothing_behind
            i5_a_place_that_was_reserved_in_vain_goes_to_the_next_in_line
            i5_a_reserved_place_is_kept_for_whoever_reserved_it
            i5_a_queue_that_fills_in_an_outage_is_delivered_in_order_afterwards
            i5_items_that_nobody_wants_leave_their_places_to_those_in_line
            i5_items_that_nobody_wants_are_found_in_the_drivers_hand_too
            i5_items_keep_their_order_while_there_are_no_addresses
            i5_a_queue_that_grows_lets_those_in_who_wait_in_line
            i5_a_queue_that_shrinks_drops_nothing_and_takes_nothing_until_it_has_room
            i5_the_last_of_several_sizes_at_once_counts
            i6_every_connection_that_a_batch_has_touched_is_flushed
            i6_a_single_item_is_flushed_without_another_to_follow
            i6_a_connection_that_takes_an_item_for_each_flush_gets_them_all
            i6_a_flush_that_was_pushed_back_goes_on_when_the_connection_wakes
            i6_a_slow_flush_ends_without_another_item
            i6_what_a_connection_holds_leaves_before_it_closes
            i6_a_flush_that_fails_costs_the_connection_and_not_the_next_items

            // closing.rs
            d1_the_drop_of_the_last_handle_delivers_the_queue_then_closes_and_ends
            d1_a_pool_without_handles_has_the_default_deadline
            d1_an_idle_pool_notices_the_drop_of_its_last_handle
            d1_a_sender_that_waits_keeps_the_pool_alive
            d1_the_pool_lives_as_long_as_one_handle_does
            d1_what_is_queued_before_the_first_connection_is_delivered_after_the_last_handle
            d1_a_handle_that_reserved_a_place_is_a_handle_and_gives_the_place_back
            d2_a_shutdown_stops_the_intake_at_once_and_delivers_the_queue
            d2_senders_in_line_have_their_items_back_at_once
            d2_what_is_queued_is_delivered_until_the_deadline_and_the_rest_is_undelivered
            d2_the_deadline_comes_when_it_was_said_to
            d2_the_earliest_of_several_deadlines_counts
            d2_a_later_deadline_does_not_put_off_an_earlier_one
            d2_a_connection_that_is_lost_during_the_shutdown_is_redialled
            d2_a_shutdown_without_time_hands_over_what_is_taken_at_once
            d2_a_shutdown_without_time_returns_what_nobody_takes
            d2_a_connection_that_does_not_close_holds_the_end_up_for_the_drain_timeout_only
            d2_an_item_that_comes_back_during_the_shutdown_goes_to_another_connection
            d2_a_deadline_beyond_all_time_is_no_deadline
            d2_what_connections_hold_is_flushed_before_they_close
            d2_a_backoff_can_be_ended_during_the_shutdown
            d2_a_shorter_drain_timeout_ends_a_shutdown_that_hangs
            d3_everybody_who_waits_for_the_end_is_told_of_it_once
            d3_the_end_comes_once_however_many_reasons_there_are
            d3_a_driver_that_is_dropped_loses_nothing_silently
            d3_whoever_waits_wakes_when_the_driver_is_dropped
            d3_after_the_end_everybody_has_an_answer_at_once
            d3_a_driver_that_is_dropped_during_a_shutdown_returns_what_was_to_be_delivered

            // faults.rs
            f1_a_panic_of_the_connector_costs_that_dial
            f1_a_panic_of_a_dial_costs_that_dial
            f1_a_panic_in_the_drop_of_a_dial_that_is_done_costs_nothing_else
            f1_a_panic_in_the_drop_of_a_dial_that_is_abandoned_costs_nothing_else
            f1_a_panic_in_poll_ready_costs_that_connection
            f1_a_panic_in_start_send_costs_that_connection_and_the_item
            f1_a_panic_in_poll_flush_costs_that_connection
            f1_a_panic_in_poll_event_costs_that_connection
            f1_a_panic_in_poll_close_costs_that_connection
            f1_a_panic_in_the_drop_of_a_connection_costs_nothing_else
            f1_a_driver_can_be_dropped_whatever_its_connections_do_in_their_drop
            f1_a_panic_of_the_address_stream_is_its_end_with_a_reason
            f1_a_panic_of_the_balancer_is_the_pools_end_with_a_reason
            f1_a_panic_of_the_observer_costs_the_observer
            f1_a_panic_of_on_undelivered_has_had_its_item_and_is_asked_again_with_the_next
            f1_a_panic_of_the_stream_of_settings_costs_the_stream
            f2_a_pool_with_nothing_to_do_is_not_polled
            f2_a_pool_whose_connections_take_nothing_is_not_polled
            f2_a_pool_that_waits_for_a_dial_a_flush_a_close_and_a_backoff_is_not_polled
            f2_an_item_alone_costs_a_few_polls_and_none_is_forgotten
            f2_a_connection_that_is_ready_again_wakes_the_driver_each_time
            f2_a_connection_that_is_ready_again_while_it_is_polled_is_polled_again
            f2_a_batch_costs_hardly_more_than_an_item
            f2_a_connection_that_wakes_itself_for_ever_keeps_nobody_waiting
            f2_a_busy_connection_that_wakes_itself_for_ever_keeps_nobody_waiting
            f2_a_handle_that_is_dropped_wakes_a_driver_that_sleeps
            f2_settings_that_change_nothing_cost_a_poll_at_most_each_time
            f3_an_address_that_keeps_coming_and_going_leaves_no_row_and_no_connection_behind
            f3_addresses_that_come_but_once_are_forgotten
            f3_addresses_that_failed_and_left_are_forgotten_when_their_backoff_is_over
            f3_a_connection_that_keeps_dying_costs_a_few_polls_each_time
            f3_weights_and_priorities_that_keep_changing_cost_a_few_polls_and_no_dial
            f3_connections_that_drain_for_ever_do_not_pile_up
            f3_dials_that_are_abandoned_do_not_pile_up
            f4_a_name_service_that_fails_for_ever_costs_nothing_that_works
            f4_a_set_that_is_too_large_is_refused_whole_and_the_old_one_kept
            f4_a_first_set_that_is_too_large_is_waited_out
            f4_a_name_service_that_falls_silent_costs_nothing_that_works
            f4_the_same_set_over_and_over_costs_a_poll_at_most_each_time
            f4_a_name_service_that_panics_costs_nothing_that_works
            f4_errors_disturb_neither_a_dial_nor_a_backoff_nor_a_drain
            f4_addresses_that_keep_failing_make_the_pool_ask_again
            f4_a_pool_that_keeps_asking_does_so_at_intervals
            f4_one_address_of_many_that_fails_now_and_then_is_no_reason_to_ask
            f5_no_connections_are_refused
            f5_too_many_connections_are_refused
            f5_a_queue_without_a_place_is_refused
            f5_no_dials_are_refused
            f5_turns_without_an_item_are_refused
            f5_no_addresses_at_all_are_refused
            f5_a_dial_without_time_is_refused
            f5_a_drain_that_outlives_us_is_refused
            f5_a_shutdown_that_outlives_us_is_refused
            f5_a_backoff_of_nothing_is_refused
            f5_a_cap_below_the_base_is_refused
            f5_a_backoff_that_shrinks_is_refused
            f5_jitter_that_eats_the_delay_is_refused
            f5_an_idle_timeout_of_eager_connections_is_refused
            f5_a_lifetime_too_short_to_become_stable_is_refused
            f5_a_dial_that_outlives_us_is_refused
            f5_a_drain_without_time_is_refused
            f5_stability_without_time_is_refused
            f5_stability_that_outlives_us_is_refused
            f5_failing_fast_after_no_time_is_refused
            f5_failing_fast_that_outlives_us_is_refused
            f5_a_lifetime_of_nothing_is_refused
            f5_a_lifetime_that_outlives_us_is_refused
            f5_an_idle_timeout_of_nothing_is_refused
            f5_an_idle_timeout_that_outlives_us_is_refused
            f5_an_outcome_timeout_of_nothing_is_refused
            f5_an_outcome_timeout_that_outlives_us_is_refused
            f5_a_cap_that_outlives_us_is_refused
            f5_a_queue_of_everything_is_refused
            f5_more_addresses_than_can_be_numbered_are_refused
            f5_a_backoff_that_explodes_is_refused
            f5_the_extremes_that_make_sense_are_taken_and_work
            f5_settings_of_a_running_pool_that_make_no_sense_change_nothing

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
