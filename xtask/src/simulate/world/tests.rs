use std::time::Duration;

use pool_core::{Config, RoundRobin, Verdict};

use super::item::End;
use super::{Server, Span, World};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// One client, that has had a second to connect.
fn connected(seed: u64, servers: u32, server: &Server, in_flight_max: u32) -> World<RoundRobin> {
    let mut world = World::new(seed);
    world.add_servers(servers, server);
    world.add_client(Config::default(), RoundRobin::new(), in_flight_max);
    world.name((0..servers).collect::<Vec<_>>());
    world.run_until(secs(1));
    world
}

/// Of one server with one worker, half of whose time is taken.
fn mean_response(service: Span) -> Duration {
    let server = Server { service, workers: Some(1), ..Server::default() };
    let mut world = connected(1, 1, &server, 10_000);
    world.load(0, Span::Exponential(millis(2)));
    world.run_until(secs(400));
    let ended = &world.log().ended;
    assert!(ended.len() > 190_000 && ended.iter().all(super::Ended::is_answered));
    ended.iter().map(super::Ended::took).sum::<Duration>() / u32::try_from(ended.len()).expect("few")
}

#[test]
fn a_server_queues_as_the_closed_forms_say() {
    // M/M/1: 1 / (service rate - arrival rate).
    let exponential = mean_response(Span::Exponential(millis(1)));
    assert!(exponential > millis(2) * 98 / 100 && exponential < millis(2) * 102 / 100, "{exponential:?}");
    // M/D/1: as long as that is beyond the service time, half of it is.
    let fixed = mean_response(Span::Fixed(millis(1)));
    assert!(fixed > millis(3) * 49 / 100 && fixed < millis(3) * 51 / 100, "{fixed:?}");
}

#[test]
fn the_same_seed_has_the_same_log_and_another_seed_has_another() {
    let log = |seed| {
        let server = Server { service: Span::Exponential(millis(5)), ..Server::default() };
        let mut world = connected(seed, 3, &server, 256);
        world.load(0, Span::Exponential(millis(1)));
        world.run_until(secs(3));
        world.kill(1);
        world.run_until(secs(4));
        world.server(1).listens = true;
        world.run_until(secs(6));
        world.log().clone()
    };
    assert_eq!(log(1), log(1));
    assert_ne!(log(1), log(2));
}

#[test]
fn every_item_that_came_ends_once() {
    let mut world = connected(1, 2, &Server { service: Span::Fixed(millis(10)), ..Server::default() }, 4);
    world.send(0, 100);
    world.kill(0);
    world.run_until(secs(3));
    let count = |end| world.log().ended.iter().filter(|ended| ended.end == end).count();
    assert_eq!((count(End::Lost), count(End::Answered)), (4, 96));
}

#[test]
fn a_caller_has_one_call_at_a_time_and_gives_up_when_its_patience_is_over() {
    let mut world = connected(1, 1, &Server::default(), 256);
    world.call(0, 10, millis(100), secs(1));
    world.run_until(secs(3));
    world.server(0).hangs = true;
    world.run_until(secs(6));
    world.resume(0);
    world.run_until(secs(7));
    let during = |from, to| {
        let within = |ended: &&super::Ended| {
            ended.arrived >= super::at(secs(from)) && ended.arrived < super::at(secs(to))
        };
        let ended: Vec<_> = world.log().ended.iter().filter(within).collect();
        (ended.len(), ended.iter().filter(|ended| ended.end == End::GivenUp).count())
    };
    assert_eq!(during(1, 3), (200, 0));
    // A call that hangs takes a second.
    assert_eq!(during(3, 5), (20, 20));
}

#[test]
fn a_server_closes_what_is_idle_and_says_goodbye_and_is_overloaded_as_it_is_told() {
    let mut world = connected(1, 1, &Server { idle_close: Some(millis(1_500)), ..Server::default() }, 256);
    assert_eq!((world.log().dials.len(), world.log().gone.len()), (1, 0));
    world.run_until(secs(2));
    assert_eq!((world.log().dials.len(), world.log().gone.len()), (2, 1));
    world.server(0).verdict = Verdict::Goodbye;
    world.send(0, 1);
    world.run_until(millis(2_200));
    assert_eq!(world.log().gone.len(), 2, "it has drained");
    let mut world =
        connected(1, 1, &Server { verdict: Verdict::Overloaded { pause: None }, ..Server::default() }, 256);
    world.send(0, 1);
    world.run_until(secs(2));
    assert_eq!(world.log().ended[0].end, End::Refused);
}

#[test]
fn an_address_that_leaves_drains() {
    let mut world = connected(1, 2, &Server { service: Span::Fixed(millis(10)), ..Server::default() }, 256);
    world.send(0, 10);
    world.name([1]);
    world.send(0, 10);
    world.run_until(secs(2));
    assert!(world.log().ended.iter().all(super::Ended::is_answered));
    let servers: Vec<u32> = world.log().sent.iter().map(|sent| sent.server).collect();
    assert!(servers[..10].contains(&0) && !servers[10..].contains(&0), "{servers:?}");
    assert_eq!(world.uniform(0).slots().count(), 1);
}
