//! What is asked of backends, and of whom: services of the DNS, caches, GraphQL, proxies, `Expect`, HTTP/2;
//! what is told of those that fail.

mod cache;
mod expect;
mod failing;
mod graphql;
mod host;
mod http2;
mod proxy;
mod service;
