//! Worker processes: started, spoken to, reaped. What they say and how they end comes back as
//! [`crate::reload::drive::Heard`]; nothing in here decides anything.

pub(crate) mod processor;
pub mod spawn;
pub mod worker;
