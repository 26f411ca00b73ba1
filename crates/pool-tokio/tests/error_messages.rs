//! Programs that use the wrong verb don't compile, and the compiler's words name the right one. Each file in `misuse`
//! begins with what it must say.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The programs, with what the compiler must say of each.
fn cases(folder: &Path) -> BTreeMap<String, String> {
    let files =
        fs::read_dir(folder).expect("the programs are there").map(|file| file.expect("a file").path());
    let case = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("it can be read");
        let expected = text.lines().next().and_then(|line| line.strip_prefix("//! expect: "));
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        (name, expected.expect("it says what is expected").to_owned())
    };
    files.map(case).collect()
}

/// A package whose programs these are, outside of the workspace but with its versions.
fn write_package(root: &Path, package: &Path, folder: &Path, cases: &BTreeMap<String, String>) {
    let crate_path = root.join("crates/pool-tokio");
    let crate_path = crate_path.display();
    let mut manifest = format!(
        "[package]\nname = \"misuse\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         pool-tokio = {{ path = \"{crate_path}\" }}\n\
         futures-util = {{ version = \"0.3\", default-features = false, features = [\"sink\"] }}\n\
         tokio = {{ version = \"1\", features = [\"net\"] }}\n\
         tokio-util = {{ version = \"0.7\", features = [\"codec\"] }}\n"
    );
    for case in cases.keys() {
        let path = folder.join(case).with_extension("rs");
        let path = path.display();
        writeln!(manifest, "\n[[bin]]\nname = \"{case}\"\npath = \"{path}\"").expect("a String takes all");
    }
    fs::create_dir_all(package).expect("the target folder can be written");
    fs::write(package.join("Cargo.toml"), manifest).expect("the target folder can be written");
    fs::copy(root.join("Cargo.lock"), package.join("Cargo.lock")).expect("the workspace has a lock file");
}

/// What the compiler says of each program.
fn compile(package: &Path) -> BTreeMap<String, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut check = Command::new(cargo);
    check.args(["check", "--offline", "--keep-going", "--message-format=json", "--manifest-path"]);
    check.arg(package.join("Cargo.toml")).env("CARGO_TARGET_DIR", package.join("target"));
    let output = check.output().expect("cargo runs");
    let mut said = BTreeMap::<String, String>::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let (Some(target), Some(text)) =
            (message["target"]["name"].as_str(), message["message"]["rendered"].as_str())
        else {
            continue;
        };
        // The compiler breaks lines where it likes.
        said.entry(target.to_owned()).or_default().push_str(text);
    }
    assert!(!said.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn the_compiler_names_the_right_verb() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().and_then(Path::parent).expect("a crate of the workspace");
    let (folder, package) =
        (here.join("tests/misuse"), Path::new(env!("CARGO_TARGET_TMPDIR")).join("misuse"));
    let cases = cases(&folder);
    write_package(root, &package, &folder, &cases);
    let said = compile(&package);
    for (case, expected) in &cases {
        let text = said.get(case).unwrap_or_else(|| panic!("{case} compiles"));
        assert!(text.contains("error"), "{case} compiles:\n{text}");
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(text).contains(&words(expected)), "{case} is not told: {expected}\n{text}");
    }
}
