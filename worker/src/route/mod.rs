//! Method and path to endpoint, as gin does it.
