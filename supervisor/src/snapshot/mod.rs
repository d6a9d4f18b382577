//! What a generation is made of: every source read once, sealed, hashed, handed out.
