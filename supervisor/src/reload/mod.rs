//! The way of a reload: policy (pure), deadlines, and the hands that carry it out.

pub mod report;
pub mod notice;
