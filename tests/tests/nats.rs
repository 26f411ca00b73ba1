//! Calls over NATS, by a client of its own: replies carry ids in their subjects, the server pings, and somebody
//! answers twice.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt};
use pool_call::{CallPool, Incoming, Protocol, Tagged};
use pool_servers::NatsServer;
use pool_tests::{TestResult, run_on_tokio, until};
use tokio::net::TcpStream;
use tokio_util::codec::{Decoder, Encoder, Framed};

/// What a client says.
#[derive(Clone, Debug)]
enum Op {
    Connect,
    Subscribe(String),
    Publish { subject: String, reply_to: String, payload: Bytes },
    Pong,
    Ping,
}

/// What a server says.
#[derive(Debug)]
enum Said {
    Message {
        subject: String,
        reply_to: Option<String>,
        payload: Bytes,
    },
    Ping,
    /// `INFO`, `PONG`, `+OK`: nothing that is waited for.
    Other,
}

#[derive(Clone, Debug, Default)]
struct NatsCodec {
    /// The head of a message whose payload comes next.
    head: Option<(String, Option<String>, usize)>,
}

impl Encoder<Op> for NatsCodec {
    type Error = io::Error;

    fn encode(&mut self, op: Op, buffer: &mut BytesMut) -> io::Result<()> {
        let line = match &op {
            Op::Connect => r#"CONNECT {"verbose":false,"pedantic":false}"#.to_owned(),
            Op::Subscribe(subject) => format!("SUB {subject} 1"),
            Op::Publish { subject, reply_to, payload } => {
                format!("PUB {subject} {reply_to} {}", payload.len())
            }
            Op::Pong => "PONG".to_owned(),
            Op::Ping => "PING".to_owned(),
        };
        buffer.extend_from_slice(line.as_bytes());
        buffer.extend_from_slice(b"\r\n");
        if let Op::Publish { payload, .. } = op {
            buffer.extend_from_slice(&payload);
            buffer.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

impl Decoder for NatsCodec {
    type Item = Said;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Said>> {
        let garbage = || io::Error::from(ErrorKind::InvalidData);
        if self.head.is_none() {
            let Some(end) = buffer.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
            let line = buffer.split_to(end + 2);
            let line = str::from_utf8(&line[..end]).map_err(|_| garbage())?;
            let length = |length: &str| length.parse().map_err(|_| garbage());
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["MSG", subject, _, bytes] => self.head = Some((subject.to_owned(), None, length(bytes)?)),
                ["MSG", subject, _, reply_to, bytes] => {
                    self.head = Some((subject.to_owned(), Some(reply_to.to_owned()), length(bytes)?));
                }
                ["PING"] => return Ok(Some(Said::Ping)),
                ["-ERR", ..] => return Err(io::Error::other(line.to_owned())),
                _ => return Ok(Some(Said::Other)),
            }
        }
        let whole = self.head.as_ref().map_or(0, |(_, _, length)| length + 2);
        if buffer.len() < whole {
            return Ok(None);
        }
        let (subject, reply_to, length) = self.head.take().ok_or_else(garbage)?;
        let payload = buffer.split_to(whole).freeze().slice(..length);
        Ok(Some(Said::Message { subject, reply_to, payload }))
    }
}

type Transport = Framed<TcpStream, NatsCodec>;

async fn dial(address: SocketAddr, subject: &str) -> io::Result<Transport> {
    let mut transport = Framed::new(TcpStream::connect(address).await?, NatsCodec::default());
    for op in [Op::Connect, Op::Subscribe(subject.to_owned())] {
        transport.send(op).await?;
    }
    // What is said before its PONG is in force.
    transport.send(Op::Ping).await?;
    while !matches!(transport.next().await.ok_or(ErrorKind::UnexpectedEof)??, Said::Other) {}
    Ok(transport)
}

/// Messages are replies; pings are counted, and answered.
#[derive(Clone, Default)]
struct Nats {
    pings: Arc<AtomicUsize>,
}

/// An id, from the subject that it was sent to, and what was answered.
#[derive(Debug)]
struct Answer {
    id: Option<u32>,
    payload: Bytes,
}

impl Protocol<Op, Said> for Nats {
    type Reply = Answer;

    fn classify(&mut self, said: Said) -> Incoming<Op, Answer> {
        match said {
            Said::Message { subject, payload, .. } => {
                let id = subject.rsplit('.').next().and_then(|id| id.parse().ok());
                Incoming::Reply(Answer { id, payload })
            }
            Said::Ping => {
                self.pings.fetch_add(1, Ordering::Relaxed);
                Incoming::Control(Op::Pong)
            }
            Said::Other => Incoming::Push,
        }
    }
}

fn stamp(op: &mut Op, id: u32) {
    if let Op::Publish { reply_to, .. } = op {
        reply_to.push_str(&id.to_string());
    }
}

/// Answers each question twice, and pings.
async fn answer_twice(mut transport: Transport) -> io::Result<()> {
    while let Some(said) = transport.next().await {
        match said? {
            Said::Message { reply_to: Some(subject), payload, .. } => {
                for _ in 0..2 {
                    let (subject, payload) = (subject.clone(), payload.clone());
                    transport.feed(Op::Publish { subject, reply_to: String::new(), payload }).await?;
                }
                transport.flush().await?;
            }
            Said::Ping => transport.send(Op::Pong).await?,
            Said::Message { .. } | Said::Other => {}
        }
    }
    Ok(())
}

#[test]
fn pings_are_answered_and_second_replies_shift_nobody_s_answer() -> TestResult {
    const CALLS: u64 = 2000;
    let Some(server) = NatsServer::start_or_skip()? else { return Ok(()) };
    run_on_tokio(async {
        let address = server.address();
        tokio::spawn(answer_twice(dial(address, "questions").await?));
        let (nats, ignored) = (Nats::default(), Arc::new(AtomicU64::new(0)));
        let dials = Arc::new(AtomicUsize::new(0));
        let connector = {
            let (nats, ignored, dials) = (nats.clone(), Arc::clone(&ignored), Arc::clone(&dials));
            move |address| {
                let (nats, ignored) = (nats.clone(), Arc::clone(&ignored));
                // Each connection has an inbox of its own.
                let inbox = dials.fetch_add(1, Ordering::Relaxed);
                async move {
                    let transport = dial(address, &format!("_INBOX.{inbox}.*")).await?;
                    let into_inbox = move |op: &mut Op, id| {
                        if let Op::Publish { reply_to, .. } = op {
                            *reply_to = format!("_INBOX.{inbox}.");
                        }
                        stamp(op, id);
                    };
                    let connection =
                        Tagged::with_protocol(transport, into_inbox, |answer: &Answer| answer.id, nats);
                    io::Result::Ok(connection.ignore_unknown_ids(&ignored))
                }
            }
        };
        let pool: CallPool<Op, Answer> = pool_tokio::call_pool_for(connector)
            .connect_to_fixed([address])
            .connections_per_address(2)
            .spawn()?;
        let ask = async |number: u64| {
            let payload = Bytes::from(number.to_string());
            let (subject, reply_to) = ("questions".to_owned(), String::new());
            let answer = pool.call(Op::Publish { subject, reply_to, payload: payload.clone() }).await?;
            assert_eq!(answer.payload, payload);
            TestResult::Ok(())
        };
        try_join_all((0..CALLS).map(ask)).await?;
        until(|| ignored.load(Ordering::Relaxed) == CALLS).await;
        // A client that leaves two unanswered is dropped.
        until(|| nats.pings.load(Ordering::Relaxed) >= 12).await;
        try_join_all((0..100).map(ask)).await?;
        assert!(pool.last_error().is_none(), "{:?}", pool.last_error());
        assert_eq!(dials.load(Ordering::Relaxed), 2, "nobody has connected again");
        Ok(())
    })
}
