//! The client: many connections, one thread.
