//! What is asked of backends, and of whom: services of the DNS, caches, GraphQL.

mod cache;
mod graphql;
mod proxy;
mod service;
