//! A gate in front of a server's answers.

use std::pin::Pin;

use tokio::sync::watch;

/// Keeps answers to `/held/…` back until it is opened; all else is answered at once.
#[derive(Clone, Debug)]
pub struct Gate(watch::Sender<bool>);

impl Gate {
    /// A gate that is closed.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default says nothing of open or closed")]
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets all answers go, those of the future too.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// What a server answers to a request for a path: the path.
    ///
    /// # Panics
    ///
    /// The answer does when the gate is gone before it was opened.
    pub fn answer(
        &self,
    ) -> impl Fn(String) -> Pin<Box<dyn Future<Output = String> + Send>> + Clone + Send + use<> {
        let gate = self.0.clone();
        move |path| {
            let mut is_open = gate.subscribe();
            Box::pin(async move {
                if path.starts_with("/held/") {
                    is_open.wait_for(|is_open| *is_open).await.expect("the gate is there");
                }
                path
            })
        }
    }
}
