//! The plugin `ip-filter` (Enterprise): by their addresses, only some clients are let in, or some are not.
//!
//! On the way: in front of everything for the service (`plugin/http-server`), before the pipe for an endpoint
//! (`plugin/req-resp-modifier`). Plain computation; nothing is allocated.
//! KrakenD: 403; inside of an endpoint 500, and 403 only where its single backend has `return_error_code`. It believes what
//! header fields say of the client's address; here one that anybody could claim opens nothing: unless `trusted_proxies` say
//! whom to believe, the peer's address and each that the request names must pass.

use baton_shared::config::model::{EndpointConfig, Namespace};
use baton_shared::config::namespace::plugins;
use baton_shared::words::JsonPointer;
use http::StatusCode;

use super::client_ip::{APP_ENGINE, ClientIp, Network};
use crate::message::{Head, Peer};
use crate::plan::Compiler;
use crate::plan::block::Block;
use crate::plan::settings::boolean;
use crate::route::RouterFlags;

/// The name of the plugin.
const NAME: &str = "ip-filter";
const OF_SERVICE: &str = "plugin/http-server";
const OF_ENDPOINT: &str = "plugin/req-resp-modifier";
/// Where a client's address may stand, unless the block or the router says otherwise.
const FIELDS: [&str; 3] = ["X-Forwarded-For", "X-Real-IP", APP_ENGINE];

/// A block, compiled.
#[derive(Debug)]
pub(crate) struct IpFilter {
    networks: Box<[Network]>,
    listed: Listed,
    /// Whom to believe; none: whom the router believes.
    own: Option<ClientIp>,
    /// What an endpoint's clients are told.
    pub(super) status: StatusCode,
}

/// `allow`: what to be in the list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    Pass,
    AreRefused,
}

impl IpFilter {
    /// Whether a request may go on.
    pub(crate) fn passes(&self, router: &ClientIp, head: &Head, peer: &Peer) -> bool {
        self.own.as_ref().unwrap_or(router).all_pass(head, peer, |ip| {
            let is_listed = self.networks.iter().any(|network| network.contains(ip));
            is_listed == (self.listed == Listed::Pass)
        })
    }
}

/// Of the service.
pub(crate) fn of_service(compiler: &mut Compiler<'_>) -> Option<IpFilter> {
    let namespace = compiler.service.extra_config.namespaces.get(OF_SERVICE)?;
    filter(compiler, namespace, StatusCode::FORBIDDEN)
}

/// Of an endpoint.
pub(crate) fn of_endpoint(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
) -> Option<IpFilter> {
    let namespace = endpoint.extra_config.namespaces.get(OF_ENDPOINT)?;
    filter(compiler, namespace, status(endpoint))
}

/// A refusal inside of the pipe is a failure like any other.
fn status(endpoint: &EndpointConfig) -> StatusCode {
    if endpoint.extra_config.namespaces.contains_key("auth/signer") {
        return StatusCode::BAD_REQUEST;
    }
    let is_told = match &*endpoint.backend {
        [only] => only
            .extra_config
            .namespaces
            .get("backend/http")
            .and_then(|block| boolean(&block.settings, "return_error_code")),
        _ => None,
    };
    match is_told {
        Some(true) => StatusCode::FORBIDDEN,
        Some(false) | None => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn filter(
    compiler: &mut Compiler<'_>,
    namespace: &Namespace,
    status: StatusCode,
) -> Option<IpFilter> {
    let plugin = plugins(namespace).into_iter().find(|plugin| plugin.name == NAME)?;
    let at = plugin.at;
    let Some(block) = plugin.settings.and_then(Block::of) else {
        compiler.refuse(&at, "`ip-filter` needs an object with `CIDR` and `allow`");
        return None;
    };
    let read = (block.texts("CIDR"), block.flag("allow"), own(compiler, &block, &at));
    let (list, allow, own) = match read {
        (Ok(list), Ok(allow), Ok(own)) => (list, allow, own),
        (Err(wrong), ..) | (_, Err(wrong), _) | (_, _, Err(wrong)) => {
            compiler.refuse(&at.key(wrong.key), wrong.to_string());
            return None;
        },
    };
    let mut networks = Vec::new();
    for (index, entry) in list.into_iter().enumerate() {
        match Network::parse(entry) {
            Some(network) => networks.push(network),
            None => {
                let text =
                    format!("`{entry}` is neither an IP address nor a network such as 10.0.0.0/8");
                compiler.refuse(&at.key("CIDR").index(index), text);
            },
        }
    }
    let listed = if allow { Listed::Pass } else { Listed::AreRefused };
    if allow && networks.is_empty() {
        compiler.tell(&at, "it lists nobody: every request is refused");
    }
    Some(IpFilter { networks: networks.into(), listed, own, status })
}

/// Whom to believe, if the block says so.
fn own(
    compiler: &mut Compiler<'_>,
    block: &Block<'_>,
    at: &JsonPointer,
) -> Result<Option<ClientIp>, crate::plan::block::WrongType> {
    let (fields, trusted) = (block.texts("client_ip_headers")?, block.texts("trusted_proxies")?);
    if fields.is_empty() && trusted.is_empty() {
        return Ok(None);
    }
    let router = compiler.service.extra_config.namespaces.get("router");
    let router = RouterFlags::from_settings(router.map(|router| &router.settings));
    let texts = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let flags = RouterFlags {
        forwarded_by_client_ip: true,
        app_engine: false,
        remote_ip_headers: texts(if fields.is_empty() { FIELDS.to_vec() } else { fields }),
        trusted_proxies: if trusted.is_empty() { router.trusted_proxies } else { texts(trusted) },
        ..RouterFlags::default()
    };
    let trust = compiler.service.baton.trust_forwarded_for.unwrap_or(true);
    let (own, bad) = ClientIp::compile(&flags, trust);
    if let Some(bad) = bad {
        compiler.refuse(&at.key("trusted_proxies").index(bad.index), bad.to_string());
    }
    Ok(Some(own))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use baton_shared::config::model::ServiceConfig;
    use baton_shared::config::node::{Node, Value};
    use baton_shared::config::read::{Format, read};

    use super::*;
    use crate::harness;
    use crate::plan::{CompileOptions, ThreadState};

    fn block(text: &str, at: &JsonPointer) -> Namespace {
        let text = format!(r#"{{"name":["ip-filter"],"ip-filter":{text}}}"#);
        let settings = read(Format::Json, text.as_bytes()).unwrap().root;
        Namespace { at: at.clone(), spelling: OF_SERVICE.to_owned(), settings }
    }

    fn config(text: &str) -> ServiceConfig {
        let mut config = harness::service(harness::endpoint("json", &[]));
        let at = config.extra_config.at.key(OF_SERVICE);
        config.extra_config.namespaces.insert(OF_SERVICE.to_owned(), block(text, &at));
        config
    }

    struct Bench(Rc<ThreadState>);

    impl Bench {
        fn new(text: &str) -> Self {
            Self(harness::serving(&config(text)))
        }

        fn passes(&self, peer: &str, fields: &[(&str, &str)]) -> bool {
            let socket = "192.0.2.99:1".parse().unwrap();
            let peer = Peer { socket, asserted: peer.parse().unwrap(), local: socket };
            let filter = self.0.plan.guards.as_ref().unwrap().addresses.as_ref().unwrap();
            filter.passes(&self.0.plan.client_ip, &harness::head("GET", "/a", fields), &peer)
        }
    }

    #[test]
    fn only_those_that_are_listed_pass_or_only_the_others() {
        let list = r#""CIDR":["10.0.0.0/8","192.168.7.1","fd00::/8"]"#;
        let only = Bench::new(&format!(r#"{{{list},"allow":true}}"#));
        let others = Bench::new(&format!(r#"{{{list},"allow":false}}"#));
        for (peer, is_listed) in [
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("192.168.7.1", true),
            ("192.168.7.2", false),
            ("fd12::1", true),
            ("fe80::1", false),
            ("11.0.0.1", false),
        ] {
            assert_eq!(only.passes(peer, &[]), is_listed, "{peer}");
            assert_eq!(others.passes(peer, &[]), !is_listed, "{peer}");
        }
        assert!(!Bench::new(&format!("{{{list}}}")).passes("10.0.0.1", &[]), "refuses by default");
    }

    #[test]
    fn an_address_that_anybody_can_claim_opens_nothing() {
        let only = Bench::new(r#"{"CIDR":["10.0.0.0/8"],"allow":true}"#);
        let others = Bench::new(r#"{"CIDR":["10.0.0.0/8"],"allow":false}"#);
        for name in ["X-Forwarded-For", "x-real-ip"] {
            assert!(!only.passes("8.8.8.8", &[(name, "10.0.0.1")]), "{name}");
            assert!(!only.passes("10.0.0.1", &[(name, "10.0.0.1, 8.8.8.8")]), "{name}");
            assert!(!only.passes("10.0.0.1", &[(name, "8.8.8.8:443")]), "{name}");
            assert!(only.passes("10.0.0.1", &[(name, "10.0.0.2,10.0.0.3")]), "{name}");
            assert!(!others.passes("10.0.0.1", &[(name, "8.8.8.8")]), "{name}");
            assert!(!others.passes("8.8.8.8", &[(name, "8.8.4.4, 10.0.0.1")]), "{name}");
            assert!(others.passes("8.8.8.8", &[(name, "8.8.4.4")]), "{name}");
        }
        let two = [("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-For", "8.8.8.8")];
        assert!(!only.passes("10.0.0.1", &two));
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_nobody_else() {
        let only = Bench::new(
            r#"{"CIDR":["8.8.0.0/16"],"allow":true,"trusted_proxies":["10.0.0.0/8"],
                "client_ip_headers":["X-Client"]}"#,
        );
        let claims = [("X-Client", "6.6.6.6, 8.8.8.8, 10.0.0.2")];
        assert!(only.passes("10.0.0.1", &claims));
        assert!(!only.passes("11.0.0.1", &claims));
        assert!(!only.passes("10.0.0.1", &[("X-Forwarded-For", "8.8.8.8")]));
        let usual =
            Bench::new(r#"{"CIDR":["8.8.0.0/16"],"allow":true,"trusted_proxies":["10.0.0.1"]}"#);
        for name in FIELDS {
            assert!(usual.passes("10.0.0.1", &[(name, "8.8.8.8")]), "{name}");
        }
    }

    #[test]
    fn the_routers_rule_holds_where_the_block_has_none() {
        let mut config = config(r#"{"CIDR":["8.8.8.8"],"allow":true}"#);
        let proxies = Value::Array(vec![Node { line: 0, value: Value::String("10.0.0.1".into()) }]);
        harness::set(&mut config.extra_config, "router", "trusted_proxies", proxies);
        let bench = Bench(harness::serving(&config));
        assert!(bench.passes("10.0.0.1", &[("X-Forwarded-For", "8.8.8.8")]));
        assert!(!bench.passes("10.0.0.2", &[("X-Forwarded-For", "8.8.8.8")]));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_place() {
        for (text, at) in [
            (r#"{"CIDR":["10.0.0.0/8","10.0.0.0/33"],"allow":true}"#, "/CIDR/1"),
            (r#"{"CIDR":"10.0.0.0/8","allow":true}"#, "/CIDR"),
            (r#"{"CIDR":[],"allow":"true"}"#, "/allow"),
            (r#"{"CIDR":[],"allow":true,"trusted_proxies":["x"]}"#, "/trusted_proxies/0"),
            (r#"{"CIDR":[],"allow":true,"client_ip_headers":5}"#, "/client_ip_headers"),
            ("5", ""),
        ] {
            let invalid = crate::plan::compile(&config(text), &CompileOptions::default());
            let found = &invalid.unwrap_err().findings[0].pointer;
            assert_eq!(found.to_string(), format!("/plugin~1http-server/ip-filter{at}"), "{text}");
        }
    }
}
