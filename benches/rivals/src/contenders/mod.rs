//! Echo servers, one rival a file.
