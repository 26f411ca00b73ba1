//! Places that are used again and again, told apart by generation.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Names one tenant of one place; no later tenant of the place has the same key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Key {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// A vector of places. Values are reached by [`Key`] from outside, where a stale one finds
/// nothing, and by plain index from inside, where the index is known to be good.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    values: Vec<Option<T>>,
    // Apart from the values: beside them it would cost twice its size in padding.
    generations: Vec<u32>,
    vacant: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { values: Vec::new(), generations: Vec::new(), vacant: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len() - self.vacant.len()
    }

    /// Makes room for `count` values in all, without the slack of doubling.
    pub(crate) fn reserve_total(&mut self, count: usize) {
        let missing = count.saturating_sub(self.values.len());
        self.values.reserve_exact(missing);
        self.generations.reserve_exact(missing);
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        if let Some(index) = self.vacant.pop() {
            self.values[index as usize] = Some(value);
            return self.key(index);
        }
        let index = u32::try_from(self.values.len()).expect("fewer than 2^32 places");
        self.values.push(Some(value));
        self.generations.push(0);
        Key { index, generation: 0 }
    }

    pub(crate) fn remove(&mut self, index: u32) -> T {
        let value = self.values[index as usize].take().expect("an occupied place");
        let generation = &mut self.generations[index as usize];
        *generation = generation.wrapping_add(1);
        self.vacant.push(index);
        value
    }

    pub(crate) fn key(&self, index: u32) -> Key {
        Key { index, generation: self.generations[index as usize] }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.generations.get(key.index as usize) {
            Some(&generation) if generation == key.generation => self.values[key.index as usize].as_ref(),
            _ => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.generations.get(key.index as usize) {
            Some(&generation) if generation == key.generation => self.values[key.index as usize].as_mut(),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        (0..).zip(&self.values).filter_map(|(index, value)| Some((self.key(index), value.as_ref()?)))
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    fn index(&self, index: u32) -> &T {
        self.values[index as usize].as_ref().expect("an occupied place")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        self.values[index as usize].as_mut().expect("an occupied place")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_own_tenant_and_never_a_later_one() {
        let mut slab = Slab::new();
        let first = slab.insert('a');
        slab.remove(first.index);
        assert_eq!(slab.get(first), None);
        let second = slab.insert('b');
        assert_eq!((first.index, slab.get(first), slab.get(second)), (second.index, None, Some(&'b')));
    }
}
