//! Endpoints and backends in the dump.

use super::settings::Members;
use super::{Detail, List, Out};
use crate::config::duration::GoDuration;
use crate::config::model::{BackendConfig, EndpointConfig};
use crate::config::placeholder;

impl Out<'_> {
    pub(super) fn endpoint(&mut self, endpoint: &EndpointConfig) {
        let EndpointConfig { method_written, route, .. } = endpoint;
        self.line(self.indent, format_args!("- {method_written} {route}"));
        self.key("Timeout", endpoint.timeout);
        if self.shows(Detail::More) || !endpoint.input_query_strings.is_empty() {
            self.key("QueryString", List(&endpoint.input_query_strings));
        }
        if self.shows(Detail::More) {
            self.key("CacheTTL", endpoint.cache_ttl);
            self.key("Headers to pass", List(&endpoint.input_headers));
            self.key("OutputEncoding", &endpoint.output_encoding);
        }
        if self.shows(Detail::More) || endpoint.concurrent_calls > 1 {
            self.key("Concurrent calls", endpoint.concurrent_calls);
        }
        self.component_count(self.indent, "endpoint", &endpoint.extra_config);
        let count = endpoint.backend.len();
        self.line(self.indent, format_args!("Connecting to {count} backend(s):"));
        for backend in &endpoint.backend {
            let pattern = placeholder::template(&backend.url_pattern);
            self.backend(backend, &pattern, endpoint.timeout, endpoint.concurrent_calls);
        }
    }

    /// Time and calls are what the backend inherits.
    pub(super) fn backend(
        &mut self,
        backend: &BackendConfig,
        url_pattern: &str,
        timeout: GoDuration,
        concurrent_calls: i64,
    ) {
        let indent = self.indent.repeat(2);
        let at = indent.as_str();
        self.line(at, format_args!("[+] {} {url_pattern}", backend.method));
        self.line(at, format_args!("Timeout: {timeout}"));
        self.line(at, format_args!("Hosts: {}", List(&backend.host)));
        if self.shows(Detail::More) {
            let (deny, allow) = (List(&backend.deny), List(&backend.allow));
            let (headers, queries) =
                (List(&backend.input_headers), List(&backend.input_query_strings));
            let is_off = backend.disable_host_sanitize;
            self.line(at, format_args!("Concurrent calls: {concurrent_calls}"));
            self.line(at, format_args!("Host sanitization disabled: {is_off}"));
            self.line(at, format_args!("Target: {}", backend.target));
            self.line(at, format_args!("Deny: {deny}, Allow: {allow}"));
            self.line(at, format_args!("Mapping: map[{}]", Members(&backend.mapping)));
            self.line(at, format_args!("Group: {}", backend.group));
            self.line(at, format_args!("Encoding: {}", backend.encoding_written));
            self.line(at, format_args!("Is collection: {}", backend.is_collection));
            self.line(at, format_args!("SD: {}", backend.sd));
            self.line(at, format_args!("SD scheme: {}", backend.sd_scheme));
            self.line(at, format_args!("Headers to pass: {headers}"));
            self.line(at, format_args!("Query strings to pass: {queries}"));
        }
        self.component_count(at, "backend", &backend.extra_config);
        self.line("", "");
    }
}
