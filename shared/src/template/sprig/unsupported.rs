//! What is named and does not work.

/// Why.
pub(super) const WHY: &str = "keys, certificates and passwords are made beforehand and read with \
                              `include` or `env`, not anew with every reload";
