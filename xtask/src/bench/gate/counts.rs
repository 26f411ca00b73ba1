//! Instructions of a program, by function.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use crate::callgrind::instructions_by_function;

/// A function that takes less an item is not written down.
const LEAST: f64 = 0.5;
/// So many of those that grew are named.
const NAMED: usize = 5;

/// Instructions an item.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    functions: BTreeMap<String, f64>,
    /// Of all functions, also those that are not written down.
    total: f64,
}

impl Counts {
    /// The difference of two runs of different length.
    pub(super) fn per_item(
        program: &Path,
        items: [u32; 2],
        arguments: impl Fn(u32) -> String,
    ) -> Result<Self> {
        let [few, many] = items;
        let fewer = instructions_by_function(program, &arguments(few))?;
        let mut functions = instructions_by_function(program, &arguments(many))?;
        for (name, count) in fewer {
            *functions.entry(name).or_default() -= count;
        }
        let items = f64::from(many - few);
        for count in functions.values_mut() {
            *count /= items;
        }
        let total = functions.values().sum();
        functions.retain(|_, count| *count >= LEAST);
        Ok(Self { functions, total })
    }

    pub(super) fn new(total: f64, functions: BTreeMap<String, f64>) -> Self {
        Self { functions, total }
    }

    pub(super) fn total(&self) -> f64 {
        self.total
    }

    pub(super) fn functions(&self) -> &BTreeMap<String, f64> {
        &self.functions
    }

    /// The functions that grew most, a line each.
    pub(super) fn growth_since(&self, before: &Self) -> String {
        let names = self.functions.iter();
        let mut growths: Vec<_> =
            names.map(|(name, count)| (count - before.functions.get(name).unwrap_or(&0.0), name)).collect();
        growths.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut text = String::new();
        for (growth, name) in growths.iter().take(NAMED).filter(|(growth, _)| *growth > 0.0) {
            let _ = writeln!(text, "    {growth:+8.1}  {name}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(functions: &[(&str, f64)]) -> Counts {
        let functions: BTreeMap<_, _> =
            functions.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Counts::new(functions.values().sum(), functions)
    }

    #[test]
    fn the_function_that_grew_most_is_named_first_and_those_that_shrank_are_not() {
        let before = counts(&[("a", 10.0), ("b", 20.0), ("c", 30.0)]);
        let after = counts(&[("a", 12.0), ("b", 15.0), ("c", 40.0), ("d", 5.0)]);
        let growth = after.growth_since(&before);
        let names: Vec<_> = growth.lines().filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(names, ["c", "d", "a"]);
    }
}
