//! What KrakenD does after decoding: checks in its order, defaults, what endpoints and backends
//! inherit. KrakenD stops at the first fault; Baton tells of all, with the first as KrakenD's text.

use super::decode::{Decoded, Faults, Place};
use super::duration::GoDuration;
use super::finding::Problem;
use super::header;
use super::host;
use super::model::{AsyncAgent, BackendConfig, EndpointConfig, ServiceConfig};
use super::namespace;
use super::nearest::nearest;
use super::node::Node;
use super::placeholder::{self, Syntax};

/// The checked and defaulted configuration, and KrakenD's text of the first fault (then
/// `faults.findings` holds all).
pub(super) fn init(decoded: Decoded, faults: &mut Faults) -> (ServiceConfig, Option<String>) {
    let Decoded { config, version, version_place, listen_ip, listen_ip_place } = decoded;
    let mut init = Init { config, faults, first: None };
    if version != VERSION {
        let text = format!("unsupported version: {version} (want: {VERSION})");
        init.refuse(&version_place, text, Problem::Version { found: version });
    }
    init.service(&listen_ip, &listen_ip_place);
    let mut agents = std::mem::take(&mut init.config.async_agent);
    for agent in &mut agents {
        init.agent(agent);
    }
    let mut endpoints = std::mem::take(&mut init.config.endpoints);
    for endpoint in &mut endpoints {
        init.endpoint(endpoint);
    }
    let Init { mut config, faults, first } = init;
    config.async_agent = agents;
    config.endpoints = endpoints;
    namespace::normalize(&mut config, faults);
    (config, first)
}

/// The version of the format that is understood.
const VERSION: i64 = 3;

struct Init<'a> {
    /// Without its endpoints and agents while these are visited.
    config: ServiceConfig,
    faults: &'a mut Faults,
    first: Option<String>,
}

impl Init<'_> {
    fn refuse(&mut self, place: &Place, text: String, problem: Problem) {
        self.first.get_or_insert(text);
        self.faults.refuse(place, problem);
    }

    fn place(&self, at: &crate::words::JsonPointer) -> Place {
        Place { name: String::new(), at: at.clone(), line: self.config.source.line(at) }
    }

    fn service(&mut self, listen_ip: &str, listen_ip_place: &Place) {
        let config = &mut self.config;
        if config.port == 0 {
            config.port = 8080;
        }
        if config.max_idle_connections_per_host == 0 {
            config.max_idle_connections_per_host = 250;
        }
        if config.timeout == GoDuration(0) {
            config.timeout = GoDuration::seconds(2);
        }
        if config.dns_cache_ttl < GoDuration::seconds(1) {
            config.dns_cache_ttl = GoDuration::seconds(30);
        }
        if !listen_ip.is_empty() {
            match listen_ip.parse() {
                Ok(address) => config.listen_ip = Some(address),
                Err(_no_address) => {
                    let text = format!("invalid ip address {listen_ip}");
                    let found = listen_ip.to_owned();
                    self.refuse(listen_ip_place, text, Problem::ListenIp { found });
                },
            }
        }
        let hosts = std::mem::take(&mut self.config.host);
        let place = self.place(&crate::words::JsonPointer::root().key("host"));
        self.config.host = self.clean_hosts(hosts, &place);
    }

    fn clean_hosts(&mut self, hosts: Vec<String>, place: &Place) -> Vec<String> {
        let mut cleaned = Vec::with_capacity(hosts.len());
        for (index, found) in hosts.into_iter().enumerate() {
            let place = self.item_place(place, index);
            let Some(host) = host::clean(&found) else {
                let text = format!("host {found} not valid: invalid host");
                self.refuse(&place, text, Problem::Host { found });
                continue;
            };
            let bare =
                |text: &str| text.trim_end_matches('/').trim_start_matches("http://").to_owned();
            if bare(&found) != bare(&host) {
                self.faults.notice(&place, Problem::HostCleaned { found, cleaned: host.clone() });
            }
            cleaned.push(host);
        }
        cleaned
    }

    /// Of an item, if the file has a list there.
    fn item_place(&self, place: &Place, index: usize) -> Place {
        match self.config.source.node(&place.at.index(index)) {
            Some(Node { line, .. }) => {
                Place { at: place.at.index(index), line: *line, ..place.clone() }
            },
            None => place.clone(),
        }
    }

    fn agent(&mut self, agent: &mut AsyncAgent) {
        if agent.timeout == GoDuration(0) {
            agent.timeout = self.config.timeout;
        }
        agent.workers = agent.workers.max(1);
        agent.health_interval = agent.health_interval.max(GoDuration::seconds(1));
        for backend in &mut agent.backend {
            self.backend_hosts(backend);
            if backend.method.is_empty() {
                "GET".clone_into(&mut backend.method);
            }
            backend.encoding = backend.encoding_written.to_lowercase();
        }
    }

    fn endpoint(&mut self, endpoint: &mut EndpointConfig) {
        let place = self.place(&endpoint.at);
        endpoint.endpoint = placeholder::with_slash(&endpoint.endpoint);
        self.endpoint_path(endpoint, &place);
        for name in &mut endpoint.input_headers {
            header::canonicalize(name);
        }
        let syntax = if self.config.disable_rest { Syntax::Anywhere } else { Syntax::BehindSlash };
        endpoint.placeholders =
            placeholder::names(&endpoint.endpoint, syntax).into_iter().map(str::to_owned).collect();
        endpoint.route = placeholder::route(&endpoint.endpoint, &endpoint.placeholders);
        self.endpoint_defaults(endpoint);
        if endpoint.output_encoding == NO_OP && endpoint.backend.len() > 1 {
            let text = "can not use NoOp encoding with more than one backends connected to the same \
                        endpoint";
            let found = endpoint.backend.len();
            self.refuse(&place, text.to_owned(), Problem::NoOpBackends { found });
        }
        let mut backends = std::mem::take(&mut endpoint.backend);
        for (index, backend) in backends.iter_mut().enumerate() {
            self.backend(endpoint, index, backend);
        }
        endpoint.backend = backends;
    }

    /// KrakenD says that it ignores such an endpoint, but refuses the whole file.
    fn endpoint_path(&mut self, endpoint: &EndpointConfig, place: &Place) {
        let EndpointConfig { endpoint: path, method_written: method, .. } = endpoint;
        if !placeholder::is_endpoint_path(path) {
            let text = format!("ignoring the '{method} {path}' endpoint, since it is invalid!!!");
            self.refuse(place, text, Problem::Path { path: path.clone() });
        } else if endpoint.backend.is_empty() {
            let text = format!(
                "ignoring the '{method} {path}' endpoint, since it has 0 backends defined!"
            );
            self.refuse(place, text, Problem::NoBackend { path: path.clone() });
        }
    }

    fn endpoint_defaults(&self, endpoint: &mut EndpointConfig) {
        if endpoint.method_written.is_empty() {
            "GET".clone_into(&mut endpoint.method_written);
        }
        endpoint.method = endpoint.method_written.to_uppercase();
        if endpoint.cache_ttl == GoDuration(0) {
            endpoint.cache_ttl = self.config.cache_ttl;
        }
        if endpoint.timeout == GoDuration(0) {
            endpoint.timeout = self.config.timeout;
        }
        if endpoint.concurrent_calls == 0 {
            endpoint.concurrent_calls = 1;
        }
        if endpoint.output_encoding.is_empty() {
            endpoint.output_encoding.clone_from(&self.config.output_encoding);
        }
        if endpoint.output_encoding.is_empty() {
            "json".clone_into(&mut endpoint.output_encoding);
        }
    }

    fn backend(&mut self, endpoint: &EndpointConfig, index: usize, backend: &mut BackendConfig) {
        self.backend_hosts(backend);
        if backend.method.is_empty() {
            backend.method.clone_from(&endpoint.method_written);
        }
        if endpoint.output_encoding == NO_OP {
            NO_OP.clone_into(&mut backend.encoding_written);
        }
        backend.encoding = match backend.encoding_written.to_lowercase() {
            name if name.is_empty() => "json".to_owned(),
            name => name,
        };
        for name in &mut backend.input_headers {
            header::canonicalize(name);
        }
        if backend.sd_scheme.is_empty() {
            "http".clone_into(&mut backend.sd_scheme);
        }
        backend.url_pattern = placeholder::with_slash(&backend.url_pattern);
        self.url_pattern(endpoint, index, backend);
    }

    fn backend_hosts(&mut self, backend: &mut BackendConfig) {
        if backend.host.is_empty() {
            backend.host.clone_from(&self.config.host);
        } else if !backend.disable_host_sanitize {
            let place = self.place(&backend.at.key("host"));
            backend.host = self.clean_hosts(std::mem::take(&mut backend.host), &place);
        }
    }

    /// Every placeholder must be one of the endpoint's, or be filled by a later stage.
    fn url_pattern(&mut self, endpoint: &EndpointConfig, index: usize, backend: &BackendConfig) {
        let mut input: Vec<&str> = endpoint.placeholders.iter().map(String::as_str).collect();
        input.sort_unstable();
        input.dedup();
        let output = placeholder::distinct(&backend.url_pattern);
        let is_dynamic = self.config.baton.dynamic_routing == Some(true);
        let is_known = |name: &str| {
            placeholder::is_filled_later(name)
                || is_dynamic && placeholder::is_of_request(name)
                || input.contains(&name)
        };
        let Some(unknown) = output.iter().find(|name| !is_known(name)) else { return };
        // KrakenD counts all but the last one in order.
        let counted =
            output.iter().rev().skip(1).filter(|n| !placeholder::is_filled_later(n)).count();
        let names = format!(
            "endpoint: {} {}, backend: {index}. input: [{}], output: [{}]",
            endpoint.method_written,
            endpoint.route,
            input.join(" "),
            output.join(" ")
        );
        let text = if counted > input.len() {
            format!("input and output params do not match. {names}")
        } else {
            format!("undefined output param '{unknown}'! {names}")
        };
        let problem = Problem::Placeholder {
            name: (*unknown).to_owned(),
            nearest: nearest(unknown, input.iter().copied()).map(str::to_owned),
            known: endpoint.placeholders.clone(),
        };
        let place = self.place(&backend.at.key("url_pattern"));
        self.refuse(&place, text, problem);
    }
}

const NO_OP: &str = "no-op";
