//! The limits and breakers of a plan, and the memory that holds their states.
//!
//! The states outlive the plan: a limit finds its state by a name made of whose it is and of its parameters.
//! So the same limit goes on where the generation before left it, and one with other parameters begins
//! anew.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use baton_shared::soft::{
    Breaker, ClientLimit, Memory, Rate, Sizes, SlotId, SoftError, Tenant, Words, name_of,
};
use baton_shared::words::{GenerationId, Monotonic};

/// A bucket that all requests of an endpoint or a backend share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    place: usize,
    rate: Rate,
}

/// The state of a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BreakerId {
    place: usize,
}

/// What a plan wants kept, and where it is kept.
#[derive(Debug, Default)]
pub(crate) struct SoftPlan {
    wanted: Vec<Wanted>,
    /// How often a name was asked for: two equal entries have two states.
    names: HashMap<u64, u32>,
    has_clients: bool,
    kept: OnceLock<Kept>,
}

#[derive(Debug)]
struct Wanted {
    name: u64,
    /// Of a bucket: it fills from the start of the gateway on.
    rate: Option<Rate>,
}

#[derive(Debug)]
struct Kept {
    memory: Memory,
    slots: Box<[SlotId]>,
}

impl SoftPlan {
    /// Wants a bucket. `owner` says whose, down to the namespace.
    pub(crate) fn bucket(&mut self, owner: &str, rate: Rate) -> Bucket {
        let name = self.name(owner, &rate.parameters());
        self.wanted.push(Wanted { name, rate: Some(rate) });
        Bucket { place: self.wanted.len() - 1, rate }
    }

    /// Wants the state of a breaker.
    pub(crate) fn breaker(&mut self, owner: &str, breaker: &Breaker) -> BreakerId {
        let name = self.name(owner, &breaker.parameters());
        self.wanted.push(Wanted { name, rate: None });
        BreakerId { place: self.wanted.len() - 1 }
    }

    /// Wants a bucket per client; `owner` also says how clients are told apart.
    pub(crate) fn clients(&mut self, owner: &str, rate: Rate, forget: Duration) -> ClientLimit {
        self.has_clients = true;
        ClientLimit { name: self.name(owner, &rate.parameters()), rate, forget }
    }

    fn name(&mut self, owner: &str, parameters: &[u64]) -> u64 {
        let mut text = owner.to_owned();
        for parameter in parameters {
            let _infallible = write!(text, "\0{parameter}");
        }
        let count = self.names.entry(name_of(text.as_bytes())).or_default();
        *count += 1;
        let _infallible = write!(text, "\0{count}");
        name_of(text.as_bytes()).max(1)
    }

    /// How much memory it takes; none: nothing is to be kept.
    pub(crate) fn sizes(&self) -> Option<Sizes> {
        (self.has_clients || !self.wanted.is_empty()).then(|| Sizes::of(self.wanted.len()))
    }

    /// From now on the states are in there.
    ///
    /// # Errors
    /// [`SoftError::Full`]; nothing is changed then, and another memory can be tried.
    pub(crate) fn keep_in(&self, memory: Memory, tenant: Tenant) -> Result<(), SoftError> {
        let _first = self.kept.set(self.move_in(memory, tenant)?);
        Ok(())
    }

    fn move_in(&self, memory: Memory, tenant: Tenant) -> Result<Kept, SoftError> {
        let now = Monotonic::now();
        let slots = self.wanted.iter().map(|wanted| {
            let slot = memory.slot(wanted.name, tenant)?;
            if let Some(rate) = &wanted.rate {
                memory.begin_bucket(slot, rate, now);
            }
            Ok(slot)
        });
        let slots = slots.collect::<Result<_, SoftError>>()?;
        Ok(Kept { memory, slots })
    }

    /// Memory of this process alone.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn keep_privately(&self) -> Result<(), SoftError> {
        let alone = Tenant { generation: GenerationId(1), oldest: GenerationId(1) };
        self.keep_in(Memory::private(Sizes::of(self.wanted.len()))?, alone)
    }

    /// A worker keeps its states somewhere before it serves; a plan in a test does it now.
    fn kept(&self) -> Option<&Kept> {
        if self.kept.get().is_none() {
            let _then_nothing_passes = self.keep_privately();
        }
        self.kept.get()
    }

    /// Takes a token.
    pub(crate) fn take(&self, bucket: &Bucket, now: Monotonic) -> bool {
        let Some(kept) = self.kept() else { return false };
        let slot = kept.slots.get(bucket.place);
        slot.is_some_and(|slot| kept.memory.take(*slot, &bucket.rate, now))
    }

    /// Takes a token of this client.
    pub(crate) fn take_client(&self, limit: &ClientLimit, client: &[u8], now: Monotonic) -> bool {
        self.kept().is_some_and(|kept| kept.memory.take_client(limit, client, now))
    }

    /// The state of a breaker.
    pub(crate) fn words(&self, breaker: BreakerId) -> Option<Words<'_>> {
        let kept = self.kept()?;
        kept.memory.breaker(*kept.slots.get(breaker.place)?)
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::soft::create;

    use super::*;

    const NOW: Monotonic = Monotonic::from_nanos(1 << 50);

    fn tenant(generation: u64) -> Tenant {
        Tenant { generation: GenerationId(generation), oldest: GenerationId(1) }
    }

    fn left(soft: &SoftPlan, bucket: &Bucket) -> usize {
        (0..100).filter(|_| soft.take(bucket, NOW)).count()
    }

    #[test]
    fn the_same_limit_goes_on_and_one_with_other_parameters_begins_anew() {
        let memory = create(Sizes::of(4)).unwrap();
        let plan = |generation, owner: &str, capacity| {
            let mut soft = SoftPlan::default();
            let _another = soft.bucket("before it", Rate::new(1e-9, 1));
            let bucket = soft.bucket(owner, Rate::new(1e-9, capacity));
            soft.keep_in(Memory::map(&memory).unwrap(), tenant(generation)).unwrap();
            left(&soft, &bucket)
        };
        assert_eq!(plan(1, "GET /a", 3), 3);
        assert_eq!(plan(2, "GET /a", 3), 0);
        assert_eq!(plan(3, "GET /a", 4), 4);
        assert_eq!(plan(4, "GET /b", 3), 3);
        assert_eq!(plan(5, "GET /a", 3), 0);
    }

    #[test]
    fn equal_entries_have_a_state_each() {
        let mut soft = SoftPlan::default();
        let rate = Rate::new(1e-9, 2);
        let (one, two) = (soft.bucket("GET /a", rate), soft.bucket("GET /a", rate));
        assert_eq!((left(&soft, &one), left(&soft, &two)), (2, 2));
        assert_eq!(SoftPlan::default().sizes(), None);
    }
}
