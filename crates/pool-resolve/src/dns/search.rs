//! Where a host is searched for: name servers, search domains, and the hosts file.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::system_conf::read_system_conf;
use pool_driver::BoxError;

/// The next servers are asked after this.
const SERVER_TIMEOUT_MAX: Duration = Duration::from_millis(1500);

/// What hickory needs to know.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) config: ResolverConfig,
    pub(super) options: ResolverOpts,
}

impl Search {
    /// As this machine does it: first the hosts file, then the servers of `resolv.conf`, with its search
    /// domains for names that don't end with a dot.
    pub(super) fn of_this_machine() -> Result<Self, BoxError> {
        let (config, options) = read_system_conf()?;
        Ok(Self::new(config, options))
    }

    /// These servers alone. The files of this machine have nothing to do with them: there are no search
    /// domains and no hosts.
    pub(super) fn of_servers(servers: impl IntoIterator<Item = SocketAddr>, transport: Transport) -> Self {
        let servers = servers.into_iter().map(|address| transport.server(address)).collect();
        let mut options = ResolverOpts::default();
        options.use_hosts_file = ResolveHosts::Never;
        Self::new(ResolverConfig::from_name_servers(servers), options)
    }

    fn new(config: ResolverConfig, mut options: ResolverOpts) -> Self {
        // Two servers are asked at a time. A third needs its turn before the lookup times out.
        options.timeout = options.timeout.min(SERVER_TIMEOUT_MAX);
        // A refresh must reach the servers: a cache would answer for them when it matters most.
        options.cache_size = 0;
        Self { config, options }
    }

    /// The addresses of the servers.
    pub(super) fn servers(&self) -> Vec<String> {
        let address = |server: &NameServerConfig| {
            let connection = server.connections.first()?;
            Some(SocketAddr::new(server.ip, connection.port).to_string())
        };
        self.config.name_servers().iter().filter_map(address).collect()
    }
}

/// How servers are asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Transport {
    /// Over UDP, and over TCP what doesn't fit.
    UdpFirst,
    Tcp,
}

impl Transport {
    fn server(self, address: SocketAddr) -> NameServerConfig {
        let mut connections = match self {
            Self::UdpFirst => vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
            Self::Tcp => vec![ConnectionConfig::tcp()],
        };
        for connection in &mut connections {
            connection.port = address.port();
        }
        NameServerConfig::new(address.ip(), true, connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_servers_are_asked_without_search_domains_and_hosts_file() {
        let server: SocketAddr = "127.0.0.1:5353".parse().expect("an address");
        for transport in [Transport::UdpFirst, Transport::Tcp] {
            let search = Search::of_servers([server], transport);
            assert!(search.config.search().is_empty() && search.config.domain().is_none());
            assert_eq!(search.options.use_hosts_file, ResolveHosts::Never);
            assert_eq!(search.servers(), ["127.0.0.1:5353"]);
        }
    }
}
