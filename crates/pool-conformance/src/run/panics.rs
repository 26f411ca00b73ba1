//! Scripted panics, and the messages of others.

use std::panic;
use std::sync::Once;

/// Keeps panics that a script orders out of the output.
pub(super) fn keep_scripted_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !panic_message(info.payload()).starts_with("a scripted panic") {
                tell(info);
            }
        }));
    });
}

pub(super) fn panic_message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
