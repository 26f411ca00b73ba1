//! A figure as a line of JSON.

use serde_json::json;

use super::Kind;
use super::figure::Figure;

pub(super) fn line(kind: Kind, section: &str, figure: &Figure) -> String {
    let Figure { case, subject, metric, value, spread, references } = figure;
    let references: serde_json::Map<_, _> = references
        .iter()
        .map(|of| (of.subject.to_owned(), json!({ "value": of.value, "ratio": of.ratio })))
        .collect();
    let line = json!({
        (kind.command): section,
        "case": case.name,
        "subject": subject,
        "metric": metric.name,
        "value": value,
        "least": spread.map(|[least, _]| least),
        "most": spread.map(|[_, most]| most),
        "references": references,
    });
    line.to_string()
}
