//! Starts a contender as a process of its own, and ends it.
