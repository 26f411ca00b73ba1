//! Real files, in a directory of their own. Tests wait for an update, never for a duration.

#![cfg(feature = "file")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use pool_driver::{AddressUpdate, Instant, PoolBuilder, Runtime, Timer};
use pool_resolve::{File, Format, PollConfig, Resolve};
use support::in_short;
use tempfile::TempDir;

/// Real time, on any executor.
#[derive(Clone)]
struct RealTime(StdInstant);

impl Runtime for RealTime {
    type Timer = RealTimer;

    fn now(&self) -> Instant {
        Instant::ZERO + self.0.elapsed()
    }

    fn timer(&self) -> RealTimer {
        RealTimer(self.0, smol::Timer::never())
    }
}

struct RealTimer(StdInstant, smol::Timer);

impl Timer for RealTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let at = self.0 + Duration::from_nanos(deadline.as_nanos());
        self.1.set_at(at);
    }

    fn poll_expired(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.1).poll(cx).map(drop)
    }
}

/// Files that are read only when a change is reported: the next poll is an hour away.
fn watched_files() -> File<RealTime, u16> {
    let mut config = PollConfig::default();
    config.interval_min = Duration::from_millis(1);
    config.interval = Duration::from_secs(3600);
    config.interval_max = config.interval;
    config.no_such_name_interval_max = config.interval;
    config.jitter_percent = 0;
    config.backoff.base = config.interval;
    config.backoff.cap = config.interval;
    let files = File::with_addresses(RealTime(StdInstant::now())).with_config(config);
    files.and_then(|files| files.debounce(Duration::from_millis(5))).expect("the settings are valid")
}

struct Bench {
    directory: TempDir,
    path: PathBuf,
    updates: BoxStream<'static, AddressUpdate<u16>>,
}

impl Bench {
    fn new(name: &str, files: &File<RealTime, u16>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(name);
        let updates = files.subscribe(&path).boxed();
        Self { directory, path, updates }
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).expect("written");
    }

    fn rename_over(&self, text: &str) {
        let other = self.directory.path().join("other");
        fs::write(&other, text).and_then(|()| fs::rename(other, &self.path)).expect("renamed");
    }

    fn next(&mut self) -> String {
        in_short(&smol::block_on(self.updates.next()).expect("it never ends"))
    }

    /// Reads updates until this one comes. Others may come before.
    fn until(&mut self, expected: &str) {
        while self.next() != expected {}
    }
}

#[test]
fn a_file_is_read_and_read_again_when_it_is_written_renamed_over_or_made_again() {
    let mut bench = Bench::new("addresses", &watched_files());
    assert_eq!(bench.next(), "no such name");
    bench.write("1\n2 weight=5\n");
    bench.until("1 2*5");
    bench.rename_over("3\n");
    bench.until("3");
    fs::remove_file(&bench.path).expect("removed");
    bench.until("no such name");
    bench.write("4\n");
    bench.until("4");
    bench.write("none\n");
    bench.until("none");
}

#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_noticed_when_its_link_is_swapped() {
    use std::os::unix::fs::symlink;

    let mut bench = Bench::new("addresses", &watched_files());
    let root = bench.directory.path().to_owned();
    let publish = |version: &str, text: &str| {
        fs::create_dir(root.join(version)).expect("made");
        fs::write(root.join(version).join("addresses"), text).expect("written");
        symlink(version, root.join("..tmp")).expect("linked");
        fs::rename(root.join("..tmp"), root.join("..data")).expect("swapped");
    };
    publish("..1", "1\n");
    symlink("..data/addresses", &bench.path).expect("linked");
    bench.until("1");
    publish("..2", "2\n");
    bench.until("2");
    fs::remove_dir_all(root.join("..1")).expect("removed");
    publish("..3", "3\n");
    bench.until("3");
}

#[cfg(unix)]
#[test]
fn a_link_into_another_directory_is_followed() {
    let elsewhere = tempfile::tempdir().expect("a directory");
    let target = elsewhere.path().join("target");
    fs::write(&target, "1\n").expect("written");
    let mut bench = Bench::new("addresses", &watched_files());
    std::os::unix::fs::symlink(&target, &bench.path).expect("linked");
    bench.until("1");
    fs::write(&target, "2\n").expect("written");
    bench.until("2");
}

#[test]
fn a_malformed_file_has_failed_and_its_error_says_where() {
    let mut bench = Bench::new("addresses", &watched_files());
    for (text, part) in [
        ("1\n2\nthree\n", "line 3"),
        ("1\n2", "end the file with a newline"),
        ("", "has no addresses"),
        ("none\n1\n", "other lines name addresses"),
    ] {
        bench.rename_over(text);
        let failed = loop {
            let update = bench.next();
            if update.contains(part) {
                break update;
            }
        };
        assert!(failed.starts_with("failed: the file of addresses"), "{failed}");
        assert!(failed.contains(&bench.path.display().to_string()), "{failed}");
    }
}

#[test]
fn a_file_is_json_by_its_name_or_by_request() {
    let mut bench = Bench::new("addresses.JSON", &watched_files());
    bench.write(r#"["1", {"address": "2", "priority": 1}]"#);
    bench.until("1 2/1");
    bench.write("[]");
    bench.until("none");
    let mut bench = Bench::new("addresses", &watched_files().format(Format::Json));
    bench.write(r#"["1"]"#);
    bench.until("1");
}

#[test]
fn bad_lines_are_skipped_on_request_and_reported() {
    let reported = Arc::new(Mutex::new(Vec::new()));
    let report_to = Arc::clone(&reported);
    let files =
        watched_files().skip_bad_lines(move |error| report_to.lock().expect("sound").push(error.to_string()));
    let mut bench = Bench::new("addresses", &files);
    bench.write("1\nfoo\nbar\n");
    bench.until("1");
    let reported = reported.lock().expect("sound").pop().expect("bad lines were reported");
    assert!(reported.contains("line 2 (\"foo\")") && reported.ends_with("; and 1 more"), "{reported}");
    bench.write("foo\n");
    while !bench.next().contains("line 1") {}
}

#[test]
fn a_handler_of_bad_lines_may_panic() {
    let mut bench = Bench::new("addresses", &watched_files().skip_bad_lines(|_| panic!("the log is full")));
    bench.write("1\nfoo\n");
    bench.until("1");
    bench.write("2\nfoo\n");
    bench.until("2");
}

#[test]
fn a_gigabyte_is_refused_without_being_read() {
    let mut bench = Bench::new("addresses", &watched_files());
    fs::File::create(&bench.path).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
    while !bench.next().contains("is larger than 16777216 bytes") {}
}

#[test]
fn a_directory_that_comes_later_is_found_by_looking_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("later").join("addresses");
    let mut config = PollConfig::default();
    config.interval_min = Duration::from_millis(1);
    config.interval = Duration::from_millis(2);
    let files = File::<_, u16>::with_addresses(RealTime(StdInstant::now())).with_config(config);
    let mut updates = files.expect("the settings are valid").subscribe(&path).boxed();
    let first = smol::block_on(updates.next()).expect("it never ends");
    assert_eq!(in_short(&first), "no such name");
    fs::create_dir(directory.path().join("later")).expect("made");
    fs::write(&path, "1\n").expect("written");
    while in_short(&smol::block_on(updates.next()).expect("it never ends")) != "1" {}
}

#[test]
fn a_pool_keeps_its_connections_whatever_becomes_of_the_file() {
    let mut bench = Bench::new("addresses", &watched_files());
    bench.write("1\n2\n");
    bench.until("1 2");
    let connect =
        |_: u16| async { Ok::<futures_util::sink::Drain<u8>, std::io::Error>(futures_util::sink::drain()) };
    let (pool, driver) = PoolBuilder::plain(connect, RealTime(StdInstant::now()))
        .follow(watched_files().subscribe(&bench.path))
        .build::<u8>()
        .expect("the settings are valid");
    let until = |is_so: &dyn Fn(&str) -> bool| {
        while !is_so(&pool.snapshot().source.to_string()) {
            std::thread::yield_now();
        }
    };
    let running = std::thread::spawn(move || smol::block_on(driver));
    smol::block_on(pool.ready(1)).expect("it is up");
    for (text, part) in [("", "has no addresses"), ("garbage\n", "line 1"), ("1\n2", "newline")] {
        bench.rename_over(text);
        until(&|source| source.contains(part));
        assert_eq!(pool.snapshot().addresses.iter().filter(|row| row.status.slots.draining == 0).count(), 2);
    }
    fs::remove_file(&bench.path).expect("removed");
    until(&|source| source.contains("no such name"));
    assert_eq!(pool.snapshot().addresses.len(), 2);
    drop(pool);
    running.join().expect("it ended");
}
