//! What is asked of backends, and of whom: services of the DNS, caches, GraphQL, proxies, `Expect`.

mod cache;
mod expect;
mod graphql;
mod proxy;
mod service;
