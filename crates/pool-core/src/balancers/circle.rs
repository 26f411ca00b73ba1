//! A circle of hashes with the points of addresses on it, and which of them is the nearest to a key.
//!
//! An address has [`POINTS`] points, and a key [`PROBES`] places from which it looks for the next point; the nearest of
//! those wins (multi-probe consistent hashing: Appleton and O'Reilly 2015). That shares keys as evenly as hundreds of points
//! an address, with few. The points are a ring in the order of their hashes. A table says for each part of the circle
//! which point is the first at or after its begin, so a look takes the same time however many there are, and points come and
//! go at the cost of the parts between them, which is constant on average.

use alloc::vec::Vec;

use crate::links::NONE;
use crate::random::Random;

/// So many points an address has.
pub(super) const POINTS: u32 = 4;
/// From so many places a key looks for a point.
const PROBES: u32 = 5;
const PARTS_MIN: usize = 8;
/// Of points with one hash, so many are put in order; it takes equal hashes of addresses to have more.
const EQUALS_MAX: usize = 16;

/// The points of all addresses, by number: those of an address follow one another.
#[derive(Clone, Debug, Default)]
pub(super) struct Points {
    of: Vec<Point>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    /// Where it is on the circle.
    hash: u32,
    next: u32,
    previous: u32,
}

impl Points {
    /// Gives an address its places. It is on no circle yet.
    pub(super) fn place(&mut self, address: u32, hash: u64) {
        let first = (address * POINTS) as usize;
        let end = first + POINTS as usize;
        if self.of.len() < end {
            self.of.resize(end, Point { hash: 0, next: NONE, previous: NONE });
        }
        for (point, number) in self.of[first..end].iter_mut().zip(0..) {
            point.hash = high(Random::nth(hash, number));
        }
    }

    #[inline]
    pub(super) fn next(&self, point: u32) -> u32 {
        self.of[point as usize].next
    }

    fn hash(&self, point: u32) -> u32 {
        self.of[point as usize].hash
    }
}

/// The points on a circle, as far as they are not in [`Points`].
#[derive(Clone, Debug)]
pub(super) struct Circle {
    /// For each part of the circle the first point at or after its begin; empty while there are no points.
    parts: Vec<u32>,
    /// By which a hash is moved to be the number of its part.
    shift: u32,
    len: usize,
}

impl Circle {
    pub(super) const EMPTY: Self = Self { parts: Vec::new(), shift: 0, len: 0 };

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The point that a key belongs to. There is one.
    #[inline]
    pub(super) fn nearest(&self, points: &Points, key: u64) -> u32 {
        let mixed = Random::nth(key, 0);
        // Two halves make any number of places (Kirsch and Mitzenmacher 2006).
        let (mut place, step) = (high(mixed), low(mixed) | 1);
        let (mut nearest, mut least) = (NONE, u32::MAX);
        for _ in 0..PROBES {
            let point = self.at_or_after(points, place);
            let distance = points.hash(point).wrapping_sub(place);
            if distance <= least {
                (nearest, least) = (point, distance);
            }
            place = place.wrapping_add(step);
        }
        nearest
    }

    #[inline]
    fn at_or_after(&self, points: &Points, place: u32) -> u32 {
        let part = place >> self.shift;
        let first = self.parts[part as usize];
        let begin = part << self.shift;
        let mut point = first;
        while points.hash(point).wrapping_sub(begin) < place.wrapping_sub(begin) {
            point = points.next(point);
            if point == first {
                break;
            }
        }
        point
    }

    /// An address joins with all its points.
    pub(super) fn join(&mut self, points: &mut Points, address: u32) {
        for number in 0..POINTS {
            self.insert(points, address * POINTS + number);
        }
        if self.len > self.parts.len() {
            self.divide(points, address * POINTS, self.len.next_power_of_two());
        }
    }

    /// An address leaves that has joined.
    pub(super) fn leave(&mut self, points: &mut Points, address: u32) {
        for number in 0..POINTS {
            self.remove(points, address * POINTS + number);
        }
        if self.len > 0 && self.len * 8 < self.parts.len() {
            let parts = (2 * self.len).next_power_of_two();
            self.divide(points, self.parts[0], parts);
        }
    }

    fn insert(&mut self, points: &mut Points, point: u32) {
        self.len += 1;
        if self.len == 1 {
            let entry = &mut points.of[point as usize];
            (entry.next, entry.previous) = (point, point);
            return self.divide(points, point, PARTS_MIN);
        }
        let hash = points.hash(point);
        let mut next = self.at_or_after(points, hash);
        let mut is_first_of_equals = true;
        // In the same order however often they come and go.
        for _ in 0..EQUALS_MAX.min(self.len - 1) {
            if points.hash(next) != hash || next > point {
                break;
            }
            next = points.next(next);
            is_first_of_equals = false;
        }
        let previous = core::mem::replace(&mut points.of[next as usize].previous, point);
        points.of[previous as usize].next = point;
        let entry = &mut points.of[point as usize];
        (entry.next, entry.previous) = (next, previous);
        self.point_parts(points, point, point, is_first_of_equals);
    }

    fn remove(&mut self, points: &mut Points, point: u32) {
        let Point { hash, next, previous } = points.of[point as usize];
        self.len -= 1;
        if self.len == 0 {
            self.parts.clear();
            return;
        }
        let is_first_of_equals = self.parts[(hash >> self.shift) as usize] == point;
        self.point_parts(points, point, next, is_first_of_equals);
        points.of[previous as usize].next = next;
        points.of[next as usize].previous = previous;
    }

    /// The parts whose first point is this one have that one now.
    fn point_parts(&mut self, points: &Points, point: u32, first: u32, is_first_of_equals: bool) {
        let Point { hash, previous, .. } = points.of[point as usize];
        let before = points.hash(previous);
        let (last, part_before) = (hash >> self.shift, before >> self.shift);
        let mask = self.parts.len() - 1;
        let count = if last != part_before {
            last.wrapping_sub(part_before) as usize & mask
        } else if before < hash || (before == hash && !is_first_of_equals) {
            0
        } else {
            // All points are in this part, and this one is the first.
            self.parts.len()
        };
        for offset in 0..count {
            let part = (last as usize).wrapping_sub(offset) & mask;
            self.parts[part] = first;
        }
    }

    /// Divides the circle anew, which one of its points is known of.
    fn divide(&mut self, points: &Points, start: u32, parts: usize) {
        let parts = parts.max(PARTS_MIN);
        self.shift = u32::BITS - parts.trailing_zeros();
        self.parts.clear();
        self.parts.resize(parts, NONE);
        let first = self.first(points, start);
        let mut part = 0;
        let mut point = first;
        for _ in 0..self.len {
            let last = (points.hash(point) >> self.shift) as usize;
            while part <= last {
                self.parts[part] = point;
                part += 1;
            }
            point = points.next(point);
        }
        self.parts[part..].fill(first);
    }

    /// The first on the circle, which has this one.
    fn first(&self, points: &Points, start: u32) -> u32 {
        let mut point = start;
        for _ in 0..self.len {
            let previous = points.of[point as usize].previous;
            if points.hash(previous) > points.hash(point) || previous == point {
                return point;
            }
            point = previous;
        }
        point
    }
}

fn high(hash: u64) -> u32 {
    u32::try_from(hash >> u32::BITS).unwrap_or(u32::MAX)
}

fn low(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The point that is nearest, found by looking at all of them.
    fn sought(points: &Points, joined: &[u32], key: u64) -> u32 {
        let mixed = Random::nth(key, 0);
        let places = (0..PROBES).map(|probe| high(mixed).wrapping_add((low(mixed) | 1).wrapping_mul(probe)));
        let all =
            || joined.iter().flat_map(|address| (0..POINTS).map(move |number| address * POINTS + number));
        let nearest = places.map(|place| {
            let distance = |point: &u32| points.hash(*point).wrapping_sub(place);
            all().map(|point| distance(&point)).min().expect("some")
        });
        let least = nearest.clone().min().expect("some");
        let place = (0..PROBES).map(|probe| high(mixed).wrapping_add((low(mixed) | 1).wrapping_mul(probe)));
        let hashes: Vec<u32> = place.map(|place| place.wrapping_add(least)).collect();
        all().find(|point| hashes.contains(&points.hash(*point))).expect("one is as near")
    }

    fn check(circle: &Circle, points: &Points, joined: &[u32]) {
        let mut walked = Vec::new();
        let start = circle.first(points, circle.parts[0]);
        let mut point = start;
        loop {
            walked.push(points.hash(point));
            assert_eq!(points.of[points.next(point) as usize].previous, point);
            point = points.next(point);
            if point == start {
                break;
            }
        }
        assert_eq!(walked.len(), joined.len() * POINTS as usize);
        assert!(walked.is_sorted());
        for (number, first) in circle.parts.iter().enumerate() {
            let begin = u32::try_from(number).expect("few") << circle.shift;
            let sought = walked.iter().find(|hash| **hash >= begin).unwrap_or(&walked[0]);
            assert_eq!(points.hash(*first), *sought, "part {number}");
        }
        for key in 0..20 {
            let (found, sought) = (circle.nearest(points, key), sought(points, joined, key));
            assert_eq!(points.hash(found), points.hash(sought));
        }
    }

    #[test]
    fn the_nearest_point_is_found_whichever_addresses_come_and_go() {
        // Some of the hashes are equal.
        for kinds in [1, 2, 5, 1_000] {
            let (mut points, mut circle) = (Points::default(), Circle::EMPTY);
            let mut random = Random::new(kinds);
            let mut joined: Vec<u32> = Vec::new();
            for address in 0..60 {
                points.place(address, random.up_to(kinds - 1));
            }
            for step in 0..300 {
                let address = u32::try_from(random.up_to(59)).expect("few");
                match joined.iter().position(|other| *other == address) {
                    Some(place) => {
                        joined.swap_remove(place);
                        circle.leave(&mut points, address);
                    }
                    // Now it grows, now it shrinks.
                    None if step % 100 < 60 || random.up_to(3) == 0 => {
                        joined.push(address);
                        circle.join(&mut points, address);
                    }
                    None => {}
                }
                assert_eq!(circle.is_empty(), joined.is_empty());
                if !joined.is_empty() {
                    check(&circle, &points, &joined);
                }
            }
        }
    }
}
