//! The rules, each a function from the tree to the places where it is broken.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::rust::{Item, fields, items};
use super::tree::{TextFile, Tree};
use crate::command::output;
use crate::conformance::patches;

const FIELDS_MAX: usize = 15;
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 60;

/// What a struct with more fields says of itself.
const MIRRORS_SETTINGS: &str = "mirrors settings";
/// What a longer file says of itself in its first lines.
const ONE_SUBJECT: &str = "one subject";

/// Words that leave open who is meant; in two pieces, so that they are not found here.
const RIDDLES: [&str; 2] = [concat!("who", "ever"), concat!("those", " who")];

/// No struct of a library has more than 15 fields, unless it says that it mirrors settings.
pub(super) fn big_structs(tree: &Tree) -> Vec<String> {
    let big_in = |file: &TextFile| {
        let big = items(&file.text, "struct").into_iter().filter(|item| {
            let says = |lines: &[&str]| lines.iter().any(|line| line.contains(MIRRORS_SETTINGS));
            fields(item) > FIELDS_MAX && !says(&item.head) && !says(&item.lines)
        });
        let place = |item: Item<'_>| {
            format!("{}:{}: {} has {} fields", file.path, item.line, item.name, fields(&item))
        };
        big.map(place).collect::<Vec<_>>()
    };
    tree.library_sources().flat_map(big_in).collect()
}

/// No file of a library is longer than 500 lines, unless its first lines say why it is one subject.
pub(super) fn long_files(tree: &Tree) -> Vec<String> {
    let long = tree.library_sources().filter(|file| {
        let mut first_block = file.text.lines().take_while(|line| line.starts_with("//!"));
        file.text.lines().count() > FILE_LINES_MAX && !first_block.any(|line| line.contains(ONE_SUBJECT))
    });
    long.map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect()
}

/// No function of a library is longer than 60 lines.
pub(super) fn long_functions(tree: &Tree) -> Vec<String> {
    let long_in = |file: &TextFile| {
        let long = items(&file.text, "fn").into_iter().filter(|item| item.lines.len() > FUNCTION_LINES_MAX);
        let place = |item: Item<'_>| {
            format!("{}:{}: {} has {} lines", file.path, item.line, item.name, item.lines.len())
        };
        long.map(place).collect::<Vec<_>>()
    };
    tree.library_sources().flat_map(long_in).collect()
}

/// No sentence leaves open who is meant.
pub(super) fn riddles(tree: &Tree) -> Vec<String> {
    let mut places = Vec::new();
    for file in tree.with_extension("rs").chain(tree.with_extension("md")) {
        for (index, line) in file.text.lines().enumerate() {
            let lowercase = line.to_lowercase();
            if RIDDLES.iter().any(|riddle| lowercase.contains(riddle)) {
                places.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    places
}

/// Every crate has the lints of its workspace. A workspace of its own has lints of its own.
pub(super) fn manifests_without_lints(tree: &Tree) -> Vec<String> {
    let without = tree.with_extension("toml").filter(|file| {
        let has = |section: &str| file.text.lines().any(|line| line.trim_end() == section);
        let mut after_lints = file.text.lines().skip_while(|line| line.trim_end() != "[lints]").skip(1);
        let is_member = has("[package]") && !has("[workspace]");
        is_member && after_lints.next().map(str::trim_end) != Some("workspace = true")
    });
    without.map(|file| format!("{}: `[lints] workspace = true` is missing", file.path)).collect()
}

/// A module with modules of its own is `mod.rs` in their folder: no file stands beside a folder of its name.
pub(super) fn files_beside_their_folder(tree: &Tree) -> Vec<String> {
    let beside = tree.with_extension("rs").filter(|file| {
        let folder = file.path.replace(".rs", "/");
        tree.with_extension("rs").any(|other| other.path.starts_with(&folder))
    });
    beside.map(|file| format!("{}: it stands beside the folder of its modules", file.path)).collect()
}

/// Every fault that is planted on purpose fits the code of today.
pub(super) fn stale_mutants(tree: &Tree) -> Vec<String> {
    let patches = match patches() {
        Ok(patches) => patches,
        Err(error) => return vec![format!("there are no patches: {error}")],
    };
    let stale = patches.iter().filter(|patch| check_patch(&tree.root, patch).is_err());
    let name = |patch: &PathBuf| patch.strip_prefix(&tree.root).unwrap_or(patch).display().to_string();
    stale.map(|patch| format!("{}: does not apply", name(patch))).collect()
}

fn check_patch(root: &Path, patch: &Path) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["apply", "--check"]).arg(patch).current_dir(root);
    // In a folder of some repository git would pass over what is outside of the folder.
    output(git.env("GIT_CEILING_DIRECTORIES", root.parent().unwrap_or(root))).map(drop)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::command::target_dir;

    fn struct_of(fields: usize, comment: &str) -> String {
        let fields = "    f: u8,\n".repeat(fields);
        format!("/// {comment}\nstruct S {{\n{fields}}}\n")
    }

    #[test]
    fn a_struct_may_have_15_fields_and_more_if_it_mirrors_settings() {
        let (full, big) = (struct_of(15, ""), struct_of(16, ""));
        let excused = struct_of(16, "It mirrors settings of the builder.");
        let files = [("crates/a/src/full.rs", &*full), ("crates/a/src/excused.rs", &*excused)];
        assert_eq!(big_structs(&Tree::of(files)), [""; 0]);
        let tree = Tree::of([("crates/a/src/big.rs", &*big), ("xtask/src/big.rs", &*big)]);
        assert_eq!(big_structs(&tree), ["crates/a/src/big.rs:2: S has 16 fields"]);
    }

    #[test]
    fn a_file_may_have_500_lines_and_more_if_it_says_why() {
        let lines = |first: &str, more: usize| format!("//! {first}\n{}", "\n".repeat(more));
        let (full, long) = (lines("Full.", 499), lines("Long.", 500));
        let excused = lines("All of it is one subject: the table and its test.", 500);
        let files = [("crates/a/src/full.rs", &*full), ("crates/a/src/excused.rs", &*excused)];
        assert_eq!(long_files(&Tree::of(files)), [""; 0]);
        let late = format!("use a;\n{excused}");
        let tree = Tree::of([("crates/a/src/long.rs", &*long), ("crates/a/src/late.rs", &*late)]);
        assert_eq!(long_files(&tree), ["crates/a/src/long.rs: 501 lines", "crates/a/src/late.rs: 502 lines"]);
    }

    #[test]
    fn a_function_may_have_60_lines() {
        let function =
            |name: &str, lines: usize| format!("fn {name}() {{\n{}}}\n", "    f();\n".repeat(lines - 2));
        let text = function("full", 60) + &function("long", 61);
        let tree = Tree::of([("crates/a/src/b.rs", &*text)]);
        assert_eq!(long_functions(&tree), ["crates/a/src/b.rs:61: long has 61 lines"]);
    }

    #[test]
    fn riddles_are_found_in_rust_and_in_prose_at_any_place_of_a_sentence() {
        let [one, other] = RIDDLES.map(|riddle| format!("fine\n/// {} waits", riddle.to_uppercase()));
        let tree = Tree::of([("a.rs", &*one), ("b/c.md", &*other), ("Cargo.toml", &*one)]);
        let places = riddles(&tree);
        assert!(places[0].starts_with("a.rs:2: ") && places[1].starts_with("b/c.md:2: "), "{places:?}");
        assert_eq!(places.len(), 2);
    }

    #[test]
    fn members_of_the_workspace_have_its_lints() {
        let tree = Tree::of([
            ("Cargo.toml", "[workspace]\n"),
            ("own/Cargo.toml", "[package]\n[workspace]\n"),
            ("good/Cargo.toml", "[package]\n[lints]\nworkspace = true\n"),
            ("none/Cargo.toml", "[package]\nversion.workspace = true\n"),
            ("other/Cargo.toml", "[package]\n[lints]\nrust.unsafe_code = \"forbid\"\n"),
        ]);
        let places = manifests_without_lints(&tree);
        assert_eq!(places.len(), 2);
        assert!(places[0].starts_with("none/") && places[1].starts_with("other/"), "{places:?}");
    }

    #[test]
    fn no_file_stands_beside_the_folder_of_its_modules() {
        let tree = Tree::of([("a/b.rs", ""), ("a/b/c.rs", ""), ("a/d/mod.rs", ""), ("a/bc.rs", "")]);
        let places = files_beside_their_folder(&tree);
        assert_eq!(places.len(), 1);
        assert!(places[0].starts_with("a/b.rs: "), "{places:?}");
    }

    #[test]
    fn a_patch_applies_only_to_the_lines_that_it_was_made_from() -> Result<()> {
        let folder = target_dir().join(format!("tidy-test-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let patch = folder.join("a.patch");
        fs::write(&patch, "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-old\n+new\n")?;
        let fits = ["old\n", "new\n"].map(|text| {
            fs::write(folder.join("a.txt"), text).expect("it can be written");
            check_patch(&folder, &patch).is_ok()
        });
        fs::remove_dir_all(&folder)?;
        assert_eq!(fits, [true, false]);
        Ok(())
    }
}
