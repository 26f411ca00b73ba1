//! Rings that are linked by index: joining and leaving cost the same at any length.
//!
//! A ring is known by one of its places, the head, which its owner keeps; [`NONE`] stands for an empty ring.
//! Three kinds of rings use it: the ready slots of an address, its other slots, and the addresses of a priority that
//! have a ready slot.

/// No place: the head of an empty ring.
pub(crate) const NONE: u32 = u32::MAX;

/// The neighbours of a place in a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Links {
    pub(crate) next: u32,
    pub(crate) previous: u32,
}

impl Links {
    /// Of a place that is in no ring.
    pub(crate) const NONE: Self = Self { next: NONE, previous: NONE };
}

/// Places that one kind of ring goes through.
pub(crate) trait Linked {
    fn links(&mut self, place: u32) -> &mut Links;

    /// Puts a place at the end of a ring, which is before its head. In an empty ring it is alone.
    fn join_ring(&mut self, head: u32, place: u32) {
        if head == NONE {
            *self.links(place) = Links { next: place, previous: place };
            return;
        }
        let last = self.links(head).previous;
        *self.links(place) = Links { next: head, previous: last };
        self.links(last).next = place;
        self.links(head).previous = place;
    }

    /// Takes a place out of its ring. Returns the one after it, or `NONE` if it was alone.
    fn leave_ring(&mut self, place: u32) -> u32 {
        let Links { next, previous } = core::mem::replace(self.links(place), Links::NONE);
        if next == place {
            return NONE;
        }
        self.links(previous).next = next;
        self.links(next).previous = previous;
        next
    }
}

/// The places of a ring, its head first.
pub(crate) fn ring(head: u32, next: impl Fn(u32) -> u32) -> impl Iterator<Item = u32> {
    let first = (head != NONE).then_some(head);
    core::iter::successors(first, move |&place| Some(next(place)).filter(|next| *next != head))
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    struct Places([Links; 4]);

    impl Linked for Places {
        fn links(&mut self, place: u32) -> &mut Links {
            &mut self.0[place as usize]
        }
    }

    fn walk(places: &Places, head: u32) -> Vec<u32> {
        ring(head, |place| places.0[place as usize].next).collect()
    }

    #[test]
    fn places_join_at_the_end_of_a_ring_and_leave_from_anywhere() {
        let mut places = Places([Links::NONE; 4]);
        assert_eq!(walk(&places, NONE), []);
        places.join_ring(NONE, 2);
        assert_eq!(walk(&places, 2), [2]);
        for place in [0, 3, 1] {
            places.join_ring(2, place);
        }
        assert_eq!((walk(&places, 2), walk(&places, 3)), ([2, 0, 3, 1].into(), [3, 1, 2, 0].into()));
        assert_eq!(places.leave_ring(3), 1);
        assert_eq!(places.leave_ring(2), 0);
        assert_eq!(walk(&places, 0), [0, 1]);
        assert_eq!((places.leave_ring(1), places.leave_ring(0)), (0, NONE));
        assert_eq!(places.0, [Links::NONE; 4]);
    }
}
