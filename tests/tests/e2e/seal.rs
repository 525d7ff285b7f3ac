//! The seal: however a request comes past ext_authz, it reaches no upstream without the stamp of a decision about exactly this
//! request. And a stream that was allowed ends when its time is over.

mod openings;
mod streams;
