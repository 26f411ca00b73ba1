//! The value of a key.

use std::net::SocketAddr;

use pool_core::Endpoint;
use serde::Deserialize;

use crate::excerpt::Excerpt;

/// Other fields are ignored: programs keep all kinds of things beside an address.
#[derive(Deserialize)]
struct Json {
    address: SocketAddr,
    #[serde(default = "default_weight")]
    weight: u32,
    #[serde(default)]
    priority: u16,
}

fn default_weight() -> u32 {
    1
}

/// The endpoint in a value, or what is wrong with it.
pub(super) fn parse(value: &[u8]) -> Result<Endpoint<SocketAddr>, String> {
    let text = str::from_utf8(value).map_err(|error| error.to_string())?.trim();
    if text.starts_with('{') {
        let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
        return Ok(Endpoint::new(json.address).with_weight(json.weight).with_priority(json.priority));
    }
    text.parse().map(Endpoint::new).map_err(|_| format!("`{}` is no IP address with a port", Excerpt(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_addresses_or_json() {
        let address = "10.0.0.1:6379".parse().expect("an address");
        let v6 = "[2001:db8::1]:6379".parse().expect("an address");
        for (value, endpoint) in [
            ("10.0.0.1:6379", Endpoint::new(address)),
            (" 10.0.0.1:6379\n", Endpoint::new(address)),
            ("[2001:db8::1]:6379", Endpoint::new(v6)),
            (r#"{"address": "10.0.0.1:6379"}"#, Endpoint::new(address)),
            (
                r#"{"address": "10.0.0.1:6379", "weight": 5, "priority": 2, "zone": "b"}"#,
                Endpoint::new(address).with_weight(5).with_priority(2),
            ),
        ] {
            assert_eq!(parse(value.as_bytes()), Ok(endpoint), "{value}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let long = "x".repeat(1_000_000);
        for (value, expected) in [
            (b"".as_slice(), "no IP address"),
            (b"redis-1:6379", "`redis-1:6379` is no IP address with a port"),
            (b"10.0.0.1", "no IP address with a port"),
            (b"\xff\xfe", "utf-8"),
            (b"{\"address\": \"10.0.0.1\"}", "invalid socket address"),
            (b"{\"weight\": 1}", "missing field `address`"),
            (b"{\"address\": \"10.0.0.1:1\", \"weight\": -1}", "invalid value"),
            (long.as_bytes(), "…` is no IP"),
        ] {
            let wrong = parse(value).expect_err("it makes no sense");
            assert!(wrong.contains(expected) && wrong.len() < 200, "{wrong}");
        }
    }
}
