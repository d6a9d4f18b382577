//! One call to a backend: balance → request → exchange.
