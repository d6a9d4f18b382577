//! What is asked of backends, and of whom: services of the DNS, caches, GraphQL, proxies, `Expect`; what
//! is told of those that fail.

mod cache;
mod expect;
mod failing;
mod graphql;
mod host;
mod proxy;
mod service;
