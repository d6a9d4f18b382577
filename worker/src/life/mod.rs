//! The life of a worker process: what the supervisor says, and what is done about it.
