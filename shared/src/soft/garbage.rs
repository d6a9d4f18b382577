//! A memory that a crashed process has filled with anything: every question gets an answer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Breaker, ClientLimit, Memory, Outcome, Rate, Sizes, Tenant};
use crate::words::{GenerationId, Monotonic};

const SIZES: Sizes = Sizes { slots: 64, client_lines: 64 };

fn next(random: &mut u64) -> u64 {
    *random =
        random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *random ^ (*random >> 31)
}

#[test]
fn every_question_is_answered_whatever_the_memory_holds() {
    let mut random = 11;
    for _ in 0..2_000 {
        let memory = Memory::private(SIZES).unwrap();
        for line in memory.slots().iter().chain(memory.client_lines()) {
            for word in line {
                // Small, large and middling ones.
                let bits = u32::try_from(next(&mut random) % 64).unwrap();
                word.store(next(&mut random) >> bits, Ordering::Relaxed);
            }
        }
        ask_everything(&memory, &mut random);
    }
}

fn ask_everything(memory: &Memory, random: &mut u64) {
    let bits = u32::try_from(next(random) % 40).unwrap();
    let now = Monotonic::from_nanos(next(random) >> bits);
    let tenant = Tenant { generation: GenerationId(9), oldest: GenerationId(next(random) >> bits) };
    #[expect(clippy::cast_precision_loss, reason = "any rate")]
    let rate = Rate::new(next(random) as f64 / (next(random) | 1) as f64, next(random) >> bits);
    let limit = ClientLimit { name: next(random), rate, forget: Duration::from_secs(next(random)) };
    let breaker = Breaker {
        max_errors: 1,
        interval: Some(Duration::from_nanos(next(random) >> bits)),
        timeout: Duration::from_nanos(next(random) >> bits),
        trial: Duration::from_secs(1),
    };
    for client in 0..20_u32 {
        let _any = memory.take_client(&limit, &client.to_le_bytes(), now);
    }
    let Ok(slot) = memory.slot(next(random) | 1, tenant) else { return };
    memory.begin_bucket(slot, &rate, now);
    let _any = memory.take(slot, &rate, now);
    let words = memory.breaker(slot).unwrap();
    if let (Ok(ticket), _) = breaker.enter(words, now) {
        let _any =
            breaker.leave(words, ticket, Outcome::Failure, now.after(Duration::from_secs(1)));
    }
}
