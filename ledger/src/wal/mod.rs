//! The write-ahead log: frames in preallocated segments. Each frame is durable before any caller gets an answer.

pub(crate) mod frame;
pub(crate) mod reader;
pub(crate) mod segment;
pub(crate) mod segment_maker;
