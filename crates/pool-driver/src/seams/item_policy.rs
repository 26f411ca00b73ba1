//! What a pool asks about its items.

use pool_core::{AddressId, PickArgs};

use crate::error::UndeliveredReason;

/// What becomes of items that can't be delivered, and where the others go. A closure `|item, reason| …` is a
/// policy without pick arguments.
///
/// ```
/// use pool_driver::{ItemPolicy, PickArgs, UndeliveredReason};
///
/// struct Put {
///     key: u64,
///     value: String,
/// }
///
/// /// Equal keys go to equal addresses, if the pool's balancer goes by keys.
/// struct ByKey;
///
/// impl ItemPolicy<Put> for ByKey {
///     fn on_undelivered(&mut self, item: Put, reason: UndeliveredReason) {
///         eprintln!("{} was not written: {reason}", item.value);
///     }
///
///     fn pick(&self, item: &Put) -> PickArgs {
///         PickArgs::with_key(item.key)
///     }
/// }
/// ```
///
/// A panic in [`has_pick_args`](Self::has_pick_args), [`pick`](Self::pick) or [`on_picked`](Self::on_picked) is one
/// in the choice, and ends the pool like one in its balancer. After one in [`on_undelivered`](Self::on_undelivered) the pool goes on with the
/// next item; one in [`is_wanted`](Self::is_wanted) means yes.
pub trait ItemPolicy<T> {
    /// Whether [`pick`](Self::pick) and [`on_picked`](Self::on_picked) are called at all. If not, items cost
    /// less. It is asked once for a batch of items, and must be true from before the first item that wants
    /// something enters the queue.
    fn has_pick_args(&self) -> bool {
        true
    }

    /// This item was accepted, and never offered to a connection.
    fn on_undelivered(&mut self, item: T, reason: UndeliveredReason);

    /// Whether anybody still cares for an item that waits. It is asked only after
    /// [`Pool::report_unwanted`](crate::Pool::report_unwanted); an item that nobody wants comes to
    /// [`on_undelivered`](Self::on_undelivered), and its permit is free for others.
    fn is_wanted(&self, item: &T) -> bool {
        let _ = item;
        true
    }

    /// The pick arguments of the item at the head of the queue. They are asked for whenever a connection is
    /// chosen for it, perhaps often. While the balancer answers that it has to
    /// [wait](pool_core::Balance::pick), all items behind it wait, too.
    #[inline]
    fn pick(&self, item: &T) -> PickArgs {
        let _ = item;
        PickArgs::any()
    }

    /// The item is about to be given to a connection to this address.
    #[inline]
    fn on_picked(&self, item: &T, address: AddressId) {
        let _ = (item, address);
    }
}

impl<T, F: FnMut(T, UndeliveredReason)> ItemPolicy<T> for F {
    fn has_pick_args(&self) -> bool {
        false
    }

    fn on_undelivered(&mut self, item: T, reason: UndeliveredReason) {
        self(item, reason);
    }
}

/// Undelivered items are dropped; they are counted all the same.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DropUndelivered;

impl<T> ItemPolicy<T> for DropUndelivered {
    fn has_pick_args(&self) -> bool {
        false
    }

    fn on_undelivered(&mut self, _: T, _: UndeliveredReason) {}
}

/// What the owner of a multiplexer wants for one item.
pub(crate) struct WithPickArgs(pub(crate) PickArgs);

impl<T> ItemPolicy<T> for WithPickArgs {
    fn on_undelivered(&mut self, _: T, _: UndeliveredReason) {}

    fn pick(&self, _: &T) -> PickArgs {
        self.0
    }
}
