//! How a host and a port are written.

use std::net::Ipv6Addr;

use super::error::Problem;

/// The host, without brackets, and the port.
pub(super) fn parse(input: &str) -> Result<(&str, u16), Problem> {
    if input.contains("://") {
        return Err(Problem::Url);
    }
    let (host, port) = match input.strip_prefix('[') {
        Some(rest) => split_brackets(rest)?,
        None if is_ipv6(input) => return Err(Problem::NoBrackets),
        None => input.rsplit_once(':').ok_or(Problem::NoPort)?,
    };
    if !input.starts_with('[') {
        if host.contains(':') {
            return Err(Problem::NoBrackets);
        }
        if let Some(problem) = problem_of_host(host) {
            return Err(problem);
        }
    }
    Ok((host, parse_port(port)?))
}

/// The IPv6 address between the brackets, and the port after them.
fn split_brackets(rest: &str) -> Result<(&str, &str), Problem> {
    let (host, port) = rest.split_once(']').ok_or(Problem::OpenBracket)?;
    if !is_ipv6(host) {
        return Err(Problem::NotIpv6(host.to_owned()));
    }
    match port.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None => Err(Problem::NoPort),
    }
}

/// With or without a zone, such as `%eth0`.
pub(super) fn is_ipv6(host: &str) -> bool {
    let (address, zone) = host.split_once('%').unwrap_or((host, "0"));
    let is_zone =
        !zone.is_empty() && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_zone && address.parse::<Ipv6Addr>().is_ok()
}

fn parse_port(port: &str) -> Result<u16, Problem> {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if port != 0 && is_number => Ok(port),
        _ if port.is_empty() => Err(Problem::NoPort),
        _ => Err(Problem::BadPort(port.to_owned())),
    }
}

/// What is wrong with the name of a host, by RFC 1123. Underscores are allowed, as resolvers take them.
pub(super) fn problem_of_host(host: &str) -> Option<Problem> {
    if host.is_empty() {
        return Some(Problem::NoHost);
    }
    let is_known = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    if let Some(stranger) = host.chars().find(|c| !is_known(c)) {
        return Some(Problem::BadCharacter(stranger));
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
        return Some(Problem::TooLong);
    }
    name.split('.').any(str::is_empty).then_some(Problem::EmptyLabel)
}
