//! What a server has used: processor time, switches, memory, instructions.
