//! Worker processes: started, spoken to, watched, reaped.
