//! Pools that follow names in DNS: a real Knot whose records change, and servers that lie.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use pool_core::{Backoff, Endpoint};
use pool_driver::{BoxError, Pool, PoolBuilder, Runtime, SourceState};
use pool_examples::{Ledger, LineServer};
use pool_resolve::{
    Dns, DnsLookup, DnsName, IpVersion, Lookup, LookupAnswer, LookupError, PollConfig, Polling, Resolve,
};
use pool_servers::KnotServer;
use pool_smol::SmolRuntime;
use pool_tests::{
    TestResult, addresses, on_answer, on_undelivered, run_on_smol, run_on_tokio, send_during, until,
};
use pool_tokio::TokioRuntime;
use tokio_util::codec::LinesCodec;

/// Senders pause for so long after each line.
const PACE: Duration = Duration::from_millis(2);

/// A name service, servers at 127.0.0.1, 127.0.0.2 and so on, and what became of each line.
struct World {
    knot: KnotServer,
    servers: Vec<LineServer>,
    ledger: Ledger,
}

impl World {
    /// In the records `PORT` stands for the servers' port.
    fn start_or_skip(servers: u8, records: &str) -> io::Result<Option<Self>> {
        let ledger = Ledger::default();
        let servers = line_servers(servers, &ledger)?;
        let records = records.replace("PORT", &servers[0].address().port().to_string());
        let knot = KnotServer::start_or_skip(&records)?;
        Ok(knot.map(|knot| Self { knot, servers, ledger }))
    }

    fn port(&self) -> u16 {
        self.servers[0].address().port()
    }

    fn at(&self, number: usize) -> SocketAddr {
        self.servers[number - 1].address()
    }

    fn host(&self) -> String {
        format!("host.svc.test:{}", self.port())
    }

    fn subscribe<R: Runtime + Clone>(
        &self,
        name: &str,
        runtime: R,
    ) -> Result<Polling<DnsLookup, R>, BoxError> {
        Ok(impatient_dns(self.knot.address(), runtime)?.subscribe(&name.parse()?))
    }

    fn pool_on_tokio(&self, name: &str) -> Result<Pool<String>, BoxError> {
        let connector =
            pool_tokio::tcp(LinesCodec::new_with_max_length(8192)).on_item(on_answer(&self.ledger));
        let pool = impatient(pool_tokio::pool_for(self.ledger.track(connector)))
            .follow(self.subscribe(name, TokioRuntime::new())?)
            .on_undelivered(on_undelivered(&self.ledger))
            .spawn()?;
        Ok(pool)
    }

    fn pool_on_smol(&self, name: &str) -> Result<Pool<String>, BoxError> {
        let connector =
            pool_smol::tcp(LinesCodec::new_with_max_length(8192)).on_item(on_answer(&self.ledger));
        let pool = impatient(pool_smol::pool_for(self.ledger.track(connector)))
            .follow(self.subscribe(name, SmolRuntime::new())?)
            .on_undelivered(on_undelivered(&self.ledger))
            .spawn()?;
        Ok(pool)
    }

    /// Ends the pool and the servers: every line must have arrived, but for those that died with a server.
    async fn end(mut self, pool: Pool<String>) -> TestResult {
        pool.shutdown(Duration::from_secs(10)).await;
        self.servers.iter_mut().try_for_each(LineServer::finish)?;
        let report = self.ledger.report();
        assert!(report.is_balanced() && report.undelivered == 0 && report.accepted > 0, "{report}");
        println!("{} lines accepted, {} lost with servers that died", report.accepted, report.lost);
        Ok(())
    }
}

/// As many as wanted, at one port.
fn line_servers(count: u8, ledger: &Ledger) -> io::Result<Vec<LineServer>> {
    let first = LineServer::start(ledger)?;
    let at = |number| SocketAddr::new(Ipv4Addr::new(127, 0, 0, number).into(), first.address().port());
    let others: io::Result<Vec<_>> =
        (2..=count).map(|number| LineServer::start_at(at(number), ledger)).collect();
    match others {
        Ok(others) => Ok([first].into_iter().chain(others).collect()),
        // Somebody else has the port at another address.
        Err(error) if error.kind() == ErrorKind::AddrInUse => line_servers(count, ledger),
        Err(error) => Err(error),
    }
}

/// Sooner than the defaults, so that tests are quick.
fn impatient_dns<R: Runtime + Clone>(server: SocketAddr, runtime: R) -> Result<Dns<R>, BoxError> {
    let mut config = PollConfig::default();
    config.interval_min = Duration::from_millis(100);
    config.timeout = Duration::from_millis(700);
    config.backoff = backoff();
    Ok(Dns::with_servers([server], runtime)?.with_config(config)?)
}

fn impatient<C, R>(builder: PoolBuilder<C, R>) -> PoolBuilder<C, R> {
    builder.backoff(backoff()).refresh_interval_min(Duration::from_millis(100))
}

fn backoff() -> Backoff {
    let mut backoff = Backoff::default();
    backoff.base = Duration::from_millis(20);
    backoff.cap = Duration::from_millis(200);
    backoff
}

async fn tokio_pause() {
    tokio::time::sleep(PACE).await;
}

async fn smol_pause() {
    smol::Timer::after(PACE).await;
}

async fn until_at(pool: &Pool<String>, expected: &[SocketAddr]) {
    until(|| addresses(pool).iter().map(|row| row.address).eq(expected.iter().copied())).await;
}

/// Waits until a server was sent more than it has been so far.
async fn until_sent(ledger: &Ledger, address: SocketAddr) {
    let so_far = ledger.sent_to(address);
    until(|| ledger.sent_to(address) > so_far).await;
}

#[test]
fn records_come_and_go_under_load_on_tokio() -> TestResult {
    let Some(world) = World::start_or_skip(3, "host A 127.0.0.1")? else { return Ok(()) };
    run_on_tokio(async {
        let pool = world.pool_on_tokio(&world.host())?;
        records_come_and_go_under_load(world, pool, tokio_pause).await
    })
}

#[test]
fn records_come_and_go_under_load_on_smol() -> TestResult {
    let Some(world) = World::start_or_skip(3, "host A 127.0.0.1")? else { return Ok(()) };
    run_on_smol(async {
        let pool = world.pool_on_smol(&world.host())?;
        records_come_and_go_under_load(world, pool, smol_pause).await
    })
}

async fn records_come_and_go_under_load(
    world: World,
    pool: Pool<String>,
    pause: impl AsyncFn(),
) -> TestResult {
    let (knot, ledger) = (&world.knot, &world.ledger);
    let story = async {
        until_sent(ledger, world.at(1)).await;
        knot.change(&["set host 1 A 127.0.0.2"])?;
        until_sent(ledger, world.at(2)).await;
        knot.change(&["unset host A 127.0.0.1"])?;
        until_at(&pool, &[world.at(2)]).await;
        knot.change(&["set host 1 A 127.0.0.1", "set host 1 A 127.0.0.3", "unset host A 127.0.0.2"])?;
        until_at(&pool, &[world.at(1), world.at(3)]).await;
        until_sent(ledger, world.at(1)).await;
        until_sent(ledger, world.at(3)).await;
        Ok(())
    };
    send_during(&pool, ledger, pause, story).await?;
    assert_eq!(ledger.report().lost, 0);
    world.end(pool).await
}

#[test]
fn priorities_and_weights_of_a_service_are_those_of_its_records() -> TestResult {
    let records = "_line._tcp SRV 0 5 PORT a\n_line._tcp SRV 7 0 PORT b\na A 127.0.0.1\nb A 127.0.0.2";
    let Some(mut world) = World::start_or_skip(2, records)? else { return Ok(()) };
    run_on_tokio(async move {
        let pool = world.pool_on_tokio("_line._tcp.svc.test")?;
        let ([a, b], port) = ([world.at(1), world.at(2)], world.port());
        let endpoints = |one: (u16, u32), other: (u16, u32)| {
            [(a, one), (b, other)].map(|(address, (priority, weight))| {
                Endpoint::new(address).with_weight(weight).with_priority(priority)
            })
        };
        let ledger = world.ledger.clone();
        let story = async {
            until(|| addresses(&pool) == endpoints((0, 5), (7, 1))).await;
            until_sent(&ledger, a).await;
            assert_eq!(ledger.sent_to(b), 0, "the better priority has a connection");

            world.servers[0].die()?;
            until_sent(&ledger, b).await;
            world.servers[0].restart()?;
            until_sent(&ledger, a).await;

            let records = [
                format!("set _line._tcp 1 SRV 7 9 {port} a"),
                format!("set _line._tcp 1 SRV 3 65535 {port} b"),
            ];
            world.knot.change(&["unset _line._tcp SRV", &records[0], &records[1]])?;
            until(|| addresses(&pool) == endpoints((7, 9), (3, 65535))).await;
            until_sent(&ledger, b).await;
            Ok(())
        };
        send_during(&pool, &ledger, tokio_pause, story).await?;
        world.end(pool).await
    })
}

#[test]
fn a_pool_serves_on_while_its_name_server_is_dead() -> TestResult {
    let Some(mut world) = World::start_or_skip(1, "host A 127.0.0.1")? else { return Ok(()) };
    run_on_tokio(async move {
        let pool = world.pool_on_tokio(&world.host())?;
        let (ledger, server, address) = (world.ledger.clone(), world.knot.address(), world.at(1));
        let source = || pool.snapshot().source;
        let story = async {
            until(|| matches!(source().state, SourceState::Answered)).await;
            world.knot.kill()?;
            until(|| matches!(source().state, SourceState::Failed(_))).await;
            let failed = source();
            let error = failed.state.error().ok_or("it has failed")?.to_string();
            assert!(error.contains("host.svc.test") && error.contains(&server.to_string()), "{error}");
            until_sent(&ledger, address).await;
            until(|| source().answer_age > failed.answer_age.map(|age| age + PACE)).await;

            world.knot.restart()?;
            until(|| matches!(source().state, SourceState::Answered)).await;
            until_sent(&ledger, address).await;
            Ok(())
        };
        send_during(&pool, &ledger, tokio_pause, story).await?;
        assert_eq!(ledger.report().lost, 0);
        world.end(pool).await
    })
}

#[test]
fn a_pool_serves_on_while_its_name_is_gone() -> TestResult {
    let Some(world) = World::start_or_skip(2, "host A 127.0.0.1")? else { return Ok(()) };
    run_on_tokio(async {
        let pool = world.pool_on_tokio(&world.host())?;
        let ledger = &world.ledger;
        let story = async {
            until_sent(ledger, world.at(1)).await;
            world.knot.change(&["unset host"])?;
            until(|| matches!(pool.snapshot().source.state, SourceState::NoSuchName)).await;
            until_sent(ledger, world.at(1)).await;
            until_at(&pool, &[world.at(1)]).await;

            world.knot.change(&["set host 1 A 127.0.0.2"])?;
            until_at(&pool, &[world.at(2)]).await;
            until_sent(ledger, world.at(2)).await;
            Ok(())
        };
        send_during(&pool, ledger, tokio_pause, story).await?;
        assert_eq!(ledger.report().lost, 0);
        world.end(pool).await
    })
}

/// Their records would be valid for longer than the watchdog waits.
#[test]
fn servers_that_move_are_found_long_before_their_records_time_is_over() -> TestResult {
    let Some(mut world) = World::start_or_skip(3, "host 300 A 127.0.0.1\nhost 300 A 127.0.0.2")? else {
        return Ok(());
    };
    run_on_tokio(async move {
        let pool = world.pool_on_tokio(&world.host())?;
        let addresses = [world.at(1), world.at(2), world.at(3)];
        let ledger = world.ledger.clone();
        let story = async {
            until_sent(&ledger, addresses[0]).await;
            until_sent(&ledger, addresses[1]).await;
            world.knot.change(&["unset host A", "set host 300 A 127.0.0.3"])?;
            world.servers[0].die()?;
            world.servers[1].die()?;
            until_sent(&ledger, addresses[2]).await;
            Ok(())
        };
        send_during(&pool, &ledger, tokio_pause, story).await?;
        world.end(pool).await
    })
}

/// Everything that can be said of a name, by one server.
const RECORDS: &str = "
both 60 A 127.0.0.1
both 30 AAAA ::1
v4 A 127.0.0.1
v6 AAAA ::1
text TXT nothing
alias1 40 CNAME alias2
alias2 20 CNAME alias3
alias3 CNAME alias4
alias4 CNAME v4
long-alias 40 CNAME both
circle1 CNAME circle2
circle2 CNAME circle3
circle3 CNAME circle1
self CNAME self
astray CNAME nowhere
abroad CNAME host.broken.test.
_none._tcp SRV 0 0 0 .
_lone._tcp 50 SRV 1 2 700 both
_pair._tcp SRV 1 2 700 v4
_pair._tcp SRV 3 4 701 v6
_partly._tcp SRV 0 0 700 v4
_partly._tcp SRV 0 0 700 nowhere
_partly._tcp SRV 0 0 700 text
_nowhere._tcp SRV 0 0 700 nowhere
_shaky._tcp SRV 0 0 700 v4
_shaky._tcp SRV 0 0 700 host.broken.test.
_aliased._tcp SRV 0 0 700 alias1
_same._tcp SRV 0 1 700 v4
_same._tcp SRV 0 2 700 v4.other
_same._tcp SRV 1 9 700 v4
v4.other A 127.0.0.1
_alias._tcp 10 CNAME _alias2._tcp
_alias2._tcp CNAME _lone._tcp
_circle._tcp CNAME _circle2._tcp
_circle2._tcp CNAME _circle._tcp
";

type Answered = Result<LookupAnswer<SocketAddr>, LookupError>;

fn ask(dns: &Dns<TokioRuntime>, name: &str) -> impl Future<Output = Answered> {
    let name: Result<DnsName, _> = name.parse();
    let lookup = name.map(|name| dns.lookup(&name).lookup());
    async { lookup?.await }
}

/// The endpoints, as `address priority weight`, and the seconds that they are valid for.
fn told(answer: Answered) -> Result<(Vec<String>, Option<u64>), BoxError> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(LookupError::Failed(error)) => return Err(error),
        Err(error) => return Err(format!("{error:?}").into()),
    };
    let row = |row: &Endpoint<SocketAddr>| format!("{} {} {}", row.address, row.priority, row.weight);
    let rows = answer.addresses.endpoints().iter().map(row).collect();
    Ok((rows, answer.valid_for.map(|valid_for| valid_for.as_secs())))
}

#[test]
fn all_that_records_can_say_is_understood() -> TestResult {
    let Some(knot) = KnotServer::start_or_skip(RECORDS)? else { return Ok(()) };
    run_on_tokio(async {
        let dns = Dns::with_servers([knot.address()], TokioRuntime::new())?;
        for (name, rows, seconds) in [
            ("both.svc.test:80", &["127.0.0.1:80 0 1", "[::1]:80 0 1"][..], Some(30)),
            ("v4.svc.test:80", &["127.0.0.1:80 0 1"], Some(1)),
            ("V6.svc.test.:80", &["[::1]:80 0 1"], Some(1)),
            ("alias1.svc.test:80", &["127.0.0.1:80 0 1"], Some(1)),
            ("long-alias.svc.test:80", &["127.0.0.1:80 0 1", "[::1]:80 0 1"], Some(30)),
            ("10.1.2.3:80", &["10.1.2.3:80 0 1"], None),
            ("[::2]:80", &["[::2]:80 0 1"], None),
            ("_lone._tcp.svc.test", &["127.0.0.1:700 1 2", "[::1]:700 1 2"], Some(30)),
            ("_pair._tcp.svc.test", &["127.0.0.1:700 1 2", "[::1]:701 3 4"], Some(1)),
            ("_partly._tcp.svc.test", &["127.0.0.1:700 0 1"], Some(1)),
            ("_aliased._tcp.svc.test", &["127.0.0.1:700 0 1"], Some(1)),
            ("_same._tcp.svc.test", &["127.0.0.1:700 0 3"], Some(1)),
            ("_alias._tcp.svc.test", &["127.0.0.1:700 1 2", "[::1]:700 1 2"], Some(1)),
        ] {
            let (told, valid_for) =
                told(ask(&dns, name).await).map_err(|error| format!("{name}: {error}"))?;
            assert_eq!(
                (&*told, valid_for),
                (&*rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>(), seconds),
                "{name}"
            );
        }
        Ok(())
    })
}

#[test]
fn no_such_name_is_told_from_no_answer() -> TestResult {
    let Some(knot) = KnotServer::start_or_skip(RECORDS)? else { return Ok(()) };
    run_on_tokio(async {
        let dns = Dns::with_servers([knot.address()], TokioRuntime::new())?;
        for name in [
            "nowhere.svc.test:80",
            "text.svc.test:80",
            "astray.svc.test:80",
            "_none._tcp.svc.test",
            "_nowhere._tcp.svc.test",
            "_unknown._tcp.svc.test",
        ] {
            let answer = ask(&dns, name).await;
            let is_negative = matches!(&answer, Err(LookupError::NoSuchName { valid_for: Some(valid_for) })
                if *valid_for == Duration::from_secs(1));
            assert!(is_negative, "{name}: {answer:?}");
        }
        for (name, says) in [
            ("host.broken.test:80", "A of host.broken.test: Server Failure"),
            ("_line._tcp.broken.test", "SRV of _line._tcp.broken.test: Server Failure"),
            ("abroad.svc.test:80", "Server Failure"),
            ("_shaky._tcp.svc.test", "of host.broken.test: Server Failure"),
            ("host.elsewhere.test:80", "of host.elsewhere.test: Query Refused"),
            ("self.svc.test:80", "its CNAME records lead in a circle"),
            ("circle1.svc.test:80", "its CNAME records lead in a circle"),
            ("_circle._tcp.svc.test", "its CNAME records lead in a circle"),
        ] {
            let Err(error) = told(ask(&dns, name).await) else { return Err(name.into()) };
            let error = error.to_string();
            assert!(error.contains(says) && error.contains(&knot.address().to_string()), "{name}: {error}");
        }
        Ok(())
    })
}

#[test]
fn one_version_of_addresses_can_be_asked_for() -> TestResult {
    let Some(knot) = KnotServer::start_or_skip(RECORDS)? else { return Ok(()) };
    run_on_tokio(async {
        for (version, rows) in [(IpVersion::V4, ["127.0.0.1:700 1 2"]), (IpVersion::V6, ["[::1]:700 1 2"])] {
            let dns = Dns::with_servers([knot.address()], TokioRuntime::new())?.ip_version(version);
            assert_eq!(told(ask(&dns, "_lone._tcp.svc.test").await)?.0, rows);
            let other = if version == IpVersion::V4 { "v6" } else { "v4" };
            let answer = ask(&dns, &format!("{other}.svc.test:80")).await;
            assert!(matches!(answer, Err(LookupError::NoSuchName { .. })), "{answer:?}");
        }
        Ok(())
    })
}

/// A message of DNS has 64 KiB at most, which is some four thousand addresses; a service can have more.
#[test]
fn answers_that_need_tcp_are_whole() -> TestResult {
    let host = |number: u32| {
        let address = move |index: u32| Ipv4Addr::from(0x0a00_0000 + number * 4000 + index);
        (0..4000).map(move |index| format!("host{number} A {}\n", address(index)))
    };
    let mut records: String = (1..=3).flat_map(host).collect();
    records.extend((0..500).map(|index| format!("some A {}\n", Ipv4Addr::from(0x0b00_0000 + index))));
    records.extend((0..5000).map(|index| format!("toomany A {}\n", Ipv4Addr::from(0x0b00_0000 + index))));
    records.push_str("_all._tcp SRV 0 0 80 host1\n_all._tcp SRV 0 0 80 host2\n_all._tcp SRV 0 0 80 host3\n");
    let Some(knot) = KnotServer::start_or_skip(&records)? else { return Ok(()) };
    run_on_tokio(async {
        let dns = Dns::with_servers([knot.address()], TokioRuntime::new())?;
        for (name, expected) in
            [("some.svc.test:80", 500), ("host1.svc.test:80", 4000), ("_all._tcp.svc.test", 12_000)]
        {
            assert_eq!(told(ask(&dns, name).await)?.0.len(), expected, "{name}");
        }
        let too_many = told(ask(&dns, "toomany.svc.test:80").await);
        let error = too_many.err().ok_or("they don't fit")?.to_string();
        assert!(error.contains("toomany.svc.test"), "{error}");
        Ok(())
    })
}

/// A server that says the same to everybody, with the id of the question.
fn liar(answer: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + 'static) -> io::Result<SocketAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = socket.local_addr()?;
    // It ends with the process.
    thread::spawn(move || {
        let mut question = [0; 4096];
        while let Ok((length, client)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length]) {
                // A client that is gone wants no answer.
                let _ = socket.send_to(&answer, client);
            }
        }
    });
    Ok(address)
}

/// The question sent back as an answer, with these flags.
fn echo(question: &[u8], flags: [u8; 2]) -> Option<Vec<u8>> {
    let mut answer = question.to_vec();
    answer.get_mut(2..4)?.copy_from_slice(&flags);
    Some(answer)
}

#[test]
fn servers_that_lie_or_say_nothing_have_not_answered() -> TestResult {
    run_on_tokio(async {
        for (what, server) in [
            ("silence", liar(|_| None)?),
            ("garbage", liar(|question| Some([&question[..2], &[0xff; 700]].concat()))?),
            ("half an answer", liar(|question| Some(echo(question, [0x84, 0])?[..14].to_vec()))?),
            (
                "a header alone",
                liar(|question| Some([&question[..2], &[0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0]].concat()))?,
            ),
            ("truncated, and no TCP", liar(|question| echo(question, [0x86, 0]))?),
            ("not implemented", liar(|question| echo(question, [0x84, 4]))?),
        ] {
            let answer = told(ask(&impatient_dns(server, TokioRuntime::new())?, "host.svc.test:80").await);
            let Err(error) = answer else { return Err(what.into()) };
            let error = error.to_string();
            println!("{what}: {error}");
            assert!(
                error.contains("host.svc.test") && error.contains(&server.to_string()),
                "{what}: {error}"
            );
        }
        Ok(())
    })
}

#[test]
fn servers_can_be_asked_over_tcp_alone() -> TestResult {
    let Some(knot) = KnotServer::start_or_skip(RECORDS)? else { return Ok(()) };
    run_on_tokio(async {
        let dns = Dns::with_servers_over_tcp([knot.address()], TokioRuntime::new())?;
        assert_eq!(told(ask(&dns, "v4.svc.test:80").await)?.0, ["127.0.0.1:80 0 1"]);
        let has_udp_alone = liar(|question| echo(question, [0x84, 0]))?;
        let dns = Dns::with_servers_over_tcp([has_udp_alone], TokioRuntime::new())?;
        assert!(told(ask(&dns, "v4.svc.test:80").await).is_err());
        Ok(())
    })
}

#[test]
fn servers_that_are_dead_are_passed_over() -> TestResult {
    let Some(knot) = KnotServer::start_or_skip(RECORDS)? else { return Ok(()) };
    run_on_tokio(async {
        let servers = [liar(|_| None)?, liar(|_| None)?, knot.address()];
        let dns = Dns::with_servers(servers, TokioRuntime::new())?;
        assert_eq!(told(ask(&dns, "v4.svc.test:80").await)?.0, ["127.0.0.1:80 0 1"]);
        Ok(())
    })
}
