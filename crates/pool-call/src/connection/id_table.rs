//! Values under ids that are not used again soon.

use std::collections::VecDeque;
use std::mem;

/// A table that chooses the ids.
///
/// An id is the index of an entry plus a multiple of the [stride](Self::stride): how often the entry was used
/// before. So a late or repeated id isn't taken for that of the entry's next value, and no id is in use twice.
pub(super) struct IdTable<V> {
    entries: Vec<Entry<V>>,
    /// Entries without a value, the one that has been free longest first.
    free: VecDeque<usize>,
    /// The limit of entries, if there are ids for them.
    len_max: usize,
    id_max: u32,
    len: usize,
    /// Entries that [`take_all`](Self::take_all) has looked at.
    #[cfg(test)]
    looks: usize,
}

/// At least so many entries are free before one is used again, so that no id is used again soon. More are not kept:
/// a table takes room for what is in it, whatever its limit is.
const FREE_BEFORE_REUSE: usize = 1024;

/// The largest distance between two ids of an entry, and the most values. With ids of 32 bits each entry has 256.
const STRIDE_MAX: u32 = 1 << 24;

struct Entry<V> {
    /// The id of the value, or of the next one.
    id: u32,
    value: Option<V>,
}

impl<V> IdTable<V> {
    pub(super) fn new(len_max: usize) -> Self {
        Self {
            entries: Vec::new(),
            free: VecDeque::new(),
            len_max,
            id_max: u32::MAX,
            len: 0,
            #[cfg(test)]
            looks: 0,
        }
    }

    /// Sets how many values there may be, before the first. Returns how many there are ids for.
    pub(super) fn set_len_max(&mut self, len_max: usize) -> usize {
        self.len_max = len_max;
        self.entries_max()
    }

    /// Sets the largest id, before the first value. Returns how many values there are ids for.
    pub(super) fn set_id_max(&mut self, id_max: u32) -> usize {
        self.id_max = id_max;
        self.entries_max()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds a value, and returns its id. The caller sees to it that there is room.
    pub(super) fn insert(&mut self, value: V) -> u32 {
        let is_growing = self.free.len() < FREE_BEFORE_REUSE && self.entries.len() < self.entries_max();
        let index = if is_growing { None } else { self.free.pop_front() };
        let index = index.unwrap_or_else(|| {
            let id = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
            self.entries.push(Entry { id, value: None });
            self.entries.len() - 1
        });
        let entry = &mut self.entries[index];
        entry.value = Some(value);
        self.len += 1;
        entry.id
    }

    /// The value with this id, if there is one.
    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut V> {
        let index = usize::try_from(id % self.stride()).ok()?;
        self.entries.get_mut(index).filter(|entry| entry.id == id)?.value.as_mut()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.iter().filter_map(|entry| entry.value.as_ref())
    }

    /// Removes the values that are not to be kept. Looks at all of them.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&V) -> bool) {
        for index in 0..self.entries.len() {
            let Entry { id, value } = &self.entries[index];
            if value.as_ref().is_some_and(|value| !keeps(value)) {
                self.remove(*id);
            }
        }
    }

    /// Removes the value with this id, if there is one.
    pub(super) fn remove(&mut self, id: u32) -> Option<V> {
        let index = usize::try_from(id % self.stride()).ok()?;
        let entry = self.entries.get_mut(index).filter(|entry| entry.id == id)?;
        let value = entry.value.take()?;
        self.entries[index].id = self.id_after(id);
        self.free.push_back(index);
        self.len -= 1;
        Some(value)
    }

    /// Removes all values, and forgets which ids were used.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = V> {
        self.free = VecDeque::new();
        self.len = 0;
        mem::take(&mut self.entries).into_iter().filter_map(|entry| {
            #[cfg(test)]
            {
                self.looks += 1;
            }
            entry.value
        })
    }

    fn entries_max(&self) -> usize {
        usize::try_from(self.stride()).unwrap_or(usize::MAX)
    }

    /// The distance between two ids of an entry.
    fn stride(&self) -> u32 {
        let len_max = u32::try_from(self.len_max).unwrap_or(u32::MAX);
        len_max.clamp(1, self.id_max.saturating_add(1).min(STRIDE_MAX))
    }

    /// The next id of the same entry.
    fn id_after(&self, id: u32) -> u32 {
        id.checked_add(self.stride()).filter(|next| *next <= self.id_max).unwrap_or(id % self.stride())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = 32_768;

    #[test]
    fn taking_all_values_looks_at_each_entry_once() {
        let mut table = IdTable::new(LEN);
        for value in 0..LEN {
            table.insert(value);
        }
        assert!(table.take_all().eq(0..LEN));
        assert_eq!((table.len(), table.looks), (0, LEN));
    }

    #[test]
    fn a_table_without_a_limit_takes_no_more_room_with_time_and_uses_no_id_again_soon() {
        let mut table = IdTable::new(usize::MAX);
        let mut used = std::collections::BTreeSet::new();
        for value in 0..100 * FREE_BEFORE_REUSE {
            let id = table.insert(value);
            assert!(used.insert(id), "{id} is used again after {value} values");
            assert_eq!(table.remove(id), Some(value));
        }
        assert!(table.entries.len() <= FREE_BEFORE_REUSE, "{} entries for one value", table.entries.len());
    }

    #[test]
    fn an_id_finds_its_value_once_and_never_the_next_one() {
        let mut table = IdTable::new(2);
        let (first, second) = (table.insert("first"), table.insert("second"));
        assert_eq!(table.remove(first), Some("first"));
        assert_eq!(table.remove(first), None);
        let third = table.insert("third");
        assert_eq!((table.remove(first), table.remove(99)), (None, None));
        assert_eq!((table.remove(third), table.remove(second)), (Some("third"), Some("second")));
    }
}
