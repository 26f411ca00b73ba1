//! A stream of settings that is fed by hand.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pool_driver::PoolConfig;

use super::scripted_stream::{ScriptedStream, StreamEvent};
use super::user_calls::Calls;

/// Settings for a running pool. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ConfigFeed {
    stream: ScriptedStream<ConfigEvent>,
}

/// What a stream of settings can do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConfigEvent {
    /// It sends settings.
    Config(Box<PoolConfig>),
    /// It ends.
    End,
    /// It panics.
    Panic,
}

impl StreamEvent for ConfigEvent {
    fn is_last(&self) -> bool {
        matches!(self, Self::End | Self::Panic)
    }
}

impl ConfigFeed {
    /// An empty feed. Polls of it count as user code.
    pub fn new(calls: &Calls) -> Self {
        Self { stream: ScriptedStream::new(calls) }
    }

    /// Adds the next event.
    pub fn push(&self, event: ConfigEvent) {
        self.stream.push(event);
    }

    /// Keeps events back from now on.
    pub fn hold(&self) {
        self.stream.hold();
    }

    /// Hands out, all at once, the events that were kept back.
    pub fn release(&self) {
        self.stream.release();
    }

    /// How often it was polled after its end.
    pub fn polls_after_end(&self) -> usize {
        self.stream.polls_after_end()
    }
}

impl Stream for ConfigFeed {
    type Item = PoolConfig;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PoolConfig>> {
        let _entered = self.stream.calls().enter();
        let Poll::Ready(event) = self.stream.poll_next(cx) else { return Poll::Pending };
        match event {
            ConfigEvent::Config(settings) => Poll::Ready(Some(*settings)),
            ConfigEvent::End => Poll::Ready(None),
            ConfigEvent::Panic => self.stream.calls().panic("of the stream of settings"),
        }
    }
}
