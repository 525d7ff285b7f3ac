//! The write-ahead log: frames in preallocated segments, each made durable before anybody is told.

pub(crate) mod frame;
pub(crate) mod recover;
pub(crate) mod segment;
pub(crate) mod spare;
