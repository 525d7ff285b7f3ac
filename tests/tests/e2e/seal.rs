//! The seal: however a request comes past ext_authz, it reaches no upstream without the stamp of a decision about exactly this
//! request. And a stream that was allowed ends when its time is over, or when it would not be allowed any more.

mod governed;
mod openings;
mod streams;
