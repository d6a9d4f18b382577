//! Configuration → plan.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use baton_shared::config::model::{ServiceConfig, Wait};
use baton_shared::config::node::Node;
use baton_shared::control::message::{Invalid, Notice, Options, Policy};
use baton_shared::words::{JsonPointer, KRAKEND_VERSION};

use super::host::HostTable;
use super::http_cache::Stores;
use super::service::Services;
use super::shared::SharedParts;
use super::soft::SoftPlan;
use super::tls::ClientTlsTable;
use super::unbuilt::{self, Unguarded, Verdict};
use super::via::ViaTable;
use super::{Files, Plan, TellErrors};
use super::{client, edge, endpoint, files, guard, lasting, metrics, payload, tls, wildcard};
use crate::backend::oauth2::ClientCredentials;
use crate::backend::resolve::Resolver;
use crate::backend::via::Proxies;
use crate::guards::api_keys::{self, Keys};
use crate::guards::basic::{self, Checks, Users};
use crate::guards::client_ip::ClientIp;
use crate::guards::jwt::{self, KeyClient, SourcesDraft};
use crate::guards::rate_limit::RateConfig;
use crate::guards::tiered::{self, TieredConfig};
use crate::observe::access_log::AccessLogPlan;
use crate::respond::FailureLines;
use crate::respond::lines::LinesTable;
use crate::route::miss::{self, MissPages};
use crate::route::table::{self, Collision, Target};
use crate::route::{Router, RouterFlags};

/// What besides the file decides about a plan.
#[derive(Clone, Debug, Default)]
pub struct CompileOptions {
    /// The command line's.
    pub options: Options,
    /// Serving threads; at least one.
    pub threads: usize,
    /// Of the environment.
    pub proxies: Proxies,
    /// What the configuration names besides itself.
    pub files: Files,
}

/// KrakenD's exit code for a refused configuration.
const REFUSED: u8 = 255;
/// Of a fault of the environment.
const UNREADABLE: u8 = 1;

/// What grows while a plan is compiled.
#[derive(Debug)]
pub(crate) struct Compiler<'a> {
    pub(crate) service: &'a ServiceConfig,
    pub(super) options: &'a Options,
    pub(crate) files: &'a Files,
    pub(super) hosts: HostTable,
    pub(super) lines: LinesTable,
    pub(crate) soft: SoftPlan,
    /// `qos/ratelimit/service`.
    pub(super) service_rate: Option<RateConfig>,
    /// `qos/ratelimit/tiered` of the service.
    pub(super) service_tiers: Option<TieredConfig>,
    /// Of `qos/http-cache`.
    pub(super) stores: Stores,
    /// Of `sd: dns`.
    pub(super) services: Services,
    /// What backends have in common.
    pub(super) shared: SharedParts,
    /// `client_tls` of the service and of backends.
    pub(super) client_tls: ClientTlsTable,
    pub(super) vias: ViaTable,
    /// Of `auth/validator`: who is asked for keys.
    pub(crate) key_sources: SourcesDraft,
    /// `auth/client-credentials`
    pub(super) credentials: Vec<Arc<ClientCredentials>>,
    /// `auth/api-keys`
    pub(super) api_keys: Option<Arc<Keys>>,
    /// `auth/basic`
    pub(super) users: Option<Arc<Users>>,
    /// The users of all blocks, each once.
    pub(crate) passwords: Vec<Arc<Users>>,
    /// Backend entries so far.
    pub(super) backends: usize,
    notices: Vec<Notice>,
    refusals: Vec<Notice>,
    /// Faults of the environment.
    missing: Vec<Notice>,
}

impl Compiler<'_> {
    /// Says something about what stands at a place.
    pub(crate) fn tell(&mut self, at: &JsonPointer, text: impl Into<String>) {
        self.notices.push(self.service.source.notice(at, text));
    }

    /// Says why this cannot be served at all: what KrakenD panics of at its start.
    pub(crate) fn refuse(&mut self, at: &JsonPointer, text: impl Into<String>) {
        self.refusals.push(self.service.source.notice(at, text));
    }

    /// Says why this cannot be served here and now: a file that cannot be read.
    pub(crate) fn miss(&mut self, at: &JsonPointer, text: impl Into<String>) {
        self.missing.push(self.service.source.notice(at, text));
    }

    /// Reads a block of rate limits.
    pub(crate) fn rate_config(
        &mut self,
        settings: &Node,
        at: &JsonPointer,
        owner: &str,
    ) -> RateConfig {
        let (source, notices) = (&self.service.source, &mut self.notices);
        let tell = |key: &str, text| notices.push(source.notice(&at.key(key), text));
        RateConfig::read(settings, owner, &mut self.soft, tell)
    }
}

/// Compiles `config`.
///
/// # Errors
/// When it cannot be served; all reasons at once.
pub fn compile(config: &ServiceConfig, options: &CompileOptions) -> Result<Plan, Box<Invalid>> {
    let version = config.baton.krakend_version.as_deref().unwrap_or(KRAKEND_VERSION);
    let settings = config.extra_config.namespaces.get("router");
    let flags = RouterFlags::from_settings(settings.map(|router| &router.settings));
    let mut compiler = Compiler {
        service: config,
        options: &options.options,
        files: &options.files,
        hosts: HostTable::default(),
        lines: LinesTable::new(miss::version_value(&flags, version)),
        soft: SoftPlan::default(),
        service_rate: None,
        service_tiers: None,
        stores: Stores::default(),
        services: Services::new(client::keep_addresses(config)),
        shared: SharedParts::default(),
        key_sources: SourcesDraft::default(),
        credentials: Vec::new(),
        api_keys: None,
        users: None,
        passwords: Vec::new(),
        backends: 0,
        notices: Vec::new(),
        refusals: Vec::new(),
        missing: Vec::new(),
        client_tls: ClientTlsTable::default(),
        vias: ViaTable::default(),
    };
    let failures = FailureLines::compile(&mut compiler.lines);
    let verdict = judged(&mut compiler);
    let (verdict, router) = both(verdict, route(&compiler, &flags))?;
    let client_ip = client_ip(&mut compiler, &flags);
    compiler.service_rate = service_rate(&mut compiler);
    compiler.service_tiers = service_tiers(&mut compiler);
    let server_tls = tls::server(&mut compiler);
    tls::of_service(&mut compiler);
    compiler.api_keys = api_keys::compile_keys(&mut compiler);
    compiler.users = basic::compile_service(&mut compiler);
    let endpoints: Vec<_> = config
        .endpoints
        .iter()
        .enumerate()
        .map(|(index, config)| {
            let closed = verdict.closed.contains_key(&index);
            let config = wildcard::prepare(&mut compiler, config);
            endpoint::compile(&mut compiler, index, &config, closed)
        })
        .collect();
    let guards = guard::service(&mut compiler);
    let site = files::site(&mut compiler);
    let revoker = config.extra_config.namespaces.get("auth/revoker");
    let revoker = revoker.and_then(|block| jwt::compile_revoker(&mut compiler, block));
    if !compiler.refusals.is_empty() {
        return Err(refused([compiler.refusals, compiler.missing].concat()));
    }
    if !compiler.missing.is_empty() {
        return Err(Box::new(Invalid { exit_code: UNREADABLE, ..*refused(compiler.missing) }));
    }
    let is_tls_needed =
        compiler.hosts.need_tls() || compiler.services.need_tls() || tls::asks_by_tls(config);
    let client_tls = compiler.client_tls.into_plans(&options.files, is_tls_needed);
    let threads = threads(config, options);
    let hosts = compiler.hosts.into_hosts();
    let client = client::client(config, threads);
    let resolver = Resolver::new(
        client::keep_addresses(config),
        client::name_servers(config),
        compiler.services.into_services(),
    );
    let proxies = options.proxies.clone().with_own(compiler.vias.into_proxies());
    let proxies = Some(proxies).filter(|proxies| !proxies.is_empty());
    let agent = format!("KrakenD Version {version}");
    let met = |trust: &_| tls::of_keys(&options.files, trust);
    let client_of_keys = KeyClient {
        dial: client.dial,
        resolver: Arc::clone(&resolver),
        proxies: proxies.clone(),
        agent: agent.clone().into(),
    };
    let keys = compiler.key_sources.into_store(client_of_keys, met);
    Ok(Plan {
        listeners: vec![listener(config, &options.options)],
        policy: policy(config),
        notices: compiler.notices,
        edge: edge::limits(config),
        h2c: config.use_h2c || flags.use_h2c,
        access_log: (!flags.disable_access_log).then(|| AccessLogPlan {
            skip_paths: flags.logger_skip_paths.iter().cloned().collect(),
        }),
        router,
        misses: MissPages::new(&flags, version),
        site,
        packs: payload::packs(config),
        catch_all: config.endpoints.iter().position(table::is_catch_all),
        timeout: config.timeout.positive().unwrap_or_default(),
        guards,
        client_ip,
        endpoints: endpoints.into(),
        host_values: hosts.iter().map(|host| lasting::value(&*host.authority)).collect(),
        hosts,
        backends: compiler.backends,
        caches: compiler.stores.into_caches(),
        resolver,
        keys,
        credentials: compiler.credentials.into(),
        revoker,
        passwords: compiler.passwords.into(),
        checks: Checks::new(threads),
        tokens_kept: tokens_kept(config).div_ceil(threads),
        tls: server_tls,
        client_tls,
        client,
        threads,
        proxies,
        agent: lasting::value(agent),
        lines: compiler.lines.into_lines(),
        failures,
        soft: compiler.soft,
        tell_errors: if flags.return_error_msg { TellErrors::Yes } else { TellErrors::No },
    })
}

/// What `baton check` says of a configuration that was read well.
///
/// # Errors
/// When it cannot be served.
pub fn check_plan(
    config: &ServiceConfig,
    options: &CompileOptions,
) -> Result<Vec<Notice>, Box<Invalid>> {
    compile(config, options).map(|plan| plan.notices)
}

/// `"@baton".token_cache`, of all threads.
fn tokens_kept(config: &ServiceConfig) -> usize {
    const TOKENS: usize = 10_000;
    config.baton.token_cache.unwrap_or(TOKENS)
}

fn listener(config: &ServiceConfig, options: &Options) -> SocketAddr {
    let ip = config.listen_ip.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let port = options.port.or_else(|| u16::try_from(config.port).ok());
    SocketAddr::new(ip, port.unwrap_or(8080))
}

fn policy(config: &ServiceConfig) -> Policy {
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let stop = config.max_shutdown_wait_time.positive();
    let drain = match config.baton.drain {
        Some(Wait::AtMost(time)) => Some(time),
        Some(Wait::Unbounded) => None,
        None => stop,
    };
    let default = Policy::default();
    Policy {
        drain_ms: drain.map(millis),
        stop_ms: stop.map_or(default.stop_ms, millis),
        bake_ms: config.baton.bake.map_or(default.bake_ms, millis),
    }
}

/// `--threads`, else `"@baton".threads`, else what the supervisor found.
fn threads(config: &ServiceConfig, options: &CompileOptions) -> usize {
    let asked = options.options.threads.map(usize::from);
    let written = || config.baton.threads.map(Into::into);
    asked.or_else(written).unwrap_or(options.threads).max(1)
}

/// What is not built: told, closed, or a reason to refuse.
fn judged(compiler: &mut Compiler<'_>) -> Result<Verdict, Box<Invalid>> {
    let unguarded =
        if compiler.options.serve_unguarded { Unguarded::Serve } else { Unguarded::Refuse };
    let mut verdict = unbuilt::judge(compiler.service, unguarded);
    compiler.notices.append(&mut verdict.notices);
    verdict.refusals.extend(metrics::refused(compiler.service));
    if verdict.refusals.is_empty() {
        return Ok(verdict);
    }
    Err(refused(verdict.refusals))
}

/// Both, or the reasons of both.
fn both<A, B>(
    one: Result<A, Box<Invalid>>,
    other: Result<B, Box<Invalid>>,
) -> Result<(A, B), Box<Invalid>> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(one), Err(other)) => Err(refused([one.findings, other.findings].concat())),
        (Err(reasons), Ok(_)) | (Ok(_), Err(reasons)) => Err(reasons),
    }
}

fn refused(findings: Vec<Notice>) -> Box<Invalid> {
    let texts: Vec<&str> = findings.iter().map(|finding| finding.text.as_str()).collect();
    Box::new(Invalid { text: texts.join("\n"), findings, exit_code: REFUSED })
}

/// All routes, or every collision with the places of both endpoints.
fn route(compiler: &Compiler<'_>, flags: &RouterFlags) -> Result<Router<Target>, Box<Invalid>> {
    let config = compiler.service;
    table::build(config, flags).map_err(|collisions| {
        refused(collisions.iter().map(|collision| collided(config, collision)).collect())
    })
}

fn collided(config: &ServiceConfig, collision: &Collision) -> Notice {
    let place = |index: Option<usize>| index.and_then(|index| config.endpoints.get(index));
    let at = place(collision.endpoint).map_or_else(JsonPointer::root, |one| one.at.clone());
    let other = place(collision.other)
        .map(|other| format!(" ({}, line {})", other.at, config.source.line(&other.at)));
    let text = format!("{collision}{}", other.unwrap_or_default());
    config.source.notice(&at, text)
}

fn service_rate(compiler: &mut Compiler<'_>) -> Option<RateConfig> {
    const NAMESPACE: &str = "qos/ratelimit/service";
    let block = compiler.service.extra_config.namespaces.get(NAMESPACE)?;
    Some(compiler.rate_config(&block.settings, &block.at, NAMESPACE))
}

fn service_tiers(compiler: &mut Compiler<'_>) -> Option<TieredConfig> {
    let block = compiler.service.extra_config.namespaces.get(tiered::NAME)?;
    tiered::read(compiler, block, "service")
}

/// Whom a request is from; KrakenD's default, to believe everybody, is told.
fn client_ip(compiler: &mut Compiler<'_>, flags: &RouterFlags) -> ClientIp {
    let trust = compiler.service.baton.trust_forwarded_for.unwrap_or(true);
    let (client_ip, bad_proxy) = ClientIp::compile(flags, trust);
    let router = JsonPointer::root().key("extra_config").key("router");
    if let Some(bad) = bad_proxy {
        let at = router.key("trusted_proxies").index(bad.index);
        compiler.tell(&at, format!("`{}` is neither an address nor a network", bad.entry));
    }
    if client_ip.believes_everybody() {
        compiler.tell(
            &router,
            "X-Forwarded-For is believed from every peer: list your load balancers in \
             `trusted_proxies`, or set \"@baton\": {\"trust_forwarded_for\": false}",
        );
    }
    client_ip
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::harness;

    #[test]
    fn the_command_line_beats_the_file_and_the_file_beats_the_machine() {
        let mut config = harness::service(harness::endpoint("no-op", &[]));
        let serving = |config: &ServiceConfig, flag| {
            let options = Options { threads: flag, ..Options::default() };
            let options = CompileOptions { options, threads: 4, ..CompileOptions::default() };
            threads(config, &options)
        };
        assert_eq!(serving(&config, None), 4);
        config.baton.threads = NonZeroUsize::new(2);
        assert_eq!(serving(&config, None), 2);
        assert_eq!(serving(&config, Some(3)), 3);
    }
}
