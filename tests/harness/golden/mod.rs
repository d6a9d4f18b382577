//! What the real KrakenD answered, as data, and the player of it.
