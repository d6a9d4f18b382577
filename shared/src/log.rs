//! What both processes print on standard output.
