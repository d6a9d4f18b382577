//! Reloads: nothing is lost, nothing is closed, nothing is answered by a configuration of before.
//!
//! [`kept`] is what a client notices (nothing) · [`streams`] what takes longer than a reload ·
//! [`torture`] everything at once · [`storm`] too many reloads · [`listeners`] addresses that come and go ·
//! [`sources`] how files change · [`flexible`] templates and what they are made of · [`faults`] new
//! workers that fail · [`starved`] such that run out of descriptors · [`death`] old ones that die ·
//! [`leaks`] what is left over · [`limits`] what outlives a worker, [`cached`] what goes along.

mod kept;
mod streams;
mod torture;
mod storm;
mod listeners;
mod sources;
mod flexible;
mod faults;
mod starved;
mod death;
mod leaks;
mod limits;
mod cached;
