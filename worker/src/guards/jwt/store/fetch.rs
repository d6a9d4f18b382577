//! Fetching key sets: one thread beside the serving ones, one task for each source.
//!
//! KrakenD: the answer's status does not count, its `Content-Type` does; redirects are followed. Here an answer is bounded in
//! bytes and in time, and a redirect leads from https to https.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use baton_shared::log;
use baton_shared::words::Monotonic;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HOST, REFERER, USER_AGENT};
use http::{HeaderValue, Method, Uri};
use http_body::Body as _;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{ASK_EVERY, Freshness, KeyStore, RETRY_MAX, Source, TAG};
use crate::backend::dial::Dialer;
use crate::backend::exchange::{Client, Outbound, Reuse, Whom};
use crate::backend::pool::{Pool, PoolLimits};
use crate::backend::redirect::{FirstBody, Trail};
use crate::backend::resolve::Resolver;
use crate::backend::via::Proxies;
use crate::backend::{AnswerBody, AnswerError, CallError};
use crate::guards::jwt::key_set::{SET_BYTES_MAX, SetError};
use crate::message::RequestBody;
use crate::plan::{DialPlan, Host, HostError, Scheme};

/// How long one fetch may take, redirects and all.
const FETCH_MAX: Duration = Duration::from_secs(10);
/// Keys are fetched anew when this much of their time is over, in percent: so they never run out.
const REFRESH_PERCENT: u32 = 80;

/// What is needed to call providers.
#[derive(Debug)]
pub(crate) struct KeyClient {
    pub(crate) dial: DialPlan,
    pub(crate) resolver: Arc<Resolver>,
    pub(crate) proxies: Option<Proxies>,
    /// What the gateway calls itself.
    pub(crate) agent: Box<str>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Host(#[from] HostError),
    #[error("its URL cannot be sent")]
    Target,
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("no answer within {} s", FETCH_MAX.as_secs())]
    Late,
    #[error("it redirects to {0}")]
    Redirect(String),
    #[error("should have a JSON content type for JWKS endpoint")]
    ContentType,
    #[error("{0}")]
    Body(#[from] AnswerError),
    #[error("{0}")]
    Set(#[from] SetError),
}

/// Keeps every set, as long as the store lives.
pub(super) fn start(store: &Arc<KeyStore>) {
    let weak = Arc::downgrade(store);
    let thread = std::thread::Builder::new().name("keys".to_owned());
    if let Err(error) = thread.spawn(move || run(&weak)) {
        log::error(TAG, format!("no thread to fetch keys: {error}"));
    }
}

fn run(store: &Weak<KeyStore>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return log::error(TAG, format!("keys cannot be fetched: {error}")),
    };
    LocalSet::new().block_on(&runtime, async {
        let count = store.upgrade().map_or(0, |store| store.len());
        let tasks: Vec<_> =
            (0..count).map(|place| spawn_local(keep(Weak::clone(store), place))).collect();
        for task in tasks {
            drop(task.await);
        }
    });
}

/// Fetches one set whenever it is due or wanted.
async fn keep(store: Weak<KeyStore>, place: usize) {
    /// How often it is looked whether anybody is left who could want keys.
    const LOOK_EVERY: Duration = Duration::from_secs(60);
    let mut failures: u32 = 0;
    loop {
        let Some(store) = store.upgrade() else { return };
        let Some(source) = store.source(place) else { return };
        let due = due(source, failures, Instant::now());
        let look = Instant::now() + LOOK_EVERY;
        let until = due.map_or(look, |due| due.min(look));
        let is_due = tokio::select! {
            () = source.wanted.notified() => true,
            () = sleep_until(until) => due.is_some_and(|due| due <= Instant::now()),
        };
        if !is_due {
            continue;
        }
        source.attempted.store(Monotonic::now().as_nanos(), Ordering::Release);
        let outcome = attempt(&store, source).await;
        tell(source, failures, outcome.as_ref().err());
        let trouble = trouble(source, outcome.as_ref().err()).map(Arc::from);
        *source.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        failures = if outcome.is_ok() { 0 } else { failures.saturating_add(1) };
        source.is_wanted.store(false, Ordering::Release);
        source.rounds.send_modify(|round| *round = round.wrapping_add(1));
    }
}

/// When a set is fetched without anybody asking.
fn due(source: &Source, failures: u32, now: Instant) -> Option<Instant> {
    let Freshness { fresh, is_eager, .. } = source.freshness;
    if !is_eager {
        return None;
    }
    if failures > 0 {
        let pause = ASK_EVERY.saturating_mul(1 << failures.min(10)).min(RETRY_MAX);
        return Some(now + pause.saturating_sub(source.since_attempt(Monotonic::now())));
    }
    let age = source.age(Monotonic::now())?;
    Some(now + (fresh * REFRESH_PERCENT / 100).saturating_sub(age))
}

/// The first failure of a row is told, and its end.
fn tell(source: &Source, failures: u32, error: Option<&FetchError>) {
    let url = &source.spec.url;
    match error {
        Some(error) if failures == 0 => {
            let goes_on = match source.age(Monotonic::now()) {
                Some(_) => "; its last keys stay in force",
                None => "",
            };
            log::warning(TAG, format!("no keys from {url}: {error}{goes_on}"));
        },
        None if failures > 0 => log::info(TAG, format!("keys from {url} again")),
        Some(_) | None => {},
    }
}

/// What KrakenD says of an attempt that brings no key.
fn trouble(source: &Source, error: Option<&FetchError>) -> Option<String> {
    const EMPTY: &str = "no Keys has been found";
    match error {
        None => source.list().is_empty().then(|| EMPTY.to_owned()),
        Some(FetchError::Set(SetError::NoList)) => Some(EMPTY.to_owned()),
        Some(error @ (FetchError::Call(_) | FetchError::Late)) => {
            Some(format!("Get \"{}\": {error}", source.spec.url))
        },
        Some(error) => Some(error.to_string()),
    }
}

async fn attempt(store: &KeyStore, source: &Source) -> Result<(), FetchError> {
    let deadline = Instant::now() + FETCH_MAX;
    let fetched = timeout_at(deadline, fetch(&store.client, source, deadline)).await;
    let text = fetched.unwrap_or(Err(FetchError::Late))?;
    let at = Monotonic::now();
    source.take(&text, at)?;
    store.fetched(source, text, at);
    Ok(())
}

async fn fetch(
    client: &KeyClient,
    source: &Source,
    deadline: Instant,
) -> Result<Bytes, FetchError> {
    // Never by what others are met with: this provider's key may be pinned.
    let tls = source.tls.clone().ok_or(CallError::TlsUnusable)?;
    let limits = PoolLimits { idle_max: 0, idle_per_host_max: 0, idle_time_max: None };
    let calls = Client {
        pool: Pool::new(limits, 0),
        dialer: Rc::new(Dialer::new(
            client.dial,
            Arc::clone(&client.resolver),
            Box::new([Some(tls)]),
        )),
        head_time_max: None,
        continue_time_max: None,
        reuse: Reuse::Never,
    };
    let (host, path) = Host::parse(&source.spec.url)?;
    let mut trail = Trail::begin(host, uri_of(path)?, Method::GET, FirstBody::None);
    loop {
        let via = client.proxies.as_ref().and_then(|proxies| proxies.of(&trail.host));
        let whom = Whom { host: &trail.host, uri: &trail.uri, via };
        let make = || Some(request(client, &trail));
        let mut outbound = make();
        let mut answer = calls.exchange(whom, &mut outbound, make, deadline).await?;
        let goes_on = trail.go_on(answer.status, &answer.headers);
        if !goes_on.map_err(|astray| astray.error)? {
            check_type(answer.headers.get(CONTENT_TYPE))?;
            if answer.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip") {
                answer.body.gunzip();
            }
            return collect(answer.body).await;
        }
        if !source.spec.trust.is_insecure && trail.host.scheme != Scheme::Https {
            return Err(FetchError::Redirect(trail.url()));
        }
    }
}

fn uri_of(path: &str) -> Result<Uri, FetchError> {
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Uri::try_from(path).map_err(|_unsendable| FetchError::Target)
}

fn request(client: &KeyClient, trail: &Trail) -> Outbound {
    let Trail { host, uri, referer, .. } = trail;
    let mut request = Outbound::new(RequestBody::Empty.into());
    let through = client.proxies.as_ref().and_then(|proxies| proxies.of(host)).is_some();
    let whole = through.then(|| Uri::try_from(trail.url()).ok()).flatten();
    *request.uri_mut() = whole.unwrap_or_else(|| uri.clone());
    let headers = request.headers_mut();
    for (name, value) in [(HOST, &host.authority), (USER_AGENT, &client.agent)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(referer) = referer {
        headers.insert(REFERER, referer.clone());
    }
    request
}

/// By their beginnings, as KrakenD looks at them.
fn check_type(content_type: Option<&HeaderValue>) -> Result<(), FetchError> {
    let text = content_type.map_or(b"".as_slice(), HeaderValue::as_bytes);
    let is_json = [b"application/json".as_slice(), b"application/jwk-set+json"]
        .iter()
        .any(|known| text.starts_with(known));
    if is_json { Ok(()) } else { Err(FetchError::ContentType) }
}

/// The whole body, within bounds.
async fn collect(mut body: AnswerBody) -> Result<Bytes, FetchError> {
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame?.into_data() else { continue };
        if whole.len() + data.len() > SET_BYTES_MAX {
            return Err(SetError::TooLarge.into());
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}
