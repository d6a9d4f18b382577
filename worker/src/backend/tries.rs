//! What may still be tried for one request.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::sleep;

use super::call_error::CallError;

/// How often a request is offered that backends do not look at.
const OFFERS_MAX: u32 = 4;
/// What is waited before it is offered for the third time, at most; for the fourth twice as long.
const OFFER_WAIT: Duration = Duration::from_millis(10);

/// See the module.
#[derive(Debug)]
pub(super) struct Tries {
    /// A connection that served before may be used: not after one of them has ended.
    pub(super) take_idle: bool,
    /// It changes nothing, and has no body.
    pub(super) repeatable: bool,
    offers: u32,
}

impl Tries {
    pub(super) const fn new(repeatable: bool) -> Self {
        Self { take_idle: true, repeatable, offers: 1 }
    }

    /// Waits until a request that nobody has looked at may be offered again.
    ///
    /// # Errors
    /// The given one where that was often enough.
    pub(super) async fn offer_again(&mut self, error: CallError) -> Result<(), CallError> {
        match self.offers {
            OFFERS_MAX.. => return Err(error),
            ..=1 => {},
            again => sleep(any_part(OFFER_WAIT * (again - 1))).await,
        }
        self.offers += 1;
        Ok(())
    }
}

/// So that those who were refused together do not come again together. A hasher's keys are the process's cheapest source of
/// true randomness.
fn any_part(longest: Duration) -> Duration {
    let any = RandomState::new().hash_one(longest) % 1024;
    longest * u32::try_from(any).unwrap_or_default() / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_request_is_offered_four_times_and_no_more() {
        let mut tries = Tries::new(false);
        for _ in 1..OFFERS_MAX {
            assert!(tries.offer_again(CallError::Closed).await.is_ok());
        }
        assert!(matches!(tries.offer_again(CallError::Closed).await, Err(CallError::Closed)));
    }

    #[test]
    fn waits_are_no_longer_than_they_may_be() {
        assert!((0..100).all(|_| any_part(OFFER_WAIT) < OFFER_WAIT));
    }
}
