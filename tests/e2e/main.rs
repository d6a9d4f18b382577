//! What users see: end-to-end tests on real processes and real servers.
