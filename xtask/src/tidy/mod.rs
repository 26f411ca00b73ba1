//! `cargo xtask tidy`: what holds of the repository's texts, beside what the compiler checks.

mod rules;
mod rust;
mod tree;

use anyhow::{Result, ensure};

use crate::command::root;
use crate::steps::{Steps, Verdict};
use tree::Tree;

/// What must hold of a tree. A check returns a line for each place where it does not.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<String>,
    /// Whether CI fails. A rule that is not enforced yet is only counted.
    is_enforced: bool,
}

const RULES: [Rule; 7] = [
    Rule { name: "big structs", check: rules::big_structs, is_enforced: true },
    Rule { name: "long files", check: rules::long_files, is_enforced: true },
    Rule { name: "long functions", check: rules::long_functions, is_enforced: true },
    Rule { name: "riddles", check: rules::riddles, is_enforced: true },
    Rule { name: "lints of the workspace", check: rules::manifests_without_lints, is_enforced: true },
    Rule { name: "module files", check: rules::files_beside_their_folder, is_enforced: true },
    Rule { name: "mutants apply", check: rules::stale_mutants, is_enforced: true },
];

/// Lists all places, those of rules that are not enforced too.
pub(crate) fn run() -> Result<()> {
    let tree = Tree::read(root())?;
    let mut broken = Vec::new();
    for rule in &RULES {
        let places = (rule.check)(&tree);
        let note = if rule.is_enforced { "" } else { " (not enforced yet)" };
        println!("{}: {} places{note}", rule.name, places.len());
        for place in &places {
            println!("    {place}");
        }
        if rule.is_enforced && !places.is_empty() {
            broken.push(rule.name);
        }
    }
    ensure!(broken.is_empty(), "untidy: {}", broken.join(", "));
    Ok(())
}

pub(crate) fn add_to(steps: &mut Steps) {
    for rule in &RULES {
        steps.check(&format!("tidy: {}", rule.name), || verdict(rule, &Tree::read(root())?));
    }
}

fn verdict(rule: &Rule, tree: &Tree) -> Result<Verdict> {
    let places = (rule.check)(tree);
    if places.is_empty() {
        return Ok(Verdict::Passed);
    }
    ensure!(!rule.is_enforced, "{}", places.join("\n"));
    Ok(Verdict::Skipped(format!("not enforced yet, {} places: `cargo xtask tidy`", places.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_place(_: &Tree) -> Vec<String> {
        vec!["here".to_owned()]
    }

    #[test]
    fn a_rule_fails_only_where_it_is_broken_and_enforced() {
        let tree = Tree::of([]);
        let mut rule = Rule { name: "test", check: one_place, is_enforced: true };
        assert!(verdict(&rule, &tree).is_err_and(|error| error.to_string() == "here"));
        rule.is_enforced = false;
        assert!(matches!(verdict(&rule, &tree), Ok(Verdict::Skipped(reason)) if reason.contains("1 places")));
        rule = Rule { name: "test", check: |_| Vec::new(), is_enforced: true };
        assert!(matches!(verdict(&rule, &tree), Ok(Verdict::Passed)));
    }
}
