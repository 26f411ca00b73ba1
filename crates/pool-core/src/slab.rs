//! A slab: places that are used again and again. Generations tell their occupants apart.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Identifies one occupant of one place; no later occupant of the place has the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct SlabKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A value that remembers which occupant of its place it is.
pub(crate) trait Generational {
    fn generation(&self) -> u32;
}

/// A vector of places. Values are reached by [`SlabKey`] from outside, where a stale one finds
/// nothing, and by plain index from inside, where the index is known to be good.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Place<T>>,
    vacant: Vec<u32>,
}

#[derive(Clone, Debug)]
enum Place<T> {
    Taken(T),
    Vacant { next_generation: u32 },
}

#[cfg(test)]
impl<T> Slab<T> {
    /// What a place takes, vacant or not.
    pub(crate) const PLACE_BYTES: usize = size_of::<Place<T>>();
}

impl<T: Generational> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), vacant: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    /// Makes room for `count` values in all, without the slack of doubling.
    pub(crate) fn reserve_total(&mut self, count: usize) {
        self.places.reserve_exact(count.saturating_sub(self.places.len()));
    }

    /// Puts in what `make` makes of its key.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(SlabKey) -> T) -> SlabKey {
        if let Some(index) = self.vacant.pop() {
            let place = &mut self.places[index as usize];
            let Place::Vacant { next_generation: generation } = *place else {
                unreachable!("the list of vacant places has only vacant ones")
            };
            let key = SlabKey { index, generation };
            *place = Place::Taken(make(key));
            return key;
        }
        let index = u32::try_from(self.places.len()).expect("fewer than 2^32 places");
        let key = SlabKey { index, generation: 0 };
        self.places.push(Place::Taken(make(key)));
        key
    }

    pub(crate) fn remove(&mut self, index: u32) -> T {
        let next_generation = self[index].generation().wrapping_add(1);
        let place = core::mem::replace(&mut self.places[index as usize], Place::Vacant { next_generation });
        self.vacant.push(index);
        match place {
            Place::Taken(value) => value,
            Place::Vacant { .. } => unreachable!("it has just been looked at"),
        }
    }

    pub(crate) fn key(&self, index: u32) -> SlabKey {
        SlabKey { index, generation: self[index].generation() }
    }

    pub(crate) fn get(&self, key: SlabKey) -> Option<&T> {
        match self.places.get(key.index as usize) {
            Some(Place::Taken(value)) if value.generation() == key.generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: SlabKey) -> Option<&mut T> {
        match self.places.get_mut(key.index as usize) {
            Some(Place::Taken(value)) if value.generation() == key.generation => Some(value),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlabKey, &T)> {
        (0..).zip(&self.places).filter_map(|(index, place)| match place {
            Place::Taken(value) => Some((SlabKey { index, generation: value.generation() }, value)),
            Place::Vacant { .. } => None,
        })
    }

    /// The places that are taken now.
    pub(crate) fn indices(&self) -> Vec<u32> {
        self.iter().map(|(key, _)| key.index).collect()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Taken(value) => Some(value),
            Place::Vacant { .. } => None,
        })
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        match &self.places[index as usize] {
            Place::Taken(value) => value,
            Place::Vacant { .. } => unreachable!("indices from inside are those of taken places"),
        }
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        match &mut self.places[index as usize] {
            Place::Taken(value) => value,
            Place::Vacant { .. } => unreachable!("indices from inside are those of taken places"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Generational for SlabKey {
        fn generation(&self) -> u32 {
            self.generation
        }
    }

    #[test]
    fn a_key_finds_its_own_occupant_and_never_a_later_one() {
        let mut slab = Slab::new();
        let first = slab.insert_with(|key| key);
        slab.remove(first.index);
        assert_eq!(slab.get(first), None);
        let second = slab.insert_with(|key| key);
        assert_eq!((first.index, slab.get(first), slab.get(second)), (second.index, None, Some(&second)));
    }
}
