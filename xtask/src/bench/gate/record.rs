//! The file with the counts that were accepted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::counts::Counts;

pub(super) struct Record {
    /// Whose counts they are.
    pub(super) compiler: String,
    /// Why they are not what they were before.
    pub(super) reason: String,
    pub(super) cases: Vec<(String, Counts)>,
}

impl Record {
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        let value: Value = serde_json::from_str(&text)?;
        Self::parse(&value).with_context(|| format!("{} is no record of instructions", file.display()))
    }

    fn parse(value: &Value) -> Option<Self> {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let cases = value["cases"].as_object()?.iter().map(|(name, case)| {
            let functions = case["functions"].as_object()?.iter();
            let functions: Option<BTreeMap<_, _>> =
                functions.map(|(name, count)| Some((name.clone(), count.as_f64()?))).collect();
            Some((name.clone(), Counts::new(case["total"].as_f64()?, functions?)))
        });
        Some(Self {
            compiler: text("compiler")?,
            reason: text("reason")?,
            cases: cases.collect::<Option<_>>()?,
        })
    }

    pub(super) fn write(&self, file: &Path) -> Result<()> {
        let rounded = |count: f64| (count * 10.0).round() / 10.0;
        let cases = self.cases.iter().map(|(name, counts)| {
            let functions =
                counts.functions().iter().map(|(name, count)| (name.clone(), rounded(*count).into()));
            let functions: serde_json::Map<String, Value> = functions.collect();
            (name.clone(), json!({ "total": rounded(counts.total()), "functions": functions }))
        });
        let cases: serde_json::Map<String, Value> = cases.collect();
        let record = json!({ "compiler": self.compiler, "reason": self.reason, "cases": cases });
        fs::write(file, serde_json::to_string_pretty(&record)? + "\n")?;
        Ok(())
    }

    pub(super) fn case(&self, name: &str) -> Option<&Counts> {
        self.cases.iter().find(|(case, _)| case == name).map(|(_, counts)| counts)
    }
}
