//! `check -d`: how a configuration is understood, in the form of KrakenD's dump.

mod endpoint;
mod settings;

use std::fmt::{self, Display, Write as _};

use super::model::{AsyncAgent, ClientTls, ServiceConfig, Tls};

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// `-d`: what stands out.
    Main,
    /// `-dd`: everything of endpoints and backends.
    More,
    /// `-ddd`: the service's times and sizes too.
    All,
}

/// The dump, with a line feed at its end. `indent` is what a step is indented by (KrakenD: a tab).
#[must_use]
pub fn dump(config: &ServiceConfig, detail: Detail, indent: &str) -> String {
    let mut out = Out { text: String::new(), detail, indent };
    out.line("", "Global settings");
    out.service(config);
    out.component_count("", "global", &config.extra_config);
    out.line("", format_args!("{} API endpoint(s):", config.endpoints.len()));
    for endpoint in &config.endpoints {
        out.endpoint(endpoint);
    }
    out.line("", format_args!("{} async agent(s):", config.async_agent.len()));
    for agent in &config.async_agent {
        out.agent(agent);
    }
    out.text
}

struct Out<'a> {
    text: String,
    detail: Detail,
    indent: &'a str,
}

impl Out<'_> {
    fn line(&mut self, indent: &str, text: impl Display) {
        let _a_string_takes_all = writeln!(self.text, "{indent}{text}");
    }

    /// `NAME: VALUE`, one step in.
    fn key(&mut self, name: &str, value: impl Display) {
        self.line(self.indent, format_args!("{name}: {value}"));
    }

    fn shows(&self, detail: Detail) -> bool {
        self.detail >= detail
    }

    fn service(&mut self, config: &ServiceConfig) {
        self.key("Name", &config.name);
        self.key("Version", 3);
        self.key("Address", config.listen_ip.map(|ip| ip.to_string()).unwrap_or_default());
        self.key("Port", config.port);
        if self.shows(Detail::More) {
            self.key("Default cache TTL", config.cache_ttl);
            self.key("Default timeout", config.timeout);
        }
        if self.shows(Detail::More) || !config.host.is_empty() {
            self.key("Default backend hosts", List(&config.host));
        }
        if self.shows(Detail::All) {
            self.times_and_sizes(config);
        }
        match &config.tls {
            Some(tls) => self.tls(tls),
            None if self.shows(Detail::More) => self.line(self.indent, "No TLS section defined"),
            None => {},
        }
        if let Some(tls) = &config.client_tls {
            self.client_tls(tls);
        }
        match &config.plugin {
            Some(plugin) => {
                self.key("Folder", &plugin.folder);
                self.key("Pattern", &plugin.pattern);
            },
            None if self.shows(Detail::More) => self.line(self.indent, "No Plugin section defined"),
            None => {},
        }
    }

    fn times_and_sizes(&mut self, config: &ServiceConfig) {
        self.key("Read timeout", config.read_timeout);
        self.key("Write timeout", config.write_timeout);
        self.key("Idle timeout", config.idle_timeout);
        self.key("Read header timeout", config.read_header_timeout);
        self.key("Idle connection timeout", config.idle_connection_timeout);
        self.key("Response header timeout", config.response_header_timeout);
        self.key("Expect continue timeout", config.expect_continue_timeout);
        self.key("Dialer timeout", config.dialer_timeout);
        self.key("Dialer fallback delay", config.dialer_fallback_delay);
        self.key("Dialer keep alive", config.dialer_keep_alive);
        self.key("Disable keep alives", config.disable_keep_alives);
        self.key("Disable compression", config.disable_compression);
        self.key("Max idle connections", config.max_idle_connections);
        self.key("Max idle connections per host", config.max_idle_connections_per_host);
        self.key("Sequential start", config.sequential_start);
        self.key("Max header bytes", config.max_header_bytes);
        self.key("Echo endpoint enabled", config.echo_endpoint);
        self.key("Default encoding strategy", &config.output_encoding);
        self.key("Disable strict REST", config.disable_rest);
        self.key("Run lura in debug mode", config.debug_endpoint);
        self.key("Allow insecure connections", config.allow_insecure_connections);
        self.key("UseH2C", config.use_h2c);
    }

    fn tls(&mut self, tls: &Tls) {
        self.key("TLS Disabled", tls.disabled);
        self.key("TLS Public key", &tls.older_keys.public_key);
        self.key("TLS Private key", &tls.older_keys.private_key);
        self.key("TLS Enable MTLS", tls.enable_mtls);
        self.key("TLS Disable System CA Pool", tls.disable_system_ca_pool);
        if self.shows(Detail::More) {
            self.key("TLS Min version", &tls.min_version);
            self.key("TLS Max version", &tls.max_version);
        }
        if self.shows(Detail::All) {
            self.key("TLS Curve preferences", List(&tls.curve_preferences));
            self.key("TLS Prefer server cipher suites", tls.prefer_server_cipher_suites);
            self.key("TLS Cipher suites", List(&tls.cipher_suites));
        }
    }

    fn client_tls(&mut self, tls: &ClientTls) {
        self.key("Client TLS Allow Insecure Connections", tls.allow_insecure_connections);
        self.key("Client TLS Disable System CA Pool", tls.disable_system_ca_pool);
        if self.shows(Detail::More) {
            self.key("Client TLS Min version", &tls.min_version);
            self.key("Client TLS Max version", &tls.max_version);
        }
        if self.shows(Detail::All) {
            self.key("Client TLS Curve preferences", List(&tls.curve_preferences));
            self.key("Client TLS Cipher suites", List(&tls.cipher_suites));
        }
    }

    fn agent(&mut self, agent: &AsyncAgent) {
        self.line(self.indent, format_args!("- {}", agent.name));
        if self.shows(Detail::More) {
            self.key("Encoding", &agent.encoding);
            self.key("Consumer Timeout", agent.timeout);
            self.key("Consumer Workers", agent.workers);
            self.key("Consumer Topic", &agent.topic);
            self.key("Consumer Max Rate", format_args!("{:.6}", agent.max_rate));
            self.key("Connection Max Retries", agent.max_retries);
            self.key("Connection Backoff Strategy", &agent.backoff_strategy);
            self.key("Connection Health Interval", agent.health_interval);
        }
        self.component_count(self.indent, "agent", &agent.extra_config);
        let count = agent.backend.len();
        self.line(self.indent, format_args!("Connecting to {count} backend(s):"));
        for backend in &agent.backend {
            self.backend(backend, &backend.url_pattern, agent.timeout, 0);
        }
    }
}

/// Go's `%v` of a list: `[a b]`.
struct List<'a, T>(&'a [T]);

impl<T: Display> Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, item) in self.0.iter().enumerate() {
            let blank = if index > 0 { " " } else { "" };
            write!(f, "{blank}{item}")?;
        }
        f.write_str("]")
    }
}
