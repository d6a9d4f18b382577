//! How long keys are good, who has them renewed, and which names are remembered.

use super::*;
use crate::guards::jwt::algorithm::Algorithm;
use crate::guards::jwt::key_set::{Identify, Purpose};

const SET: &[u8] =
    br#"{"keys":[{"kty":"oct","kid":"k1","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;
const SECOND: Duration = Duration::from_secs(1);

const VIEW: View =
    View { algorithm: Algorithm::Hs256, identify: Identify::Kid, purpose: Purpose::Verify };

/// A source whose keys came at [`begin`].
fn source(caches: bool, cache_seconds: u32) -> Source {
    let spec = SourceSpec { url: "http://127.0.0.1:1/".into(), trust: Trust::default() };
    let freshness = Freshness::new(caches, SECOND * cache_seconds);
    let source = Source::new(None, spec, freshness, [VIEW].into());
    source.take(SET, begin()).unwrap();
    source
}

fn begin() -> Monotonic {
    Monotonic::from_nanos(1_000_000_000)
}

fn later(seconds: u32) -> Monotonic {
    begin().after(SECOND * seconds)
}

#[test]
fn cached_keys_are_good_for_their_duration_and_as_long_again_while_nobody_has_newer_ones() {
    let source = source(true, 30);
    for (seconds, is_usable) in [(0, true), (30, true), (31, true), (60, true), (61, false)] {
        assert_eq!(source.usable_version(later(seconds)).is_some(), is_usable, "{seconds}");
    }
    assert!(!source.is_wanted.load(Ordering::Acquire), "they are renewed without being asked for");
    source.take(SET, later(61)).unwrap();
    assert_eq!(source.usable_version(later(100)), Some(2), "another version");
}

#[test]
fn keys_that_are_not_cached_are_renewed_by_use_when_they_are_ten_seconds_old() {
    let source = source(false, 900);
    for (seconds, is_wanted) in [(0, false), (10, false), (11, true)] {
        assert!(source.usable_version(later(seconds)).is_some(), "and nobody waits: {seconds}");
        assert_eq!(source.is_wanted.load(Ordering::Acquire), is_wanted, "{seconds}");
    }
    assert!(source.usable_version(later(910)).is_some());
    assert_eq!(source.usable_version(later(911)), None);
}

#[test]
fn validators_of_one_provider_share_its_keys_and_the_stricter_counts() {
    let spec = |url: &str| SourceSpec { url: url.into(), trust: Trust::default() };
    let mut draft = SourcesDraft::default();
    let freshness = Freshness::new(true, SECOND * 900);
    let places = ["a", "b", "a"].map(|url| draft.place(spec(url), freshness, VIEW));
    assert_eq!((places, draft.sources.len()), ([(0, 0), (1, 0), (0, 0)], 2));
    let pinned = Trust { fingerprints: [[1].into()].into(), ..Trust::default() };
    let place = draft.place(SourceSpec { trust: pinned, ..spec("a") }, freshness, VIEW);
    assert_eq!(place, (2, 0), "who is believed otherwise is another");
    let (long, short) = (Freshness::new(true, SECOND * 900), Freshness::new(false, SECOND * 60));
    let both = Freshness { fresh: UNCACHED, stale: SECOND * 900, is_eager: true };
    assert_eq!((long.and(short), short.and(long)), (both, both));
}

#[test]
fn names_of_unknown_keys_are_remembered_for_their_cooldown_and_in_a_bounded_number() {
    let source = source(true, 900);
    let cooldown = Some(SECOND * 10);
    source.remember_unknown("x", None, later(0));
    assert!(source.may_ask("x", cooldown, later(0)), "without a cooldown nothing is remembered");
    source.remember_unknown("x", cooldown, later(0));
    assert!(!source.may_ask("x", cooldown, later(9)));
    assert!(source.may_ask("x", None, later(9)), "another validator has none");
    assert!(source.may_ask("y", cooldown, later(9)));
    assert!(source.may_ask("x", cooldown, later(10)));
    for nth in 0..2 * UNKNOWN_MAX {
        source.remember_unknown(&format!("n{nth}"), cooldown, later(5));
    }
    assert_eq!(source.unknown.lock().unwrap().len(), UNKNOWN_MAX);
    source.remember_unknown("late", cooldown, later(20));
    assert_eq!(source.unknown.lock().unwrap().len(), 1, "those that are over made room");
}

#[test]
fn a_provider_is_asked_once_a_second_at_most_but_an_attempt_that_runs_may_be_waited_for() {
    let source = source(true, 900);
    source.attempted.store(later(5).as_nanos(), Ordering::Release);
    let half = later(5).after(SECOND / 2);
    assert!(!source.may_ask("x", None, half));
    assert!(source.may_ask("x", None, later(6)));
    source.is_wanted.store(true, Ordering::Release);
    assert!(source.may_ask("x", None, half));
}
